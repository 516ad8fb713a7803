//! The ledger's entries.

use callvault::index::ledger_entries::{self, NewEntry};
use callvault::index::{controllers, sql};
use callvault::model::{ControllerId, Event, RecordingId};

use super::tables::customer;
use super::{at, provider, write};
use crate::backend::{TestDb, on_each_backend};

on_each_backend! {
    entries_get_gapless_places_of_their_own_ledger,
    a_rolled_back_entry_leaves_no_gap,
    concurrent_appends_leave_no_gap,
    nothing_is_changed_or_taken_out,
}

fn entry(controller: ControllerId, n: i64) -> NewEntry {
    NewEntry {
        controller,
        at: at(n * 1_000_001),
        event: Event::RecordingAccepted,
        recording: (n % 2 == 0).then(RecordingId::random),
        body: format!(r#"{{"n":{n},"é":"\"'"}}"#),
    }
}

async fn entries_get_gapless_places_of_their_own_ledger(t: TestDb) {
    let provider = provider(&t.db).await;
    let other = customer("acme", 0);
    write!(t.db, |tx| controllers::insert_customer(tx, &other));
    let entries = [entry(provider, 0), entry(other.id, 1), entry(provider, 2)];
    assert_eq!(write!(t.db, |tx| ledger_entries::append(tx, &entries)), [0, 0, 1]);
    assert!(write!(t.db, |tx| ledger_entries::append(tx, &[])).is_empty());
    assert_eq!(write!(t.db, |tx| ledger_entries::append(tx, &[entry(provider, 3)])), [2]);
    let listed = ledger_entries::list(&t.db, provider, 0, 9).await.unwrap();
    let [first, second, third] = listed.as_slice() else { panic!("{listed:?}") };
    assert_eq!([first.seq, second.seq, third.seq], [0, 1, 2]);
    for (kept, new) in [(first, &entries[0]), (second, &entries[2])] {
        assert_eq!((kept.controller, kept.at, kept.event), (new.controller, new.at, new.event));
        assert_eq!((kept.recording, &kept.body), (new.recording, &new.body));
    }
    assert_eq!(third.recording, None);
    let page = ledger_entries::list(&t.db, provider, 1, 1).await.unwrap();
    assert_eq!(page.as_slice(), std::slice::from_ref(second));
    let id = second.recording.unwrap();
    let about = ledger_entries::about(&t.db, id).await.unwrap();
    assert_eq!(about.as_slice(), std::slice::from_ref(second));
    assert_eq!(ledger_entries::size(&t.db, provider).await.unwrap(), 3);
    assert_eq!(ledger_entries::size(&t.db, ControllerId::random()).await.unwrap(), 0);
}

async fn a_rolled_back_entry_leaves_no_gap(t: TestDb) {
    let provider = provider(&t.db).await;
    let mut tx = t.db.begin().await.unwrap();
    ledger_entries::append(&mut tx, &[entry(provider, 0)]).await.unwrap();
    drop(tx);
    assert_eq!(write!(t.db, |tx| ledger_entries::append(tx, &[entry(provider, 1)])), [0]);
}

async fn concurrent_appends_leave_no_gap(t: TestDb) {
    let provider = provider(&t.db).await;
    let other = customer("acme", 0);
    write!(t.db, |tx| controllers::insert_customer(tx, &other));
    let workers: Vec<_> = (0..8)
        .map(|worker| {
            let db = t.db.clone();
            // Every second one names the ledgers the other way round: no deadlock comes of it.
            let mut pair = [provider, other.id];
            if worker % 2 == 0 {
                pair.reverse();
            }
            tokio::spawn(async move {
                for n in 0..10 {
                    let entries = pair.map(|controller| entry(controller, n));
                    let mut tx = db.begin().await.unwrap();
                    ledger_entries::append(&mut tx, &entries).await.unwrap();
                    tx.commit().await.unwrap();
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    for ledger in [provider, other.id] {
        let places = ledger_entries::list(&t.db, ledger, 0, 1_000).await.unwrap();
        let places: Vec<_> = places.into_iter().map(|entry| entry.seq).collect();
        assert_eq!(places, (0..80).collect::<Vec<_>>());
    }
}

async fn nothing_is_changed_or_taken_out(t: TestDb) {
    let provider = provider(&t.db).await;
    write!(t.db, |tx| ledger_entries::append(tx, &[entry(provider, 0)]));
    for change in [
        "UPDATE ledger_entries SET leaf = '{}'",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledgers",
    ] {
        let mut tx = t.db.begin().await.unwrap();
        assert!(sql(change).execute(&mut tx).await.is_err(), "{change}");
    }
    assert_eq!(ledger_entries::list(&t.db, provider, 0, 9).await.unwrap().len(), 1);
}
