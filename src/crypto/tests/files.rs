//! Root and keyring in files: what a crash or a broken disk leaves, and what comes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::crypto::{Error, Files, Keys, Place, PlaceError, ReplicaResult};
use crate::model::Day;

const PAST: Day = Day(20_000);
const TODAY: Day = Day(20_001);
const LATER: Day = Day(20_090);

/// A keyring in a directory of its own, with roots on two "disks".
struct Disks(tempfile::TempDir);

impl Disks {
    async fn new() -> (Self, Keys) {
        let disks = Self(tempfile::tempdir().unwrap());
        let keys = Keys::init(Arc::new(disks.place())).await.unwrap();
        keys.ensure(&[], &[PAST, LATER]).await.unwrap();
        (disks, keys)
    }

    fn place(&self) -> Files {
        Files::new(self.path("keyring"), vec![self.path("a/root"), self.path("b/root")])
    }

    async fn open(&self) -> Result<Keys, Error> {
        Keys::open(Arc::new(self.place())).await
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn copy(&self, from: &str, to: &str) {
        fs::copy(self.path(from), self.path(to)).unwrap();
    }

    /// Every file but the lock, as `directory/name`.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for dir in ["a", "b", "keyring"] {
            for entry in fs::read_dir(self.path(dir)).unwrap() {
                files.push(format!("{dir}/{}", entry.unwrap().file_name().to_str().unwrap()));
            }
        }
        files.retain(|file| file != "keyring/keyring.lock");
        files.sort();
        files
    }
}

fn bad(replicas: &[ReplicaResult]) -> Vec<(&str, &str)> {
    let bad = replicas.iter().filter(|replica| !replica.ok);
    bad.map(|replica| (replica.name.as_str(), replica.detail.as_str())).collect()
}

#[tokio::test]
async fn after_a_forgetting_the_files_are_the_new_epochs_and_nobody_elses_to_read() {
    let (disks, keys) = Disks::new().await;
    assert_eq!(disks.files(), ["a/root", "b/root", "keyring/keyring-1.sealed"]);
    let root = fs::read(disks.path("a/root")).unwrap();
    let fingerprint = keys.fingerprint(LATER);

    assert!(keys.forget(TODAY).await.unwrap().is_complete());

    assert_eq!(disks.files(), ["a/root", "b/root", "keyring/keyring-2.sealed"]);
    assert_ne!(root, fs::read(disks.path("a/root")).unwrap());
    assert_eq!(fs::read(disks.path("a/root")).unwrap(), fs::read(disks.path("b/root")).unwrap());
    for file in disks.files() {
        let mode = fs::metadata(disks.path(&file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{file}");
    }
    let after = disks.open().await.unwrap();
    assert_eq!((after.fingerprint(PAST), after.fingerprint(LATER)), (None, fingerprint));
    assert_eq!(bad(&after.status().replicas), []);
}

#[tokio::test]
async fn an_old_backup_of_every_file_but_the_root_opens_nothing() {
    let (disks, keys) = Disks::new().await;
    disks.copy("keyring/keyring-1.sealed", "backup");
    keys.forget(TODAY).await.unwrap();
    fs::remove_file(disks.path("keyring/keyring-2.sealed")).unwrap();
    disks.copy("backup", "keyring/keyring-1.sealed");
    assert!(matches!(disks.open().await, Err(Error::Place(PlaceError::Damaged { epoch: 1 }))));
    disks.copy("backup", "keyring/keyring-2.sealed");
    assert!(disks.open().await.is_err(), "not under another name either");
}

/// What each crash within a forgetting leaves: the files there are, out of those before and after.
#[tokio::test]
async fn a_crash_at_any_file_of_a_forgetting_leaves_the_old_state_or_the_new_one() {
    let old = ["a/root=1", "b/root=1", "keyring/keyring-1.sealed=1"];
    let new = ["a/root.2=2", "b/root.2=2", "keyring/keyring-2.sealed=2"];
    let steps: &[(&str, Vec<&str>, bool)] = &[
        ("half a root", [&old[..], &["a/root.2.tmp=half"]].concat(), false),
        ("one root", [&old[..], &new[..1]].concat(), false),
        ("both roots", [&old[..], &new[..2]].concat(), false),
        (
            "half a keyring",
            [&old[..], &new[..2], &["keyring/keyring-2.sealed.tmp=half"]].concat(),
            false,
        ),
        ("the new keyring", [&old[..], &new[..]].concat(), true),
        ("one old root overwritten", [&old[1..], &new[..], &["a/root=zero"]].concat(), true),
        ("one old root gone", [&old[1..], &new[..]].concat(), true),
        ("both old roots gone", [&old[2..], &new[..]].concat(), true),
        ("the old keyring gone", new.to_vec(), true),
        ("one root moved", [&["a/root=2"], &new[1..]].concat(), true),
        ("both roots moved", vec!["a/root=2", "b/root=2", new[2]], true),
    ];
    for (step, files, forgot) in steps {
        let (disks, keys) = Disks::new().await;
        let live = keys.fingerprint(LATER);
        keep_copies(&disks, &keys).await;
        lay_out(&disks, files);

        let after = disks.open().await.unwrap_or_else(|error| panic!("{step}: {error}"));

        assert_eq!(after.fingerprint(LATER), live, "{step}");
        assert_eq!(after.fingerprint(PAST).is_none(), *forgot, "{step}");
        assert_eq!(bad(&after.status().replicas), [], "{step}");
        assert!(!after.status().unfinished, "{step}");
        after.ensure(&[], &[Day(LATER.0 + 1)]).await.unwrap();
        let forgotten = after.forget(TODAY).await.unwrap();
        assert!(forgotten.is_complete(), "{step}");
        let sealed = format!("keyring/keyring-{}.sealed", forgotten.epoch);
        let mut left = disks.files();
        left.retain(|file| file != "keyring/keyring-2.sealed.tmp");
        assert_eq!(left, ["a/root", "b/root", &sealed], "{step}");
        let after = disks.open().await.unwrap();
        assert_eq!((after.fingerprint(LATER), after.fingerprint(PAST)), (live, None), "{step}");
    }
}

/// Keeps the files of epochs 1 and 2 as `root=1`, `sealed=2` and so on.
async fn keep_copies(disks: &Disks, keys: &Keys) {
    for epoch in 1..=2 {
        disks.copy("a/root", &format!("root={epoch}"));
        disks.copy(&format!("keyring/keyring-{epoch}.sealed"), &format!("sealed={epoch}"));
        if epoch == 1 {
            keys.forget(TODAY).await.unwrap();
        }
    }
}

/// Makes the directories hold exactly these files.
fn lay_out(disks: &Disks, files: &[&str]) {
    for file in disks.files() {
        fs::remove_file(disks.path(&file)).unwrap();
    }
    for file in files {
        let (path, content) = file.split_once('=').unwrap();
        match content {
            "half" => fs::write(disks.path(path), [7; 40]).unwrap(),
            "zero" => fs::write(disks.path(path), [0; 80]).unwrap(),
            epoch if path.contains("sealed") => disks.copy(&format!("sealed={epoch}"), path),
            epoch => disks.copy(&format!("root={epoch}"), path),
        }
    }
}

#[tokio::test]
async fn a_torn_or_missing_root_is_told_and_healed_by_the_next_forgetting() {
    let (disks, _) = Disks::new().await;
    let whole = fs::read(disks.path("a/root")).unwrap();
    let cases = [
        (Some(whole[..40].to_vec()), "is damaged"),
        (Some(Vec::new()), "is damaged"),
        (Some([&whole[..79], &[whole[79] ^ 1]].concat()), "is damaged"),
        (Some([whole.as_slice(), &[0]].concat()), "is damaged"),
        (None, "is missing"),
    ];
    for (content, problem) in cases {
        let (disks, keys) = Disks::new().await;
        match content {
            Some(content) => fs::write(disks.path("a/root"), content).unwrap(),
            None => fs::remove_file(disks.path("a/root")).unwrap(),
        }
        let after = disks.open().await.unwrap();
        assert_eq!(after.fingerprint(PAST), keys.fingerprint(PAST));
        assert_eq!(bad(&after.status().replicas), [("root 1", problem)]);
        assert!(after.forget(TODAY).await.unwrap().is_complete());
        assert_eq!(bad(&after.status().replicas), []);
        assert_eq!(disks.files(), ["a/root", "b/root", "keyring/keyring-2.sealed"]);
    }
}

#[tokio::test]
async fn without_any_root_nothing_opens() {
    let (disks, _) = Disks::new().await;
    for root in ["a/root", "b/root"] {
        fs::write(disks.path(root), b"CVROOT\r\n").unwrap();
    }
    assert!(matches!(disks.open().await, Err(Error::Place(PlaceError::Damaged { epoch: 1 }))));
}

#[tokio::test]
async fn a_disk_that_is_away_stops_a_forgetting_before_anything_is_destroyed() {
    let (disks, keys) = Disks::new().await;
    fs::rename(disks.path("b"), disks.path("away")).unwrap();
    assert!(matches!(keys.forget(TODAY).await, Err(Error::Place(PlaceError::Unreachable(_)))));
    assert!(keys.fingerprint(PAST).is_some());
    let after = disks.open().await.unwrap();
    assert!(after.fingerprint(PAST).is_some());
    assert_eq!(bad(&after.status().replicas), [("root 2", "is missing")]);
    fs::rename(disks.path("away"), disks.path("b")).unwrap();
    assert_eq!(after.forget(TODAY).await.unwrap().epoch, 2);
    assert_eq!(disks.files(), ["a/root", "b/root", "keyring/keyring-2.sealed"]);
}

#[tokio::test]
async fn an_old_root_that_comes_back_is_destroyed() {
    let (disks, keys) = Disks::new().await;
    disks.copy("b/root", "old-disk");
    keys.forget(TODAY).await.unwrap();
    disks.copy("old-disk", "b/root");
    let after = disks.open().await.unwrap();
    let root = fs::read(disks.path("b/root"));
    assert!(root.is_err(), "the old root is gone, and the new one comes with the next forgetting");
    assert_eq!(bad(&after.status().replicas), [("root 2", "is missing")]);
    after.forget(TODAY).await.unwrap();
    assert_eq!(bad(&after.status().replicas), []);
}

#[tokio::test]
async fn a_root_that_cannot_be_destroyed_keeps_the_forgetting_unfinished() {
    let (disks, keys) = Disks::new().await;
    let place = disks.place();
    keep_copies(&disks, &keys).await;
    disks.copy("root=1", "b/root.1");
    disks.copy("sealed=1", "keyring/keyring-1.sealed");
    // A directory where a half-written root would be cannot be overwritten.
    fs::create_dir(disks.path("b/root.1.tmp")).unwrap();
    let results = place.destroy(1).await.unwrap();
    assert_eq!(
        bad(&results),
        [
            ("root 2", "the old root could not be destroyed"),
            ("keyring", "kept until every root is destroyed"),
        ]
    );
    assert_eq!(place.epochs().await.unwrap(), [1, 2]);
    let after = disks.open().await.unwrap();
    assert!(after.status().unfinished);
    fs::remove_dir(disks.path("b/root.1.tmp")).unwrap();
    assert!(after.forget(TODAY).await.unwrap().is_complete());
    assert!(!after.status().unfinished);
    assert_eq!(disks.files(), ["a/root", "b/root", "keyring/keyring-3.sealed"]);
}

#[tokio::test]
async fn a_further_copy_of_the_root_counts_from_then_on() {
    let (disks, _) = Disks::new().await;
    let place = disks.place();
    let further = disks.path("c");
    fs::create_dir(&further).unwrap();
    place.add_replica(further.join("root")).await.unwrap();
    assert_eq!(fs::read(further.join("root")).unwrap(), fs::read(disks.path("a/root")).unwrap());
    let keys = Keys::open(Arc::new(place.clone())).await.unwrap();
    assert_eq!(keys.status().replicas.len(), 4);
    keys.forget(TODAY).await.unwrap();
    assert_eq!(fs::read(further.join("root")).unwrap(), fs::read(disks.path("a/root")).unwrap());
    for root in ["a/root", "b/root"] {
        fs::remove_file(disks.path(root)).unwrap();
    }
    assert!(Keys::open(Arc::new(place)).await.is_ok(), "it alone is enough");
}

#[tokio::test]
async fn two_processes_make_the_same_keys() {
    let (disks, one) = Disks::new().await;
    let two = disks.open().await.unwrap();
    let days: Vec<Day> = (100..110).map(|after| Day(TODAY.0 + after)).collect();
    let (a, b) = tokio::join!(one.ensure(&[], &days[..7]), two.ensure(&[], &days[3..]));
    a.unwrap();
    b.unwrap();
    one.refresh().await.unwrap();
    two.refresh().await.unwrap();
    for day in days {
        assert!(one.fingerprint(day).is_some());
        assert_eq!(one.fingerprint(day), two.fingerprint(day));
    }
}

#[tokio::test]
async fn a_place_that_is_not_there_has_no_keyring() {
    let nowhere = Files::new(Path::new("/nonexistent/keyring").into(), vec![]);
    let opened = Keys::open(Arc::new(nowhere)).await;
    assert!(matches!(opened, Err(Error::NoKeyring)));
}
