//! What the vault stands on goes away: a clear problem, nothing half-written, and on it goes.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{Site, With, eventually, files, support};
use crate::harness::{Engine, tone};

const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// A line to a server that can be cut.
struct Wire {
    address: String,
    up: Arc<watch::Sender<bool>>,
}

impl Wire {
    async fn to(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let up = Arc::new(watch::Sender::new(true));
        let state = up.clone();
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let (mut state, server) = (state.subscribe(), server.clone());
                tokio::spawn(async move {
                    if !*state.borrow_and_update() {
                        return;
                    }
                    let mut far = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        _ = state.changed() => {}
                    }
                });
            }
        });
        Self { address, up }
    }
}

#[tokio::test]
async fn a_lost_database_is_a_clear_problem_and_comes_back() {
    let mut site = Site::on(Engine::Postgres).await;
    let server = site.index_url.strip_prefix("postgres://postgres@").unwrap();
    let (server, database) = server.split_once('/').unwrap();
    let wire = Wire::to(server.to_owned()).await;
    let url = format!("postgres://postgres@{}/{database}", wire.address);
    site.env.push(("CALLVAULT_INDEX__URL", url));
    // Each upload waits a moment with its rows written and not yet committed.
    let slow = [("FAILPOINTS", "ingest.written=print(reached);ingest.written.stop=sleep(700)")];
    let env = slow.map(|(name, value)| (name, value.to_owned())).to_vec();
    let node = site.serve_with(&With { env, ..With::default() }).await;
    let first = node.upload(&site.pbx, &support(HOUR, "c-1"), tone(0.5, 1)).await.id();

    let call = support(HOUR, "c-2");
    let upload = tokio::spawn(node.try_upload(&site.pbx, &call, tone(0.5, 2)));
    eventually("the rows are written", async || node.log.text().matches("reached").count() > 1)
        .await;
    wire.up.send_replace(false);
    let refused = [
        upload.await.unwrap().unwrap(),
        node.upload(&site.pbx, &call, tone(0.5, 2)).await,
        node.play(&site.trainer, first, "training").await,
    ];
    for answer in refused {
        assert_eq!(answer.problem(), (503, "index_unavailable".into()), "{}", node.log.text());
        assert!(answer.headers.contains_key("retry-after"));
    }
    eventually("it is not ready", async || node.get("/readyz", "").await.status == 503).await;
    assert_eq!(node.get("/healthz", "").await.status, 200);

    wire.up.send_replace(true);
    eventually("it is ready", async || node.get("/readyz", "").await.status == 200).await;
    assert_eq!(node.play(&site.trainer, first, "training").await.body, tone(0.5, 1));
    let again = node.upload(&site.pbx, &call, tone(0.5, 2)).await;
    assert_eq!(again.status, 201, "{}", again.text());
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["recordings"], &found["missing"]), (&json!(2), &json!(0)), "{found}");
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(2), &json!(0)), "{found}");
}

#[tokio::test]
async fn a_full_disk_is_a_clear_problem_and_leaves_nothing() {
    let site = Site::on(Engine::Sqlite).await;
    let objects = site.data().join("objects");
    // The disk is mounted for this process alone and goes with it.
    let shell =
        format!("mkdir -p '{0}' && mount -t tmpfs -o size=12m tmpfs '{0}'", objects.display());
    let node = site.serve_with(&With { shell: Some(shell), ..With::default() }).await;
    let seen = format!("/proc/{}/root{}", node.id(), objects.display());
    let ledger = format!("{seen}/ledger");
    let object = |path: &&std::path::PathBuf| path.is_file() && !path.starts_with(&ledger);
    let stored = || files(seen.as_ref()).iter().filter(object).count();
    let first = node.upload(&site.pbx, &support(HOUR, "c-1"), tone(600.0, 1)).await.id();
    for (call, seconds) in [("c-2", 600.0), ("c-3", 300.0)] {
        // Larger than what is left of the disk, once as parts and once whole.
        let call = support(HOUR, call);
        let second = node.upload(&site.pbx, &call, tone(seconds, 2)).await;
        assert_eq!(second.problem(), (507, "full".into()));
        assert_eq!(stored(), 1, "nothing of it is left");
    }
    let small = node.upload(&site.pbx, &support(HOUR, "c-4"), tone(1.0, 3)).await;
    assert_eq!(small.status, 201, "{}", small.text());
    assert_eq!(node.play(&site.trainer, first, "training").await.body, tone(600.0, 1));
}

/// Sets how large the files of a process may get.
async fn limit(node: &super::Process, bytes: &str) {
    let id = node.id().to_string();
    let mut command = tokio::process::Command::new("prlimit");
    let set = command.args(["--pid", &id, &format!("--fsize={bytes}:")]).status().await.unwrap();
    assert!(set.success());
}

#[tokio::test]
async fn a_full_disk_under_the_index_is_a_clear_problem_and_goes_on_when_there_is_room() {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve_with(&With { may_not_grow: true, ..With::default() }).await;
    let audio = tone(0.25, 1);
    let first = node.upload(&site.pbx, &support(HOUR, "c-1"), audio.clone()).await.id();
    assert_eq!(node.play(&site.trainer, first, "training").await.body, audio);

    // Room for a short recording, and none for what the index writes of it.
    limit(&node, "12288").await;
    let refused: Vec<_> = (0..4).map(|number| support(HOUR, &format!("full-{number}"))).collect();
    for call in &refused {
        let answer = node.upload(&site.pbx, call, tone(0.25, 2)).await;
        assert_eq!(answer.problem(), (503, "index_unavailable".into()), "{}", node.log.text());
        assert!(answer.headers.contains_key("retry-after"));
    }
    let listed = node.get("/v1/recordings", &site.trainer).await.json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1, "nothing is half-written");
    assert_eq!(node.play(&site.trainer, first, "training").await.body, audio);
    let refusal = node.play(&site.pbx, first, "training").await;
    assert_eq!(refusal.status, 503, "nobody is refused, nor hears, without an entry");

    limit(&node, "unlimited").await;
    for call in &refused {
        let again = node.upload(&site.pbx, call, tone(0.25, 2)).await;
        assert_eq!(again.status, 201, "{}", again.text());
        assert_eq!(node.play(&site.trainer, again.id(), "training").await.body, tone(0.25, 2));
    }
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["recordings"], &found["missing"]), (&json!(5), &json!(0)), "{found}");
    assert_eq!(found["orphans"], found["orphans_removed"], "{found}");
    let found = site.ok(&["reconcile", "--grace", "PT0S", "--json"]).await.json();
    assert_eq!((&found["objects"], &found["orphans"]), (&json!(5), &json!(0)), "{found}");
}

#[tokio::test]
async fn a_server_that_is_told_to_stop_finishes_the_upload() {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let audio = tone(10.0, 1);
    let pieces: Vec<_> = audio.chunks(audio.len() / 8).map(<[u8]>::to_vec).collect();
    let slow = futures_util::stream::unfold(pieces.into_iter(), async |mut pieces| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        pieces.next().map(|piece| (Ok::<_, std::io::Error>(piece), pieces))
    });
    let call = support(HOUR, "c-1");
    let upload = node.try_upload(&site.pbx, &call, reqwest::Body::wrap_stream(slow));
    let upload = tokio::spawn(upload);
    tokio::time::sleep(Duration::from_millis(500)).await;
    node.terminate().await;
    node.log.wait_for("stopping").await;
    assert!(!upload.is_finished());
    let answer = upload.await.unwrap().unwrap();
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(node.end().await, Some(0));
    let node = site.serve().await;
    assert_eq!(node.play(&site.trainer, answer.id(), "training").await.body, audio);
}
