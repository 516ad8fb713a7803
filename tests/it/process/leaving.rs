//! A customer leaves while nodes are killed: whoever comes next ends it, once. And what an
//! operator does for it on the command line.

use callvault::index::{controllers, ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId, Role, State};
use jiff::SignedDuration;
use serde_json::json;
use uuid::Uuid;

use super::{Process, Site, With, acme, eventually};
use crate::harness::{Engine, tone};
use crate::webhooks::{Receiver, verified};

/// After this the claim of a node counts as that of one that died.
const STALE: SignedDuration = SignedDuration::from_mins(6);

async fn calls(site: &Site, node: &Process) -> Vec<Uuid> {
    let mut ids = Vec::new();
    for (call, seed) in [("a-1", 1), ("a-2", 2)] {
        ids.push(node.upload(&site.pbx, &acme(call), tone(0.5, seed)).await.id());
    }
    ids
}

async fn leave(site: &Site) {
    let end = ["customer", "end", "acme"];
    site.ok(&[&end[..], &["--notice", "N-1", "--window", "P30D"]].concat()).await;
    let state = site.ok(&[&end[..], &["--confirm", "C-1", "--json"]].concat()).await.json();
    assert_eq!(state["phase"], "erasing", "{state}");
}

/// Kills the pass at a step and lets another node go on.
async fn killed(engine: Engine, point: &'static str) {
    let site = Site::on(engine).await;
    let node = site.serve().await;
    let ids = calls(&site, &node).await;
    leave(&site).await;
    let end = ["customer", "end", "acme", "--now", "--json"];
    let first = site.start(&end, &With::stop_at(point));
    first.stands_still().await;
    first.kill().await;
    for id in &ids {
        let answer = node.play(&site.listener, *id, "own_use").await;
        assert!(matches!(answer.status, 410 | 401), "{}", answer.text());
    }
    // What the dead node claimed is old by then. The clock of a database server does not move on
    // with ours: there it is killed where no claim is left.
    let later = match engine {
        Engine::Sqlite => With::default().and_ahead(STALE),
        Engine::Postgres => With::default(),
    };
    let pass = site.run(&["erase", "--json"], &later).await;
    assert_eq!(pass.code, Some(0), "{}", pass.err);
    let state = site.run(&end, &later).await;
    assert_eq!(state.json()["phase"], "ended", "{} {}", state.out, state.err);
    assert_eq!(state.json()["erased"]["end_of_service"], 2);
    ended_once(&site, &ids).await;
    let status = site.run(&["keyring", "status", "--json"], &later).await.json();
    assert_eq!(status["controllers"], 1, "only the provider's key is left: {status}");
    assert_eq!(node.play(&site.listener, ids[0], "own_use").await.status, 401);
}

async fn ended_once(site: &Site, ids: &[Uuid]) {
    let index = site.index().await;
    for id in ids {
        let row = rows::find(&index, RecordingId(*id)).await.unwrap().unwrap();
        assert!(row.state == State::Tombstone && row.key.wrap.is_none());
        let entries = ledger_entries::about(&index, RecordingId(*id)).await.unwrap();
        let erased = entries.iter().filter(|entry| entry.event == Event::RecordingErased);
        assert_eq!(erased.count(), 1);
    }
    let reference = "acme".parse().unwrap();
    let acme = controllers::find_customer(&index, &reference).await.unwrap().unwrap();
    let entries = ledger_entries::list(&index, acme.id, 0, 1000).await.unwrap();
    let ended = entries.iter().filter(|entry| entry.event == Event::TenantErased).count();
    assert_eq!(ended, 1, "one entry says so");
}

#[tokio::test]
async fn killed_after_the_claim() {
    killed(Engine::Sqlite, "leave.claimed").await;
}

#[tokio::test]
async fn killed_when_wraps_are_destroyed() {
    killed(Engine::Sqlite, "erase.key_destroyed").await;
}

#[tokio::test]
async fn killed_when_all_is_erased_at_scale() {
    killed(Engine::Postgres, "leave.erased").await;
}

#[tokio::test]
async fn killed_when_the_new_keyring_is_there() {
    killed(Engine::Sqlite, "forget.created").await;
}

#[tokio::test]
async fn killed_when_the_tenant_key_is_destroyed() {
    killed(Engine::Sqlite, "leave.key_destroyed").await;
}

#[tokio::test]
async fn killed_when_the_tenant_key_is_destroyed_at_scale() {
    killed(Engine::Postgres, "leave.key_destroyed").await;
}

#[tokio::test]
async fn killed_while_it_is_written_down() {
    killed(Engine::Sqlite, "leave.ending").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_end_a_service_and_follow_each_other() {
    let site = Site::on(Engine::Postgres).await;
    let with = With { eraser: true, ..With::default() };
    let nodes = tokio::join!(site.serve_with(&with), site.serve_with(&with));
    let ids = calls(&site, &nodes.0).await;
    leave(&site).await;
    eventually("it has ended", async || {
        let state = site.ok(&["customer", "end", "acme", "--json"]).await.json();
        state["phase"] == "ended"
    })
    .await;
    ended_once(&site, &ids).await;
    for node in [&nodes.0, &nodes.1] {
        let answer = node.play(&site.listener, ids[0], "own_use").await;
        assert_eq!(answer.status, 401);
        let again = node.upload(&site.pbx, &acme("a-3"), tone(0.5, 3)).await;
        assert_eq!(again.problem(), (403, "not_subscribed".into()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_download_survives_a_node_that_is_killed() {
    let site = Site::on(Engine::Sqlite).await;
    let role = Role::CustomerAdmin.as_str();
    let admin = site.token(&["--role", role, "--customer", "acme"]).await;
    // It stands still before the fourth window: six megabytes of the audio have gone out.
    let stop = "export.window=3*off->print(reached);export.window.stop=3*off->pause";
    let with = With { env: vec![("FAILPOINTS", stop.into())], ..With::default() };
    let node = site.serve_with(&with).await;
    let audio = tone(1500.0, 1);
    let id = node.upload(&site.pbx, &acme("a-1"), audio.clone()).await.id();
    let out = site.dir.path().join("acme.zip");
    let place = format!("{}/v1/customers/acme/export", node.url);
    let made = site.http.post(&place).bearer_auth(&admin).json(&json!({ "case": "X-1" }));
    let made: serde_json::Value = made.send().await.unwrap().json().await.unwrap();
    let export = made["id"].as_str().unwrap().to_owned();
    let zip = site.http.get(format!("{place}/{export}/zip")).bearer_auth(&admin);
    let mut answer = zip.send().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut got = Vec::new();
        while let Ok(Some(piece)) = answer.chunk().await {
            got.extend_from_slice(&piece);
        }
        got
    });
    node.stands_still().await;
    node.kill().await;
    let got = reading.await.unwrap();
    assert!((4 << 20..12 << 20).contains(&got.len()), "{}", got.len());
    std::fs::write(&out, &got).unwrap();
    let node = site.serve().await;
    let mut args = vec!["customer", "export", "acme", "--out", out.to_str().unwrap()];
    args.extend(["--token", &admin, "--url", &node.url, "--id", &export, "--json"]);
    let done = site.run(&args, &With::default()).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    let whole = std::fs::read(&out).unwrap();
    assert!(whole.starts_with(&got) && whole.len() > audio.len());
    let script = "import sys, zipfile\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        sys.stdout.buffer.write(z.read(sys.argv[2]))";
    let python = std::process::Command::new("python3")
        .args(["-c", script, out.to_str().unwrap(), &format!("audio/{id}.wav")])
        .output()
        .unwrap();
    assert!(python.stdout == audio, "{}", String::from_utf8_lossy(&python.stderr));

    // And as any other client does it.
    std::fs::write(&out, &whole[..whole.len() / 2]).unwrap();
    let zip = format!("{}/v1/customers/acme/export/{export}/zip", node.url);
    let curl = std::process::Command::new("curl")
        .args(["-sSf", "-C", "-", "-o", out.to_str().unwrap()])
        .args(["-H", &format!("Authorization: Bearer {admin}"), &zip])
        .status()
        .unwrap();
    assert!(curl.success() && std::fs::read(&out).unwrap() == whole);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_outlives_a_node_that_is_killed() {
    for point in ["webhooks.enqueueing", "webhooks.sent"] {
        let mut site = Site::on(Engine::Sqlite).await;
        site.env.push(("CALLVAULT_WEBHOOKS__ALLOW_PRIVATE", "true".into()));
        let receiver = Receiver::default();
        let url = receiver.listen().await;
        let add = ["webhook", "add", &url, "--customer", "acme", "--event", "recording.stored"];
        let secret = site.ok(&add).await.out.trim().to_owned();
        let node = site.serve_with(&With::stop_at(point)).await;
        let id = node.upload(&site.pbx, &acme("a-1"), tone(0.5, 1)).await.id();
        node.stands_still().await;
        node.kill().await;
        // Its claim is old by then.
        let node = site.serve_with(&With::default().and_ahead(STALE)).await;
        let all = usize::from(point == "webhooks.sent") + 1;
        eventually("it arrives", async || receiver.got().len() >= all).await;
        let ids = receiver.ids();
        assert!(ids.iter().all(|one| *one == ids[0]), "the same event, at least once");
        let (headers, body) = receiver.got().pop().unwrap();
        assert!(verified(&secret, &headers, &body) && body.contains(&id.to_string()), "{body}");
        eventually("it is done", async || {
            let list = site.ok(&["webhook", "list", "--customer", "acme", "--json"]).await.json();
            list[0]["pending"] == json!(0)
        })
        .await;
        let metrics = node.get("/metrics", "").await.text();
        assert!(metrics.contains("callvault_webhook_attempts_total{outcome=\"delivered\"} 1"));
    }
}
