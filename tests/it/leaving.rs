//! A customer leaves: it takes along what is its own, and then nothing of it is left.

use std::collections::BTreeMap;

use axum::http::{Request, StatusCode};
use callvault::index::{controllers, ledger_entries, recordings};
use callvault::model::{ControllerId, CustomerStatus, Event, RecordingId, Role, State};
use futures_util::StreamExt;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ACME, TestResponse, TestVault, tone};
use crate::on_each_vault;
use crate::webhooks::Receiver;

on_each_vault! {
    a_customer_leaves_and_nothing_of_it_is_left,
    what_a_hold_keeps_outlives_the_service_and_so_does_the_key,
    an_archive_holds_everything_and_reads_anywhere,
    a_download_goes_on_where_it_broke_off,
    what_went_before_it_was_fetched_breaks_an_export,
    a_notice_is_withdrawn_while_the_window_is_open,
}

/// Three calls of acme, the second with a withheld number.
async fn calls(vault: &TestVault) -> Vec<(Uuid, Vec<u8>)> {
    let mut calls = Vec::new();
    for (n, agent) in [(1, "=cmd"), (2, "b,\"c\""), (3, "Zo\u{EB}")] {
        let ended = format!("2026-06-01T0{n}:00:00Z");
        let mut fields = ACME.to_vec();
        fields[3] = ("ended_at", &ended);
        fields.push(("agent", agent));
        if n == 2 {
            fields.push(("withheld", "true"));
        }
        let audio = tone(f64::from(n), n);
        calls.push((vault.recording(&fields, &audio).await, audio));
    }
    calls
}

async fn acme(vault: &TestVault) -> ControllerId {
    let reference = "acme".parse().unwrap();
    controllers::find_customer(vault.vault.index(), &reference).await.unwrap().unwrap().id
}

async fn notice(vault: &TestVault) -> TestResponse {
    let token = vault.token(Role::Operator).await;
    let body = json!({ "return_window": "P30D", "case": "N-1" });
    vault.post("/v1/customers/acme/end-of-service").token(&token).json(&body).send().await
}

async fn finish(vault: &TestVault) {
    let token = vault.token(Role::Operator).await;
    let path = "/v1/customers/acme/end-of-service/finish";
    let done = vault.post(path).token(&token).json(&json!({ "case": "C-9" })).send().await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{}", done.text());
}

async fn state(vault: &TestVault) -> Value {
    let token = vault.token(Role::Operator).await;
    vault.get("/v1/customers/acme/end-of-service").token(&token).send().await.json()
}

async fn export(vault: &TestVault, token: &str) -> String {
    let path = "/v1/customers/acme/export";
    let made = vault.post(path).token(token).json(&json!({ "case": "X-1" })).send().await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text());
    assert_eq!(made.json()["state"], "ready");
    format!("{path}/{}", made.json()["id"].as_str().unwrap())
}

async fn fetch(vault: &TestVault, token: &str, export: &str, range: Option<&str>) -> TestResponse {
    let request = vault.get(&format!("{export}/zip")).token(token);
    let request = match range {
        Some(range) => request.range(range),
        None => request,
    };
    request.send().await
}

async fn events(vault: &TestVault) -> Vec<Event> {
    let acme = acme(vault).await;
    let entries = ledger_entries::list(vault.vault.index(), acme, 0, 1000).await.unwrap();
    entries.into_iter().map(|entry| entry.event).collect()
}

fn count(events: &[Event], event: Event) -> usize {
    events.iter().filter(|other| **other == event).count()
}

/// What Python, which shares nothing with the vault, reads in an archive; unzip must agree.
fn unpacked(archive: &[u8]) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("a.zip"), dir.path().join("out"));
    std::fs::write(&file, archive).unwrap();
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        z.extractall(sys.argv[2])\n\
        print('\\n'.join(z.namelist()))";
    let python = std::process::Command::new("python3")
        .args(["-c", script, file.to_str().unwrap(), out.to_str().unwrap()])
        .output()
        .unwrap();
    assert!(python.status.success(), "{}", String::from_utf8_lossy(&python.stderr));
    let unzip = std::process::Command::new("unzip").arg("-tq").arg(&file).output().unwrap();
    assert!(unzip.status.success(), "{}", String::from_utf8_lossy(&unzip.stdout));
    let names = String::from_utf8(python.stdout).unwrap();
    names.lines().map(|name| (name.to_owned(), std::fs::read(out.join(name)).unwrap())).collect()
}

async fn a_customer_leaves_and_nothing_of_it_is_left(vault: TestVault) {
    let calls = calls(&vault).await;
    write_about(&vault, calls[1].0).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let receiver = Receiver::default();
    let operator = vault.token(Role::Operator).await;
    let hook = json!({ "url": receiver.listen().await, "events": ["tenant.erased"] });
    let added = vault.post("/v1/webhooks").token(&operator).json(&hook).send().await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
    vault.advance(SignedDuration::from_mins(1));
    let noticed = notice(&vault).await;
    assert_eq!(noticed.status, StatusCode::CREATED, "{}", noticed.text());
    assert_eq!(noticed.json()["phase"], "return_window");
    assert_eq!(noticed.json()["window_ends_at"], "2026-07-01T12:01:00Z");
    assert_eq!(notice(&vault).await.code(), "conflict");
    assert_eq!(vault.upload(ACME, &tone(0.5, 9)).await.code(), "not_subscribed");
    let own = vault.get("/v1/customers/acme/end-of-service").token(&admin).send().await;
    assert_eq!(own.json()["recordings"], 3);

    // Nothing goes while the window is open.
    assert_eq!(vault.vault.end_services().await.unwrap().erased, 0);
    finish(&vault).await;
    let pass = vault.vault.end_services().await.unwrap();
    assert_eq!((pass.erased, pass.unfinished, pass.ended), (3, 0, 1), "{pass:?}");
    assert_eq!(vault.vault.end_services().await.unwrap().ended, 0, "once");
    for (id, _) in &calls {
        let row = recordings::find(vault.vault.index(), RecordingId(*id)).await.unwrap().unwrap();
        assert_eq!((row.state, row.key.wrap.is_some()), (State::Tombstone, false));
        assert_eq!(row.case_id.as_deref(), Some("N-1"));
        assert_eq!(row.cause.unwrap().as_str(), "end_of_service");
    }
    assert_eq!(vault.store.list().count().await, 0, "no object is left");
    let (written,): (i64,) = callvault::index::sql(
        "SELECT (SELECT COUNT(*) FROM notes) + (SELECT COUNT(*) FROM recording_tags)
             + (SELECT COUNT(*) FROM training_sets) + (SELECT COUNT(*) FROM training_set_items)",
    )
    .fetch_one(vault.vault.index())
    .await
    .unwrap();
    assert_eq!(written, 0, "nothing that was written about them, nor any set");
    let id = acme(&vault).await;
    assert!(vault.keys.is_behind(id, &[]), "the tenant key is gone");
    vault.vault.send_webhooks().await.unwrap();
    let told: Vec<Value> =
        receiver.got().iter().map(|(_, body)| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(told.len(), 1, "the provider hears of it, once");
    assert_eq!(
        (&told[0]["type"], &told[0]["data"]["case"]),
        (&json!("tenant.erased"), &json!("N-1"))
    );
    assert_eq!(told[0]["data"]["customer"], id.0.to_string());
    // With its key gone no backup opens anything of it, whatever the day.
    let (row, now) = (calls[0].0, vault.clock.now());
    let from = vault.vault.backups_unreadable_from(RecordingId(row)).await.unwrap();
    assert!(from.is_some_and(|from| from <= now), "{from:?}");
    let state = state(&vault).await;
    assert_eq!((&state["phase"], &state["erased"]["end_of_service"]), (&json!("ended"), &json!(3)));
    assert_eq!(state["remaining"]["recordings"], 0);
    assert_eq!(state["confirmation"], "C-9");
    let events = events(&vault).await;
    for (event, times) in
        [(Event::TenantErased, 1), (Event::RecordingErased, 3), (Event::IngestRefused, 1)]
    {
        assert_eq!(count(&events, event), times, "{event:?}");
    }
    let gone = vault.get("/v1/recordings").token(&admin).send().await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED, "its tokens are worth nothing any more");
    assert_eq!(vault.upload(ACME, &tone(0.5, 9)).await.code(), "not_subscribed");
    let reference = "acme".parse().unwrap();
    let customer = controllers::find_customer(vault.vault.index(), &reference).await.unwrap();
    assert_eq!(customer.unwrap().status, CustomerStatus::Ended);

    // Other customers lose nothing.
    let mut globex = ACME.to_vec();
    globex[1] = ("customer", "globex");
    let kept = vault.recording(&globex, &tone(0.5, 7)).await;
    let listener = vault.token_of(Role::CustomerListener, Some("globex"), None).await;
    assert_eq!(vault.listen(&listener, kept, "purpose=own_use").await.status, StatusCode::OK);
    vault.vault.forget().await.unwrap();
}

async fn what_a_hold_keeps_outlives_the_service_and_so_does_the_key(vault: TestVault) {
    let calls = calls(&vault).await;
    let held = RecordingId(calls[0].0);
    let hold = async |held_now: bool| {
        let mut tx = vault.vault.index().begin().await.unwrap();
        recordings::set_held(&mut tx, held, held_now).await.unwrap();
        tx.commit().await.unwrap();
    };
    hold(true).await;
    notice(&vault).await;
    vault.advance_days(30);
    vault.vault.confirm_erasing().await.unwrap();
    let pass = vault.vault.end_services().await.unwrap();
    assert_eq!((pass.erased, pass.ended, pass.waiting), (2, 0, 1), "{pass:?}");
    let left = state(&vault).await;
    assert_eq!(left["phase"], "held");
    assert_eq!((&left["remaining"]["held"], &left["ended_at"]), (&json!(1), &Value::Null));
    // Its key outlives the nights.
    vault.vault.forget().await.unwrap();
    let row = recordings::find(vault.vault.index(), held).await.unwrap().unwrap();
    assert!(row.key.wrap.is_some() && !vault.keys.is_behind(row.controller, &[row.key.day]));

    hold(false).await;
    let pass = vault.vault.end_services().await.unwrap();
    assert_eq!((pass.erased, pass.ended), (1, 1), "{pass:?}");
    assert_eq!(state(&vault).await["phase"], "ended");
}

/// What people who work with a customer's recordings write about one.
async fn write_about(vault: &TestVault, id: Uuid) {
    let listener = vault.token(Role::CustomerListener).await;
    let send = async |how: &str, path: &str, body: Value| {
        let request = Request::builder().method(how).uri(path);
        let done = vault.request(request).token(&listener).json(&body).send().await;
        assert!(done.status.is_success(), "{path}: {}", done.text());
        done.json()
    };
    let of = format!("/v1/recordings/{id}");
    send("POST", &format!("{of}/notes"), json!({ "at": 0.1, "text": "kanarie-notitie" })).await;
    send("PUT", &format!("{of}/tags"), json!({ "tags": ["kanarie-tag"] })).await;
    let set = send("POST", "/v1/training-sets", json!({ "name": "kanarie-set" })).await;
    let items = format!("/v1/training-sets/{}/items", set["id"].as_str().unwrap());
    send("POST", &items, json!({ "recording": id })).await;
}

async fn an_archive_holds_everything_and_reads_anywhere(vault: TestVault) {
    let calls = calls(&vault).await;
    write_about(&vault, calls[0].0).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let path = format!("/v1/recordings/{}/restriction", calls[2].0);
    let case = json!({ "case": "R-1" });
    assert!(vault.post(&path).token(&admin).json(&case).send().await.status.is_success());
    let export = export(&vault, &admin).await;
    let whole = fetch(&vault, &admin, &export, None).await;
    assert_eq!(whole.status, StatusCode::OK);
    assert_eq!(whole.header("content-length"), whole.body.len().to_string());
    assert_eq!(whole.header("cache-control"), "no-store");

    let files = unpacked(&whole.body);
    for (id, audio) in &calls[..2] {
        assert_eq!(files.get(&format!("audio/{id}.wav")), Some(audio));
    }
    assert_eq!(files.len(), 4, "{:?}", files.keys());
    for (name, bytes) in &files {
        let written = bytes.windows(7).any(|part| part == b"kanarie");
        assert!(!written, "what people wrote about a call is in {name}");
    }
    let list: Vec<Value> = serde_json::from_slice(&files["recordings.json"]).unwrap();
    let of = |id: Uuid| list.iter().find(|one| one["id"] == id.to_string()).unwrap();
    assert_eq!(of(calls[0].0)["callee"], "+31612345678", "a customer has its numbers in full");
    assert_eq!(of(calls[0].0)["agent"], "=cmd");
    assert_eq!(of(calls[1].0)["caller"], Value::Null, "a withheld number is nowhere");
    assert_eq!(of(calls[2].0)["not_contained"], "restricted");
    let csv = String::from_utf8(files["recordings.csv"].clone()).unwrap();
    assert_eq!(csv.lines().count(), 4);
    assert!(csv.contains("'=cmd") && csv.contains("\"b,\"\"c\"\"\"") && csv.contains("Zo\u{EB}"));

    // Told once for each, however often it is downloaded.
    fetch(&vault, &admin, &export, None).await;
    assert_eq!(count(&events(&vault).await, Event::AccessExported), 2);
    let progress = vault.get(&export).token(&admin).send().await.json();
    assert_eq!((&progress["recordings"], &progress["contained"]), (&json!(3), &json!(2)));
    assert_eq!((&progress["sent"], &progress["recordings_sent"]), (&progress["bytes"], &json!(2)));
    // A part of it.
    let body = json!({ "case": "X-2", "to": "2026-06-01T01:30:00Z" });
    let part = vault.post("/v1/customers/acme/export").token(&admin).json(&body).send().await;
    assert_eq!(part.json()["recordings"], 1);
}

async fn a_download_goes_on_where_it_broke_off(vault: TestVault) {
    let calls = calls(&vault).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    // From the middle first, so that nothing is known of what comes before.
    let late = export(&vault, &admin).await;
    let from_middle = fetch(&vault, &admin, &late, Some("bytes=40000-")).await;
    assert_eq!(from_middle.status, StatusCode::PARTIAL_CONTENT);
    let tail = fetch(&vault, &admin, &late, Some("bytes=-600")).await;
    let whole = fetch(&vault, &admin, &late, None).await;
    let len = whole.body.len();
    assert_eq!(from_middle.body, whole.body[40_000..]);
    assert_eq!(tail.body, whole.body[len - 600..]);
    for cut in (1..len).step_by(len / 37) {
        let rest = fetch(&vault, &admin, &late, Some(&format!("bytes={cut}-"))).await;
        assert!(rest.body == whole.body[cut..], "from {cut}");
        let some = fetch(&vault, &admin, &late, Some(&format!("bytes={}-{cut}", cut / 2))).await;
        assert!(some.body == whole.body[cut / 2..=cut], "to {cut}");
    }
    assert_eq!(unpacked(&whole.body).len(), 2 + calls.len());

    let request = vault.get(&format!("{late}/zip")).token(&admin).range("bytes=5-");
    let same = request.header("if-range", whole.header("etag")).send().await;
    assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
    let request = vault.get(&format!("{late}/zip")).token(&admin).range("bytes=5-");
    let other = request.header("if-range", "\"another\"").send().await;
    assert_eq!((other.status, other.body.len()), (StatusCode::OK, len));
    let outside = fetch(&vault, &admin, &late, Some(&format!("bytes={len}-"))).await;
    assert_eq!(outside.code(), "range_not_satisfiable");
    let head = vault.request(Request::head(format!("{late}/zip"))).token(&admin).send().await;
    assert_eq!(head.header("content-length"), len.to_string());
    assert_eq!(head.header("accept-ranges"), "bytes");
}

async fn what_went_before_it_was_fetched_breaks_an_export(vault: TestVault) {
    let calls = calls(&vault).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let export = export(&vault, &admin).await;
    let whole = fetch(&vault, &admin, &export, None).await.body;
    let find = |id: Uuid| {
        // Where its own header begins: the lists before it name it, too.
        let name = format!("audio/{id}.wav");
        let header =
            |bytes: &[u8]| bytes.starts_with(b"PK\x03\x04") && bytes.ends_with(name.as_bytes());
        whole.windows(30 + name.len()).position(header).unwrap()
    };
    let erase = async |id: Uuid| {
        let path = format!("/v1/recordings/{id}/erasure");
        let body = json!({ "cause": "request", "case": "E-1" });
        let done = vault.post(&path).token(&admin).json(&body).send().await;
        assert!(done.status.is_success(), "{}", done.text());
    };
    // What was fetched may go: the rest still comes, and the whole is whole.
    erase(calls[0].0).await;
    let second = find(calls[1].0);
    let rest = fetch(&vault, &admin, &export, Some(&format!("bytes={second}-"))).await;
    assert_eq!((rest.status, rest.cut), (StatusCode::PARTIAL_CONTENT, false));
    assert!(rest.body == whole[second..]);

    let first = find(calls[0].0);
    let gone = fetch(&vault, &admin, &export, Some(&format!("bytes={first}-"))).await;
    assert_eq!((gone.status, gone.code().as_str()), (StatusCode::GONE, "export_broken"));
    let progress = vault.get(&export).token(&admin).send().await.json();
    assert_eq!(progress["state"], "broken");
    let after = fetch(&vault, &admin, &export, Some(&format!("bytes={second}-"))).await;
    assert_eq!(after.code(), "export_broken");
    // A new one has what there is now.
    let again = self::export(&vault, &admin).await;
    assert_eq!(unpacked(&fetch(&vault, &admin, &again, None).await.body).len(), 4);
    // And what is due while it is fetched is not in it any more (I1).
    vault.advance_days(30);
    let due = fetch(&vault, &admin, &again, None).await;
    assert!(due.cut || due.status == StatusCode::GONE, "{}", due.status);
    for (_, audio) in &calls {
        assert!(!due.body.windows(4000).any(|bytes| bytes == &audio[1000..5000]));
    }
}

async fn a_notice_is_withdrawn_while_the_window_is_open(vault: TestVault) {
    assert_eq!(notice(&vault).await.status, StatusCode::CREATED);
    let operator = vault.token(Role::Operator).await;
    let path = "/v1/customers/acme/end-of-service";
    let withdraw = async || vault.request(Request::delete(path)).token(&operator).send().await;
    assert_eq!(withdraw().await.status, StatusCode::NO_CONTENT);
    assert_eq!(withdraw().await.code(), "not_found");
    vault.recording(ACME, &tone(0.5, 1)).await;
    assert_eq!(count(&events(&vault).await, Event::TenantNoticeWithdrawn), 1);
    // Too late once the window is over, or once the customer has everything.
    notice(&vault).await;
    finish(&vault).await;
    assert_eq!(withdraw().await.code(), "conflict");
}

#[tokio::test]
async fn a_stream_that_is_still_running_ends_with_a_restriction() {
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    let vault = TestVault::new().await;
    let id = vault.recording(ACME, &tone(400.0, 1)).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let export = export(&vault, &admin).await;
    let request = Request::get(format!("{export}/zip"))
        .header("authorization", format!("Bearer {admin}"))
        .body(axum::body::Body::empty())
        .unwrap();
    let mut body = vault.router.clone().oneshot(request).await.unwrap().into_body();
    // Headers and lists, and the first window of the audio.
    let mut got = 0;
    while got < 2 << 20 {
        got += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    let path = format!("/v1/recordings/{id}/restriction");
    let case = json!({ "case": "R-1" });
    assert!(vault.post(&path).token(&admin).json(&case).send().await.status.is_success());
    assert!(body.frame().await.unwrap().is_err(), "not a window more");
    let progress = vault.get(&export).token(&admin).send().await.json();
    assert_eq!(progress["state"], "broken");
}

#[tokio::test]
async fn nobody_exports_or_ends_what_is_not_theirs() {
    let vault = TestVault::new().await;
    calls(&vault).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let export = export(&vault, &admin).await;
    let notice = json!({ "return_window": "P30D", "case": "N-1" });
    for &role in Role::ALL {
        let token = vault.token(role).await;
        let end = vault.post("/v1/customers/acme/end-of-service").token(&token).json(&notice);
        let ended = end.send().await.status;
        assert_eq!(ended == StatusCode::CREATED, role == Role::Operator, "{role}");
        let zip = fetch(&vault, &token, &export, None).await;
        let may = role == Role::CustomerAdmin;
        assert_eq!(zip.status == StatusCode::OK, may, "{role} {}", zip.status);
        let make = vault.post("/v1/customers/acme/export").token(&token);
        let made = make.json(&json!({ "case": "X-1" })).send().await.status;
        assert_eq!(made == StatusCode::CREATED, may, "{role} {made}");
    }
    let globex = vault.token_of(Role::CustomerAdmin, Some("globex"), None).await;
    for path in [&export, &format!("{export}/zip"), "/v1/customers/acme/end-of-service"] {
        let answer = vault.get(path).token(&globex).send().await;
        assert_eq!(answer.code(), "not_found", "{path}");
        let own = path.replace("acme", "globex");
        assert_eq!(vault.get(&own).token(&globex).send().await.code(), "not_found", "{own}");
    }
    for bad in [json!({ "case": "mevrouw de Vries" }), json!({}), json!({ "case": "" })] {
        let make = vault.post("/v1/customers/acme/export").token(&admin).json(&bad).send().await;
        assert!(make.status.is_client_error());
    }
    for window in ["P0D", "-P3D", "forever"] {
        let operator = vault.token(Role::Operator).await;
        let bad = json!({ "return_window": window, "case": "N-1" });
        let end = vault.post("/v1/customers/globex/end-of-service").token(&operator).json(&bad);
        assert!(end.send().await.status.is_client_error(), "{window}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_ends_no_window() {
    let vault = TestVault::new().await;
    calls(&vault).await;
    notice(&vault).await;
    vault.vault.erase_due().await.unwrap();
    vault.clock.jump(SignedDuration::from_hours(24 * 31));
    let pass = vault.vault.end_services().await.unwrap();
    assert!(pass.paused.is_some() && pass.erased == 0, "{pass:?}");
    assert_eq!(state(&vault).await["remaining"]["recordings"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_end_a_service_once() {
    let vault = TestVault::new().await;
    calls(&vault).await;
    notice(&vault).await;
    finish(&vault).await;
    let other = vault.second_node().await;
    let (one, two) = tokio::join!(vault.vault.end_services(), other.end_services());
    let (one, two) = (one.unwrap(), two.unwrap());
    let three = other.end_services().await.unwrap();
    assert_eq!(one.erased + two.erased + three.erased, 3, "{one:?} {two:?} {three:?}");
    assert_eq!(one.ended + two.ended + three.ended, 1);
    assert_eq!(count(&events(&vault).await, Event::TenantErased), 1);
}
