//! What only a folder does.

use callvault::model::{RecordingId, Timestamp};
use callvault::store::{Absence, Error};
use futures_util::TryStreamExt;

use super::{content, folder};

#[tokio::test]
async fn a_staged_file_is_in_no_list_and_is_swept() {
    let t = folder();
    let root = t.dir.as_ref().unwrap().path();
    let id = RecordingId::random();
    t.store.put(id, vec![content(10)]).await.unwrap();
    let [kept] = t.store.list().try_collect::<Vec<_>>().await.unwrap().try_into().unwrap();
    let file = root.join(&kept.name);
    let staged = file.with_file_name(format!("{id}#1"));
    std::fs::write(&staged, b"half an object").unwrap();
    assert_eq!(t.store.list().try_collect::<Vec<_>>().await.unwrap().len(), 1);
    let later: Timestamp = "2999-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(t.store.sweep_unfinished(later).await.unwrap(), 1);
    assert!(!staged.exists() && file.exists());
}

#[tokio::test]
async fn nothing_is_absent_from_a_folder_that_is_gone() {
    let t = folder();
    let id = RecordingId::random();
    t.store.put(id, vec![content(10)]).await.unwrap();
    t.dir.unwrap().close().unwrap();
    let seen = t.store.absent(&[id]).await;
    assert!(matches!(seen.as_slice(), [(_, Err(Error::Unavailable(_)))]), "{seen:?}");
}

#[tokio::test]
async fn what_cannot_be_unlinked_is_not_deleted() {
    let t = folder();
    let (id, free) = (RecordingId::random(), RecordingId::random());
    let hex = id.to_string();
    let place = t.dir.as_ref().unwrap().path().join(&hex[..2]).join(&hex);
    // A folder where the object should be: no right of the tester gets around that.
    std::fs::create_dir_all(place.join("x")).unwrap();
    t.store.put(free, vec![content(10)]).await.unwrap();
    for (done, result) in t.store.delete(&[id, free]).await {
        assert_eq!(result.is_err(), done == id, "{result:?}");
    }
    for (seen, absence) in t.store.absent(&[id, free]).await {
        let expected = if seen == id { Absence::Present } else { Absence::Absent };
        assert_eq!(absence.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_foreign_file_is_listed_as_nobodys() {
    let t = folder();
    let root = t.dir.as_ref().unwrap().path();
    std::fs::write(root.join("README"), b"hello").unwrap();
    let [listed] = t.store.list().try_collect::<Vec<_>>().await.unwrap().try_into().unwrap();
    assert_eq!((listed.id, listed.name.as_str(), listed.size), (None, "README", 5));
}
