//! Erasing, step by step, and what is left.

use std::collections::BTreeSet;

use callvault::index::recordings::{self, LOOKING, STUCK_AFTER};
use callvault::index::{derived, sql};
use callvault::model::{Cause, Class, Day, Ground, Recording, RecordingId, State};

use super::{DAY, HOUR, add, add_marked, at, marks, provider, recording, write};
use crate::backend::{TestDb, on_each_backend};

on_each_backend! {
    only_what_is_due_and_kept_by_nothing_is_claimed,
    two_erasers_never_claim_the_same_recording,
    one_recording_is_claimed_for_a_cause,
    a_hold_that_comes_before_the_wrap_is_destroyed_keeps_it,
    each_step_happens_once,
    a_dead_nodes_claims_are_taken_over,
    failures_are_counted_until_it_is_stuck,
    a_tombstone_tells_nothing_of_the_call,
    the_second_look_is_one_nodes_at_a_time,
    what_is_overdue_is_counted_until_it_is_gone,
    reconciling_finds_what_has_an_object,
    nothing_is_made_from_what_is_being_erased,
}

fn ids(claimed: &[recordings::Claimed]) -> BTreeSet<RecordingId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

async fn only_what_is_due_and_kept_by_nothing_is_claimed(t: TestDb) {
    let provider = provider(&t.db).await;
    let due = add(&t.db, recording(provider, 0)).await;
    let later = add(&t.db, recording(provider, 1)).await;
    for kept in [
        Recording { held: true, ..recording(provider, 0) },
        Recording { restricted: true, ..recording(provider, 0) },
        Recording { state: State::Lost, ..recording(provider, 0) },
    ] {
        add(&t.db, kept).await;
    }
    let before = at(DAY - 1);
    assert_eq!(recordings::due(&t.db, before, 9).await.unwrap(), []);
    assert_eq!(write!(t.db, |tx| recordings::claim_due(tx, before, 9)), []);
    assert_eq!(recordings::due(&t.db, at(2 * DAY), 9).await.unwrap(), [due.id, later.id]);
    assert_eq!(recordings::count_due(&t.db, at(2 * DAY)).await.unwrap(), 2);

    let claimed = write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));
    let expected = recordings::Claimed {
        id: due.id,
        controller: provider,
        class: Class::Support,
        due_at: at(DAY),
        cause: Cause::Term,
        case_id: None,
        claims: 1,
        attempts: 0,
        key_destroyed_at: None,
    };
    assert_eq!(claimed, [expected]);
    let found = recordings::find(&t.db, due.id).await.unwrap().unwrap();
    assert_eq!((found.state, found.cause), (State::Erasing, Some(Cause::Term)));
    let limited = write!(t.db, |tx| recordings::claim_due(tx, at(2 * DAY), 0));
    assert_eq!(limited, []);
}

async fn two_erasers_never_claim_the_same_recording(t: TestDb) {
    let provider = provider(&t.db).await;
    let mut all = BTreeSet::new();
    for n in 0..40 {
        all.insert(add(&t.db, recording(provider, n)).await.id);
    }
    let workers: Vec<_> = (0..8)
        .map(|_| {
            let db = t.db.clone();
            tokio::spawn(async move {
                let mut mine = Vec::new();
                for _ in 0..12 {
                    let mut tx = db.begin().await.unwrap();
                    let claimed = recordings::claim_due(&mut tx, at(2 * DAY), 3).await.unwrap();
                    tx.commit().await.unwrap();
                    mine.extend(claimed.into_iter().map(|claimed| claimed.id));
                }
                mine
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for worker in workers {
        claimed.extend(worker.await.unwrap());
    }
    assert_eq!(claimed.len(), 40, "each once");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), all);
}

async fn one_recording_is_claimed_for_a_cause(t: TestDb) {
    let provider = provider(&t.db).await;
    let now = at(HOUR);
    let add = async |change: fn(&mut Recording)| {
        let mut recording = recording(provider, 0);
        change(&mut recording);
        add(&t.db, recording).await.id
    };
    let cases = [
        ("before due", add(|_| ()).await, Cause::Term, None, false),
        ("due", add(|r| r.due_at = at(1)).await, Cause::Term, None, true),
        ("requested", add(|_| ()).await, Cause::Request, Some("case-1"), true),
        ("requested and held", add(|r| r.held = true).await, Cause::Request, Some("c"), false),
        ("restricted", add(|r| r.restricted = true).await, Cause::Request, Some("c"), false),
        (
            "objected",
            add(|r| (r.restricted, r.ground) = (true, Some(Ground::ObjectionPending))).await,
            Cause::Objection,
            Some("c"),
            true,
        ),
        ("lost", add(|r| r.state = State::Lost).await, Cause::Lost, Some("i-1"), true),
        ("unknown", RecordingId::random(), Cause::Request, Some("c"), false),
    ];
    for (name, id, cause, case, expected) in cases {
        let claimed = write!(t.db, |tx| recordings::claim_one(tx, id, cause, case, now));
        assert_eq!(claimed.is_some(), expected, "{name}");
        assert!(claimed.is_none_or(|c| c.cause == cause && c.case_id.as_deref() == case));
    }
    let id = add(|_| ()).await;
    let mut tx = t.db.begin().await.unwrap();
    let refused = recordings::claim_one(&mut tx, id, Cause::Request, None, now).await;
    assert!(refused.is_err(), "an early erasure needs a case");
}

async fn a_hold_that_comes_before_the_wrap_is_destroyed_keeps_it(t: TestDb) {
    let provider = provider(&t.db).await;
    let held = add_marked(&t.db, recording(provider, 0), &marks(1)).await.id;
    let restricted = add_marked(&t.db, recording(provider, 0), &marks(2)).await.id;
    let free = add_marked(&t.db, recording(provider, 0), &marks(3)).await.id;
    let all = [held, restricted, free];
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));
    assert!(write!(t.db, |tx| recordings::set_held(tx, held, true)));
    assert!(write!(t.db, |tx| recordings::set_restricted(tx, restricted, Some(Ground::Claim))));
    assert_eq!(write!(t.db, |tx| recordings::destroy_wraps(tx, &all, at(DAY))), [free]);
    assert!(!write!(t.db, |tx| recordings::set_held(tx, free, true)), "too late for a hold");
    let released = write!(t.db, |tx| recordings::release(tx, &all));
    assert_eq!(BTreeSet::from_iter(released), BTreeSet::from([held, restricted]));
    let found = recordings::find(&t.db, held).await.unwrap().unwrap();
    assert_eq!((found.state, found.cause), (State::Stored, None));
    assert!(found.key.wrap.is_some() && found.held);
}

async fn each_step_happens_once(t: TestDb) {
    let provider = provider(&t.db).await;
    let id = add_marked(&t.db, recording(provider, 0), &marks(1)).await.id;
    assert!(write!(t.db, |tx| derived::insert(tx, id, "waveform", &[1, 2])));
    assert_eq!(write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(DAY))), []);
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));
    let finish = async |at_time| {
        write!(t.db, |tx| recordings::finish_erased(tx, &[id], at_time, at(2 * DAY)))
    };
    assert_eq!(finish(at(DAY)).await, [], "the key is not destroyed yet");
    assert_eq!(write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(DAY))), [id]);
    assert_eq!(write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(DAY))), []);
    assert_eq!(recordings::find(&t.db, id).await.unwrap().unwrap().key.wrap, None);

    let erased = finish(at(DAY + 1)).await;
    let expected = recordings::Erased {
        id,
        controller: provider,
        class: Class::Support,
        policy: "support/1".into(),
        due_at: at(DAY),
        cause: Cause::Term,
        case_id: None,
        key_destroyed_at: Some(at(DAY)),
        key_day: Day(20_607),
        key_generation: 3,
        attempts: 0,
    };
    assert_eq!(erased, [expected]);
    assert_eq!(finish(at(DAY + 2)).await, [], "one leaf");
    let found = recordings::find(&t.db, id).await.unwrap().unwrap();
    assert_eq!((found.state, found.erased_at), (State::AudioErased, Some(at(DAY + 1))));
    assert_eq!(derived::find(&t.db, id, "waveform").await.unwrap(), None);
    let same = recordings::same_call(&t.db, provider, &[1; 32]).await.unwrap();
    assert_eq!(same.first().map(|call| call.content_key.clone()), Some(None));
    assert_eq!(recordings::daily_erasures(&t.db, at(0)).await.unwrap(), [(at(DAY).day(), 1)]);
    assert_eq!(recordings::daily_erasures(&t.db, at(2 * DAY)).await.unwrap(), []);
}

async fn a_dead_nodes_claims_are_taken_over(t: TestDb) {
    let provider = provider(&t.db).await;
    let destroyed = add(&t.db, recording(provider, 0)).await.id;
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));
    write!(t.db, |tx| recordings::destroy_wraps(tx, &[destroyed], at(DAY)));
    let whole = add(&t.db, recording(provider, 0)).await.id;
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));

    let stale =
        async |before| write!(t.db, |tx| recordings::claim_stale(tx, at(DAY + HOUR), before, 9));
    assert_eq!(stale(at(DAY)).await, [], "they are not old yet");
    let again = stale(at(DAY + 1)).await;
    assert_eq!(ids(&again), BTreeSet::from([destroyed, whole]));
    for claimed in &again {
        let expected = (claimed.id == destroyed).then(|| at(DAY));
        assert_eq!((claimed.claims, claimed.key_destroyed_at), (2, expected));
    }
    assert_eq!(stale(at(DAY + 1)).await, [], "they are fresh again");
}

async fn failures_are_counted_until_it_is_stuck(t: TestDb) {
    let id = add(&t.db, recording(provider(&t.db).await, 0)).await.id;
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));
    for n in 1..=STUCK_AFTER {
        assert_eq!(recordings::stuck(&t.db).await.unwrap(), [], "{n}");
        let now = write!(t.db, |tx| recordings::fail_attempt(tx, &[id], "unavailable", at(DAY)));
        assert_eq!(now.len(), usize::from(n == STUCK_AFTER), "told once");
    }
    let later = write!(t.db, |tx| recordings::fail_attempt(tx, &[id], "unavailable", at(DAY)));
    assert_eq!(later, []);
    let stuck = recordings::stuck(&t.db).await.unwrap();
    let told: Vec<_> = stuck.iter().map(|s| (s.id, s.attempts, s.error_code.as_deref())).collect();
    assert_eq!(told, [(id, STUCK_AFTER + 1, Some("unavailable"))]);
}

async fn a_tombstone_tells_nothing_of_the_call(t: TestDb) {
    let provider = provider(&t.db).await;
    let offset = 10 * HOUR + 61_000_001;
    let mut early = recording(provider, offset);
    (early.objected, early.metadata.withheld) = (true, true);
    let id = add_marked(&t.db, early, &marks(1)).await.id;
    assert_eq!(write!(t.db, |tx| recordings::bury(tx, &[id])), [], "its audio is there");
    let case = Some("case-7");
    write!(t.db, |tx| recordings::claim_one(tx, id, Cause::Request, case, at(offset)));
    write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(DAY)));
    write!(t.db, |tx| recordings::finish_erased(tx, &[id], at(DAY), at(2 * DAY)));
    let before = write!(t.db, |tx| recordings::metadata_due(tx, at(offset + 180 * DAY - 1), 9));
    assert_eq!(before, []);
    let due = write!(t.db, |tx| recordings::metadata_due(tx, at(offset + 180 * DAY), 9));
    assert_eq!(due, [(id, provider)]);
    assert_eq!(write!(t.db, |tx| recordings::bury(tx, &[id])), [id]);
    assert_eq!(write!(t.db, |tx| recordings::bury(tx, &[id])), [], "it is one");

    let found = recordings::find(&t.db, id).await.unwrap().unwrap();
    assert_eq!(found.metadata, callvault::model::Metadata::default());
    assert_eq!((found.state, found.source.as_str()), (State::Tombstone, ""));
    assert_eq!(found.due_at, at(DAY + 11 * HOUR), "rounded up to the hour");
    assert_eq!(found.metadata_due_at, at(180 * DAY + 11 * HOUR));
    assert_eq!(found.received_at, at(DAY), "the end of its day");
    assert_eq!((found.cause, found.case_id.as_deref()), (Some(Cause::Request), case));
    assert!(!found.objected);
    assert_eq!(recordings::digest(&t.db, id).await.unwrap(), None);
    let (marks,): (i64,) = sql("SELECT COUNT(*) FROM recordings WHERE caller_blind IS NOT NULL
             OR callee_blind IS NOT NULL OR call_key IS NOT NULL OR content_key IS NOT NULL")
    .fetch_one(&t.db)
    .await
    .unwrap();
    assert_eq!(marks, 0);
}

async fn the_second_look_is_one_nodes_at_a_time(t: TestDb) {
    let provider = provider(&t.db).await;
    let id = add(&t.db, recording(provider, 0)).await.id;
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 9));
    write!(t.db, |tx| recordings::destroy_wraps(tx, &[id], at(DAY)));
    write!(t.db, |tx| recordings::finish_erased(tx, &[id], at(DAY), at(2 * DAY)));
    write!(t.db, |tx| recordings::bury(tx, &[id]));
    let look = async |now| {
        let taken = write!(t.db, |tx| recordings::look_again(tx, now, 9));
        taken.into_iter().map(|looking| looking.id).collect::<Vec<_>>()
    };
    assert_eq!(look(at(2 * DAY - 1)).await, []);
    assert_eq!(look(at(2 * DAY)).await, [id], "a tombstone is looked for, too");
    assert_eq!(look(at(2 * DAY)).await, [], "somebody does");
    assert_eq!(look(at(2 * DAY).plus(LOOKING)).await, [id], "that node died");
    assert_eq!(write!(t.db, |tx| recordings::looked(tx, &[id])), [id]);
    assert_eq!(write!(t.db, |tx| recordings::looked(tx, &[id])), []);
    assert_eq!(look(at(9 * DAY)).await, []);
}

async fn what_is_overdue_is_counted_until_it_is_gone(t: TestDb) {
    let provider = provider(&t.db).await;
    let first = add(&t.db, recording(provider, 0)).await.id;
    add(&t.db, recording(provider, 5)).await;
    add(&t.db, Recording { held: true, ..recording(provider, -HOUR) }).await;
    let told = async |now| {
        let overdue = recordings::overdue(&t.db, now).await.unwrap();
        (overdue.count, overdue.oldest_due)
    };
    assert_eq!(told(at(DAY - 1)).await, (0, None));
    assert_eq!(told(at(2 * DAY)).await, (2, Some(at(DAY))));
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 1));
    assert_eq!(told(at(2 * DAY)).await, (2, Some(at(DAY))), "claimed is not gone");
    write!(t.db, |tx| recordings::destroy_wraps(tx, &[first], at(DAY)));
    write!(t.db, |tx| recordings::finish_erased(tx, &[first], at(DAY), at(2 * DAY)));
    assert_eq!(told(at(2 * DAY)).await, (1, Some(at(DAY + 5))));
    let oldest = recordings::oldest_stored(&t.db, Class::Support).await.unwrap();
    assert_eq!(oldest, Some(at(-HOUR)));
    assert_eq!(recordings::oldest_stored(&t.db, Class::Customer).await.unwrap(), None);
}

async fn reconciling_finds_what_has_an_object(t: TestDb) {
    let provider = provider(&t.db).await;
    let mut stored = Vec::new();
    for n in 1..6 {
        stored.push(add(&t.db, recording(provider, n)).await.id);
    }
    stored.sort_unstable();
    let erasing = add(&t.db, recording(provider, 0)).await.id;
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 1));
    let mut walked = Vec::new();
    for first_byte in 0..=u8::MAX {
        let mut after = None;
        loop {
            let page = recordings::live_in(&t.db, first_byte, after, 1).await.unwrap();
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            walked.extend(page.iter().map(|live| live.id));
        }
    }
    assert_eq!(walked, stored);
    let asked = [erasing, RecordingId::random(), *stored.first().unwrap()];
    let mut known = recordings::exists_many(&t.db, &asked).await.unwrap();
    known.sort_by_key(|known| known.state);
    let told: Vec<_> = known.iter().map(|k| (k.id, k.state, k.may_have_object())).collect();
    let first = *stored.first().unwrap();
    assert_eq!(told, [(first, State::Stored, true), (erasing, State::Erasing, true)]);
    assert_eq!(recordings::exists_many(&t.db, &[]).await.unwrap(), []);
}

async fn nothing_is_made_from_what_is_being_erased(t: TestDb) {
    let id = add(&t.db, recording(provider(&t.db).await, 0)).await.id;
    assert!(write!(t.db, |tx| derived::insert(tx, id, "waveform", &[1])));
    assert!(write!(t.db, |tx| derived::insert(tx, id, "waveform", &[2])));
    assert_eq!(derived::find(&t.db, id, "waveform").await.unwrap(), Some(vec![2]));
    assert_eq!(derived::find(&t.db, id, "seek").await.unwrap(), None);
    write!(t.db, |tx| recordings::claim_due(tx, at(DAY), 1));
    assert!(!write!(t.db, |tx| derived::insert(tx, id, "seek", &[3])));
}
