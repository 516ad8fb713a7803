//! Holding and letting go, killed in the middle: a hold is there with all it keeps, or not at all.

use std::time::Duration;

use callvault::index::{ledger_entries, recordings as rows};
use callvault::model::{Clock, Event, RecordingId, State};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Process, Site, With, acme};
use crate::harness::{Engine, tone};

/// Three who decide for acme.
async fn people(site: &Site) -> [String; 3] {
    let of = ["token", "create", "--role", "customer_admin", "--customer", "acme", "--name"];
    let mut tokens = ["one", "two", "three"].map(str::to_owned);
    for token in &mut tokens {
        let made = site.ok(&[&of[..], &[token.as_str()]].concat()).await;
        made.out.trim().clone_into(token);
    }
    tokens
}

fn hold(id: Uuid) -> Value {
    let review = Clock::system().now().plus(SignedDuration::from_hours(240)).day().to_string();
    json!({ "kind": "customer", "case": "C-1", "recordings": [id], "review_on": review })
}

/// Asks and does not wait longer than until the process stands still.
async fn ask(node: &Process, path: &str, token: &str, body: &Value) {
    let asking = node.try_post(path, token, body);
    let answer = tokio::time::timeout(Duration::from_secs(20), async {
        tokio::select! {
            answer = asking => panic!("it did not stand still: {:?}", answer.map(|a| a.text())),
            () = node.stands_still() => {}
        }
    });
    answer.await.expect("it stands still");
}

async fn held(site: &Site, id: Uuid) -> (bool, usize) {
    let index = site.index().await;
    let row = rows::find(&index, RecordingId(id)).await.unwrap().unwrap();
    assert_eq!(row.state, State::Stored);
    let told = ledger_entries::about(&index, RecordingId(id)).await.unwrap();
    (row.held, told.iter().filter(|entry| entry.event == Event::HoldPlaced).count())
}

async fn killed_while_placing(engine: Engine) {
    let site = Site::on(engine).await;
    let [one, two, three] = people(&site).await;
    let node = site.serve().await;
    let id = node.upload(&site.pbx, &acme("a-1"), tone(0.5, 1)).await.id();
    node.kill().await;
    let body = hold(id);
    for (point, there) in [("hold.placing", false), ("hold.placed", true)] {
        let node = site.serve_with(&With::stop_at(point)).await;
        ask(&node, "/v1/holds", &one, &body).await;
        node.kill().await;
        assert_eq!(held(&site, id).await, (there, usize::from(there)), "{point}");
        let node = site.serve().await;
        let listed = node.get("/v1/holds", &one).await.json();
        assert_eq!(listed["items"].as_array().unwrap().len(), usize::from(there), "{point}");
        node.kill().await;
    }
    // Letting go takes two more, and is killed once.
    let node = site.serve_with(&With::stop_at("hold.releasing")).await;
    let placed = node.get("/v1/holds", &one).await.json();
    let path = format!("/v1/holds/{}/release", placed["items"][0]["id"].as_str().unwrap());
    let asked = node.try_post(&path, &two, &json!({})).await.unwrap();
    assert_eq!(asked.status, 202, "{}", asked.text());
    let waiting = node.get("/v1/approvals", &three).await.json();
    let path = format!("/v1/approvals/{}/approve", waiting["items"][0]["id"].as_str().unwrap());
    ask(&node, &path, &three, &json!({})).await;
    node.kill().await;
    assert!(held(&site, id).await.0, "nothing of it took effect");
    let node = site.serve().await;
    let done = node.try_post(&path, &three, &json!({})).await.unwrap();
    assert!(done.status < 300, "{}", done.text());
    assert!(!held(&site, id).await.0);
}

#[tokio::test]
async fn a_hold_that_is_killed_is_there_or_is_not() {
    killed_while_placing(Engine::Sqlite).await;
}

#[tokio::test]
async fn a_hold_that_is_killed_is_there_or_is_not_at_scale() {
    killed_while_placing(Engine::Postgres).await;
}

#[tokio::test]
async fn keys_of_held_recordings_survive_a_night_that_is_killed() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let site = Site::on(engine).await;
        let [one, ..] = people(&site).await;
        let node = site.serve().await;
        let id = node.upload(&site.pbx, &acme("a-1"), tone(0.5, 1)).await.id();
        let placed = node.try_post("/v1/holds", &one, &hold(id)).await.unwrap();
        assert!(placed.status < 300, "{}", placed.text());
        node.kill().await;
        for (point, days) in ["suspended.journaled", "suspended.moving"].into_iter().zip(31..) {
            let later = With::days_ahead(days);
            let confirmed = site.run(&["erase", "--confirm"], &later).await;
            assert_eq!(confirmed.code, Some(0), "{}", confirmed.err);
            let night = site.start(&["forget"], &later.clone().and_stop_at(point));
            night.stands_still().await;
            night.kill().await;
        }
        let later = With::days_ahead(33);
        site.run(&["erase", "--confirm"], &later).await;
        let done = site.run(&["forget"], &later).await;
        assert_eq!(done.code, Some(0), "{}", done.err);
        let index = site.index().await;
        let row = rows::find(&index, RecordingId(id)).await.unwrap().unwrap();
        assert_eq!((row.state, row.held), (State::Stored, true));
        let scrubbed = site.run(&["scrub", "--all", "--json"], &later).await;
        assert_eq!(scrubbed.json()["objects"], 1, "it opens: {}", scrubbed.err);
    }
}
