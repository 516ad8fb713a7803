//! Making keys, following other nodes, and forgetting.

use std::sync::Arc;

use super::memory::Memory;
use super::{Object, context, keys};
use crate::crypto::keyring::Keyring;
use crate::crypto::{Error, Keys, Place, Stored};
use crate::model::{Class, ControllerId, Day};

const PAST: Day = Day(20_000);
const TODAY: Day = Day(20_001);
const LATER: Day = Day(20_090);

async fn second(place: &Arc<Memory>) -> Keys {
    Keys::open(Arc::clone(place) as Arc<dyn Place>).await.unwrap()
}

#[tokio::test]
async fn there_is_one_keyring_and_it_must_exist_to_be_opened() {
    let place = Arc::new(Memory::default());
    let missing = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await;
    assert!(matches!(missing, Err(Error::NoKeyring)));
    Keys::init(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    let again = Keys::init(Arc::clone(&place) as Arc<dyn Place>).await;
    assert!(matches!(again, Err(Error::KeyringExists)));
    let status = second(&place).await.status();
    assert_eq!((status.epoch, status.seq, status.days, status.tenants), (1, 1, 0, 0));
}

#[tokio::test]
async fn a_key_that_was_made_sure_of_is_durable_and_costs_nothing_the_next_time() {
    let (place, keys) = keys().await;
    let controller = ControllerId::random();
    keys.ensure(&[controller], &[TODAY, LATER, Day::HOLD]).await.unwrap();
    let calls = place.calls();
    keys.ensure(&[controller, controller], &[LATER]).await.unwrap();
    assert_eq!(place.calls(), calls, "no I/O when all are there");

    let status = second(&place).await.status();
    assert_eq!((status.seq, status.days, status.tenants), (2, 3, 1));
    assert_eq!(status.oldest_day, Some(TODAY));
    assert_eq!(second(&place).await.fingerprint(LATER), keys.fingerprint(LATER));
    assert_ne!(keys.fingerprint(LATER), keys.fingerprint(TODAY));
    assert_eq!(keys.fingerprint(PAST), None);
}

#[tokio::test]
async fn what_is_forgotten_opens_nowhere_and_everything_else_still_does() {
    let (place, keys) = keys().await;
    let objects = [PAST, TODAY, LATER, Day::HOLD].map(|day| (day, Object::new(context(), 5)));
    let mut wraps = Vec::new();
    for (day, object) in &objects {
        keys.ensure(&[object.context.controller], &[*day]).await.unwrap();
        let facts = object.facts(Class::Support, *day);
        wraps.push((facts, keys.wrap(object.sealer.dek(), &facts).unwrap()));
    }
    let other_node = second(&place).await;
    let before = place.backup();
    let fingerprint = keys.fingerprint(PAST).unwrap();

    let forgotten = keys.forget(TODAY).await.unwrap();

    assert!(forgotten.is_complete() && !forgotten.replicas.is_empty());
    assert_eq!((forgotten.epoch, &forgotten.days), (2, &vec![(PAST, 0, fingerprint)]));
    assert!(other_node.unwrap(&wraps[0].1, &wraps[0].0).is_ok(), "it has not followed yet");
    assert!(other_node.refresh().await.unwrap());
    assert!(!other_node.refresh().await.unwrap());
    for node in [keys.clone(), other_node, second(&place).await] {
        for (index, (facts, wrap)) in wraps.iter().enumerate() {
            assert_eq!(node.unwrap(wrap, facts).is_ok(), index > 0, "{}", facts.day);
        }
        assert_eq!(node.last_forgotten().days, forgotten.days);
        assert_eq!(node.status().forgotten_before, TODAY);
    }
    // The backup of the old keyring, with the newest root, opens nothing.
    let now = place.backup();
    assert_eq!((before.len(), now.len()), (1, 1));
    let mixed = Stored {
        version: before[0].version,
        sealed: before[0].sealed.clone(),
        root: now[0].root.clone(),
    };
    assert!(matches!(Keyring::open(&mixed), Err(Error::Keyring)));
}

#[tokio::test]
async fn a_forgotten_day_never_gets_a_key_again() {
    let (place, keys) = keys().await;
    let other_node = second(&place).await;
    keys.forget(TODAY).await.unwrap();
    for node in [&keys, &other_node] {
        let refused = node.ensure(&[], &[LATER, PAST]).await;
        assert!(matches!(refused, Err(Error::Forgotten { day: PAST })));
    }
    keys.forget(PAST).await.unwrap();
    assert_eq!(keys.status().forgotten_before, TODAY, "it never moves back");
    keys.ensure(&[], &[TODAY, Day::HOLD]).await.unwrap();
}

#[tokio::test]
async fn the_root_changes_even_when_nothing_is_to_be_forgotten() {
    let (place, keys) = keys().await;
    let before = *place.backup()[0].root;
    for epoch in 2..5 {
        let forgotten = keys.forget(TODAY).await.unwrap();
        assert_eq!((forgotten.epoch, forgotten.days.len()), (epoch, 0));
    }
    assert_ne!(before, *place.backup()[0].root);
    assert_eq!(place.backup().len(), 1);
}

#[tokio::test]
async fn a_customer_that_leaves_takes_every_key_along() {
    let (place, keys) = keys().await;
    let (leaver, stayer) = (Object::new(context(), 5), Object::new(context(), 5));
    let controllers = [leaver.context.controller, stayer.context.controller];
    keys.ensure(&controllers, &[LATER]).await.unwrap();
    let [gone, kept] = [&leaver, &stayer].map(|object| {
        let facts = object.facts(Class::Customer, LATER);
        (keys.wrap(object.sealer.dek(), &facts).unwrap(), facts)
    });

    let forgotten = keys.destroy_tenant(controllers[0]).await.unwrap();

    assert!(forgotten.is_complete());
    assert_eq!((forgotten.epoch, forgotten.days.len()), (2, 0));
    for node in [&keys, &second(&place).await] {
        assert!(matches!(node.unwrap(&gone.0, &gone.1), Err(Error::Open)));
        assert!(node.unwrap(&kept.0, &kept.1).is_ok());
        assert!(matches!(node.blind(controllers[0], "caller", b"1"), Err(Error::NoKey)));
    }
    assert_eq!(keys.destroy_tenant(controllers[0]).await.unwrap().epoch, 3);
}

#[tokio::test]
async fn nodes_that_make_keys_at_once_all_get_the_same_ones() {
    let (place, one) = keys().await;
    let two = second(&place).await;
    let controllers: Vec<_> = (0..4).map(|_| ControllerId::random()).collect();
    let (a, b) = tokio::join!(
        one.ensure(&controllers[..3], &[TODAY, LATER]),
        two.ensure(&controllers[1..], &[LATER, Day::HOLD]),
    );
    a.unwrap();
    b.unwrap();
    assert!(place.conflicts() > 0, "they did come between each other");
    one.refresh().await.unwrap();
    two.refresh().await.unwrap();
    assert!(one.live().agrees(&two.live(), &controllers, &[TODAY, LATER, Day::HOLD]));
}

#[tokio::test]
async fn a_key_made_while_another_node_forgets_is_not_lost() {
    let (place, one) = keys().await;
    let two = second(&place).await;
    let controller = ControllerId::random();
    for round in 0..20 {
        let today = Day(TODAY.0 + round);
        let (controllers, days) = ([controller], [Day(today.0 + 50)]);
        let (made, forgotten) = tokio::join!(one.ensure(&controllers, &days), two.forget(today));
        made.unwrap();
        assert!(forgotten.unwrap().is_complete());
        let fingerprint = one.fingerprint(Day(today.0 + 50));
        assert!(fingerprint.is_some());
        two.refresh().await.unwrap();
        assert_eq!(two.fingerprint(Day(today.0 + 50)), fingerprint, "round {round}");
    }
    assert!(place.conflicts() > 0, "they did come between each other");
    assert_eq!(place.backup().len(), 1);
}

#[tokio::test]
async fn two_nodes_that_forget_at_once_end_in_one_state() {
    let (place, one) = keys().await;
    let two = second(&place).await;
    one.ensure(&[], &[PAST, LATER]).await.unwrap();
    let (a, b) = tokio::join!(one.forget(TODAY), two.forget(TODAY));
    let days: usize = [a.unwrap(), b.unwrap()].iter().map(|forgotten| forgotten.days.len()).sum();
    assert!((1..=2).contains(&days), "a day is told, by both if they overlapped");
    one.refresh().await.unwrap();
    two.refresh().await.unwrap();
    assert_eq!(one.status().seq, two.status().seq);
    assert_eq!(one.fingerprint(PAST), None);
    assert_eq!(one.fingerprint(LATER), two.fingerprint(LATER));
    assert_eq!(place.backup().len(), 1);
}
