//! A change of policy that is killed in the middle: whoever comes next finishes it, once.

use callvault::index::{ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId};
use jiff::SignedDuration;
use serde_json::json;

use super::{Site, With, acme};
use crate::harness::{Engine, tone};

/// Kills `callvault erase` while it applies a shorter term, and lets another one go on.
async fn killed(point: &'static str) {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let mut calls = Vec::new();
    for (call, seed) in [("a-1", 1), ("a-2", 2), ("a-3", 3)] {
        let audio = tone(0.5, seed);
        let id = node.upload(&site.pbx, &acme(call), audio.clone()).await.id();
        calls.push((id, audio));
    }
    // What is set with a cooling-off of nothing is in force when the eraser comes by.
    let cooled = ("CALLVAULT_RETENTION__COOLING_OFF", "PT2S".to_owned());
    let with = With { env: vec![cooled], ..With::default() };
    let wish = ["acme", "--default", "P20D"];
    let seen = site.run(&[&["policy", "preview", "--json"][..], &wish].concat(), &with).await;
    assert_eq!(seen.json()["total"]["erased_earlier"]["count"], 3, "{}", seen.err);
    let token = seen.json()["token"].as_str().unwrap().to_owned();
    let set = ["--reason", "shorter", "--preview-token", &token];
    let set = site.run(&[&["policy", "set"][..], &wish, &set].concat(), &with).await;
    assert_eq!(set.code, Some(0), "{}", set.err);

    let later = With { ahead: SignedDuration::from_secs(4), ..With::default() };
    let eraser = site.start(&["erase"], &later.clone().and_stop_at(point));
    eraser.stands_still().await;
    eraser.kill().await;
    for (id, audio) in &calls {
        let heard = node.play(&site.listener, *id, "own_use").await;
        assert_eq!(&heard.body, audio, "it plays whatever became of its key");
    }

    let later = later.and_ahead(SignedDuration::from_mins(2));
    let done = site.run(&["erase"], &later).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    let shown = site.run(&["policy", "show", "acme", "--json"], &later).await.json();
    let version = &shown["in_force"];
    assert_eq!((&version["version"], &version["state"]), (&json!(2), &json!("applied")));
    assert_eq!((&version["touched"], &shown["change"]), (&json!(3), &json!(null)));
    let index = site.index().await;
    for (id, audio) in &calls {
        assert_eq!(&node.play(&site.listener, *id, "own_use").await.body, audio);
        let row = rows::find(&index, RecordingId(*id)).await.unwrap().unwrap();
        assert_eq!((row.policy.as_str(), row.key.day), ("customer/2", row.due_at.day()));
        let entries = ledger_entries::about(&index, RecordingId(*id)).await.unwrap();
        let moves = entries.iter().filter(|entry| entry.event == Event::RecordingDueChanged);
        assert_eq!(moves.count(), 1, "one leaf a recording");
    }
}

#[tokio::test]
async fn killed_when_it_is_in_force() {
    killed("policy.activated").await;
}

#[tokio::test]
async fn killed_while_recordings_move() {
    killed("policy.moving").await;
}

#[tokio::test]
async fn killed_when_recordings_have_moved() {
    killed("policy.moved").await;
}
