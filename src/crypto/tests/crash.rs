//! Stopping at every step: whoever comes afterwards finds the old state or the new one, whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::{Object, context, keys};
use crate::crypto::{Error, Keys, Place, Stored};
use crate::model::{Class, Day};

const PAST: Day = Day(20_000);
const TODAY: Day = Day(20_001);
const LATER: Day = Day(20_090);

#[tokio::test]
async fn a_forgetting_can_stop_after_any_write() {
    let mut finished = false;
    let mut seen_old = false;
    for writes in 0..10 {
        let (place, keys) = keys().await;
        let object = Object::new(context(), 5);
        keys.ensure(&[object.context.controller], &[PAST, LATER]).await.unwrap();
        let [gone, live] = [PAST, LATER].map(|day| {
            let facts = object.facts(Class::Support, day);
            (keys.wrap(object.sealer.dek(), &facts).unwrap(), facts)
        });
        let before = place.backup();

        place.stop_after(writes);
        let told = keys.forget(TODAY).await;
        place.go_on();
        let after = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();

        assert!(after.unwrap(&live.0, &live.1).is_ok(), "{writes} writes");
        assert!(keys.unwrap(&live.0, &live.1).is_ok(), "{writes} writes");
        let forgot = after.unwrap(&gone.0, &gone.1).is_err();
        assert_eq!(forgot, writes > 0, "the first write is the new epoch: {writes} writes");
        if told.is_ok() {
            assert!(forgot && keys.unwrap(&gone.0, &gone.1).is_err());
        }
        if forgot {
            assert_eq!(after.last_forgotten().days.len(), 1, "it can still be told");
            assert!(!place.backup().iter().any(|stored| *stored.root == *before[0].root));
        }
        assert_eq!(place.epochs().await.unwrap().len(), 1, "{writes} writes");
        let status = after.status();
        assert!(!status.unfinished);
        seen_old |= !forgot;
        finished |= told.is_ok();

        // And it goes on from there.
        after.forget(TODAY).await.unwrap();
        after.ensure(&[], &[Day(LATER.0 + 1)]).await.unwrap();
        assert!(after.unwrap(&live.0, &live.1).is_ok());
        assert!(after.unwrap(&gone.0, &gone.1).is_err());
    }
    assert!(finished && seen_old, "both ends were reached");
}

#[tokio::test]
async fn a_forgetting_that_failed_is_told_by_the_next_one() {
    let (place, keys) = keys().await;
    keys.ensure(&[], &[PAST, LATER]).await.unwrap();
    let fingerprint = keys.fingerprint(PAST).unwrap();
    place.stop_after(1);
    assert!(matches!(keys.forget(TODAY).await, Err(Error::Place(_))));
    assert_eq!(keys.fingerprint(PAST), None, "it is forgotten here all the same");
    place.go_on();
    let forgotten = keys.forget(TODAY).await.unwrap();
    assert_eq!(forgotten.days, [(PAST, 0, fingerprint)]);
    assert_eq!(keys.forget(TODAY).await.unwrap().days, []);
}

#[tokio::test]
async fn a_keyring_opens_although_an_old_root_cannot_be_destroyed_now() {
    let (place, keys) = keys().await;
    keys.ensure(&[], &[PAST]).await.unwrap();
    place.stop_after(1);
    keys.forget(TODAY).await.unwrap_err();
    place.stop_after(0);
    let after = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    assert!(after.status().unfinished);
    place.go_on();
    after.forget(TODAY).await.unwrap();
    assert!(!after.status().unfinished);
}

#[tokio::test]
async fn a_new_epoch_that_does_not_read_back_destroys_nothing_old() {
    let (place, keys) = keys().await;
    keys.ensure(&[], &[PAST, LATER]).await.unwrap();
    place.spoil_new_epochs(true);
    assert!(matches!(keys.forget(TODAY).await, Err(Error::ReadBack)));
    assert!(keys.fingerprint(PAST).is_some());
    place.spoil_new_epochs(false);
    let after = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    assert_eq!(after.status().epoch, 1);
    assert!(after.fingerprint(PAST).is_some());
    assert_eq!(after.forget(TODAY).await.unwrap().days.len(), 1);
}

#[tokio::test]
async fn a_damaged_newest_keyring_is_refused_and_never_replaced_by_an_older_one() {
    let (place, keys) = keys().await;
    keys.ensure(&[], &[PAST, LATER]).await.unwrap();
    let old = place.backup().remove(0);
    keys.forget(TODAY).await.unwrap();
    let new = place.backup().remove(0);
    let mut sealed = new.sealed.clone();
    sealed[100] ^= 1;
    place.restore(&old);
    place.restore(&Stored { version: new.version, sealed, root: new.root.clone() });
    let refused = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await;
    assert!(matches!(refused, Err(Error::Keyring)));
    assert_eq!(place.epochs().await.unwrap(), [1, 2], "nothing is destroyed for it");
    place.restore(&new);
    let opened = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    assert_eq!(opened.fingerprint(PAST), None);
    assert_eq!(place.epochs().await.unwrap(), [2], "what came back from a backup is destroyed");
}

#[tokio::test]
async fn making_keys_can_stop_after_any_write() {
    for writes in 0..2 {
        let (place, keys) = keys().await;
        keys.ensure(&[], &[TODAY]).await.unwrap();
        let fingerprint = keys.fingerprint(TODAY);
        place.stop_after(writes);
        let made = keys.ensure(&[], &[LATER]).await;
        place.go_on();
        assert_eq!(made.is_ok(), writes > 0);
        assert_eq!(keys.fingerprint(LATER).is_some(), made.is_ok());
        let after = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
        assert_eq!(after.fingerprint(TODAY), fingerprint);
        assert_eq!(after.fingerprint(LATER), keys.fingerprint(LATER));
    }
}

/// One thing that one of two nodes does, with the power going after so many writes.
#[derive(Clone, Debug)]
struct Step {
    node: usize,
    what: What,
    writes: Option<usize>,
}

#[derive(Clone, Debug)]
enum What {
    Ensure(i32),
    Forget(i32),
    Refresh,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let what = prop_oneof![
        (0..12).prop_map(What::Ensure),
        (0..4).prop_map(What::Forget),
        Just(What::Refresh),
        Just(What::Restart),
    ];
    let step = (0..2_usize, what, prop::option::of(0..4_usize))
        .prop_map(|(node, what, writes)| Step { node, what, writes });
    prop::collection::vec(step, 1..40)
}

/// Two nodes do `steps`. What a node made sure of must stay until it is forgotten, and not after.
async fn live_through(steps: Vec<Step>) {
    let (place, first) = keys().await;
    let mut nodes = [first.clone(), first];
    let (mut made, mut today) = (BTreeMap::new(), 0);
    for Step { node, what, writes } in steps {
        if let Some(writes) = writes {
            place.stop_after(writes);
        }
        match what {
            What::Ensure(ahead) => {
                let day = Day(today + ahead);
                if nodes[node].ensure(&[], &[day]).await.is_ok() {
                    let fingerprint = nodes[node].fingerprint(day).unwrap();
                    assert_eq!(*made.entry(day).or_insert(fingerprint), fingerprint);
                }
            }
            What::Forget(ahead) => {
                today += ahead;
                // Whether or not it is told to have worked, it may have.
                let _ = nodes[node].forget(Day(today)).await;
            }
            What::Refresh => drop(nodes[node].refresh().await.unwrap()),
            What::Restart => {
                nodes[node] = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
            }
        }
        place.go_on();
    }
    for node in nodes {
        node.forget(Day(today)).await.unwrap();
        for (day, fingerprint) in &made {
            let expected = (*day >= Day(today)).then_some(*fingerprint);
            assert_eq!(node.fingerprint(*day), expected, "{day}, today {today}");
        }
    }
    assert_eq!(place.backup().len(), 1);
}

proptest! {
    #[test]
    fn whatever_two_nodes_do_no_live_key_is_lost_and_no_forgotten_one_stays(steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(live_through(steps));
    }
}
