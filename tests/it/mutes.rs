//! Muted parts: silence for whoever does not need them as evidence, on every path.

use axum::http::{Method, Request, StatusCode};
use callvault::model::Role;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestResponse, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_muted_part_is_silence_for_trainers_and_nobody_else,
    what_is_paused_at_ingest_is_muted_from_the_start,
    marks_change_tags_end_streams_and_are_in_the_ledger,
    marks_go_with_the_audio,
}

async fn mark(vault: &TestVault, token: &str, id: Uuid, body: Value) -> TestResponse {
    vault.post(&format!("/v1/recordings/{id}/mutes")).token(token).json(&body).send().await
}

async fn unmark(vault: &TestVault, token: &str, id: Uuid, mute: &str) -> TestResponse {
    let path = format!("/v1/recordings/{id}/mutes/{mute}");
    vault.request(Request::builder().method(Method::DELETE).uri(path)).token(token).send().await
}

fn card(from: f64, to: f64) -> Value {
    json!({"from": from, "to": to, "reason": "card_data"})
}

/// 16,000 bytes a second after 44 of header.
fn silent(wav: &[u8], from: usize, to: usize) -> bool {
    wav[44 + from * 16_000..44 + to * 16_000].iter().all(|byte| *byte == 0)
}

async fn a_muted_part_is_silence_for_trainers_and_nobody_else(vault: TestVault) {
    let audio = tone(10.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let (trainer, reader, legal) = (
        vault.token(Role::Trainer).await,
        vault.token(Role::Evidence).await,
        vault.token(Role::Legal).await,
    );
    let made = mark(&vault, &reader, id, card(2.0, 4.0)).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!((made.json()["from"].as_f64(), made.json()["to"].as_f64()), (Some(2.0), Some(4.0)));

    let refused = vault.listen(&trainer, id, "purpose=training&as=original").await;
    assert_eq!((refused.status.as_u16(), refused.code().as_str()), (409, "muted"));
    assert!(refused.text().contains("as=wav"));
    for query in ["purpose=training", "purpose=training&as=wav"] {
        let heard = vault.listen(&trainer, id, query).await;
        assert_eq!((heard.status, heard.header("content-type")), (StatusCode::OK, "audio/wav"));
        assert_eq!(heard.body.len(), audio.len(), "as long as before");
        assert!(silent(&heard.body, 2, 4));
        assert!(
            heard.body[44 + 32_000 - 400..44 + 32_000] == audio[44 + 32_000 - 400..44 + 32_000]
        );
        assert!(heard.body[44 + 64_000..] == audio[44 + 64_000..]);
    }
    let light = vault.listen(&trainer, id, "purpose=training&as=opus").await;
    let plain = vault.listen(&reader, id, "purpose=evidence&case=C-1&as=opus").await;
    assert_eq!(light.header("content-type"), "audio/ogg");
    assert_eq!(light.body.len(), plain.body.len());
    assert_ne!(light.body, plain.body);
    assert_ne!(light.header("etag"), plain.header("etag"));

    for (token, query) in
        [(&reader, "purpose=evidence&case=C-1"), (&legal, "purpose=disclosure&case=O-1")]
    {
        assert_eq!(vault.listen(token, id, query).await.body, audio, "{query}");
        let wav = vault.listen(token, id, &format!("{query}&as=wav")).await;
        assert_eq!(wav.body[44..], audio[44..], "{query}");
    }

    let picture = async |token: &str, query: &str| {
        let path = format!("/v1/recordings/{id}/waveform?{query}");
        vault.get(&path).token(token).send().await.json()
    };
    let (muted, whole) = (
        picture(&trainer, "purpose=training").await,
        picture(&reader, "purpose=evidence&case=C-1").await,
    );
    let loud = |picture: &Value, share: f64| {
        let buckets = picture["peaks"][0].as_array().unwrap();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "a place in a list"
        )]
        let at = (buckets.len() as f64 * share) as usize;
        buckets[at][1].as_f64().unwrap() > 0.1
    };
    assert!(!loud(&muted, 0.3) && loud(&muted, 0.5) && loud(&whole, 0.3));

    // A ticket hears what its holder may hear.
    let request = vault.post(&format!("/v1/recordings/{id}/playback")).token(&trainer);
    let ticket = request.json(&json!({"purpose": "training"})).send().await.json();
    let url = ticket["url"].as_str().unwrap();
    assert!(silent(&vault.get(url).send().await.body, 2, 4));
    assert_eq!(vault.get(&format!("{url}?as=original")).send().await.code(), "muted");

    let view = vault.get(&format!("/v1/recordings/{id}")).token(&trainer).send().await.json();
    assert_eq!(view["muted"], 1);
}

async fn what_is_paused_at_ingest_is_muted_from_the_start(vault: TestVault) {
    let audio = tone(6.0, 3);
    let id = vault.recording(&[SUPPORT, &[("pause", "1-2, 4-60")]].concat(), &audio).await;
    let (trainer, reader) = (vault.token(Role::Trainer).await, vault.token(Role::Evidence).await);
    let heard = vault.listen(&trainer, id, "purpose=training").await;
    assert!(silent(&heard.body, 1, 2) && silent(&heard.body, 4, 6) && !silent(&heard.body, 2, 4));
    let list = vault.get(&format!("/v1/recordings/{id}/mutes")).token(&trainer).send().await;
    assert_eq!(list.json()["items"][1]["to"].as_f64(), Some(6.0), "ends with the recording");
    assert_eq!(list.json()["items"][0]["reason"], "card_data");
    assert_eq!(vault.listen(&reader, id, "purpose=evidence&case=C-1").await.body, audio);

    // A customer's listener hears as little.
    let acme = vault.recording(&[ACME, &[("pause", "0-3")]].concat(), &audio).await;
    let listener = vault.token(Role::CustomerListener).await;
    let heard = vault.listen(&listener, acme, "purpose=own_use").await;
    assert!(silent(&heard.body, 0, 3) && !silent(&heard.body, 3, 6));

    for pause in ["5-3", "x", "-1-2", "1-3,2-4", "7-8", "1e1-2e1"] {
        let answer = vault.upload(&[SUPPORT, &[("pause", pause)]].concat(), &audio).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{pause}: {}", answer.text());
        assert_eq!(answer.json()["field"], "pause", "{pause}");
    }
}

async fn marks_change_tags_end_streams_and_are_in_the_ledger(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(30.0, 1)).await;
    let (trainer, reader) = (vault.token(Role::Trainer).await, vault.token(Role::Evidence).await);
    let tag = async |form: &str| {
        let query = format!("purpose=training&as={form}");
        vault.listen(&trainer, id, &query).await.header("etag").to_owned()
    };
    let before = [tag("wav").await, tag("opus").await];
    let mute = mark(&vault, &reader, id, card(1.5, 2.0)).await.json();
    let after = [tag("wav").await, tag("opus").await];
    assert!(before[0] != after[0] && before[1] != after[1] && after[0] != after[1]);

    // A copy from before is not continued with what is after.
    let path = format!("/v1/recordings/{id}/audio?purpose=training&as=wav");
    let again = vault.get(&path).token(&trainer).range("bytes=0-9").header("if-range", &before[0]);
    assert_eq!(again.send().await.status, StatusCode::OK);
    let same = vault.get(&path).token(&trainer).header("if-none-match", &after[0]).send().await;
    assert_eq!(same.status, StatusCode::NOT_MODIFIED);

    let gone = unmark(&vault, &reader, id, mute["id"].as_str().unwrap()).await;
    assert_eq!(gone.status, StatusCode::NO_CONTENT);
    assert_eq!([tag("wav").await, tag("opus").await], before, "the same bytes, the same tag");

    let auditor = vault.token(Role::Auditor).await;
    let entries = vault.get("/v1/ledger").token(&auditor).send().await;
    assert_eq!(entries.status, StatusCode::OK);
    let (leaves,): (i64,) = callvault::index::sql(
        "SELECT COUNT(*) FROM ledger_entries WHERE event IN ('mute.set', 'mute.lifted')",
    )
    .fetch_one(vault.vault.index())
    .await
    .unwrap();
    assert_eq!(leaves, 2);
}

async fn marks_go_with_the_audio(vault: TestVault) {
    let id = vault.recording(&[SUPPORT, &[("pause", "1-2")]].concat(), &tone(3.0, 1)).await;
    vault.advance_days(91);
    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
    let (left,): (i64,) = callvault::index::sql("SELECT COUNT(*) FROM mutes")
        .fetch_one(vault.vault.index())
        .await
        .unwrap();
    assert_eq!(left, 0);
    let reader = vault.token(Role::Evidence).await;
    let late = mark(&vault, &reader, id, card(1.0, 2.0)).await;
    assert_eq!((late.status.as_u16(), late.code().as_str()), (410, "erased"));
}

#[tokio::test]
async fn only_evidence_readers_mark_and_only_places_that_are_there() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(5.0, 1)).await;
    let acme = vault.recording(ACME, &tone(5.0, 2)).await;
    for role in Role::ALL {
        let token = vault.token(*role).await;
        let answer = mark(&vault, &token, id, card(4.0, 4.5)).await;
        let expected = if *role == Role::Evidence { 201 } else { 403 };
        assert_eq!(answer.status.as_u16(), expected, "{role}");
    }
    let reader = vault.token(Role::Evidence).await;
    let strangers = mark(&vault, &reader, acme, card(1.0, 2.0)).await;
    assert_eq!((strangers.status.as_u16(), strangers.code().as_str()), (404, "not_found"));
    for (body, field) in [
        (card(-1.0, 2.0), "from"),
        (card(1.0, 1.0), "to"),
        (card(2.0, 1.0), "to"),
        (card(1.0, 9.0), "to"),
        (card(4.2, 5.0), "from"),
        (card(1.0, 1e300), "to"),
        (json!({"from": 1, "to": 2, "reason": "because"}), "reason"),
    ] {
        let answer = mark(&vault, &reader, id, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", answer.text());
        assert_eq!(answer.json()["field"], field, "{body}");
    }
    for body in [json!({}), json!({"from": "a", "to": 2, "reason": "card_data"}), json!([])] {
        assert_eq!(mark(&vault, &reader, id, body).await.status, StatusCode::BAD_REQUEST);
    }
    for mute in [Uuid::new_v4().to_string(), "x".into()] {
        assert_eq!(unmark(&vault, &reader, id, &mute).await.code(), "not_found");
    }
    let list = format!("/v1/recordings/{acme}/mutes");
    assert_eq!(vault.get(&list).token(&reader).send().await.code(), "not_found");
    let operator = vault.token(Role::Operator).await;
    assert_eq!(vault.get(&list).token(&operator).send().await.code(), "forbidden");
}
