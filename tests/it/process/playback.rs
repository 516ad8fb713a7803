//! A playback whose node is killed is told of all the same, once, by whichever node comes next.

use std::time::Duration;

use callvault::index::{Db, ledger_entries};
use callvault::model::RecordingId;
use jiff::SignedDuration;
use uuid::Uuid;

use super::{Site, With, eventually, support};
use crate::harness::{Engine, tone};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nodes_playback_is_told_once_embedded() {
    a_killed_nodes_playback_is_told_once(Engine::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_nodes_playback_is_told_once_at_scale() {
    a_killed_nodes_playback_is_told_once(Engine::Postgres).await;
}

async fn a_killed_nodes_playback_is_told_once(engine: Engine) {
    let site = Site::on(engine).await;
    let server = site.serve().await;
    let call = support(SignedDuration::from_hours(1), "heard");
    let id = server.upload(&site.pbx, &call, tone(2.0, 1)).await.id();
    assert_eq!(server.play(&site.trainer, id, "training").await.status, 200);
    let index = site.index().await;
    // What was heard is written down within seconds, never for a range.
    tokio::time::sleep(Duration::from_secs(7)).await;
    server.kill().await;
    assert_eq!(told(&index, id).await, Vec::<i64>::new(), "nobody could tell of it yet");

    // Too early, then late enough.
    let early = site.serve_with(&With::default().and_ahead(SignedDuration::from_mins(5))).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(told(&index, id).await, Vec::<i64>::new(), "it may go on elsewhere");
    early.kill().await;
    let late = With::default().and_ahead(SignedDuration::from_mins(15));
    let nodes = tokio::join!(site.serve_with(&late), site_node(&site, engine, &late));
    eventually("it is told", async || !told(&index, id).await.is_empty()).await;
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(told(&index, id).await, [100], "once, with what was heard");
    drop(nodes);
}

/// A second node, where two can share an index.
async fn site_node(site: &Site, engine: Engine, with: &With) -> Option<super::Process> {
    match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(site.serve_with(with).await),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_killed_before_the_first_byte_has_the_playback_on_record() {
    let site = Site::on(Engine::Sqlite).await;
    let server = site.serve().await;
    let call = support(SignedDuration::from_hours(1), "heard");
    let id = server.upload(&site.pbx, &call, tone(2.0, 1)).await.id();
    server.kill().await;
    let server = site.serve_with(&With::stop_at("playback.begun")).await;
    let (url, trainer) = (server.url.clone(), site.trainer.clone());
    let http = site.http.clone();
    let asking = tokio::spawn(async move {
        let url = format!("{url}/v1/recordings/{id}/audio?purpose=training");
        http.get(url).bearer_auth(trainer).send().await
    });
    server.stands_still().await;
    server.kill().await;
    assert!(asking.await.unwrap().is_err(), "not a byte left");
    let late = With::default().and_ahead(SignedDuration::from_mins(15));
    let _server = site.serve_with(&late).await;
    let index = site.index().await;
    eventually("it is told", async || told(&index, id).await == [0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_told_to_stop_ends_its_playbacks() {
    let site = Site::on(Engine::Sqlite).await;
    let server = site.serve().await;
    let call = support(SignedDuration::from_hours(1), "heard");
    let id = server.upload(&site.pbx, &call, tone(2.0, 1)).await.id();
    assert_eq!(server.play(&site.trainer, id, "training").await.status, 200);
    server.terminate().await;
    assert_eq!(server.end().await, Some(0));
    assert_eq!(told(&site.index().await, id).await, [100]);
}

/// The coverage of each playback in the ledger.
async fn told(index: &Db, id: Uuid) -> Vec<i64> {
    let entries = ledger_entries::about(index, RecordingId(id)).await.unwrap();
    let played = entries.iter().filter(|entry| entry.event.as_str() == "access.played");
    played
        .map(|entry| {
            let leaf: serde_json::Value = serde_json::from_str(&entry.body).unwrap();
            leaf["cov"].as_i64().unwrap()
        })
        .collect()
}
