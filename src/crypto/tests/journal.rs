//! The wrap journal as bytes, and the renewal of a day.

use std::sync::Arc;

use super::memory::Memory;
use super::{Object, context, keys};
use crate::crypto::{Error, JournalEntry, Keys, Last, Place, journal_until};
use crate::model::{Cause, Class, ControllerId, Day, Timestamp};

const TODAY: Day = Day(20_001);
const LATER: Day = Day(20_090);

fn entries(keys: &Keys, object: &Object) -> Vec<JournalEntry> {
    let facts = object.facts(Class::Customer, LATER);
    let wrap = keys.wrap(object.sealer.dek(), &facts).unwrap();
    let due_at = Timestamp::from_micros(1_800_000_000_000_000).unwrap().hour_rounded_up();
    let last = Last::Wrapped(wrap.as_slice().try_into().unwrap());
    let wrapped = JournalEntry { seq: 7, due_at, facts, last };
    let gone = Cause::ALL.iter().map(|cause| JournalEntry { last: Last::Gone(*cause), ..wrapped });
    [wrapped].into_iter().chain(gone).collect()
}

#[tokio::test]
async fn entries_come_back_as_they_were_and_open_their_object() {
    let (_, keys) = keys().await;
    let object = Object::new(context(), 5);
    let provider = ControllerId::random();
    keys.ensure(&[provider, object.context.controller], &[LATER]).await.unwrap();
    let entries = entries(&keys, &object);
    let sealed = keys.seal_journal(provider, &entries).unwrap();
    assert_eq!(journal_until(&sealed), Some(LATER));
    let opened = keys.open_journal(provider, &sealed).unwrap();
    assert_eq!(opened, entries);
    let Last::Wrapped(wrap) = opened[0].last else { panic!("it is a wrap") };
    assert!(keys.unwrap(&wrap, &opened[0].facts).is_ok());
    assert_eq!(
        keys.open_journal(provider, &keys.seal_journal(provider, &[]).unwrap()).unwrap(),
        []
    );
}

#[tokio::test]
async fn a_journal_that_was_touched_cut_or_is_another_vaults_does_not_open() {
    let (_, keys) = keys().await;
    let object = Object::new(context(), 5);
    let (provider, other) = (ControllerId::random(), ControllerId::random());
    keys.ensure(&[provider, other, object.context.controller], &[LATER]).await.unwrap();
    let sealed = keys.seal_journal(provider, &entries(&keys, &object)[..1]).unwrap();
    for at in 0..sealed.len() {
        let mut touched = sealed.clone();
        touched[at] ^= 1;
        assert!(keys.open_journal(provider, &touched).is_err(), "byte {at}");
        assert!(keys.open_journal(provider, &sealed[..at]).is_err(), "cut at {at}");
    }
    assert!(keys.open_journal(other, &sealed).is_err());
    assert!(keys.open_journal(provider, &[sealed.clone(), vec![0]].concat()).is_err());
    assert!(keys.open_journal(provider, &sealed).is_ok());
}

#[tokio::test]
async fn two_nodes_that_renew_a_day_share_its_next_key() {
    let (place, keys) = keys().await;
    let controller = ControllerId::random();
    keys.ensure(&[controller], &[TODAY, LATER]).await.unwrap();
    let other = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    let (one, two) = tokio::join!(keys.renew_day(LATER, 0), other.renew_day(LATER, 0));
    assert_eq!((one.unwrap(), two.unwrap()), (1, 1));
    keys.refresh().await.unwrap();
    assert_eq!(keys.fingerprint(LATER), other.fingerprint(LATER));
    assert_eq!(keys.renewed_days(), [(LATER, 1)]);
    assert_eq!(keys.renew_day(LATER, 1).await.unwrap(), 2);
    assert_eq!(keys.renewed_days(), [(LATER, 2)]);
    let missing = keys.renew_day(Day(20_500), 0).await;
    assert!(matches!(missing, Err(Error::NoKey)));
    keys.forget(TODAY).await.unwrap();
    assert!(matches!(keys.renew_day(Day(20_000), 0).await, Err(Error::Forgotten { .. })));
}

#[tokio::test]
async fn a_forgetting_drops_older_generations_and_never_the_newest() {
    let (place, keys): (Arc<Memory>, Keys) = keys().await;
    let object = Object::new(context(), 5);
    keys.ensure(&[object.context.controller], &[LATER]).await.unwrap();
    let old = object.facts(Class::Customer, LATER);
    let wrap = keys.wrap(object.sealer.dek(), &old).unwrap();
    keys.renew_day(LATER, 0).await.unwrap();
    let new = crate::crypto::WrapFacts { generation: 1, ..old };
    let moved = keys.rewrap(&wrap, &old, &new).unwrap();
    keys.forget(TODAY).await.unwrap();
    assert!(keys.unwrap(&wrap, &old).is_ok(), "not before it is asked to");

    let done = keys.forget_with(TODAY, &[(LATER, 1)], &[]).await.unwrap();
    let gone: Vec<_> = done.days.iter().map(|(day, generation, _)| (*day, *generation)).collect();
    assert_eq!(gone, [(LATER, 0)]);
    assert!(keys.unwrap(&wrap, &old).is_err() && keys.unwrap(&moved, &new).is_ok());
    assert!(!keys.has_before(LATER, 1) && keys.has_generation(LATER, 1));
    // A generation that is not there yet drops nothing.
    let done = keys.forget_with(TODAY, &[(LATER, 2)], &[]).await.unwrap();
    assert_eq!(done.days, []);
    let other = Keys::open(Arc::clone(&place) as Arc<dyn Place>).await.unwrap();
    assert!(other.unwrap(&moved, &new).is_ok());
}
