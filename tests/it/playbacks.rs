//! Every access is one entry in the ledger: one a playback, with how much was heard; refusals too,
//! and not a flood of them.

use axum::http::{Request, StatusCode};
use callvault::http::{App, router};
use callvault::index::ledger_entries;
use callvault::model::{RecordingId, Role};
use jiff::SignedDuration;
use serde_json::Value;
use uuid::Uuid;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    a_playback_is_durable_before_a_byte_leaves_and_told_with_its_coverage_when_it_ends,
    a_pause_is_one_playback_and_a_long_one_two,
    two_nodes_serve_one_playback_and_end_no_others,
    what_is_erased_while_it_is_heard_is_told_before_it_is_gone,
    refusals_are_told_once_in_a_while_and_of_each_reason,
    accesses_are_shown_to_who_may_see_them,
}

/// The leaves of one event about a recording.
pub(crate) async fn leaves(vault: &TestVault, id: Uuid, event: &str) -> Vec<Value> {
    let entries = ledger_entries::about(vault.vault.index(), RecordingId(id)).await.unwrap();
    let of = entries.iter().filter(|entry| entry.event.as_str() == event);
    of.map(|entry| serde_json::from_str(&entry.body).unwrap()).collect()
}

async fn range(vault: &TestVault, token: &str, id: Uuid, range: &str) -> StatusCode {
    let path = format!("/v1/recordings/{id}/audio?purpose=training");
    vault.get(&path).token(token).range(range).send().await.status
}

async fn a_playback_is_durable_before_a_byte_leaves_and_told_with_its_coverage_when_it_ends(
    vault: TestVault,
) {
    let audio = tone(10.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let trainer = vault.token(Role::Trainer).await;
    let by = vault.vault.authenticate(&trainer).await.unwrap().id.to_string();
    let compliance = vault.token(Role::Compliance).await;
    let accesses = format!("/v1/recordings/{id}/accesses");
    let accesses = async || vault.get(&accesses).token(&compliance).send().await.json();

    // A head gives nothing away; a first byte is a playback.
    let path = format!("/v1/recordings/{id}/audio?purpose=training");
    vault.request(Request::head(&path)).token(&trainer).send().await;
    assert_eq!(accesses().await["items"], serde_json::json!([]));
    assert_eq!(range(&vault, &trainer, id, "bytes=0-0").await, StatusCode::PARTIAL_CONTENT);
    let shown = accesses().await;
    assert_eq!(shown["items"][0]["open"], true, "before anything was written down: {shown}");
    assert_eq!(
        (&shown["items"][0]["by"], &shown["items"][0]["ended_at"]),
        (&by.into(), &Value::Null)
    );

    // A quarter, the same again, and the last quarter, as WAV: half of the time.
    let quarter = audio.len() / 4;
    range(&vault, &trainer, id, &format!("bytes=0-{}", quarter - 1)).await;
    range(&vault, &trainer, id, &format!("bytes=100-{}", quarter - 100)).await;
    let wav = format!("{path}&as=wav");
    let last = vault.get(&wav).token(&trainer).range(&format!("bytes=-{quarter}")).send().await;
    assert_eq!(last.status, StatusCode::PARTIAL_CONTENT);
    assert!(leaves(&vault, id, "access.played").await.is_empty(), "it goes on");
    vault.vault.keep_playbacks().await.unwrap();
    assert_eq!(accesses().await["items"][0]["coverage"], 50);

    vault.advance(SignedDuration::from_mins(11));
    vault.vault.keep_playbacks().await.unwrap();
    vault.vault.keep_playbacks().await.unwrap();
    let told = leaves(&vault, id, "access.played").await;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((&told[0]["cov"], &told[0]["purpose"]), (&50.into(), &"training".into()));
    assert_eq!(told[0]["from"], "2026-06-01T12:00:00Z");
    let shown = accesses().await;
    assert_eq!(shown["items"].as_array().unwrap().len(), 1, "{shown}");
    let item = &shown["items"][0];
    assert_eq!((&item["open"], &item["coverage"]), (&false.into(), &50.into()));
    assert_eq!((&item["at"], &item["ended_at"]), (&told[0]["from"], &told[0]["at"]));
}

async fn a_pause_is_one_playback_and_a_long_one_two(vault: TestVault) {
    let audio = tone(2.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let trainer = vault.token(Role::Trainer).await;
    let half = audio.len() / 2;
    range(&vault, &trainer, id, &format!("bytes=0-{}", half - 1)).await;
    vault.advance(SignedDuration::from_mins(8));
    range(&vault, &trainer, id, &format!("bytes={half}-")).await;
    vault.advance(SignedDuration::from_mins(8));
    vault.vault.keep_playbacks().await.unwrap();
    assert!(leaves(&vault, id, "access.played").await.is_empty());
    // Longer than a playback lasts, and nobody ended it meanwhile: the next one does.
    vault.advance(SignedDuration::from_mins(11));
    range(&vault, &trainer, id, "bytes=0-9").await;
    let told = leaves(&vault, id, "access.played").await;
    assert_eq!((told.len(), &told[0]["cov"]), (1, &100.into()), "{told:?}");
    vault.vault.end_own_playbacks().await.unwrap();
    let told = leaves(&vault, id, "access.played").await;
    assert_eq!((told.len(), &told[1]["cov"]), (2, &1.into()), "{told:?}");
}

async fn two_nodes_serve_one_playback_and_end_no_others(vault: TestVault) {
    let audio = tone(2.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let trainer = vault.token(Role::Trainer).await;
    let other = vault.second_node().await;
    let theirs = router(App::new(other.clone(), String::new));
    let half = audio.len() / 2;
    range(&vault, &trainer, id, &format!("bytes=0-{}", half - 1)).await;
    let request = Request::get(format!("/v1/recordings/{id}/audio?purpose=training"))
        .header("authorization", format!("Bearer {trainer}"))
        .header("range", format!("bytes={half}-"));
    let answer =
        tower::ServiceExt::oneshot(theirs, request.body(axum::body::Body::empty()).unwrap());
    let body = http_body_util::BodyExt::collect(answer.await.unwrap().into_body()).await.unwrap();
    assert_eq!(body.to_bytes(), &audio[half..]);

    // Each writes down its half; neither ends what the other serves.
    vault.vault.keep_playbacks().await.unwrap();
    other.keep_playbacks().await.unwrap();
    vault.advance(SignedDuration::from_mins(9));
    other.keep_playbacks().await.unwrap();
    assert!(leaves(&vault, id, "access.played").await.is_empty());
    vault.advance(SignedDuration::from_mins(2));
    let (one, two) = tokio::join!(vault.vault.keep_playbacks(), other.keep_playbacks());
    one.unwrap();
    two.unwrap();
    let told = leaves(&vault, id, "access.played").await;
    assert_eq!((told.len(), &told[0]["cov"]), (1, &100.into()), "one entry, all of it: {told:?}");
}

async fn what_is_erased_while_it_is_heard_is_told_before_it_is_gone(vault: TestVault) {
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    let listener = vault.token(Role::CustomerListener).await;
    let heard = vault.listen(&listener, id, "purpose=own_use").await;
    assert_eq!(heard.status, StatusCode::OK);
    let admin = vault.token(Role::CustomerAdmin).await;
    let request = vault.post(&format!("/v1/recordings/{id}/erasure")).token(&admin);
    let body = serde_json::json!({"cause": "request", "case": "C-1"});
    let erased = request.json(&body).send().await;
    assert!(erased.status.is_success(), "{}", erased.text());
    let events: Vec<_> = crate::erasing::events(&vault, id).await;
    let events: Vec<_> = events.iter().map(|event| event.as_str()).collect();
    let place = |event| events.iter().position(|other| *other == event).unwrap();
    assert!(place("access.played") < place("erasure.key_destroyed"), "{events:?}");
    assert_eq!(leaves(&vault, id, "access.played").await[0]["cov"], 100);
    vault.advance(SignedDuration::from_hours(1));
    vault.vault.keep_playbacks().await.unwrap();
    assert_eq!(leaves(&vault, id, "access.played").await.len(), 1);
}

async fn refusals_are_told_once_in_a_while_and_of_each_reason(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let trainer = vault.token(Role::Trainer).await;
    let other = vault.second_node().await;
    let caller = vault.vault.authenticate(&trainer).await.unwrap();
    let wish = callvault::vault::Wish {
        recording: RecordingId(id),
        purpose: Some(callvault::model::Purpose::Evidence),
        case: Some("C-1".into()),
    };
    for case in ["C-1", "C-2", "C-1"] {
        let query = format!("purpose=evidence&case={case}");
        assert_eq!(vault.listen(&trainer, id, &query).await.status, StatusCode::FORBIDDEN);
        assert!(other.hear(&caller, &wish).await.is_err());
    }
    let told = leaves(&vault, id, "access.denied").await;
    assert_eq!((told.len(), &told[0]["why"]), (1, &"purpose_not_allowed".into()), "{told:?}");
    let somebody_else = vault.token(Role::Trainer).await;
    vault.listen(&somebody_else, id, "purpose=evidence&case=C-1").await;
    vault.listen(&trainer, id, "purpose=disclosure&case=C-1").await;
    assert_eq!(leaves(&vault, id, "access.denied").await.len(), 3, "of each person and purpose");
    vault.advance(SignedDuration::from_mins(30));
    for _ in 0..3 {
        vault.listen(&trainer, id, "purpose=evidence&case=C-1").await;
    }
    assert_eq!(leaves(&vault, id, "access.denied").await.len(), 4, "and again after a while");
}

async fn accesses_are_shown_to_who_may_see_them(vault: TestVault) {
    let support = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let acme = vault.recording(ACME, &tone(1.0, 2)).await;
    let trainer = vault.token(Role::Trainer).await;
    let listener = vault.token(Role::CustomerListener).await;
    vault.listen(&trainer, support, "purpose=training").await;
    vault.listen(&listener, acme, "purpose=own_use").await;
    let globex = vault.token_of(Role::CustomerAdmin, Some("globex"), None).await;
    let cases = [
        (vault.token(Role::Compliance).await, support, 200),
        (vault.token(Role::Auditor).await, support, 200),
        (vault.token(Role::Trainer).await, support, 403),
        (vault.token(Role::Evidence).await, support, 403),
        (vault.token(Role::CustomerAdmin).await, support, 404),
        (vault.token(Role::CustomerAdmin).await, acme, 200),
        (vault.token(Role::CustomerListener).await, acme, 403),
        (vault.token(Role::Compliance).await, acme, 404),
        (globex, acme, 404),
        (vault.token(Role::Compliance).await, Uuid::new_v4(), 404),
    ];
    for (token, id, status) in cases {
        let path = format!("/v1/recordings/{id}/accesses");
        let answer = vault.get(&path).token(&token).send().await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text());
        if status == 200 {
            assert_eq!(answer.json()["items"].as_array().unwrap().len(), 1, "{}", answer.text());
        }
    }
    // Pages: what goes on, then what the ledger tells.
    vault.vault.end_own_playbacks().await.unwrap();
    vault.listen(&vault.token(Role::Trainer).await, support, "purpose=training").await;
    let compliance = vault.token(Role::Compliance).await;
    for path in ["/v1/accesses".to_owned(), format!("/v1/recordings/{support}/accesses")] {
        let mut open = Vec::new();
        let mut cursor = String::new();
        for _ in 0..4 {
            let page = format!("{path}?limit=1{cursor}");
            let page = vault.get(&page).token(&compliance).send().await.json();
            let items = page["items"].as_array().unwrap().iter();
            open.extend(items.map(|item| item["open"].as_bool().unwrap()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(open, [true, false], "{path}");
    }
    let bad = format!("/v1/recordings/{support}/accesses?cursor=x");
    assert_eq!(vault.get(&bad).token(&compliance).send().await.code(), "malformed");
}
