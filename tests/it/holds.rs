//! A hold keeps what it keeps, from before it was placed or after, and opens nothing (I7).

use axum::http::StatusCode;
use callvault::index::ledger_entries;
use callvault::model::{Event, RecordingId, Role, State};
use callvault::vault::NewToken;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::erasing::{opens, row};
use crate::harness::{ACME, SUPPORT, TestResponse, TestVault, tone};
use crate::on_each_vault;

on_each_vault! {
    what_is_held_outlives_its_term_and_goes_when_it_is_let_go,
    a_filter_holds_what_is_there_and_what_comes,
    a_hold_that_comes_while_erasing_calls_it_back_until_the_key_is_destroyed,
    placing_races_with_two_erasers_and_no_held_key_is_destroyed,
    placing_races_with_ingest_and_nothing_slips_through,
    what_two_holds_keep_needs_both_to_let_go,
}

/// A token of somebody with a name of their own; customer roles are acme's.
pub(crate) async fn somebody(vault: &TestVault, role: Role, name: &str) -> String {
    let customer = role.is_customers().then(|| "acme".parse().unwrap());
    let new = NewToken {
        name: name.into(),
        roles: [role].into(),
        customer,
        class: None,
        lines: None,
        agent: None,
        own_calls_only: false,
        expires_at: None,
    };
    vault.vault.create_token(&new).await.unwrap().1.reveal().to_owned()
}

pub(crate) async fn post(vault: &TestVault, token: &str, path: &str, body: Value) -> TestResponse {
    vault.post(path).token(token).json(&body).send().await
}

pub(crate) async fn hold(vault: &TestVault, token: &str, body: Value) -> TestResponse {
    post(vault, token, "/v1/holds", body).await
}

pub(crate) fn claim(ids: &[Uuid]) -> Value {
    json!({"kind": "legal_claim", "case": "C-1", "recordings": ids, "review_on": "2026-06-20"})
}

/// Has two people release a hold.
pub(crate) async fn release(vault: &TestVault, hold: &Value, one: &str, other: &str) {
    let path = format!("/v1/holds/{}/release", hold["id"].as_str().unwrap());
    let asked = post(vault, one, &path, json!({})).await;
    assert_eq!(asked.status, StatusCode::ACCEPTED, "{}", asked.text());
    let done = post(vault, other, &path, json!({})).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text());
}

async fn pass(vault: &TestVault) -> u64 {
    vault.vault.confirm_erasing().await.unwrap();
    vault.vault.erase_due().await.unwrap().erased
}

async fn told(vault: &TestVault, id: Uuid, event: Event) -> usize {
    let entries = ledger_entries::about(vault.vault.index(), RecordingId(id)).await.unwrap();
    entries.iter().filter(|entry| entry.event == event).count()
}

async fn what_is_held_outlives_its_term_and_goes_when_it_is_let_go(vault: TestVault) {
    let audio = tone(1.0, 1);
    let id = vault.recording(SUPPORT, &audio).await;
    let free = vault.recording(SUPPORT, &tone(1.0, 2)).await;
    let reader = somebody(&vault, Role::Evidence, "reader").await;
    let (anna, bram) = (
        somebody(&vault, Role::Compliance, "anna").await,
        somebody(&vault, Role::Compliance, "bram").await,
    );
    let placed = hold(&vault, &reader, claim(&[id])).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let path = placed.header("location").to_owned();
    assert_eq!(vault.get(&path).token(&anna).send().await.json()["recordings"], 1);
    let placed = placed.json();
    let card = vault.get(&format!("/v1/recordings/{id}")).token(&reader).send().await.json();
    assert_eq!(card["held"], true);
    assert_eq!(told(&vault, id, Event::HoldPlaced).await, 1);
    let before = row(&vault, id).await;
    let refused = json!({"cause": "request", "case": "C-2"});
    let refused = post(&vault, &anna, &format!("/v1/recordings/{id}/erasure"), refused).await;
    assert_eq!((refused.status, refused.code().as_str()), (StatusCode::CONFLICT, "held"));

    vault.advance_days(91);
    assert_eq!(pass(&vault).await, 1, "only what is not held");
    assert_eq!(row(&vault, free).await.state, State::AudioErased);
    vault.vault.forget().await.unwrap();
    assert!(!opens(&vault, &before), "its first day is forgotten");
    let trainer = vault.token(Role::Trainer).await;
    assert_eq!(vault.listen(&trainer, id, "purpose=training").await.code(), "past_due");
    let heard = vault.listen(&reader, id, "purpose=evidence&case=C-1").await;
    assert_eq!((heard.status, heard.body == audio), (StatusCode::OK, true));
    let legal = vault.token(Role::Legal).await;
    let heard = vault.listen(&legal, id, "purpose=disclosure&case=C-1").await;
    assert_eq!(heard.status, StatusCode::OK);
    assert!(vault.vault.measure().await.is_ok());

    release(&vault, &placed, &anna, &bram).await;
    assert_eq!(vault.listen(&reader, id, "purpose=evidence&case=C-1").await.code(), "past_due");
    assert_eq!(pass(&vault).await, 1, "due in the past: gone at the next pass");
    let index = vault.vault.index();
    let all = ledger_entries::list(index, vault.vault.provider(), 0, 1000).await.unwrap();
    let let_go: Vec<_> = all.iter().filter(|e| e.event == Event::HoldReleased).collect();
    assert_eq!(let_go.len(), 1);
    assert!(let_go[0].body.contains("\"freed\":1"), "{}", let_go[0].body);
    let again = post(&vault, &anna, &format!("{path}/release"), json!({})).await;
    assert_eq!(again.code(), "conflict");
}

async fn a_filter_holds_what_is_there_and_what_comes(vault: TestVault) {
    let there = vault.recording(ACME, &tone(0.5, 1)).await;
    let mut elsewhere = ACME.to_vec();
    elsewhere[5] = ("callee", "0201111111");
    let other = vault.recording(&elsewhere, &tone(0.5, 2)).await;
    let admin = somebody(&vault, Role::CustomerAdmin, "anna").await;
    let body = json!({
        "kind": "customer", "case": "C-1", "review_on": "2026-06-20",
        "filter": {"number": "06 12345678", "line": "201", "direction": "outbound",
                   "from": "2026-01-01T00:00:00Z"},
    });
    let placed = hold(&vault, &admin, body).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let placed = placed.json();
    assert_eq!(
        (placed["recordings"].as_i64(), &placed["filter"]["by"]),
        (Some(1), &json!(["number", "line"]))
    );
    assert!(!placed.to_string().contains("12345678"));
    assert!(row(&vault, there).await.held && !row(&vault, other).await.held);

    let card = vault.upload(ACME, &tone(0.5, 3)).await;
    assert_eq!(card.json()["held"], true, "{}", card.text());
    let caught: Uuid = card.json()["id"].as_str().unwrap().parse().unwrap();
    assert_eq!(told(&vault, caught, Event::HoldPlaced).await, 1);
    assert!(!row(&vault, vault.recording(&elsewhere, &tone(0.5, 4)).await).await.held);
    let mut line = ACME.to_vec();
    line[6] = ("line", "202");
    assert!(!row(&vault, vault.recording(&line, &tone(0.5, 5)).await).await.held);
    let withheld = [ACME, &[("withheld", "true")]].concat();
    assert!(!row(&vault, vault.recording(&withheld, &tone(0.5, 6)).await).await.held);
    let mut globex = ACME.to_vec();
    globex[1] = ("customer", "globex");
    assert!(!row(&vault, vault.recording(&globex, &tone(0.5, 7)).await).await.held);

    vault.advance_days(31);
    assert_eq!(pass(&vault).await, 4, "what is acme's and not held");
    let other = somebody(&vault, Role::CustomerAdmin, "bram").await;
    release(&vault, &placed, &other, &somebody(&vault, Role::CustomerAdmin, "cleo").await).await;
    assert_eq!(pass(&vault).await, 2);
    let free = ACME.iter().map(|&(key, value)| match key {
        "ended_at" => (key, "2026-07-01T11:00:00Z"),
        _ => (key, value),
    });
    let later = vault.recording(&free.collect::<Vec<_>>(), &tone(0.5, 8)).await;
    assert!(!row(&vault, later).await.held, "a released hold catches nothing");
}

async fn a_hold_that_comes_while_erasing_calls_it_back_until_the_key_is_destroyed(
    vault: TestVault,
) {
    use callvault::index::recordings as rows;
    let kept = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    let gone = vault.recording(SUPPORT, &tone(0.5, 2)).await;
    let reader = somebody(&vault, Role::Evidence, "reader").await;
    let now = vault.clock.now();
    let mut tx = vault.vault.index().begin().await.unwrap();
    for id in [kept, gone] {
        let cause = callvault::model::Cause::Request;
        rows::claim_one(&mut tx, RecordingId(id), cause, Some("C-2"), now).await.unwrap();
    }
    rows::destroy_wraps(&mut tx, &[RecordingId(gone)], now).await.unwrap();
    tx.commit().await.unwrap();

    let late = hold(&vault, &reader, claim(&[kept, gone])).await;
    assert_eq!((late.status, late.code().as_str()), (StatusCode::CONFLICT, "already_erased"));
    assert_eq!(row(&vault, kept).await.state, State::Erasing, "all of it or nothing");
    let placed = hold(&vault, &reader, claim(&[kept])).await;
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    let row = row(&vault, kept).await;
    assert!(row.state == State::Stored && row.held && opens(&vault, &row));
    assert_eq!(told(&vault, kept, Event::ErasureAborted).await, 1);
    vault.advance(SignedDuration::from_mins(6));
    assert_eq!(vault.vault.erase_due().await.unwrap().erased, 1, "the other one goes on");
    assert_eq!(crate::erasing::row(&vault, kept).await.state, State::Stored);
}

async fn placing_races_with_two_erasers_and_no_held_key_is_destroyed(vault: TestVault) {
    let mut ids = Vec::new();
    for seed in 0..24 {
        ids.push(vault.recording(ACME, &tone(0.1, seed)).await);
    }
    let admin = somebody(&vault, Role::CustomerAdmin, "anna").await;
    vault.advance_days(31);
    let review = "2026-07-20";
    let node = vault.second_node().await;
    let each = async {
        let mut placed = Vec::new();
        for id in &ids {
            let body = json!({
                "kind": "customer", "case": "C-1", "review_on": review, "recordings": [id],
            });
            let answer = hold(&vault, &admin, body).await;
            match answer.status {
                StatusCode::CREATED => placed.push(*id),
                StatusCode::CONFLICT => assert_eq!(answer.code(), "already_erased"),
                _ => panic!("{}", answer.text()),
            }
        }
        placed
    };
    let (one, other, placed) = tokio::join!(vault.vault.erase_due(), node.erase_due(), each);
    let (one, other) = (one.unwrap(), other.unwrap());
    for id in &placed {
        let row = row(&vault, *id).await;
        assert!(row.held && row.state == State::Stored && opens(&vault, &row), "{row:?}");
    }
    let erased = one.erased + other.erased;
    assert_eq!(usize::try_from(erased).unwrap() + placed.len(), ids.len());
}

async fn placing_races_with_ingest_and_nothing_slips_through(vault: TestVault) {
    let admin = somebody(&vault, Role::CustomerAdmin, "anna").await;
    let body = json!({
        "kind": "customer", "case": "C-1", "review_on": "2026-06-20", "filter": {"line": "201"},
    });
    let uploads = async {
        let all = (0..16).map(|seed| {
            let vault = &vault;
            async move { vault.recording(ACME, &tone(0.1, seed)).await }
        });
        futures_util::future::join_all(all).await
    };
    let (ids, placed) = tokio::join!(uploads, hold(&vault, &admin, body));
    assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
    for id in ids {
        assert!(row(&vault, id).await.held, "before the hold or after it, never in between");
    }
    let holds = vault.get("/v1/holds").token(&admin).send().await.json();
    assert_eq!(holds["items"][0]["recordings"], 16);
}

async fn what_two_holds_keep_needs_both_to_let_go(vault: TestVault) {
    let id = vault.recording(ACME, &tone(0.5, 1)).await;
    let admins = [
        somebody(&vault, Role::CustomerAdmin, "anna").await,
        somebody(&vault, Role::CustomerAdmin, "bram").await,
        somebody(&vault, Role::CustomerAdmin, "cleo").await,
    ];
    let first = hold(&vault, &admins[0], claim(&[id])).await.json();
    let second = hold(&vault, &admins[0], claim(&[id])).await.json();
    vault.advance_days(31);
    release(&vault, &first, &admins[1], &admins[2]).await;
    assert_eq!(pass(&vault).await, 0, "the other one keeps it");
    assert!(row(&vault, id).await.held);
    release(&vault, &second, &admins[1], &admins[2]).await;
    assert_eq!(pass(&vault).await, 1);
    let list = async |query: &str| {
        let page = vault.get(&format!("/v1/holds?{query}")).token(&admins[0]).send().await;
        page.json()["items"].as_array().unwrap().len()
    };
    assert_eq!((list("state=released").await, list("state=open").await), (2, 0));
}

#[tokio::test]
async fn what_is_missing_or_makes_no_sense_is_named() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    let anna = somebody(&vault, Role::Compliance, "anna").await;
    let cases = [
        ("kind", json!(null)),
        ("kind", json!("because")),
        ("case", json!(null)),
        ("case", json!("mevrouw de Vries")),
        ("case", json!("0612345678")),
        ("review_on", json!(null)),
        ("review_on", json!("2026-06-01")),
        ("review_on", json!("2028-06-01")),
        ("review_on", json!("soon")),
        ("recordings", json!(null)),
        ("recordings", json!([])),
        ("filter", json!({"number": "0612345678"})),
    ];
    for (field, value) in cases {
        let mut body = claim(&[id]);
        body[field] = value;
        let answer = hold(&vault, &anna, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(field), "{}", answer.text());
    }
    for (field, filter) in [
        ("filter.number", json!({"number": "abc"})),
        ("filter.from", json!({"from": "yesterday", "agent": "x"})),
        ("filter.to", json!({"from": "2026-02-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"})),
        ("filter.direction", json!({"direction": "up", "agent": "x"})),
        ("filter.agent", json!({"agent": " "})),
        ("filter:", json!({})),
        ("filter:", json!({"direction": "inbound"})),
    ] {
        let mut body = claim(&[]);
        body["recordings"] = json!(null);
        body["filter"] = filter;
        let answer = hold(&vault, &anna, body.clone()).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(field), "{}", answer.text());
    }
    let page = vault.get("/v1/holds").token(&anna).send().await.json();
    assert_eq!(page["items"], json!([]), "nothing of it was placed");
}

#[tokio::test]
async fn who_may_hold_what_follows_the_matrix() {
    let vault = TestVault::new().await;
    let (support, acme) =
        (vault.recording(SUPPORT, &tone(0.5, 1)).await, vault.recording(ACME, &tone(0.5, 2)).await);
    let kinds = ["legal_claim", "authority_order", "customer"];
    // One line a role; the columns are the kinds.
    let matrix = [
        (Role::Ingest, "..."),
        (Role::Trainer, "..."),
        (Role::Evidence, "#.."),
        (Role::CustomerAdmin, "###"),
        (Role::CustomerListener, "..."),
        (Role::Compliance, "##."),
        (Role::Auditor, "..."),
        (Role::Legal, ".#."),
        (Role::Operator, "..."),
    ];
    assert_eq!(matrix.len(), Role::ALL.len());
    for (role, row) in matrix {
        let token = vault.token(role).await;
        let (own, others) = if role.is_customers() { (acme, support) } else { (support, acme) };
        for (kind, cell) in kinds.iter().zip(row.chars()) {
            let mut body = claim(&[own]);
            body["kind"] = json!(kind);
            let may = hold(&vault, &token, body.clone()).await.status;
            let expected = if cell == '#' { StatusCode::CREATED } else { StatusCode::FORBIDDEN };
            assert_eq!(may, expected, "{role} {kind}");
            body["recordings"] = json!([others]);
            let expected = if cell == '#' { StatusCode::NOT_FOUND } else { StatusCode::FORBIDDEN };
            assert_eq!(hold(&vault, &token, body).await.status, expected, "{role} {kind}");
        }
    }
    let listed = async |role| {
        let token = vault.token(role).await;
        let page = vault.get("/v1/holds?limit=2").token(&token).send().await;
        (page.status == StatusCode::OK).then(|| {
            (page.json()["items"].as_array().unwrap().len(), page.json()["next"].is_string())
        })
    };
    assert_eq!(listed(Role::CustomerAdmin).await, Some((2, true)));
    assert_eq!(listed(Role::Auditor).await, Some((2, true)));
    assert_eq!(listed(Role::Trainer).await, None);
}

#[tokio::test]
async fn a_review_that_nobody_did_is_told() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    let anna = somebody(&vault, Role::Compliance, "anna").await;
    hold(&vault, &anna, claim(&[id])).await;
    let overdue = async || {
        let page = vault.get("/v1/holds?review=overdue").token(&anna).send().await.json();
        page["items"].as_array().unwrap().len()
    };
    vault.advance_days(19);
    assert_eq!(overdue().await, 0, "the day itself is in time");
    vault.advance_days(1);
    assert_eq!(overdue().await, 1);
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    vault.advance_days(75);
    let guard = metrics::set_default_local_recorder(&recorder);
    vault.vault.measure().await.unwrap();
    drop(guard);
    let text = handle.render();
    for line in [
        "callvault_holds_review_overdue 1",
        "callvault_suspended{ground=\"hold\"} 1",
        "callvault_overdue 0",
    ] {
        assert!(text.contains(line), "{line} in\n{text}");
    }
}

#[tokio::test]
async fn a_clock_that_jumps_releases_nothing() {
    let vault = TestVault::new().await;
    let id = vault.recording(SUPPORT, &tone(0.5, 1)).await;
    let anna = somebody(&vault, Role::Compliance, "anna").await;
    hold(&vault, &anna, claim(&[id])).await;
    vault.clock.jump(SignedDuration::from_hours(24 * 1000));
    assert_eq!(pass(&vault).await, 0);
    vault.vault.forget().await.unwrap();
    let after = row(&vault, id).await;
    assert!(after.held && opens(&vault, &after), "overdue for review, and kept all the same");
}
