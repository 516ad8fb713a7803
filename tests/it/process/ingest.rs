//! A node that is killed while it takes a recording in: what it acknowledged is there, what it did
//! not leaves nothing that reconciling does not find (I13).

use jiff::SignedDuration;
use serde_json::json;

use super::{Process, Site, With, eventually, support};
use crate::harness::{Engine, tone};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What a killed upload leaves.
#[derive(Clone, Copy, PartialEq)]
enum Left {
    /// Parts of an object.
    Parts,
    /// An object nobody knows of.
    Orphan,
    /// The recording, though nobody was told.
    Recording,
}

/// Kills a node in an upload and checks what is there when it is back.
async fn killed(engine: Engine, point: &'static str, seconds: f64, left: Left) {
    let kept = left == Left::Recording;
    let site = Site::on(engine).await;
    let node = site.serve_with(&With::stop_at(point)).await;
    // The fail point lets nothing through, so what came before came in through another node.
    let before = site.serve().await;
    let (first, audio) = (tone(0.5, 1), tone(seconds, 2));
    let acknowledged = before.upload(&site.pbx, &support(HOUR, "c-1"), first.clone()).await.id();
    before.kill().await;
    let call = support(HOUR, "c-2");
    let upload = tokio::spawn(node.try_upload(&site.pbx, &call, audio.clone()));
    node.stands_still().await;
    node.kill().await;
    assert!(upload.await.unwrap().is_err(), "nobody acknowledged it");

    let node = site.serve().await;
    assert_eq!(node.play(&site.trainer, acknowledged, "training").await.body, first);
    assert_eq!(recordings(&site, &node).await, if kept { 2 } else { 1 });
    let again = node.upload(&site.pbx, &call, audio.clone()).await;
    assert_eq!(again.status, if kept { 200 } else { 201 }, "{}", again.text());
    assert_eq!(recordings(&site, &node).await, 2, "exactly one of it");
    assert_eq!(node.play(&site.trainer, again.id(), "training").await.body, audio);

    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!(found["orphans_removed"], json!(u8::from(left == Left::Orphan)), "{found}");
    assert_eq!(found["unfinished_removed"], json!(u8::from(left == Left::Parts)), "{found}");
    assert_eq!(found["missing"], 0);
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(2), &json!(0)));
    assert_eq!(node.play(&site.trainer, again.id(), "training").await.body, audio);
    assert_eq!(node.play(&site.trainer, acknowledged, "training").await.body, first);
}

/// Hangs up on a node that decides about an upload, and waits for what it makes of it.
async fn hung_up(engine: Engine, seconds: f64) {
    let site = Site::on(engine).await;
    let slow = "ingest.stored=print(reached);ingest.stored.stop=sleep(1500)";
    let env = vec![("FAILPOINTS", slow.to_owned())];
    let node = site.serve_with(&With { env, ..With::default() }).await;
    let (call, audio) = (support(HOUR, "c-1"), tone(seconds, 2));
    let upload = tokio::spawn(node.try_upload(&site.pbx, &call, audio.clone()));
    node.stands_still().await;
    upload.abort();
    assert!(upload.await.is_err_and(|error| error.is_cancelled()));
    eventually("it is there all the same", async || recordings(&site, &node).await == 1).await;
    let again = node.upload(&site.pbx, &call, audio.clone()).await;
    assert_eq!(again.status, 200, "{}", again.text());
    assert_eq!(node.play(&site.trainer, again.id(), "training").await.body, audio);
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(1), &json!(0)), "{found}");
}

#[tokio::test]
async fn a_client_that_hangs_up_after_its_last_byte_leaves_a_recording() {
    hung_up(Engine::Sqlite, 1.0).await;
}

#[tokio::test]
async fn a_client_that_hangs_up_after_a_large_upload_leaves_a_recording_at_scale() {
    hung_up(Engine::Postgres, 700.0).await;
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_its_client_left() {
    let site = Site::on(Engine::Sqlite).await;
    let slow = "ingest.stored=print(reached);ingest.stored.stop=sleep(1500)";
    let env = vec![("FAILPOINTS", slow.to_owned())];
    let node = site.serve_with(&With { env, ..With::default() }).await;
    let upload = tokio::spawn(node.try_upload(&site.pbx, &support(HOUR, "c-1"), tone(1.0, 2)));
    node.stands_still().await;
    upload.abort();
    // The connection is noticed to be gone before the server is told to stop.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    node.terminate().await;
    assert_eq!(node.end().await, Some(0));
    let node = site.serve().await;
    assert_eq!(recordings(&site, &node).await, 1);
}

async fn recordings(site: &Site, node: &Process) -> usize {
    node.get("/v1/recordings", &site.trainer).await.json()["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn killed_when_the_object_is_stored() {
    killed(Engine::Sqlite, "ingest.stored", 1.0, Left::Orphan).await;
}

#[tokio::test]
async fn killed_when_a_large_object_is_stored() {
    killed(Engine::Sqlite, "ingest.stored", 700.0, Left::Orphan).await;
}

#[tokio::test]
async fn killed_when_the_rows_are_written() {
    killed(Engine::Sqlite, "ingest.written", 1.0, Left::Orphan).await;
}

#[tokio::test]
async fn killed_before_the_answer() {
    killed(Engine::Sqlite, "ingest.committed", 1.0, Left::Recording).await;
}

#[tokio::test]
async fn killed_when_the_rows_are_written_at_scale() {
    killed(Engine::Postgres, "ingest.written", 1.0, Left::Orphan).await;
}

#[tokio::test]
async fn killed_before_the_answer_at_scale() {
    killed(Engine::Postgres, "ingest.committed", 1.0, Left::Recording).await;
}

#[tokio::test]
async fn killed_halfway_through_a_large_upload() {
    killed(Engine::Sqlite, "ingest.part_sent", 1000.0, Left::Parts).await;
}

#[tokio::test]
async fn killed_halfway_through_a_large_upload_at_scale() {
    killed(Engine::Postgres, "ingest.part_sent", 1000.0, Left::Parts).await;
}
