//! What comes in: durable before it is acknowledged, once, and only what may.

use axum::http::{Request, StatusCode};
use callvault::model::{Class, Role};

use crate::harness::{ACME, SUPPORT, TestVault, form, tone};
use crate::on_each_vault;

on_each_vault! {
    an_upload_is_a_recording_with_what_was_found_in_it,
    the_same_upload_again_is_the_same_recording,
    two_uploads_at_once_are_one_recording,
    two_recordings_of_one_call_at_once_are_not_both_kept,
    a_large_recording_streams_in_and_out_unchanged,
}

async fn an_upload_is_a_recording_with_what_was_found_in_it(vault: TestVault) {
    let answer = vault.upload(SUPPORT, &tone(2.5, 1)).await;

    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let recording = answer.json();
    assert!(answer.header("location").ends_with(recording["id"].as_str().unwrap()));
    assert_eq!(recording["duration"], 2.5);
    assert_eq!(recording["sample_rate"], 8000);
    assert_eq!(recording["channels"], 1);
    assert_eq!(recording["due_at"], "2026-08-30T11:00:00Z");
    assert_eq!(recording["caller"], "+31•••••4567");
    assert_eq!(recording["state"], "stored");
}

async fn the_same_upload_again_is_the_same_recording(vault: TestVault) {
    let call = [SUPPORT, &[("call_id", "c-1"), ("leg", "a")]].concat();
    let first = vault.upload(&call, &tone(1.0, 1)).await;
    let again = vault.upload(&call, &tone(1.0, 1)).await;
    let other_audio = vault.upload(&call, &tone(1.0, 2)).await;
    let longer = vault.upload(&call, &tone(2.0, 2)).await;
    let other_leg = [SUPPORT, &[("call_id", "c-1"), ("leg", "b")]].concat();
    let other_leg = vault.upload(&other_leg, &tone(1.0, 2)).await;

    assert_eq!((first.status, again.status), (StatusCode::CREATED, StatusCode::OK));
    assert_eq!(first.json()["id"], again.json()["id"]);
    assert_eq!(
        (other_audio.status, other_audio.code().as_str()),
        (StatusCode::CONFLICT, "conflict")
    );
    assert_eq!((longer.status, other_leg.status), (StatusCode::CREATED, StatusCode::CREATED));
    assert_eq!(objects(&vault).await, 3);
}

async fn two_uploads_at_once_are_one_recording(vault: TestVault) {
    let call = [SUPPORT, &[("call_id", "c-1")]].concat();
    let audio = tone(1.0, 1);
    let uploads = (0..8).map(|_| vault.upload(&call, &audio));
    let answers = futures_util::future::join_all(uploads).await;

    let made = answers.iter().filter(|answer| answer.status == StatusCode::CREATED).count();
    assert_eq!(made, 1);
    assert!(answers.iter().all(|answer| answer.json()["id"] == answers[0].json()["id"]));
    assert_eq!(objects(&vault).await, 1);
}

async fn two_recordings_of_one_call_at_once_are_not_both_kept(vault: TestVault) {
    for round in 0..4 {
        let id = format!("c-{round}");
        let call = [SUPPORT, &[("call_id", id.as_str())]].concat();
        let audio: Vec<_> = (0..6).map(|seed| tone(1.0, 10 * round + seed)).collect();
        let answers = audio.iter().map(|audio| vault.upload(&call, audio));
        let mut answers = futures_util::future::join_all(answers).await;
        answers.sort_by_key(|answer| answer.status);
        assert_eq!(answers.remove(0).status, StatusCode::CREATED);
        for refused in answers {
            assert_eq!(
                (refused.status, refused.code().as_str()),
                (StatusCode::CONFLICT, "conflict")
            );
        }
        assert_eq!(objects(&vault).await, 1 + round as usize, "nothing is left of the others");
    }
}

async fn a_large_recording_streams_in_and_out_unchanged(vault: TestVault) {
    // Several parts, and an end that is no segment's.
    let audio = tone(800.0, 3);
    assert!(audio.len() > 12 << 20);
    let id = vault.recording(ACME, &audio).await;
    let token = vault.token(Role::CustomerListener).await;

    let whole = vault.listen(&token, id, "purpose=own_use").await;
    assert!(!whole.cut && whole.body == audio);
    let request = vault.get(&format!("/v1/recordings/{id}/audio?purpose=own_use")).token(&token);
    let range = request.range("bytes=5242870-5242890").send().await;
    assert_eq!(range.body, &audio[5_242_870..=5_242_890]);
}

/// How many objects there are.
async fn objects(vault: &TestVault) -> usize {
    use futures_util::StreamExt;
    vault.store.list().count().await
}

#[tokio::test]
async fn a_raw_body_with_its_fields_in_query_and_headers_is_a_recording() {
    let vault = TestVault::new().await;
    let token = vault.token(Role::Ingest).await;
    let path = "/v1/recordings/out-0612345678-201.wav?class=support&caller=0201234567";
    let request = vault.request(Request::put(path)).token(&token);
    let answer = request
        .header("callvault-ended-at", "2026-06-01T13:00:00+02:00")
        .header("content-type", "application/data")
        .body(tone(1.0, 1))
        .send()
        .await;

    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    assert_eq!(answer.json()["ended_at"], "2026-06-01T11:00:00Z");
    assert!(!answer.text().contains("0612345678"), "the file name is forgotten");
}

#[tokio::test]
async fn audio_may_come_before_its_fields_and_without_a_file_name() {
    let vault = TestVault::new().await;
    let token = vault.token(Role::Ingest).await;
    let mut body = b"--cut\r\nContent-Disposition: form-data; name=\"ngfile\"\r\n\r\n".to_vec();
    body.extend(tone(1.0, 1));
    body.extend_from_slice(
        b"\r\n--cut\r\nContent-Disposition: form-data; name=\"metadata\"\r\n\r\n\
          {\"class\":\"support\",\"ended_at\":\"2026-06-01T11:00:00Z\"}\r\n--cut--\r\n",
    );
    let answer = vault
        .post("/v1/recordings")
        .token(&token)
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(body)
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
}

#[tokio::test]
async fn what_may_not_come_in_is_refused_and_leaves_nothing() {
    let vault = TestVault::new().await;
    let audio = tone(1.0, 1);
    let with = |base: &[(&'static str, &'static str)], name, value| {
        let mut fields = base.to_vec();
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value));
        fields
    };
    let cases = [
        (with(SUPPORT, "direction", "outbound"), 422, "not_covered"),
        (with(SUPPORT, "ended_at", "2026-06-01T12:05:01Z"), 422, "clock"),
        (with(SUPPORT, "ended_at", "2026-03-03T12:00:00Z"), 422, "past_due"),
        (with(SUPPORT, "callee", "112"), 422, "emergency_call"),
        (with(SUPPORT, "mac_address", "00:11"), 422, "unknown_field"),
        (with(SUPPORT, "class", "alarm"), 422, "invalid_field"),
        (with(SUPPORT, "caller", "not a number"), 422, "invalid_field"),
        (with(SUPPORT, "customer", "acme"), 422, "invalid_field"),
        (with(ACME, "customer", "initech"), 403, "not_subscribed"),
        (with(ACME, "customer", "no such reference!"), 422, "invalid_field"),
    ];
    for (fields, status, code) in cases {
        let answer = vault.upload(&fields, &audio).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (status, code), "{fields:?}");
    }
    let zeros = vec![0; 100_000];
    for not_audio in [&b""[..], b"<html>502</html>", &zeros, b"RIFF of nothing at all"] {
        let answer = vault.upload(SUPPORT, not_audio).await;
        assert!(matches!(answer.status.as_u16(), 415 | 422), "{}", answer.text());
    }
    assert_eq!(objects(&vault).await, 0);
    let token = vault.token(Role::Evidence).await;
    let list = vault.get("/v1/recordings").token(&token).send().await;
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn a_customer_without_a_term_is_not_recorded() {
    let vault = TestVault::new().await;
    let operator = vault.token(Role::Operator).await;
    let request = vault.post("/v1/customers").token(&operator);
    let body = serde_json::json!({"reference": "initech", "name": "Initech", "agreement": "A"});
    let added = request.json(&body).send().await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    assert_eq!(added.json()["recording"], false);

    let patch = vault.request(Request::patch("/v1/customers/initech")).token(&operator);
    let on = patch.json(&serde_json::json!({"recording": true})).send().await;
    assert_eq!(on.status, StatusCode::CONFLICT);

    let mut fields = ACME.to_vec();
    fields[1] = ("customer", "initech");
    let refused = vault.upload(&fields, &tone(1.0, 1)).await;
    assert_eq!(refused.code(), "not_subscribed");
}

#[tokio::test]
async fn a_source_sends_only_what_its_token_is_bound_to() {
    let vault = TestVault::new().await;
    let audio = tone(1.0, 1);
    let support = vault.token_of(Role::Ingest, None, Some(Class::Support)).await;
    assert_eq!(vault.upload_as(&support, ACME, &audio).await.code(), "not_subscribed");
    let globex = vault.token_of(Role::Ingest, Some("globex"), None).await;
    assert_eq!(vault.upload_as(&globex, ACME, &audio).await.code(), "not_subscribed");
    assert_eq!(vault.upload_as(&globex, SUPPORT, &audio).await.code(), "not_subscribed");
    let acme = vault.token_of(Role::Ingest, Some("acme"), None).await;
    assert_eq!(vault.upload_as(&acme, ACME, &audio).await.status, StatusCode::CREATED);
    let trainer = vault.token(Role::Trainer).await;
    assert_eq!(vault.upload_as(&trainer, ACME, &audio).await.status, StatusCode::FORBIDDEN);
    assert_eq!(vault.upload_as("no token", ACME, &audio).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_body_larger_than_allowed_is_refused_while_it_comes() {
    let vault = TestVault::new().await;
    let (kind, body) = form(SUPPORT, &tone(4400.0, 1));
    let token = vault.token(Role::Ingest).await;
    let request = vault.post("/v1/recordings").token(&token).header("content-type", &kind);
    let answer = request.body(body).send().await;
    assert_eq!((answer.status.as_u16(), answer.code().as_str()), (413, "too_large"));
    assert_eq!(objects(&vault).await, 0);
}

#[tokio::test]
async fn a_refused_upload_is_one_ledger_entry_however_large() {
    let vault = TestVault::new().await;
    let mut late = SUPPORT.to_vec();
    late.retain(|(name, _)| *name != "ended_at");
    late.push(("ended_at", "2026-01-01T00:00:00Z"));
    for (round, seconds) in [(1, 1.0), (2, 400.0)] {
        assert_eq!(vault.upload(&late, &tone(seconds, 1)).await.code(), "past_due");
        let index = vault.vault.index();
        let entries =
            callvault::index::ledger_entries::list(index, vault.vault.provider(), 0, 100).await;
        let entries = entries.unwrap();
        let refused = entries.iter().filter(|entry| entry.event.as_str() == "ingest.refused");
        assert_eq!(refused.count(), round);
    }
}

#[tokio::test]
async fn the_head_of_a_part_that_never_ends_is_not_kept() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let vault = TestVault::new().await;
    let token = vault.token(Role::Ingest).await;
    let read = Arc::new(AtomicUsize::new(0));
    let counted = read.clone();
    let start = bytes::Bytes::from_static(b"--cut\r\nContent-Disposition: form-data; name=\"");
    let more = std::iter::repeat_n(bytes::Bytes::from(vec![b'x'; 16 * 1024]), 1000);
    let more = more.inspect(move |chunk| {
        counted.fetch_add(chunk.len(), Ordering::SeqCst);
    });
    let endless = std::iter::once(start).chain(more).map(Ok::<_, std::io::Error>);
    let answer = vault
        .post("/v1/recordings")
        .token(&token)
        .header("content-type", "multipart/form-data; boundary=cut")
        .body(axum::body::Body::from_stream(futures_util::stream::iter(endless)))
        .send()
        .await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(read.load(Ordering::SeqCst) < 1 << 20, "{read:?} bytes were read");
}
