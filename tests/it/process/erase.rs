//! An eraser that is killed at each step: whoever comes next finishes the work, once (I16).

use callvault::index::{ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId, State};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::{Site, With, acme, eventually, support};
use crate::harness::{Engine, tone};

/// After this the claim of a node counts as that of one that died.
const STALE: SignedDuration = SignedDuration::from_mins(6);

/// Kills `callvault erase` at a step, a month from now, and lets another one go on.
async fn killed(point: &'static str) {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let mut due = Vec::new();
    for (call, seed) in [("a-1", 1), ("a-2", 2)] {
        due.push(node.upload(&site.pbx, &acme(call), tone(0.5, seed)).await.id());
    }
    let audio = tone(0.5, 3);
    let call = support(SignedDuration::from_hours(1), "s-1");
    let kept = node.upload(&site.pbx, &call, audio.clone()).await.id();
    node.kill().await;

    let later = With::days_ahead(31);
    let eraser = site.start(&["erase", "--confirm"], &later.clone().and_stop_at(point));
    eraser.stands_still().await;
    eraser.kill().await;

    let node = site.serve_with(&later).await;
    for id in &due {
        let answer = node.play(&site.listener, *id, "own_use").await;
        assert_eq!(answer.status, 410, "{}", answer.text());
    }
    assert_eq!(node.play(&site.trainer, kept, "training").await.body, audio);

    let later = later.and_ahead(STALE);
    let pass = site.run(&["erase", "--json"], &later).await;
    assert_eq!((pass.code, &pass.json()["unfinished"]), (Some(0), &json!(0)), "{}", pass.err);
    let pass = site.run(&["erase", "--json"], &later).await.json();
    assert_eq!((&pass["erased"], &pass["buried"]), (&json!(0), &json!(0)), "nothing is left");
    erased_once(&site, &due).await;
    assert_eq!(node.play(&site.trainer, kept, "training").await.body, audio);
    let found = site.run(&["reconcile", "--grace", "PT0S", "--json"], &later).await.json();
    assert_eq!((&found["objects"], &found["recordings"]), (&json!(1), &json!(1)), "{found}");
    assert_eq!((&found["orphans"], &found["missing"]), (&json!(0), &json!(0)));
}

/// Each has no key, no object by the vault's word, and exactly one entry that says so (I8).
async fn erased_once(site: &Site, due: &[Uuid]) {
    let index = site.index().await;
    for id in due {
        let row = rows::find(&index, RecordingId(*id)).await.unwrap().unwrap();
        assert!(matches!(row.state, State::AudioErased | State::Tombstone), "{:?}", row.state);
        assert!(row.key.wrap.is_none() && row.key_destroyed_at.is_some());
        let entries = ledger_entries::about(&index, RecordingId(*id)).await.unwrap();
        for event in [Event::RecordingAccepted, Event::ErasureKeyDestroyed, Event::RecordingErased]
        {
            let count = entries.iter().filter(|entry| entry.event == event).count();
            assert_eq!(count, 1, "{event:?} of {id}");
        }
    }
}

#[tokio::test]
async fn killed_after_the_claim() {
    killed("erase.claimed").await;
}

#[tokio::test]
async fn killed_while_keys_are_destroyed() {
    killed("erase.destroying").await;
}

#[tokio::test]
async fn killed_when_keys_are_destroyed() {
    killed("erase.key_destroyed").await;
}

#[tokio::test]
async fn killed_when_objects_are_deleted() {
    killed("erase.deleted").await;
}

#[tokio::test]
async fn killed_while_it_is_written_down() {
    killed("erase.finishing").await;
}

#[tokio::test]
async fn killed_when_it_is_written_down() {
    killed("erase.finished").await;
}

#[tokio::test]
async fn killed_while_metadata_goes() {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let call = support(SignedDuration::from_hours(1), "s-1");
    let id = node.upload(&site.pbx, &call, tone(0.5, 1)).await.id();
    node.kill().await;
    let later = With::days_ahead(190);
    let eraser = site.start(&["erase", "--confirm"], &later.clone().and_stop_at("erase.burying"));
    eraser.stands_still().await;
    eraser.kill().await;

    let index = site.index().await;
    let row = rows::find(&index, RecordingId(id)).await.unwrap().unwrap();
    assert_eq!(row.state, State::AudioErased);
    let pass = site.run(&["erase", "--json"], &later).await;
    assert_eq!((pass.code, &pass.json()["buried"]), (Some(0), &json!(1)), "{}", pass.err);
    erased_once(&site, &[id]).await;
    let row = rows::find(&index, RecordingId(id)).await.unwrap().unwrap();
    assert_eq!(row.state, State::Tombstone);
    let entries = ledger_entries::about(&index, RecordingId(id)).await.unwrap();
    let buried = entries.iter().filter(|entry| entry.event == Event::MetadataErased).count();
    assert_eq!(buried, 1);
}

/// Kills a whole node whose own eraser is at work, and lets another node go on.
async fn node_killed(engine: Engine, point: &'static str) {
    let site = Site::on(engine).await;
    let node = site.serve_with(&With { eraser: true, ..With::stop_at(point) }).await;
    // Their 90 days end in a few seconds, at the same moment.
    let ago = SignedDuration::from_hours(24 * 90) - SignedDuration::from_secs(4);
    let mut call = support(ago, "s-1");
    let first = node.upload(&site.pbx, &call, tone(0.5, 1)).await.id();
    call.push(("leg".into(), "b".into()));
    let due = [first, node.upload(&site.pbx, &call, tone(0.5, 2)).await.id()];
    let audio = tone(0.5, 3);
    let kept = node.upload(&site.pbx, &acme("a-1"), audio.clone()).await.id();
    node.stands_still().await;
    node.kill().await;

    let node = site.serve_with(&With { eraser: true, ..With::default() }).await;
    for id in due {
        assert_eq!(node.play(&site.trainer, id, "training").await.status, 410);
    }
    age_claims(&site).await;
    let index = site.index().await;
    eventually("they are erased", async || {
        let rows = due.map(|id| rows::find(&index, RecordingId(id)));
        let rows = futures_util::future::try_join_all(rows).await.unwrap();
        rows.into_iter().flatten().all(|row| row.state == State::AudioErased)
    })
    .await;
    erased_once(&site, &due).await;
    assert_eq!(node.play(&site.listener, kept, "own_use").await.body, audio);
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(1), &json!(0)), "{found}");
}

/// Makes the claims of the dead node old, as five minutes of waiting would.
async fn age_claims(site: &Site) {
    use sqlx::Connection;
    if site.index_url.starts_with("sqlite") {
        let mut index = sqlx::SqliteConnection::connect(&site.index_url).await.unwrap();
        let sql = "UPDATE recordings SET claimed_at = claimed_at - 600000000";
        sqlx::raw_sql(sql).execute(&mut index).await.unwrap();
    } else {
        let mut index = sqlx::PgConnection::connect(&site.index_url).await.unwrap();
        let sql = "UPDATE recordings SET claimed_at = claimed_at - INTERVAL '10 minutes'";
        sqlx::raw_sql(sql).execute(&mut index).await.unwrap();
    }
}

#[tokio::test]
async fn a_node_is_killed_when_keys_are_destroyed() {
    node_killed(Engine::Sqlite, "erase.key_destroyed").await;
}

#[tokio::test]
async fn a_node_is_killed_after_the_claim_at_scale() {
    node_killed(Engine::Postgres, "erase.claimed").await;
}

#[tokio::test]
async fn a_node_is_killed_when_keys_are_destroyed_at_scale() {
    node_killed(Engine::Postgres, "erase.key_destroyed").await;
}

#[tokio::test]
async fn a_node_is_killed_when_objects_are_deleted_at_scale() {
    node_killed(Engine::Postgres, "erase.deleted").await;
}

#[tokio::test]
async fn a_node_is_killed_while_it_is_written_down_at_scale() {
    node_killed(Engine::Postgres, "erase.finishing").await;
}
