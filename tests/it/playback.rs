//! What comes out: to whom, for what, which bytes, and never past the term.

use axum::http::{Method, Request, StatusCode};
use bytes::Bytes;
use callvault::model::Role;
use jiff::SignedDuration;

use crate::harness::{ACME, SUPPORT, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    ranges_are_what_a_slice_would_be,
    a_recording_is_heard_until_its_term_ends_and_no_longer,
}

async fn ranges_are_what_a_slice_would_be(vault: TestVault) {
    let audio = tone(40.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let token = vault.token(Role::Trainer).await;
    for form in ["original", "wav", "opus"] {
        let path = format!("/v1/recordings/{id}/audio?purpose=training&as={form}");
        let whole = vault.get(&path).token(&token).send().await;
        assert_eq!(whole.status, StatusCode::OK, "{}", whole.text());
        assert_eq!(whole.header("content-length"), whole.body.len().to_string());
        assert_eq!(whole.header("cache-control"), "no-store");
        let len = whole.body.len();
        let cases = [
            ("bytes=0-0", 0..1),
            ("bytes=65535-65536", 65_535..65_537),
            ("bytes=100000-", 100_000..len),
            ("bytes=-7", len - 7..len),
            ("bytes=43-44", 43..45),
        ];
        for (header, range) in cases {
            let part = vault.get(&path).token(&token).range(header).send().await;
            assert_eq!(part.status, StatusCode::PARTIAL_CONTENT, "{header}");
            assert_eq!(part.body, &whole.body[range.clone()], "{form} {header}");
            let named = format!("bytes {}-{}/{len}", range.start, range.end - 1);
            assert_eq!(part.header("content-range"), named);
        }
    }
}

async fn a_recording_is_heard_until_its_term_ends_and_no_longer(vault: TestVault) {
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let token = vault.token(Role::Trainer).await;
    let tickets = format!("/v1/recordings/{id}/playback");
    vault.advance(SignedDuration::from_hours(90 * 24 - 1) - SignedDuration::from_secs(60));
    let request = vault.post(&tickets).token(&token);
    let ticket = request.json(&serde_json::json!({"purpose": "training"})).send().await;
    let url = ticket.json()["url"].as_str().unwrap().to_owned();
    assert_eq!(vault.get(&url).send().await.status, StatusCode::OK);

    // 90 × 24 h after the call, with no eraser running.
    vault.advance(SignedDuration::from_secs(60));
    for path in [
        format!("/v1/recordings/{id}/audio?purpose=training"),
        format!("/v1/recordings/{id}/audio?purpose=training&as=wav"),
        format!("/v1/recordings/{id}/waveform?purpose=training"),
        url,
    ] {
        let answer = vault.get(&path).token(&token).send().await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (410, "past_due"), "{path}");
    }
    let request = vault.post(&tickets).token(&token);
    let ticket = request.json(&serde_json::json!({"purpose": "training"})).send().await;
    assert_eq!(ticket.code(), "past_due");
}

#[tokio::test]
async fn several_ranges_come_as_parts() {
    let vault = TestVault::new().await;
    let audio = tone(40.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let token = vault.token(Role::Trainer).await;
    let path = format!("/v1/recordings/{id}/audio?purpose=training");
    let answer = vault.get(&path).token(&token).range("bytes=0-3,70000-70003").send().await;

    assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
    assert!(answer.header("content-type").starts_with("multipart/byteranges; boundary="));
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
    let found = |part: &[u8]| answer.body.windows(part.len()).any(|window| window == part);
    assert!(found(b"Content-Range: bytes 70000-70003/"));
    assert!(found(b"RIFF") && found(&audio[70_000..70_004]));
}

#[tokio::test]
async fn conditions_are_honoured() {
    let vault = TestVault::new().await;
    let audio = tone(5.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let token = vault.token(Role::Trainer).await;
    let path = format!("/v1/recordings/{id}/audio?purpose=training");
    let get = || vault.get(&path).token(&token);
    let etag = get().send().await.header("etag").to_owned();

    assert_eq!(get().header("if-none-match", &etag).send().await.status, StatusCode::NOT_MODIFIED);
    let range = || get().range("bytes=0-9");
    assert_eq!(range().header("if-range", &etag).send().await.body.len(), 10);
    assert_eq!(range().header("if-range", "\"other\"").send().await.body.len(), audio.len());
    assert_eq!(get().range("bytes=x").send().await.status, StatusCode::OK);
    let outside = get().range("bytes=999999999-").send().await;
    assert_eq!(outside.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(outside.header("content-range"), format!("bytes */{}", audio.len()));

    let head = Request::builder().method(Method::HEAD).uri(&path);
    let head = vault.request(head).token(&token).send().await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), audio.len().to_string());
}

#[tokio::test]
async fn listening_needs_a_purpose_that_the_role_serves() {
    let vault = TestVault::new().await;
    let support = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let acme = vault.recording(ACME, &tone(1.0, 2)).await;
    let cases = [
        (Role::Trainer, support, "", 400, "purpose_required"),
        (Role::Trainer, support, "purpose=sales", 403, "purpose_not_allowed"),
        (Role::Trainer, support, "purpose=evidence&case=C-1", 403, "purpose_not_allowed"),
        (Role::Evidence, support, "purpose=evidence", 400, "case_required"),
        (Role::Compliance, support, "purpose=rights&case=C-1", 403, "purpose_not_allowed"),
        (Role::Operator, support, "purpose=training", 403, "purpose_not_allowed"),
        (Role::CustomerAdmin, acme, "purpose=own_use", 403, "purpose_not_allowed"),
        (Role::CustomerListener, acme, "purpose=training", 403, "purpose_not_allowed"),
        (Role::Trainer, acme, "purpose=training", 404, "not_found"),
        (Role::Legal, acme, "purpose=disclosure&case=C-1", 404, "not_found"),
        (Role::CustomerListener, support, "purpose=own_use", 404, "not_found"),
    ];
    for (role, id, query, status, code) in cases {
        let token = vault.token(role).await;
        let answer = vault.listen(&token, id, query).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (status, code),
            "{role} {query}"
        );
    }
    for (role, id, query) in [
        (Role::Trainer, support, "purpose=training"),
        (Role::Evidence, support, "purpose=evidence&case=C-1"),
        (Role::Legal, support, "purpose=disclosure&case=O-1"),
        (Role::CustomerListener, acme, "purpose=own_use"),
    ] {
        let token = vault.token(role).await;
        assert_eq!(vault.listen(&token, id, query).await.status, StatusCode::OK, "{role}");
    }
}

#[tokio::test]
async fn a_restricted_recording_is_heard_by_nobody_and_survives_its_term() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let (trainer, dpo) = (vault.token(Role::Trainer).await, vault.token(Role::Compliance).await);
    let path = format!("/v1/recordings/{id}/restriction");
    let case = serde_json::json!({"case": "C-9"});
    assert_eq!(
        vault.post(&path).token(&dpo).json(&case).send().await.status,
        StatusCode::NO_CONTENT
    );

    for query in ["purpose=training", "purpose=training&as=wav"] {
        assert_eq!(vault.listen(&trainer, id, query).await.status, StatusCode::LOCKED);
    }
    let waveform = format!("/v1/recordings/{id}/waveform?purpose=training");
    assert_eq!(vault.get(&waveform).token(&trainer).send().await.code(), "restricted");

    // Its day passes and is forgotten; the restriction keeps it, and lifting it ends it.
    vault.advance_days(95);
    vault.vault.confirm_erasing().await.unwrap();
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 0);
    vault.vault.forget().await.unwrap();
    let over = serde_json::json!({"case": "C-9", "outcome": "withdrawn"});
    let lift = vault.request(Request::delete(&path)).token(&dpo).json(&over).send().await;
    assert_eq!(lift.status, StatusCode::NO_CONTENT, "{}", lift.text());
    assert_eq!(vault.listen(&trainer, id, "purpose=training").await.code(), "past_due");
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1);
}

#[tokio::test]
async fn lifting_a_restriction_in_time_gives_the_recording_back() {
    let vault = TestVault::new().await;
    let audio = tone(1.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let (trainer, dpo) = (vault.token(Role::Trainer).await, vault.token(Role::Compliance).await);
    let path = format!("/v1/recordings/{id}/restriction");
    let case = serde_json::json!({"case": "C-9"});
    vault.post(&path).token(&dpo).json(&case).send().await;
    let over = serde_json::json!({"case": "C-9", "outcome": "granted"});
    vault.request(Request::delete(&path)).token(&dpo).json(&over).send().await;
    assert_eq!(vault.listen(&trainer, id, "purpose=training").await.body, audio);
}

#[tokio::test]
async fn the_waveform_shows_the_sound() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(10.0, 1)).await;
    let token = vault.token(Role::Trainer).await;
    let path = format!("/v1/recordings/{id}/waveform?purpose=training");
    let waveform = vault.get(&path).token(&token).send().await.json();
    assert_eq!(waveform["channels"], 1);
    assert!((waveform["duration"].as_f64().unwrap() - 10.0).abs() < 0.01);
    let peaks = waveform["peaks"][0].as_array().unwrap();
    assert_eq!(peaks.len() as u64, waveform["buckets"].as_u64().unwrap());
    let highest = peaks.iter().map(|peak| peak[1].as_f64().unwrap()).fold(0.0, f64::max);
    assert!((highest - 12_000.0 / 32_768.0).abs() < 0.02, "{highest}");
}

#[tokio::test]
async fn one_listening_is_one_ledger_entry_however_many_ranges() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(5.0, 1)).await;
    let token = vault.token(Role::Trainer).await;
    let path = format!("/v1/recordings/{id}/audio?purpose=training");
    for range in ["bytes=0-9", "bytes=100-200", "bytes=-5"] {
        vault.get(&path).token(&token).range(range).send().await;
    }
    vault.vault.end_own_playbacks().await.unwrap();
    let entries = callvault::index::ledger_entries::list(
        vault.vault.index(),
        vault.vault.provider(),
        0,
        1000,
    );
    let entries = entries.await.unwrap();
    let played = entries.iter().filter(|entry| entry.event.as_str() == "access.played").count();
    assert_eq!(played, 1);
}

#[tokio::test]
async fn a_revoked_token_and_its_tickets_open_nothing() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let token = vault.token(Role::Trainer).await;
    let request = vault.post(&format!("/v1/recordings/{id}/playback")).token(&token);
    let ticket = request.json(&serde_json::json!({"purpose": "training"})).send().await;
    let url = ticket.json()["url"].as_str().unwrap().to_owned();
    let holder = vault.vault.authenticate(&token).await.unwrap().id;
    vault.vault.revoke_token(holder).await.unwrap();

    assert_eq!(vault.listen(&token, id, "purpose=training").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(vault.get(&url).send().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_ticket_ends() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let token = vault.token(Role::Trainer).await;
    let request = vault.post(&format!("/v1/recordings/{id}/playback")).token(&token);
    let ticket = request.json(&serde_json::json!({"purpose": "training"})).send().await;
    let url = ticket.json()["url"].as_str().unwrap().to_owned();
    vault.advance(SignedDuration::from_hours(1));
    assert_eq!(vault.get(&url).send().await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(vault.get("/v1/playback/nonsense").send().await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn basic_credentials_carry_a_token_as_the_password() {
    use base64::Engine as _;
    let vault = TestVault::new().await;
    let token = vault.token(Role::Trainer).await;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("anyone:{token}"));
    let request = vault.get("/v1/recordings").header("authorization", &format!("Basic {basic}"));
    assert_eq!(request.send().await.status, StatusCode::OK);
    let none = vault.get("/v1/recordings").send().await;
    assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    assert!(none.header("www-authenticate").contains("Basic"));
    let in_query = vault.get(&format!("/v1/recordings?token={token}")).send().await;
    assert_eq!(in_query.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn paused_players_keep_no_decoder_from_anybody() {
    use tower::ServiceExt as _;
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(600.0, 1)).await;
    let token = vault.token(Role::Trainer).await;
    let uri = format!("/v1/recordings/{id}/audio?purpose=training&as=wav");
    let mut paused = Vec::new();
    for _ in 0..=std::thread::available_parallelism().unwrap().get() * 2 {
        let request = Request::get(&uri).header("authorization", format!("Bearer {token}"));
        let answer =
            vault.router.clone().oneshot(request.body(axum::body::Body::empty()).unwrap()).await;
        paused.push(answer.unwrap());
    }
    assert!(paused.iter().all(|answer| answer.status() == StatusCode::OK));
    let upload = vault.upload(SUPPORT, &tone(1.0, 2)).await;
    assert_eq!(upload.status, StatusCode::CREATED, "{}", upload.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_ranges_of_a_rendition_come_as_of_the_original() {
    let vault = TestVault::new().await;
    let audio = tone(2.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let token = vault.token(Role::Trainer).await;
    let ranges: Vec<_> = (0..16).map(|n| format!("{}-{}", n * 1000, n * 1000 + 9)).collect();
    let answer = vault
        .get(&format!("/v1/recordings/{id}/audio?purpose=training&as=wav"))
        .token(&token)
        .range(&format!("bytes={}", ranges.join(",")))
        .send()
        .await;
    assert_eq!((answer.status, answer.cut), (StatusCode::PARTIAL_CONTENT, false));
    assert_eq!(answer.body.len().to_string(), answer.header("content-length"));
    let last = &audio[15_000..15_010];
    assert!(answer.body.windows(10).any(|ten| ten == last));
}

/// Whether lists are whole and a restricted recording still shows its numbers, long past its term.
#[tokio::test]
async fn a_customers_restricted_recording_keeps_its_details_and_spoils_no_list() {
    let vault = TestVault::new().await;
    let id = vault.recording(ACME, &tone(1.0, 1)).await;
    let overdue = vault.recording(ACME, &tone(1.0, 2)).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let path = format!("/v1/recordings/{id}/restriction");
    let case = serde_json::json!({"case": "C-9"});
    let set = vault.post(&path).token(&admin).json(&case).send().await;
    assert_eq!(set.status, StatusCode::NO_CONTENT);
    // The day passes and is forgotten before any eraser came.
    vault.advance_days(32);
    vault.vault.forget().await.unwrap();
    let list = vault.get("/v1/recordings").token(&admin).send().await;
    assert_eq!(list.status, StatusCode::OK, "{}", list.text());
    let list = list.json();
    let of = |id: uuid::Uuid| {
        let items = list["items"].as_array().unwrap();
        items.iter().find(|item| item["id"] == id.to_string()).cloned().unwrap()
    };
    assert_eq!(of(id)["callee"], "+31612345678");
    assert!(of(overdue)["callee"].is_null());
    let late = format!("/v1/recordings/{overdue}/restriction");
    let late = vault.post(&late).token(&admin).json(&case).send().await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::GONE, "past_due"));
}

#[tokio::test]
async fn the_case_of_a_listening_is_an_opaque_reference_and_in_the_ledger() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(1.0, 1)).await;
    let token = vault.token(Role::Evidence).await;
    let named = vault.listen(&token, id, "purpose=evidence&case=mevrouw%20de%20Vries").await;
    assert_eq!(named.code(), "invalid_field");
    for case in ["C-1", "C-2", "C-1"] {
        let query = format!("purpose=evidence&case={case}");
        assert_eq!(vault.listen(&token, id, &query).await.status, StatusCode::OK);
    }
    vault.vault.end_own_playbacks().await.unwrap();
    let index = vault.vault.index();
    let entries = callvault::index::ledger_entries::list(index, vault.vault.provider(), 0, 100);
    let entries = entries.await.unwrap();
    let mut cases: Vec<_> = entries
        .iter()
        .filter(|entry| entry.event.as_str() == "access.played")
        .map(|entry| {
            let leaf: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
            leaf["case"].as_str().unwrap().to_owned()
        })
        .collect();
    cases.sort();
    assert_eq!(cases, ["C-1", "C-2"], "one entry a case");
}

#[tokio::test]
async fn a_stream_ends_when_its_recording_is_restricted() {
    use callvault::model::{Purpose, RecordingId};
    use callvault::vault::{Form, Wish};
    use futures_util::StreamExt;

    let vault = TestVault::new().await;
    let audio = tone(800.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let (trainer, dpo) = (vault.token(Role::Trainer).await, vault.token(Role::Compliance).await);
    let caller = vault.vault.authenticate(&trainer).await.unwrap();
    let wish = Wish { recording: RecordingId(id), purpose: Some(Purpose::Training), case: None };
    let heard = vault.vault.hear(&caller, &wish).await.unwrap();
    let content = vault.vault.content(&heard, Some(Form::Original)).await.unwrap();
    let mut stream = content.windows(0..content.len());
    let mut got: usize = stream.next().await.unwrap().unwrap().iter().map(Bytes::len).sum();

    let path = format!("/v1/recordings/{id}/restriction");
    let case = serde_json::json!({"case": "C-9"});
    vault.post(&path).token(&dpo).json(&case).send().await;
    let ended = loop {
        match stream.next().await {
            Some(Ok(pieces)) => got += pieces.iter().map(Bytes::len).sum::<usize>(),
            Some(Err(error)) => break error,
            None => panic!("it was played to the end: {got} of {} bytes", audio.len()),
        }
    };
    assert!(matches!(ended, callvault::vault::Error::Restricted), "{ended}");
    assert!(got < audio.len());
}
