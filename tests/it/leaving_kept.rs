//! What outlives the end of service, and for how long: what an authority or a suspending
//! restriction keeps, and what a customer is still to be told.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use callvault::index::{controllers, ledger_entries, recordings};
use callvault::model::{Event, RecordingId, Role};
use callvault::vault::EndPass;
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ACME, TestResponse, TestVault, tone};
use crate::holds::{hold, post, release, somebody};
use crate::on_each_vault;
use crate::webhooks::Receiver;

on_each_vault! {
    what_a_restriction_suspends_outlives_the_service,
    only_an_authoritys_hold_outlives_the_service,
    the_last_erasures_are_told_before_the_key_goes,
}

const END: &str = "/v1/customers/acme/end-of-service";

async fn calls(vault: &TestVault) -> Vec<Uuid> {
    let mut calls = Vec::new();
    for seed in 1..4 {
        calls.push(vault.recording(ACME, &tone(0.5, seed)).await);
    }
    calls
}

async fn leave(vault: &TestVault) {
    let operator = vault.token(Role::Operator).await;
    let notice = json!({ "return_window": "P30D", "case": "N-1" });
    let noticed = post(vault, &operator, END, notice).await;
    assert_eq!(noticed.status, StatusCode::CREATED, "{}", noticed.text());
    let done = post(vault, &operator, &format!("{END}/finish"), json!({ "case": "C-9" })).await;
    assert_eq!(done.status, StatusCode::ACCEPTED, "{}", done.text());
}

/// One pass, which has to come to an end.
async fn pass(vault: &TestVault) -> EndPass {
    let pass = tokio::time::timeout(Duration::from_mins(1), vault.vault.end_services()).await;
    pass.expect("a pass ends").unwrap()
}

async fn state(vault: &TestVault) -> Value {
    let operator = vault.token(Role::Operator).await;
    vault.get(END).token(&operator).send().await.json()
}

async fn bodies(vault: &TestVault, event: Event) -> Vec<String> {
    let index = vault.vault.index();
    let reference = "acme".parse().unwrap();
    let acme = controllers::find_customer(index, &reference).await.unwrap().unwrap().id;
    let entries = ledger_entries::list(index, acme, 0, 1000).await.unwrap();
    entries.into_iter().filter(|entry| entry.event == event).map(|entry| entry.body).collect()
}

async fn what_a_restriction_suspends_outlives_the_service(vault: TestVault) {
    let calls = calls(&vault).await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let path = format!("/v1/recordings/{}/restriction", calls[0]);
    let set = post(&vault, &admin, &path, json!({ "case": "R-1", "ground": "claim" })).await;
    assert!(set.status.is_success(), "{}", set.text());
    leave(&vault).await;
    let first = pass(&vault).await;
    assert_eq!((first.erased, first.ended, first.waiting), (2, 0, 1), "{first:?}");
    assert_eq!(bodies(&vault, Event::ErasureAborted).await.len(), 0, "it was never claimed");
    let left = state(&vault).await;
    assert_eq!(left["phase"], "held");
    let remaining = &left["remaining"];
    assert_eq!((&remaining["recordings"], &remaining["restricted"]), (&json!(1), &json!(1)));
    let keeper = &remaining["kept_by"][0];
    assert_eq!((&keeper["by"], &keeper["why"]), (&json!("restriction"), &json!("claim")));
    assert_eq!((&keeper["case"], &keeper["recordings"]), (&json!("R-1"), &json!(1)));
    assert!(keeper["review_on"].as_str().unwrap().starts_with("20"), "{keeper}");

    let lift = vault.request(Request::delete(&path)).token(&admin);
    let lifted = lift.json(&json!({ "case": "R-1", "outcome": "withdrawn" })).send().await;
    assert!(lifted.status.is_success(), "{}", lifted.text());
    let last = pass(&vault).await;
    assert_eq!((last.erased, last.ended), (1, 1), "{last:?}");
    let id = RecordingId(calls[0]);
    let row = recordings::find(vault.vault.index(), id).await.unwrap().unwrap();
    assert_eq!(row.cause.unwrap().as_str(), "end_of_service");
}

async fn only_an_authoritys_hold_outlives_the_service(vault: TestVault) {
    let calls = calls(&vault).await;
    let anna = somebody(&vault, Role::CustomerAdmin, "anna").await;
    let bram = somebody(&vault, Role::CustomerAdmin, "bram").await;
    let wish = |kind: &str, id: Uuid| json!({ "kind": kind, "case": "H-1", "recordings": [id], "review_on": "2026-06-20" });
    let place = async |kind: &str, id: Uuid| {
        let placed = hold(&vault, &anna, wish(kind, id)).await;
        assert_eq!(placed.status, StatusCode::CREATED, "{}", placed.text());
        placed.json()
    };
    let ordered = place("authority_order", calls[0]).await;
    place("customer", calls[0]).await;
    place("customer", calls[1]).await;
    place("legal_claim", calls[2]).await;
    leave(&vault).await;
    let first = pass(&vault).await;
    assert_eq!((first.erased, first.ended, first.waiting), (2, 0, 1), "{first:?}");
    let released = bodies(&vault, Event::HoldReleased).await;
    assert_eq!(released.len(), 3, "{released:?}");
    assert!(released.iter().all(|body| body.contains(r#""why":"end_of_service""#)));
    let left = state(&vault).await;
    assert_eq!((&left["phase"], &left["remaining"]["held"]), (&json!("held"), &json!(1)));
    let kept = left["remaining"]["kept_by"].as_array().unwrap();
    assert_eq!(kept.len(), 1, "{left}");
    assert_eq!((&kept[0]["by"], &kept[0]["why"]), (&json!("hold"), &json!("authority_order")));
    assert_eq!(kept[0]["review_on"], "2026-06-20");

    assert_eq!(pass(&vault).await.erased, 0);
    release(&vault, &ordered, &anna, &bram).await;
    let last = pass(&vault).await;
    assert_eq!((last.erased, last.ended), (1, 1), "{last:?}");
}

async fn listen_to(vault: &TestVault, url: &str) {
    let admin = vault.token(Role::CustomerAdmin).await;
    let body = json!({ "url": url, "events": ["recording.erased"] });
    let added = post(vault, &admin, "/v1/webhooks", body).await;
    assert_eq!(added.status, StatusCode::CREATED, "{}", added.text());
}

async fn the_last_erasures_are_told_before_the_key_goes(vault: TestVault) {
    calls(&vault).await;
    let receiver = Receiver::default();
    listen_to(&vault, &receiver.listen().await).await;
    leave(&vault).await;
    let first = pass(&vault).await;
    assert_eq!((first.erased, first.ended, first.waiting), (3, 0, 1), "{first:?}");
    vault.vault.send_webhooks().await.unwrap();
    assert_eq!(receiver.got().len(), 3);
    assert_eq!(pass(&vault).await.ended, 1);
}

#[tokio::test]
async fn an_endpoint_that_is_away_delays_the_end_by_an_hour_at_most() {
    let vault = TestVault::new().await;
    calls(&vault).await;
    // Nobody listens there.
    listen_to(&vault, "http://127.0.0.1:1/").await;
    leave(&vault).await;
    assert_eq!(pass(&vault).await.erased, 3);
    vault.vault.send_webhooks().await.unwrap();
    vault.advance(SignedDuration::from_mins(50));
    assert_eq!(pass(&vault).await.ended, 0);
    vault.advance(SignedDuration::from_mins(11));
    assert_eq!(pass(&vault).await.ended, 1);
}

#[tokio::test]
async fn a_bad_value_is_refused_by_name() {
    let vault = TestVault::new().await;
    let admin = vault.token(Role::CustomerAdmin).await;
    let operator = vault.token(Role::Operator).await;
    let refused = |answer: TestResponse, field: &str| {
        let what = (answer.status, answer.json()["field"].clone());
        assert_eq!(what, (StatusCode::UNPROCESSABLE_ENTITY, json!(field)), "{}", answer.text());
    };
    for window in ["P0D", "x", "P13M", "P400D", ""] {
        let body = json!({ "return_window": window, "case": "N-1" });
        refused(post(&vault, &operator, END, body).await, "return_window");
    }
    let export = "/v1/customers/acme/export";
    let (june, july) = ("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z");
    for (field, from, to) in [("from", "x", july), ("to", june, "tomorrow"), ("from", july, june)] {
        let body = json!({ "case": "X-1", "from": from, "to": to });
        refused(post(&vault, &admin, export, body).await, field);
    }
    let body = json!({ "url": "https://example.net/", "events": ["recording.played"] });
    refused(post(&vault, &admin, "/v1/webhooks", body).await, "events");
    let body = json!({ "return_window": "P1Y", "case": "N-1" });
    assert_eq!(post(&vault, &operator, END, body).await.status, StatusCode::CREATED);
}
