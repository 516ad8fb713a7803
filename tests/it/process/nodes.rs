//! Two nodes on one PostgreSQL, one keyring database and one bucket.

use std::time::{Duration, Instant};

use callvault::index::{ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId, State};
use jiff::SignedDuration;

use super::{Process, Site, With, acme, eventually, support};
use crate::harness::{Engine, tone};

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_erase_once_and_follow_each_others_forgetting() {
    let site = Site::on(Engine::Postgres).await;
    let with = With { eraser: true, ..With::default() };
    let nodes = tokio::join!(site.serve_with(&with), site.serve_with(&with));
    let nodes = [nodes.0, nodes.1];
    let audio = tone(0.5, 1);
    let call = support(SignedDuration::from_hours(1), "kept");
    let kept = nodes[0].upload(&site.pbx, &call, audio.clone()).await.id();
    assert_eq!(nodes[1].upload(&site.pbx, &call, audio.clone()).await.id(), kept, "one vault");

    // Their terms end while they come in, on both nodes.
    let ago = SignedDuration::from_hours(24 * 90) - SignedDuration::from_secs(4);
    let uploads = (0..16).map(|number| {
        let call = support(ago, &format!("due-{number}"));
        nodes[number % 2].try_upload(&site.pbx, &call, tone(0.2, 2))
    });
    let due = futures_util::future::try_join_all(uploads).await.unwrap();
    let due: Vec<_> = due.iter().map(|answer| RecordingId(answer.id())).collect();
    let index = site.index().await;
    eventually("all are erased", async || {
        let rows = due.iter().map(|id| rows::find(&index, *id));
        let rows = futures_util::future::try_join_all(rows).await.unwrap();
        rows.into_iter().flatten().all(|row| row.state == State::AudioErased)
    })
    .await;
    for id in due {
        let entries = ledger_entries::about(&index, id).await.unwrap();
        for event in [Event::RecordingAccepted, Event::RecordingErased] {
            let count = entries.iter().filter(|entry| entry.event == event).count();
            assert_eq!(count, 1, "{event:?} of {id}");
        }
    }

    let done = site.ok(&["forget", "--json"]).await.json();
    let since = Instant::now();
    for node in &nodes {
        eventually("the node follows", async || epoch(node).await == done["epoch"].as_i64()).await;
    }
    assert!(since.elapsed() < Duration::from_secs(1), "{:?}", since.elapsed());
    for node in &nodes {
        assert_eq!(node.play(&site.trainer, kept, "training").await.body, audio);
    }

    a_new_customer_is_known_at_once(&site, &nodes).await;
}

/// Its keys are made by one node and needed by the other before that one has looked.
async fn a_new_customer_is_known_at_once(site: &Site, nodes: &[Process; 2]) {
    let add = ["customer", "add", "globex", "--name", "G", "--agreement", "A", "--term", "P1Y"];
    site.ok(&add).await;
    let token = ["token", "create", "--name", "g", "--role", "customer_listener"];
    let token = site.ok(&[&token[..], &["--customer", "globex"]].concat()).await;
    let mut call = acme("g-1");
    call[1].1 = "globex".into();
    call.push(("caller".into(), "0201234567".into()));
    let id = nodes[0].upload(&site.pbx, &call, tone(0.5, 3)).await.id();
    assert_eq!(nodes[1].upload(&site.pbx, &call, tone(0.5, 3)).await.id(), id);
    assert_eq!(nodes[1].play(token.out.trim(), id, "own_use").await.body, tone(0.5, 3));
}

/// The epoch of the keyring that a node holds.
async fn epoch(node: &Process) -> Option<i64> {
    let metrics = node.get("/metrics", "").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("callvault_keyring_epoch "));
    line?.parse().ok()
}
