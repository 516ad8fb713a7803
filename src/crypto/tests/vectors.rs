//! Frozen vectors: what version 1 wrote opens for ever, and version 1 goes on to write it.
//!
//! They are in `tests/golden/cv1.json`. A format that changes gets a new version and a new file;
//! this one is never edited.

use std::sync::Arc;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::memory::Memory;
use super::read_whole;
use crate::crypto::cipher::seal_small_with;
use crate::crypto::files::root;
use crate::crypto::keyring::Keyring;
use crate::crypto::rows::Row;
use crate::crypto::secret::Secret;
use crate::crypto::wrap::wrap_with;
use crate::crypto::{
    Context, Dek, Keys, Kind, Opener, Place, Sealer, Stored, Version, WrapFacts, note, open_note,
};
use crate::model::{Class, ControllerId, Day, RecordingId};

const DAY: Day = Day(20_615);
const ROOT: [u8; 32] = [0xc0; 32];
const NUMBERS: &[u8] = b"+31201234567";

/// `N` bytes that count up from `first`.
fn bytes<const N: usize>(first: u8) -> [u8; N] {
    let mut next = first;
    [(); N].map(|()| {
        let byte = next;
        next = next.wrapping_add(1);
        byte
    })
}

fn context() -> Context {
    Context {
        controller: ControllerId(Uuid::from_bytes(bytes(0x40))),
        recording: RecordingId(Uuid::from_bytes(bytes(0x50))),
        kind: Kind::Audio,
    }
}

fn dek() -> Dek {
    Dek(Secret::copy_of(&bytes(0)))
}

/// Byte `i` is `(31 · i + i / 256) mod 256`.
fn plain(len: u32) -> Vec<u8> {
    (0..len).map(|at| (31 * at + at / 256).to_le_bytes()[0]).collect()
}

fn object(len: u32) -> Vec<u8> {
    let mut sealer = Sealer::with(context(), dek(), bytes(0x20));
    let mut object = sealer.header().to_vec();
    sealer.seal(&plain(len), true, &mut object).unwrap();
    object
}

fn facts() -> WrapFacts {
    let sealer = Sealer::with(context(), dek(), bytes(0x20));
    WrapFacts {
        controller: context().controller,
        recording: context().recording,
        kind: Kind::Audio,
        class: Class::Support,
        day: DAY,
        generation: 0,
        plain_len: 100,
        salt: *sealer.salt(),
        commitment: *sealer.commitment(),
    }
}

fn keyring() -> Keyring {
    let mut keyring = Keyring::empty();
    keyring.version = Version { epoch: 7, seq: 42 };
    keyring.tenants.insert(context().controller, Secret::copy_of(&bytes(0x60)));
    keyring.days.insert((Day(DAY.0 - 1), 0), Secret::copy_of(&bytes(0xe0)));
    keyring.days.insert((DAY, 0), Secret::copy_of(&bytes(0x80)));
    keyring.days.insert((Day::HOLD, 0), Secret::copy_of(&bytes(0xa0)));
    keyring.drop_before(DAY);
    keyring
}

/// What version 1 writes, with everything fixed that is random.
fn made() -> Value {
    let keyring = keyring();
    let kek = keyring.kek(context().controller, DAY, 0).unwrap();
    let facts = facts();
    let row = Row {
        controller: facts.controller,
        recording: facts.recording,
        day: DAY,
        generation: 0,
        label: "numbers",
    };
    let note_key = note::key(&dek(), context(), "sha256");
    let note =
        seal_small_with(bytes(0xb0), note_key.bytes(), b"", &Sha256::digest(plain(100))).unwrap();
    let blind_key = keyring.blind_key(facts.controller, "caller").unwrap();
    let small =
        [0, 1, 100].map(|len| json!({ "plain_len": len, "object": hex::encode(object(len)) }));
    let big = [65_535, 65_536, 65_537, 131_072, 200_000].map(|len| {
        let object = object(len);
        let sum = hex::encode(Sha256::digest(&object));
        json!({ "plain_len": len, "len": object.len(), "sha256": sum })
    });
    json!({
        "plain": "byte i is (31 * i + i / 256) mod 256",
        "controller": facts.controller,
        "recording": facts.recording,
        "kind": 1,
        "class": "support",
        "day": DAY,
        "generation": 0,
        "dek": hex::encode(dek().bytes()),
        "salt": hex::encode(facts.salt),
        "commitment": hex::encode(facts.commitment),
        "objects": small,
        "big_objects": big,
        "tenant_key": hex::encode(bytes::<32>(0x60)),
        "day_key": hex::encode(bytes::<32>(0x80)),
        "kek": hex::encode(kek.bytes()),
        "wrap": hex::encode(wrap_with(bytes(0x90), &kek, &dek(), &facts).unwrap()),
        "note": hex::encode(note),
        "row": hex::encode(row.seal_with(bytes(0xd0), &kek, NUMBERS).unwrap()),
        "blind": hex::encode(crate::crypto::rows::blind(&blind_key, NUMBERS)),
        "fingerprint": hex::encode(keyring.fingerprint(DAY).unwrap()),
        "epoch": 7,
        "seq": 42,
        "root_file": hex::encode(root::encode(7, &ROOT).as_slice()),
        "keyring": hex::encode(keyring.seal_with(bytes(0x10), &ROOT).unwrap()),
    })
}

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/cv1.json")).unwrap()
}

fn hex_of(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().unwrap()).unwrap()
}

#[test]
fn version_1_is_still_written_byte_for_byte() {
    let (golden, made) = (golden(), made());
    let text = serde_json::to_string_pretty(&made).unwrap();
    assert!(golden == made, "the frozen vectors differ from what is written now:\n{text}");
}

#[tokio::test]
async fn what_version_1_wrote_still_opens() {
    let golden = golden();
    let root_file = hex_of(&golden["root_file"]);
    let (epoch, root) = root::decode(&root_file).unwrap();
    assert_eq!((epoch, *root), (7, ROOT));
    let place = Arc::new(Memory::default());
    place.restore(&Stored {
        version: Version { epoch, seq: 42 },
        sealed: hex_of(&golden["keyring"]),
        root: Zeroizing::new(*root),
    });
    let keys = Keys::open(place as Arc<dyn Place>).await.unwrap();
    assert_eq!(keys.status().days, 2);
    assert_eq!(keys.last_forgotten().days.len(), 1);

    let facts = facts();
    let dek = keys.unwrap(&hex_of(&golden["wrap"]), &facts).unwrap();
    for frozen in golden["objects"].as_array().unwrap() {
        let len = frozen["plain_len"].as_u64().unwrap();
        let opener = Opener::new(&dek, context(), &facts.salt, &facts.commitment, len).unwrap();
        let len = u32::try_from(len).unwrap();
        let read = read_whole(&opener, len as usize, &hex_of(&frozen["object"])).unwrap();
        assert_eq!(read, plain(len));
    }
    let note = open_note(&dek, context(), "sha256", &hex_of(&golden["note"])).unwrap();
    assert_eq!(note.as_slice(), Sha256::digest(plain(100)).as_slice());
    let (controller, recording) = (facts.controller, facts.recording);
    let row = hex_of(&golden["row"]);
    assert_eq!(*keys.open_row(controller, recording, DAY, "numbers", &row).unwrap(), NUMBERS);
    let blind = keys.blind(controller, "caller", NUMBERS).unwrap();
    assert_eq!(blind.as_slice(), hex_of(&golden["blind"]));
}
