//! A bucket that keeps versions, one that is busy and one that is not there.

use std::sync::{Arc, Mutex};

use callvault::model::{RecordingId, Timestamp};
use callvault::store::{Absence, Error, Versioning};

use super::content;
use super::double::{Server, Shared, open as store};

fn versioned() -> Shared {
    Arc::new(Mutex::new(Server { versioned: true, ..Server::default() }))
}

#[tokio::test]
async fn a_delete_takes_every_version_with_it() {
    let state = versioned();
    let store = store(&state).await;
    let (id, other) = (RecordingId::random(), RecordingId::random());
    for id in [id, id, other] {
        store.put(id, vec![content(10)]).await.unwrap();
    }
    let deleted = store.delete(&[id]).await;
    assert!(matches!(deleted.as_slice(), [(_, Ok(()))]), "{deleted:?}");
    let seen = store.absent(&[id]).await;
    assert!(matches!(seen.as_slice(), [(_, Ok(Absence::Absent))]), "{seen:?}");
    let kept: usize = state.lock().unwrap().versions.values().map(Vec::len).sum();
    assert_eq!(kept, 1, "the other one's");
}

#[tokio::test]
async fn a_version_that_is_locked_is_told_of() {
    let state = versioned();
    let store = store(&state).await;
    let id = RecordingId::random();
    store.put(id, vec![content(10)]).await.unwrap();
    let version = state.lock().unwrap().versions.values().flatten().next().unwrap().0.clone();
    state.lock().unwrap().locked = Some(version);
    let deleted = store.delete(&[id]).await;
    assert!(matches!(deleted.as_slice(), [(_, Err(Error::Denied(_)))]), "{deleted:?}");
    // By its name it is gone all the same, and that is not enough.
    assert_eq!(store.size(id).await.unwrap(), None);
    let seen = store.absent(&[id]).await;
    assert!(matches!(seen.as_slice(), [(_, Ok(Absence::VersionsRemain))]), "{seen:?}");
}

#[tokio::test]
async fn a_store_that_answers_for_something_else_takes_nobody_down() {
    let state = Shared::default();
    state.lock().unwrap().confused = true;
    let store = store(&state).await;
    let deleted = store.delete(&[RecordingId::random(), RecordingId::random()]).await;
    let failed = |(_, result): &(_, _)| matches!(result, Err(Error::Other(_)));
    assert!(deleted.len() == 2 && deleted.iter().all(failed), "{deleted:?}");
}

#[tokio::test]
async fn nothing_is_absent_from_a_bucket_that_is_not_there() {
    let state = Shared::default();
    state.lock().unwrap().missing = true;
    let store = store(&state).await;
    let seen = store.absent(&[RecordingId::random()]).await;
    assert!(matches!(seen.as_slice(), [(_, Err(Error::Unavailable(_)))]), "{seen:?}");
    let posture = store.posture().await;
    assert!(matches!(posture, Err(Error::NotFound(_))), "{posture:?}");
}

#[tokio::test]
async fn a_busy_bucket_is_asked_again_and_one_that_stays_busy_is_away() {
    let state = versioned();
    let store = store(&state).await;
    let id = RecordingId::random();
    state.lock().unwrap().busy = 2;
    store.put(id, vec![content(10)]).await.unwrap();
    state.lock().unwrap().busy = 2;
    assert_eq!(store.posture().await.unwrap().versioning, Versioning::On);
    state.lock().unwrap().busy = u32::MAX;
    let before = std::time::Instant::now();
    for error in [store.put(id, vec![content(10)]).await, store.posture().await.map(drop)] {
        let error = error.unwrap_err();
        assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
        let mut told = format!("{error:?}");
        let mut cause: Option<&dyn std::error::Error> = Some(&error);
        while let Some(error) = cause {
            told.push_str(&error.to_string());
            cause = error.source();
        }
        assert!(!told.contains("very-secret") && !told.contains("Signature"), "{told}");
    }
    assert!(before.elapsed().as_secs() < 20, "bounded");
}

#[tokio::test]
async fn only_old_uploads_are_swept_and_the_region_is_told() {
    let state = Shared::default();
    let store = store(&state).await;
    for id in ["old", "new"] {
        state.lock().unwrap().uploads.push(("some/a0/x".into(), id.into()));
    }
    let older: Timestamp = "2020-06-01T00:00:00Z".parse().unwrap();
    assert_eq!(store.sweep_unfinished(older).await.unwrap(), 1);
    assert_eq!(state.lock().unwrap().uploads, [("some/a0/x".to_owned(), "new".to_owned())]);
    let posture = store.posture().await.unwrap();
    assert_eq!(posture.location.as_deref(), Some("eu-test-1"));
    assert_eq!((posture.versioning, posture.lock), (Versioning::Off, Some(false)));
}
