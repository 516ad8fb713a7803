//! What somebody with the store in hand can try, and what it comes to.

use std::ops::Range;

use proptest::prelude::*;

use super::{Object, context, read, read_whole};
use crate::crypto::object::SEALED;
use crate::crypto::{
    Context, Error, HEADER, Kind, SEGMENT, Sealer, Span, TAG, check_header, object_len, open_note,
    seal_note,
};
use crate::model::{ControllerId, RecordingId};

#[test]
fn an_object_reads_back_whole_whatever_its_length() {
    for len in [0, 1, 15, 16, 65_535, 65_536, 65_537, 131_071, 131_072, 131_073, 200_000] {
        let object = Object::new(context(), len);
        assert_eq!(object.bytes.len() as u64, object_len(len as u64), "{len} bytes");
        assert_eq!(read_whole(&object.opener(), len, &object.bytes).unwrap(), object.plain);
        let (salt, commitment) = (object.sealer.salt(), object.sealer.commitment());
        check_header(&object.bytes[..HEADER], salt, commitment).unwrap();
    }
}

#[test]
fn pieces_of_any_number_of_segments_make_the_same_object() {
    let whole = Object::new(context(), 5 * SEGMENT + 9);
    let mut sealer = Sealer::with(
        whole.context,
        crate::crypto::Dek(crate::crypto::secret::Secret::copy_of(whole.sealer.dek().bytes())),
        *whole.sealer.salt(),
    );
    let mut bytes = sealer.header().to_vec();
    let (a, rest) = whole.plain.split_at(SEGMENT);
    let (b, c) = rest.split_at(3 * SEGMENT);
    for (piece, last) in [(a, false), (b, false), (&[], false), (c, true)] {
        sealer.seal(piece, last, &mut bytes).unwrap();
    }
    assert_eq!(bytes, whole.bytes);
}

#[test]
fn somebody_elses_object_does_not_open() {
    let object = Object::new(context(), 1_000);
    let Context { controller, recording, .. } = object.context;
    for foreign in [
        Context { controller: ControllerId::random(), ..object.context },
        Context { recording: RecordingId::random(), ..object.context },
        Context { kind: Kind::Waveform, ..object.context },
        Context {
            controller: ControllerId(recording.0),
            recording: RecordingId(controller.0),
            kind: Kind::Audio,
        },
    ] {
        assert!(matches!(object.opener_as(foreign, 1_000), Err(Error::Open)), "{foreign:?}");
    }
    let other = Object::new(object.context, 1_000);
    let (own, salt) = (&object.sealer, object.sealer.salt());
    for (dek, salt, commitment) in [
        (other.sealer.dek(), salt.as_slice(), own.commitment().as_slice()),
        (own.dek(), other.sealer.salt(), own.commitment()),
        (own.dek(), salt, other.sealer.commitment()),
        (own.dek(), &salt[..31], own.commitment()),
        (own.dek(), salt, &own.commitment()[..31]),
        (own.dek(), salt, &[]),
    ] {
        let refused = super::Opener::new(dek, object.context, salt, commitment, 1_000);
        assert!(matches!(refused, Err(Error::Open)));
    }
}

#[test]
fn an_object_that_was_exchanged_or_rearranged_does_not_open() {
    let object = Object::new(context(), 4 * SEGMENT + 100);
    let same_call = Object::new(object.context, object.plain.len());
    let seg = |index: usize| {
        let at = HEADER + index * SEALED;
        object.bytes[at..(at + SEALED).min(object.bytes.len())].to_vec()
    };
    let with = |segments: &[usize]| {
        let mut bytes = object.bytes[..HEADER].to_vec();
        for index in segments {
            bytes.extend(seg(*index));
        }
        bytes
    };
    let cut = |at: usize| object.bytes[..at].to_vec();
    let own_header = [&object.bytes[..HEADER], &same_call.bytes[HEADER..]].concat();
    let attacks = [
        ("exchanged with another object", same_call.bytes.clone()),
        ("exchanged behind its header", own_header),
        ("two segments swapped", with(&[0, 2, 1, 3, 4])),
        ("first and last swapped", with(&[4, 1, 2, 3, 0])),
        ("one segment twice", with(&[0, 1, 1, 3, 4])),
        ("one segment twice, longer", with(&[0, 1, 1, 2, 3, 4])),
        ("one segment left out", with(&[0, 1, 3, 4])),
        ("cut at the edge of a segment", cut(HEADER + 4 * SEALED)),
        ("cut inside a segment", cut(HEADER + 3 * SEALED + 77)),
        ("cut inside the last tag", cut(object.bytes.len() - 1)),
        ("cut to the header", cut(HEADER)),
        ("cut inside the header", cut(40)),
        ("emptied", Vec::new()),
        ("extended by a byte", [object.bytes.as_slice(), &[0]].concat()),
        ("extended by a segment", [object.bytes.clone(), seg(0)].concat()),
        ("extended by its own end", [object.bytes.clone(), seg(4)].concat()),
    ];
    for (attack, bytes) in &attacks {
        let opened = read_whole(&object.opener(), object.plain.len(), bytes);
        assert!(matches!(opened, Err(Error::Open)), "{attack}");
    }
    assert!(read_whole(&object.opener(), object.plain.len(), &with(&[0, 1, 2, 3, 4])).is_ok());
}

#[test]
fn a_cut_object_does_not_open_even_when_the_length_is_edited_to_fit() {
    let object = Object::new(context(), 3 * SEGMENT);
    for plain_len in [0, 1, SEGMENT - 1, SEGMENT, 2 * SEGMENT, 3 * SEGMENT - 1] {
        let opener = object.opener_as(object.context, plain_len as u64).unwrap();
        let len = usize::try_from(object_len(plain_len as u64)).unwrap();
        let read = read_whole(&opener, plain_len, &object.bytes[..len]);
        assert!(matches!(read, Err(Error::Open)), "{plain_len} bytes");
    }
    // Longer than it is: the segment that was the last one is not the last one any more.
    let opener = object.opener_as(object.context, 3 * SEGMENT as u64 + 1).unwrap();
    let longer = [object.bytes.as_slice(), &[0; TAG + 1]].concat();
    assert!(matches!(read_whole(&opener, 3 * SEGMENT + 1, &longer), Err(Error::Open)));
    let huge = object.opener_as(object.context, (SEGMENT as u64) * ((1 << 32) + 1));
    assert!(matches!(huge, Err(Error::Open)));
}

#[test]
fn a_flipped_byte_anywhere_is_noticed() {
    let object = Object::new(context(), 2 * SEGMENT + 40);
    let (salt, commitment) = (object.sealer.salt(), object.sealer.commitment());
    let regions = (0..HEADER)
        .chain([HEADER, HEADER + 1, HEADER + SEGMENT - 1])
        .chain(HEADER + SEGMENT..HEADER + SEALED)
        .chain([HEADER + SEALED, HEADER + SEALED + SEGMENT / 2])
        .chain(object.bytes.len() - 60..object.bytes.len());
    for at in regions {
        for bit in [0x01, 0x02, 0x80] {
            let mut touched = object.bytes.clone();
            touched[at] ^= bit;
            let opened = read_whole(&object.opener(), object.plain.len(), &touched);
            assert!(matches!(opened, Err(Error::Open)), "byte {at}, bit {bit}");
            // The kind alone is not seen without the key: 1 and 3 are both kinds.
            if at < HEADER && (at, bit) != (11, 2) {
                let checked = check_header(&touched[..HEADER], salt, commitment);
                assert!(matches!(checked, Err(Error::Open)), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn a_span_that_is_not_this_objects_is_refused() {
    let object = Object::new(context(), 3 * SEGMENT);
    let opener = object.opener();
    let backwards = Range { start: 7, end: 6 };
    for range in [0..0, 5..5, backwards, 0..3 * SEGMENT as u64 + 1, u64::MAX - 1..u64::MAX] {
        assert!(matches!(opener.span(range.clone()), Err(Error::Range)), "{range:?}");
    }
    let good = opener.span(70_000..80_000).unwrap();
    let bytes = |span: &Span| {
        let (start, end) = (span.object.start, span.object.end);
        object.bytes[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()].to_vec()
    };
    for wrong in [
        Span { first: 0, ..good.clone() },
        Span { plain: 0..good.plain.end, ..good.clone() },
        Span { object: good.object.start..good.object.end + 1, ..good.clone() },
    ] {
        let mut sealed = bytes(&good);
        assert!(matches!(opener.open(&wrong, &mut sealed), Err(Error::Range)), "{wrong:?}");
        assert!(sealed.is_empty());
    }
    let mut sealed = bytes(&good);
    sealed.push(0);
    assert!(matches!(opener.open(&good, &mut sealed), Err(Error::Open)));
    let empty = Object::new(context(), 0);
    assert_eq!(empty.opener().span(0..0).unwrap(), Span { first: 0, object: 80..96, plain: 0..0 });
}

#[test]
fn a_note_opens_only_with_its_object_and_its_label() {
    let object = Object::new(context(), 10);
    let dek = object.sealer.dek();
    let note = seal_note(dek, object.context, "sha256", b"digest").unwrap();
    assert_eq!(*open_note(dek, object.context, "sha256", &note).unwrap(), b"digest");
    let stranger = Object::new(object.context, 10);
    let other = Context { recording: RecordingId::random(), ..object.context };
    let drawing = Context { kind: Kind::Waveform, ..object.context };
    assert!(open_note(stranger.sealer.dek(), object.context, "sha256", &note).is_err());
    assert!(open_note(dek, other, "sha256", &note).is_err());
    assert!(open_note(dek, drawing, "sha256", &note).is_err());
    assert!(open_note(dek, object.context, "sha25", &note).is_err());
    assert!(open_note(dek, object.context, "sha256", &note[1..]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_range_reads_what_a_slice_would(
        len in 1..400_000_usize,
        a: prop::sample::Index,
        b: prop::sample::Index,
    ) {
        let object = Object::new(context(), len);
        let (a, b) = (a.index(len), b.index(len));
        let (start, end) = (a.min(b), a.max(b) + 1);
        let opener = object.opener();
        let span = opener.span(start as u64..end as u64).unwrap();
        let plain = read(&opener, &span, &object.bytes).unwrap();
        prop_assert_eq!(plain.len() as u64, span.plain.end - span.plain.start);
        let skip = start - usize::try_from(span.plain.start).unwrap();
        prop_assert_eq!(&plain[skip..skip + end - start], &object.plain[start..end]);
        prop_assert!(span.object.end <= object.bytes.len() as u64);
        prop_assert!(plain.len() < end - start + 2 * SEGMENT);
    }

    #[test]
    fn a_segment_opens_nowhere_but_in_its_place(from in 0..4_usize, to in 0..4_usize) {
        prop_assume!(from != to);
        let object = Object::new(context(), 4 * SEGMENT);
        let mut moved = object.bytes.clone();
        let start = HEADER + from * SEALED;
        moved.copy_within(start..start + SEALED, HEADER + to * SEALED);
        let opener = object.opener();
        let at = (to * SEGMENT) as u64;
        let span = opener.span(at..at + 1).unwrap();
        prop_assert!(matches!(read(&opener, &span, &moved), Err(Error::Open)));
    }
}
