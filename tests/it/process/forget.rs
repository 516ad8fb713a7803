//! A forgetting that is killed at each step: what lives still plays, what was forgotten never opens
//! again, and the ledger hears of it (I3).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use callvault::crypto::{Files, Keys};
use callvault::index::{Db, Pool, ledger_entries, recordings as rows};
use callvault::model::{Event, RecordingId};
use jiff::SignedDuration;
use uuid::Uuid;

use super::{Site, With, acme, files, support};
use crate::erasing::opens_with;
use crate::harness::{Engine, tone};

/// Kills `callvault forget` at a step, a month from now, and lets another one go on.
async fn killed(point: &'static str) {
    let site = Site::on(Engine::Sqlite).await;
    let node = site.serve().await;
    let gone = node.upload(&site.pbx, &acme("a-1"), tone(0.5, 1)).await.id();
    let audio = tone(0.5, 2);
    let call = support(SignedDuration::from_hours(1), "s-1");
    let kept = node.upload(&site.pbx, &call, audio.clone()).await.id();
    node.kill().await;
    let backup = backup(&site);
    assert!(opens(&site, &backup, gone).await, "before it the backup opens");

    let later = With::days_ahead(31);
    assert_eq!(site.run(&["erase", "--confirm"], &later).await.code, Some(0));
    assert!(opens(&site, &backup, gone).await, "until the night the backup opens");
    let forgetting = site.start(&["forget"], &later.clone().and_stop_at(point));
    forgetting.stands_still().await;
    forgetting.kill().await;

    let node = site.serve_with(&later).await;
    assert_eq!(node.play(&site.trainer, kept, "training").await.body, audio);
    let done = site.run(&["forget", "--json"], &later).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(node.play(&site.trainer, kept, "training").await.body, audio);
    assert!(!opens(&site, &backup, gone).await, "no backup of the index opens with today's keys");
    assert!(opens(&site, &backup, kept).await);
    assert!(told(&site, gone, &backup).await, "the ledger names the day");

    let epoch = done.json()["epoch"].as_i64().unwrap();
    let mut left = files(&site.data().join("keyring"));
    left.retain(|path| !path.ends_with("keyring.lock"));
    assert_eq!(left, [site.data().join(format!("keyring/keyring-{epoch}.sealed"))]);
    let roots = files(&site.data()).into_iter();
    let roots: Vec<_> = roots.filter(|path| path.to_string_lossy().contains("root.key")).collect();
    assert_eq!(roots, [site.data().join("root.key")], "no old root is left");
    let old = Files::new(backup.join("keyring"), vec![site.data().join("root.key")]);
    assert!(Keys::open(Arc::new(old)).await.is_err(), "nor does a backup of the keyring open");
}

/// A backup as an operator keeps it: index and keyring, never the root.
fn backup(site: &Site) -> std::path::PathBuf {
    let (data, to) = (site.data(), site.dir.path().join("backup"));
    fs::create_dir_all(to.join("keyring")).unwrap();
    for path in files(&data) {
        let name = path.strip_prefix(&data).unwrap();
        if name.starts_with("keyring") || name.to_string_lossy().starts_with("index.db") {
            fs::copy(&path, to.join(name)).unwrap();
        }
    }
    to
}

/// Whether the row in the backup opens with the keys there are now.
async fn opens(site: &Site, backup: &Path, id: Uuid) -> bool {
    let place = Files::new(site.data().join("keyring"), vec![site.data().join("root.key")]);
    let keys = Keys::open(Arc::new(place)).await.unwrap();
    let url = format!("sqlite:{}", backup.join("index.db").display());
    let index = Db::connect(&url, &Pool::default()).await.unwrap();
    opens_with(&keys, &rows::find(&index, RecordingId(id)).await.unwrap().unwrap())
}

/// Whether the ledger says that the day of this recording is forgotten.
async fn told(site: &Site, id: Uuid, backup: &Path) -> bool {
    let url = format!("sqlite:{}", backup.join("index.db").display());
    let old = Db::connect(&url, &Pool::default()).await.unwrap();
    let row = rows::find(&old, RecordingId(id)).await.unwrap().unwrap();
    let day = format!("\"{}\"", row.key.day);
    let index = site.index().await;
    let mut tx = index.begin().await.unwrap();
    let provider = callvault::model::ControllerId::random();
    let provider = callvault::index::controllers::ensure_provider(&mut tx, provider).await.unwrap();
    tx.rollback().await.unwrap();
    let entries = ledger_entries::list(&index, provider, 0, 1000).await.unwrap();
    entries.iter().any(|entry| entry.event == Event::KekDestroyed && entry.body.contains(&day))
}

#[tokio::test]
async fn killed_when_the_new_root_is_written() {
    killed("forget.root_written").await;
}

#[tokio::test]
async fn killed_when_the_new_epoch_is_there() {
    killed("forget.created").await;
}

#[tokio::test]
async fn killed_when_the_new_epoch_was_read_back() {
    killed("forget.read_back").await;
}

#[tokio::test]
async fn killed_when_the_old_root_is_destroyed() {
    killed("forget.root_destroyed").await;
}

#[tokio::test]
async fn killed_when_the_old_epoch_is_destroyed() {
    killed("forget.destroyed").await;
}

#[tokio::test]
async fn killed_while_it_is_written_down() {
    killed("forget.recording").await;
}
