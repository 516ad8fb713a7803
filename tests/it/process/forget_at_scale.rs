//! The same forgetting with the keyring in a database: killed at each step, and by two nodes at once.

use std::sync::Arc;

use callvault::crypto::Keys;
use callvault::index::{KeyringDb, controllers, ledger_entries, recordings as rows};
use callvault::model::{Clock, ControllerId, Event, Recording, RecordingId};
use callvault::vault::DatabasePlace;
use jiff::SignedDuration;

use super::{Process, Site, With, acme, eventually, support};
use crate::erasing::opens_with;
use crate::harness::{Engine, tone};

/// A vault whose keyring is in a database, with a recording that goes and one that stays.
struct Scene {
    site: Site,
    keyring: KeyringDb,
    /// The row of the first as a backup of the index has it.
    gone: Recording,
    kept: Recording,
    audio: Vec<u8>,
}

impl Scene {
    async fn new() -> Self {
        // The index is embedded: it has no clock of its own that would doubt another week.
        let url = crate::backend::new_database().await;
        let site =
            Site::on_with(Engine::Sqlite, vec![("CALLVAULT_KEYRING__URL", url.clone())]).await;
        let node = site.serve().await;
        let gone = node.upload(&site.pbx, &acme("a-1"), tone(0.5, 1)).await.id();
        let audio = tone(0.5, 2);
        let call = support(SignedDuration::from_hours(1), "s-1");
        let kept = node.upload(&site.pbx, &call, audio.clone()).await.id();
        node.kill().await;
        let index = site.index().await;
        let [gone, kept] = [gone, kept].map(|id| rows::find(&index, RecordingId(id)));
        let (gone, kept) = (gone.await.unwrap().unwrap(), kept.await.unwrap().unwrap());
        let keyring = KeyringDb::connect(&url).await.unwrap();
        Self { site, keyring, gone, kept, audio }
    }

    async fn epoch(&self) -> i64 {
        self.keyring.head().await.unwrap().unwrap().epoch
    }

    async fn plays(&self, node: &Process) -> bool {
        node.play(&self.site.trainer, self.kept.id.0, "training").await.body == self.audio
    }

    /// What must hold in the end: one root, what is kept opens, what is gone does not, and the
    /// ledger tells of the day once.
    async fn holds(&self, epoch: i64) {
        assert_eq!(self.keyring.epochs().await.unwrap(), [epoch], "no old root is left");
        let place = Arc::new(DatabasePlace::new(self.keyring.clone()));
        let keys = Keys::open(place).await.unwrap();
        assert!(opens_with(&keys, &self.kept));
        assert!(!opens_with(&keys, &self.gone), "no backup of the index opens it");
        assert_eq!(self.told().await, 1);
    }

    async fn told(&self) -> usize {
        let index = self.site.index().await;
        let mut tx = index.begin().await.unwrap();
        let provider = controllers::ensure_provider(&mut tx, ControllerId::random()).await.unwrap();
        tx.rollback().await.unwrap();
        let entries = ledger_entries::list(&index, provider, 0, 1000).await.unwrap();
        let day = format!("\"{}\"", self.gone.key.day);
        let about = |entry: &&callvault::model::Entry| {
            entry.event == Event::KekDestroyed && entry.body.contains(&day)
        };
        entries.iter().filter(about).count()
    }
}

async fn killed(point: &'static str) {
    let scene = Scene::new().await;
    let (site, before) = (&scene.site, scene.epoch().await);
    let later = With::days_ahead(31);
    assert_eq!(site.run(&["erase", "--confirm"], &later).await.code, Some(0));
    let forgetting = site.start(&["forget"], &later.clone().and_stop_at(point));
    forgetting.stands_still().await;
    forgetting.kill().await;
    eventually("its locks are gone", async || scene.keyring.head().await.is_ok()).await;
    let begun = scene.epoch().await - before;
    assert_eq!(begun, i64::from(point != "forget.root_written"), "an epoch a forgetting");

    let node = site.serve_with(&later).await;
    assert!(scene.plays(&node).await);
    let done = site.run(&["forget", "--json"], &later).await;
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(done.json()["epoch"], before + begun + 1);
    scene.holds(before + begun + 1).await;
    assert!(scene.plays(&node).await);
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

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_at_midnight_do_no_harm() {
    const DAY: i64 = 24 * 3600 * 1_000_000;
    let scene = Scene::new().await;
    let site = &scene.site;
    // The key is of the day on which it is due, and that day ends in a moment.
    let due = scene.gone.due_at.micros();
    let midnight = due - due.rem_euclid(DAY) + DAY;
    let ahead = midnight - Clock::system().now().micros() - 20_000_000;
    let later = With { ahead: SignedDuration::from_secs(ahead / 1_000_000), ..With::default() };
    assert_eq!(site.run(&["erase", "--confirm"], &later).await.code, Some(0));
    assert_eq!(site.run(&["forget"], &later).await.code, Some(0));
    let with = With { eraser: true, ..later };
    let (first, second) = tokio::join!(site.serve_with(&with), site.serve_with(&with));
    let before = scene.epoch().await;
    assert_eq!(scene.told().await, 0, "it is still that day");

    eventually("they forgot", async || scene.told().await > 0).await;
    // Both have looked at the clock again by then.
    tokio::time::sleep(std::time::Duration::from_secs(4)).await;
    let epoch = scene.epoch().await;
    assert!((1..=2).contains(&(epoch - before)), "once each at most: {before} to {epoch}");
    scene.holds(epoch).await;
    for node in [&first, &second] {
        assert!(scene.plays(node).await);
        let log = node.log.text();
        assert!(!log.contains("panicked") && !log.contains("forgetting failed"), "{log}");
    }
}
