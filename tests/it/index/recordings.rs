//! Adding, finding and changing recordings.

use callvault::index::Error;
use callvault::index::recordings::{self, Marks, SameCall, Search, Suspended};
use callvault::model::{ControllerId, Day, Ground, Limit, Metadata, RecordingId, State};

use super::{DAY, add, add_marked, at, marks, provider, recording, write};
use crate::backend::{TestDb, on_each_backend};

on_each_backend! {
    a_recording_reads_back_as_it_was_added,
    what_is_not_known_reads_back_as_not_known,
    somebody_elses_recording_does_not_exist,
    the_same_call_with_the_same_audio_is_added_once,
    a_rolled_back_recording_was_never_there,
    a_recording_needs_a_controller,
    changes_reach_stored_recordings_only,
    suspended_recordings_move_together_each_with_its_numbers,
    readers_cannot_write,
    every_request_can_be_made_from_any_thread,
}

async fn a_recording_reads_back_as_it_was_added(t: TestDb) {
    let provider = provider(&t.db).await;
    let added = add_marked(&t.db, recording(provider, 123_457), &marks(1)).await;
    assert_eq!(recordings::find(&t.db, added.id).await.unwrap(), Some(added.clone()));
    assert_eq!(recordings::digest(&t.db, added.id).await.unwrap(), Some(vec![1; 60]));
    assert_eq!(recordings::find(&t.db, RecordingId::random()).await.unwrap(), None);
}

async fn what_is_not_known_reads_back_as_not_known(t: TestDb) {
    let mut bare = recording(provider(&t.db).await, 0);
    bare.metadata = Metadata { withheld: true, ..Metadata::default() };
    let bare = add(&t.db, bare).await;
    assert_eq!(recordings::find(&t.db, bare.id).await.unwrap(), Some(bare));
}

async fn somebody_elses_recording_does_not_exist(t: TestDb) {
    let provider = provider(&t.db).await;
    let added = add(&t.db, recording(provider, 0)).await;
    let own = recordings::find_for(&t.db, provider, added.id).await.unwrap();
    assert_eq!(own, Some(added.clone()));
    let other = recordings::find_for(&t.db, ControllerId::random(), added.id).await.unwrap();
    assert_eq!(other, None);
}

async fn the_same_call_with_the_same_audio_is_added_once(t: TestDb) {
    let provider = provider(&t.db).await;
    let first = add_marked(&t.db, recording(provider, 0), &marks(1)).await;
    let again = recording(provider, 0);
    let mut tx = t.db.begin().await.unwrap();
    let refused = recordings::insert(&mut tx, &again, &marks(1)).await;
    assert!(matches!(refused, Err(Error::Conflict(_))), "{refused:?}");
    tx.rollback().await.unwrap();

    let longer = Marks { content_key: Some([2; 32]), ..marks(1) };
    let second = add_marked(&t.db, recording(provider, 5), &longer).await;
    let erased = Marks { content_key: None, ..marks(1) };
    for n in [6, 7] {
        add_marked(&t.db, recording(provider, n), &erased).await;
    }
    let same = recordings::same_call(&t.db, provider, &[1; 32]).await.unwrap();
    let ids: Vec<_> = same.iter().take(2).map(|call| call.id).collect();
    assert_eq!((same.len(), ids), (4, vec![first.id, second.id]));
    let expected = SameCall {
        id: first.id,
        state: State::Stored,
        content_key: Some(vec![1; 32]),
        size_bytes: Some(1 << 40),
    };
    assert_eq!(same.first(), Some(&expected));
    assert_eq!(recordings::same_call(&t.db, provider, &[9; 32]).await.unwrap(), []);
}

async fn a_rolled_back_recording_was_never_there(t: TestDb) {
    let recording = recording(provider(&t.db).await, 0);
    let mut tx = t.db.begin().await.unwrap();
    recordings::insert(&mut tx, &recording, &Marks::default()).await.unwrap();
    assert!(recordings::find(&mut tx, recording.id).await.unwrap().is_some());
    assert!(recordings::find(&t.db, recording.id).await.unwrap().is_none());
    drop(tx);
    assert_eq!(recordings::find(&t.db, recording.id).await.unwrap(), None);
}

async fn a_recording_needs_a_controller(t: TestDb) {
    let mut tx = t.db.begin().await.unwrap();
    let nobodys = recording(ControllerId::random(), 0);
    let refused = recordings::insert(&mut tx, &nobodys, &Marks::default()).await.unwrap_err();
    let agent = nobodys.metadata.agent.unwrap();
    assert!(matches!(refused, Error::Other(_)), "{refused:?}");
    assert!(!format!("{refused:?}").contains(&agent), "an error tells who called");
}

async fn changes_reach_stored_recordings_only(t: TestDb) {
    let added = add(&t.db, recording(provider(&t.db).await, 0)).await;
    let id = added.id;
    assert!(write!(t.db, |tx| recordings::set_held(tx, id, true)));
    assert!(write!(t.db, |tx| recordings::set_restricted(tx, id, Some(Ground::Claim))));
    assert!(write!(t.db, |tx| recordings::set_objected(tx, id, true)));
    let day = Day(30_000);
    let from = added.key.day;
    let moved = |wrap: u8, from| Suspended { id, from, wrap: vec![wrap; 60], numbers: None };
    let rows = [moved(8, from)];
    assert_eq!(write!(t.db, |tx| recordings::move_suspended(tx, day, 4, &rows)), 1);
    assert_eq!(write!(t.db, |tx| recordings::move_suspended(tx, day, 5, &rows)), 0, "it moved on");
    let found = recordings::find(&t.db, id).await.unwrap().unwrap();
    assert!(found.held && found.restricted && found.objected);
    assert_eq!((found.key.wrap, found.key.day, found.key.generation), (Some(vec![8; 60]), day, 4));
    assert_eq!(found.due_at, added.due_at, "it is due when it was");
    assert_eq!(found.metadata_due_at, added.metadata_due_at);
    assert_eq!(found.metadata.numbers, added.metadata.numbers);

    assert!(write!(t.db, |tx| recordings::mark_lost(tx, id)));
    assert!(!write!(t.db, |tx| recordings::mark_lost(tx, id)), "it is lost already");
    let rows = [moved(7, day)];
    assert_eq!(write!(t.db, |tx| recordings::move_suspended(tx, Day(30_001), 5, &rows)), 0);
    let nobody = RecordingId::random();
    assert!(!write!(t.db, |tx| recordings::set_held(tx, nobody, true)));
}

async fn suspended_recordings_move_together_each_with_its_numbers(t: TestDb) {
    let of = provider(&t.db).await;
    let mut rows = Vec::new();
    for n in 0..3 {
        let added = add(&t.db, recording(of, n)).await;
        let numbers = (n > 0).then(|| vec![5, u8::try_from(n).unwrap()]);
        rows.push(Suspended { id: added.id, from: added.key.day, wrap: vec![8; 60], numbers });
    }
    let to = Day(30_000);
    assert_eq!(write!(t.db, |tx| recordings::move_suspended(tx, to, 4, &rows)), 3);
    for (row, numbers) in rows.iter().zip([vec![0, 255, 7], vec![5, 1], vec![5, 2]]) {
        let found = recordings::find(&t.db, row.id).await.unwrap().unwrap();
        assert_eq!((found.key.day, found.metadata.numbers), (to, Some(numbers)));
    }
}

async fn readers_cannot_write(t: TestDb) {
    let id = add(&t.db, recording(provider(&t.db).await, 0)).await.id;
    let written = callvault::index::sql("UPDATE recordings SET held = $1 WHERE id = $2")
        .bind(true)
        .bind(id)
        .execute(&t.db)
        .await;
    // PostgreSQL has one pool for both; SQLite keeps its one writer for transactions.
    let sqlite = t.db.kind() == callvault::index::Kind::Sqlite;
    assert_eq!(written.is_err(), sqlite);
}

async fn every_request_can_be_made_from_any_thread(t: TestDb) {
    let provider = provider(&t.db).await;
    let id = add_marked(&t.db, recording(provider, 0), &marks(1)).await.id;
    let db = t.db.clone();
    let task = tokio::spawn(async move {
        let number = [1; 32];
        let wanted = Search { number: Some(&number), ..Search::of(provider) };
        let found = recordings::search(&db, &wanted, Limit::new(None)).await.unwrap();
        let mut tx = db.begin().await.unwrap();
        recordings::claim_due(&mut tx, at(DAY), 9).await.unwrap();
        recordings::destroy_wraps(&mut tx, &[id], at(DAY)).await.unwrap();
        recordings::finish_erased(&mut tx, &[id], at(DAY), at(DAY)).await.unwrap();
        recordings::look_again(&mut tx, at(DAY), 9).await.unwrap();
        let buried = recordings::bury(&mut tx, &[id]).await.unwrap();
        tx.commit().await.unwrap();
        db.checkpoint().await.unwrap();
        (found.len(), buried)
    });
    assert_eq!(task.await.unwrap(), (1, vec![id]));
}
