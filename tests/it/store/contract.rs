//! The promises every store keeps.

use std::collections::BTreeSet;

use bytes::Bytes;
use callvault::model::{RecordingId, Timestamp};
use callvault::store::{Absence, Error, Store};
use futures_util::TryStreamExt;

use super::{TestStore, content};

macro_rules! on_each_store {
    ($($test:ident),* $(,)?) => {
        mod folder {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test(super::super::folder()).await })*
        }
        mod memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test(super::super::memory()).await })*
        }
        mod bucket {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test(super::super::bucket()).await })*
        }
    };
}

on_each_store! {
    what_is_put_is_read_window_by_window,
    an_upload_is_the_sum_of_its_parts,
    an_upload_that_is_not_finished_is_nothing,
    what_is_deleted_is_absent,
    many_are_deleted_and_looked_for_at_once,
    every_object_is_listed_with_its_recording,
    a_healthy_store_passes_its_probe,
    nothing_is_known_to_keep_versions,
}

const PART: usize = 5 << 20;

async fn what_is_put_is_read_window_by_window(t: TestStore) {
    let id = RecordingId::random();
    let object = content(70_000);
    let (first, rest) = (object.slice(..80), object.slice(80..));
    t.store.put(id, vec![first, rest]).await.unwrap();
    assert_eq!(t.store.size(id).await.unwrap(), Some(70_000));
    for (start, end) in [(0, 70_000), (0, 1), (79, 81), (69_999, 70_000)] {
        let window = t.store.read(id, start as u64..end as u64).await.unwrap();
        assert_eq!(window, object.slice(start..end), "{start}..{end}");
    }
    assert!(t.store.read(id, 69_999..70_001).await.is_err(), "there is no such byte");
    assert!(t.store.read(id, 80_000..80_001).await.is_err(), "there is no such byte");

    let nobody = RecordingId::random();
    assert_eq!(t.store.size(nobody).await.unwrap(), None);
    let missing = t.store.read(nobody, 0..1).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

async fn an_upload_is_the_sum_of_its_parts(t: TestStore) {
    let id = RecordingId::random();
    let object = content(3 * PART + 17);
    let mut upload = t.store.begin(id).await.unwrap();
    for start in (0..object.len()).step_by(PART) {
        upload.part(object.slice(start..object.len().min(start + PART))).await.unwrap();
    }
    assert_eq!(t.store.size(id).await.unwrap(), None, "it is not finished");
    upload.finish().await.unwrap();
    let whole = t.store.read(id, 0..object.len() as u64).await.unwrap();
    assert!(whole == object);
    let edge = 2 * PART - 3..2 * PART + 3;
    let window = t.store.read(id, edge.start as u64..edge.end as u64).await.unwrap();
    assert_eq!(window, object.slice(edge));
}

async fn an_upload_that_is_not_finished_is_nothing(t: TestStore) {
    let id = RecordingId::random();
    let mut aborted = t.store.begin(id).await.unwrap();
    aborted.part(content(PART)).await.unwrap();
    aborted.abort().await;
    assert_eq!(t.store.size(id).await.unwrap(), None);

    let mut left = t.store.begin(id).await.unwrap();
    left.part(content(PART)).await.unwrap();
    let before: Timestamp = "2020-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(t.store.sweep_unfinished(before).await.unwrap(), 0, "it may still be finished");
    // A node that dies runs no destructor.
    std::mem::forget(left);
    let later: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    let swept = t.store.sweep_unfinished(later).await.unwrap();
    assert_eq!(swept, u64::from(t.sweeps));
    assert_eq!(t.store.sweep_unfinished(later).await.unwrap(), 0);
    assert_eq!(t.store.size(id).await.unwrap(), None);
}

/// Deletes one and says how that went and whether it is gone.
async fn erase(store: &Store, id: RecordingId) -> Absence {
    let deleted = store.delete(&[id]).await;
    assert!(matches!(deleted.as_slice(), [(gone, Ok(()))] if *gone == id), "{deleted:?}");
    let seen = store.absent(&[id]).await;
    let [(asked, Ok(absence))] = seen.as_slice() else { panic!("{seen:?}") };
    assert_eq!(*asked, id);
    *absence
}

async fn what_is_deleted_is_absent(t: TestStore) {
    let (id, other) = (RecordingId::random(), RecordingId::random());
    for id in [id, other] {
        t.store.put(id, vec![content(100)]).await.unwrap();
    }
    let before = t.store.absent(&[id]).await;
    assert!(matches!(before.as_slice(), [(_, Ok(Absence::Present))]), "{before:?}");
    assert_eq!(erase(&t.store, id).await, Absence::Absent);
    assert_eq!(erase(&t.store, id).await, Absence::Absent, "again, after a crash");
    assert_eq!(erase(&t.store, RecordingId::random()).await, Absence::Absent);
    assert_eq!(t.store.size(other).await.unwrap(), Some(100), "and nothing else is");
    assert!(t.store.delete(&[]).await.is_empty() && t.store.absent(&[]).await.is_empty());
}

async fn many_are_deleted_and_looked_for_at_once(t: TestStore) {
    let there: Vec<_> = (0..150).map(|_| RecordingId::random()).collect();
    for id in &there {
        t.store.put(*id, vec![Bytes::from_static(b"x")]).await.unwrap();
    }
    let (gone, kept) = there.split_at(100);
    // More than one bulk request, most of it never there.
    let mut asked: Vec<_> = (0..1_100).map(|_| RecordingId::random()).collect();
    asked.extend(gone);
    let deleted = t.store.delete(&asked).await;
    assert!(deleted.iter().all(|(_, result)| result.is_ok()));
    let answered: BTreeSet<_> = deleted.iter().map(|(id, _)| *id).collect();
    assert_eq!((deleted.len(), answered), (1_200, asked.iter().copied().collect()));

    let seen = t.store.absent(&there).await;
    assert_eq!(seen.len(), 150);
    for (id, absence) in seen {
        let expected = if kept.contains(&id) { Absence::Present } else { Absence::Absent };
        assert_eq!(absence.unwrap(), expected);
    }
}

async fn every_object_is_listed_with_its_recording(t: TestStore) {
    let mut expected = BTreeSet::new();
    for len in 1..40 {
        let id = RecordingId::random();
        t.store.put(id, vec![content(len)]).await.unwrap();
        expected.insert((Some(id), len as u64));
    }
    let listed: Vec<_> = t.store.list().try_collect().await.unwrap();
    let found: BTreeSet<_> = listed.iter().map(|object| (object.id, object.size)).collect();
    assert_eq!(found, expected);
    let year = "2020-01-01T00:00:00Z".parse::<Timestamp>().unwrap();
    assert!(listed.iter().all(|object| object.modified > year));
}

async fn a_healthy_store_passes_its_probe(t: TestStore) {
    t.store.probe().await.unwrap();
    let left: Vec<_> = t.store.list().try_collect().await.unwrap();
    assert_eq!(left, []);
}

async fn nothing_is_known_to_keep_versions(t: TestStore) {
    let posture = t.store.posture().await.unwrap();
    assert!(!posture.versioning.keeps(), "{posture:?}");
    assert_eq!((posture.lock, posture.replicated), (Some(false), Some(false)));
}
