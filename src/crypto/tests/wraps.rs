//! Wraps, sealed rows and blind indexes: what they are bound to.

use super::{Object, context, keys};
use crate::crypto::{Error, Kind, WrapFacts};
use crate::model::{Class, ControllerId, Day, RecordingId};

const DAY: Day = Day(20_615);

#[tokio::test]
async fn a_wrap_opens_only_with_every_fact_it_was_made_with() {
    let (_, keys) = keys().await;
    let object = Object::new(context(), 10);
    let other = ControllerId::random();
    keys.ensure(&[object.context.controller, other], &[DAY, Day(DAY.0 + 1)]).await.unwrap();
    let facts = object.facts(Class::Support, DAY);
    let wrap = keys.wrap(object.sealer.dek(), &facts).unwrap();
    assert_eq!(wrap.len(), 60);
    assert!(keys.unwrap(&wrap, &facts).unwrap().0.is(&object.sealer.dek().0));

    let changed = [
        WrapFacts { controller: other, ..facts },
        WrapFacts { recording: RecordingId::random(), ..facts },
        WrapFacts { kind: Kind::Waveform, ..facts },
        WrapFacts { class: Class::Customer, ..facts },
        WrapFacts { day: Day(DAY.0 + 1), ..facts },
        WrapFacts { generation: 1, ..facts },
        WrapFacts { plain_len: 11, ..facts },
        WrapFacts { salt: [0; 32], ..facts },
        WrapFacts { commitment: [0; 32], ..facts },
    ];
    for facts in changed {
        assert!(matches!(keys.unwrap(&wrap, &facts), Err(Error::Open)), "{facts:?}");
    }
    for at in 0..wrap.len() {
        let mut touched = wrap.clone();
        touched[at] ^= 1;
        assert!(matches!(keys.unwrap(&touched, &facts), Err(Error::Open)), "byte {at}");
        assert!(matches!(keys.unwrap(&wrap[..at], &facts), Err(Error::Open)), "cut at {at}");
    }
    assert_ne!(wrap, keys.wrap(object.sealer.dek(), &facts).unwrap());
}

#[tokio::test]
async fn a_wrap_moves_to_another_day_or_class_but_not_to_another_object() {
    let (_, keys) = keys().await;
    let object = Object::new(context(), 10);
    keys.ensure(&[object.context.controller], &[DAY, Day::HOLD]).await.unwrap();
    let from = object.facts(Class::Customer, DAY);
    let wrap = keys.wrap(object.sealer.dek(), &from).unwrap();

    let held = WrapFacts { day: Day::HOLD, ..from };
    let moved = keys.rewrap(&wrap, &from, &held).unwrap();
    assert!(keys.unwrap(&moved, &held).unwrap().0.is(&object.sealer.dek().0));
    assert!(matches!(keys.unwrap(&moved, &from), Err(Error::Open)));

    for to in [
        WrapFacts { recording: RecordingId::random(), ..held },
        WrapFacts { controller: ControllerId::random(), ..held },
        WrapFacts { kind: Kind::Waveform, ..held },
        WrapFacts { plain_len: 9, ..held },
        WrapFacts { salt: [1; 32], ..held },
        WrapFacts { commitment: [1; 32], ..held },
    ] {
        assert!(matches!(keys.rewrap(&wrap, &from, &to), Err(Error::OtherObject)), "{to:?}");
    }
    assert!(matches!(keys.rewrap(&wrap, &held, &from), Err(Error::Open)));
}

#[tokio::test]
async fn nothing_is_sealed_under_a_key_that_is_not_there() {
    let (_, keys) = keys().await;
    let object = Object::new(context(), 10);
    let controller = object.context.controller;
    let recording = object.context.recording;
    let facts = object.facts(Class::Support, DAY);
    assert!(matches!(keys.wrap(object.sealer.dek(), &facts), Err(Error::NoKey)));
    assert!(matches!(keys.seal_row(controller, recording, DAY, "n", b""), Err(Error::NoKey)));
    assert!(matches!(keys.blind(controller, "caller", b"1"), Err(Error::NoKey)));
    keys.ensure(&[controller], &[]).await.unwrap();
    assert!(matches!(keys.wrap(object.sealer.dek(), &facts), Err(Error::NoKey)));
}

#[tokio::test]
async fn a_sealed_row_opens_only_where_it_belongs() {
    let (_, keys) = keys().await;
    let (one, two) = (ControllerId::random(), ControllerId::random());
    let recording = RecordingId::random();
    let next = Day(DAY.0 + 1);
    keys.ensure(&[one, two], &[DAY, next]).await.unwrap();
    let row = keys.seal_row(one, recording, DAY, "numbers", b"+31201234567").unwrap();
    assert_eq!(row.len(), 12 + 4 + 12 + 16);
    assert_eq!(*keys.open_row(one, recording, DAY, "numbers", &row).unwrap(), b"+31201234567");

    let foreign = [
        (two, recording, DAY, "numbers"),
        (one, RecordingId::random(), DAY, "numbers"),
        (one, recording, next, "numbers"),
        (one, recording, DAY, "number"),
    ];
    for (controller, recording, day, label) in foreign {
        let opened = keys.open_row(controller, recording, day, label, &row);
        assert!(matches!(opened, Err(Error::Open)), "{controller} {recording} {day} {label}");
    }
    for at in 0..row.len() {
        let mut touched = row.clone();
        touched[at] ^= 1;
        assert!(keys.open_row(one, recording, DAY, "numbers", &touched).is_err(), "byte {at}");
        assert!(keys.open_row(one, recording, DAY, "numbers", &row[..at]).is_err(), "cut at {at}");
    }
}

#[tokio::test]
async fn equal_values_are_found_blindly_and_only_within_a_controller_and_a_label() {
    let (place, keys) = keys().await;
    let (one, two) = (ControllerId::random(), ControllerId::random());
    keys.ensure(&[one, two], &[]).await.unwrap();
    let blind = keys.blind(one, "caller", b"+31201234567").unwrap();
    assert_ne!(blind, keys.blind(two, "caller", b"+31201234567").unwrap());
    assert_ne!(blind, keys.blind(one, "callee", b"+31201234567").unwrap());
    assert_ne!(blind, keys.blind(one, "caller", b"+31201234568").unwrap());
    let again = crate::crypto::Keys::open(place).await.unwrap();
    assert_eq!(blind, again.blind(one, "caller", b"+31201234567").unwrap());
}
