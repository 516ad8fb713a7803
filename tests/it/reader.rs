//! A reader that shares nothing with the vault but the format opens what the vault wrote.
//!
//! `tests/reader/cvault_reader.py` is the users' exit guarantee. The frozen vectors are read with
//! it as well, so that neither can drift from the format unseen.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use callvault::crypto::{Context, Files, HEADER, Keys, Kind, Sealer, WrapFacts, seal_note};
use callvault::model::{Class, ControllerId, Day, RecordingId};
use serde_json::{Value, json};

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader/cvault_reader.py");
const GOLDEN: &str = include_str!("../golden/cv1.json");
const DAY: Day = Day(20_615);

/// A keyring in files, and recordings beside it.
struct Shelf {
    dir: tempfile::TempDir,
    keys: Keys,
}

/// A recording as the store and the index hold it.
struct Shelved {
    plain: Vec<u8>,
    facts: Value,
    note: String,
}

impl Shelf {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let roots = vec![dir.path().join("root")];
        let place = Files::new(dir.path().join("keyring"), roots);
        let keys = Keys::init(Arc::new(place)).await.unwrap();
        Self { dir, keys }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Seals `len` bytes in pieces of one segment and puts the object and its facts on the shelf.
    async fn put(&self, name: &str, len: usize, class: Class) -> Shelved {
        let plain: Vec<u8> = (0..len).map(|at| (at * 7 / 5).to_le_bytes()[0]).collect();
        let context = Context {
            controller: ControllerId::random(),
            recording: RecordingId::random(),
            kind: Kind::Audio,
        };
        self.keys.ensure(&[context.controller], &[DAY]).await.unwrap();
        let mut sealer = Sealer::begin(context).unwrap();
        let mut object = sealer.header().to_vec();
        let mut rest = plain.as_slice();
        while rest.len() > 65_536 {
            let (piece, after) = rest.split_at(65_536);
            sealer.seal(piece, false, &mut object).unwrap();
            rest = after;
        }
        sealer.seal(rest, true, &mut object).unwrap();
        fs::write(self.path(name), object).unwrap();

        let facts = WrapFacts {
            controller: context.controller,
            recording: context.recording,
            kind: Kind::Audio,
            class,
            day: DAY,
            generation: self.keys.generation(DAY),
            plain_len: len as u64,
            salt: *sealer.salt(),
            commitment: *sealer.commitment(),
        };
        let wrap = self.keys.wrap(sealer.dek(), &facts).unwrap();
        let note = seal_note(sealer.dek(), context, "sha256", b"a digest").unwrap();
        let facts = json!({
            "controller": facts.controller,
            "recording": facts.recording,
            "kind": "audio",
            "class": class,
            "day": "2026-06-11",
            "generation": facts.generation,
            "plain_len": len,
            "salt": hex::encode(facts.salt),
            "commitment": hex::encode(facts.commitment),
            "wrap": hex::encode(wrap),
        });
        Shelved { plain, facts, note: hex::encode(note) }
    }

    fn read(&self, facts: &Value, arguments: &[&str]) -> Output {
        reader(self.dir.path(), facts, arguments)
    }
}

/// Runs the reader in `dir`, which holds `keyring/` and `root`.
fn reader(dir: &Path, facts: &Value, arguments: &[&str]) -> Output {
    fs::write(dir.join("facts.json"), facts.to_string()).unwrap();
    Command::new("/usr/bin/python3")
        .arg(READER)
        .args(["--keyring", "keyring", "--root", "root", "--facts", "facts.json"])
        .args(arguments)
        .current_dir(dir)
        .output()
        .expect("Debian's python3 with python3-cryptography is installed")
}

fn opened(output: &Output) -> &[u8] {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    &output.stdout
}

fn refused(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not open") && !said.contains("Traceback"), "{said}");
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn an_independent_reader_opens_whole_recordings_and_ranges() {
    let shelf = Shelf::new().await;
    for (len, class) in [(0, Class::Support), (65_536, Class::Customer), (200_000, Class::Support)]
    {
        let shelved = shelf.put("object", len, class).await;
        let whole = shelf.read(&shelved.facts, &["object", "object"]);
        assert!(opened(&whole) == shelved.plain, "{len} bytes");
        let note = shelf.read(&shelved.facts, &["note", "sha256", &shelved.note]);
        assert_eq!(opened(&note), b"a digest");
    }
    let shelved = shelf.put("object", 200_000, Class::Support).await;
    for (first, last) in [(0, 0), (65_535, 65_536), (70_000, 150_000), (199_999, 199_999)] {
        let range = format!("{first}-{last}");
        let part = shelf.read(&shelved.facts, &["object", "object", "--range", &range]);
        assert!(opened(&part) == &shelved.plain[first..=last], "{range}");
    }
}

#[tokio::test]
async fn an_independent_reader_refuses_what_is_not_its_own() {
    let shelf = Shelf::new().await;
    let own = shelf.put("own", 100_000, Class::Support).await;
    let other = shelf.put("other", 100_000, Class::Support).await;
    refused(&shelf.read(&own.facts, &["object", "other"]));
    for (fact, value) in [
        ("controller", other.facts["controller"].clone()),
        ("controller", json!(ControllerId::random())),
        ("recording", other.facts["recording"].clone()),
        ("class", json!("customer")),
        ("kind", json!("waveform")),
        ("day", json!("2026-06-12")),
        ("plain_len", json!(99_999)),
        ("wrap", other.facts["wrap"].clone()),
    ] {
        let mut facts = own.facts.clone();
        facts[fact] = value;
        refused(&shelf.read(&facts, &["object", "own"]));
    }
    let mut object = fs::read(shelf.path("own")).unwrap();
    object[HEADER] ^= 1;
    fs::write(shelf.path("damaged"), &object).unwrap();
    fs::write(shelf.path("cut"), &object[..object.len() - 1]).unwrap();
    refused(&shelf.read(&own.facts, &["object", "damaged"]));
    refused(&shelf.read(&own.facts, &["object", "cut"]));
}

#[tokio::test]
async fn an_independent_reader_cannot_open_what_was_forgotten() {
    let shelf = Shelf::new().await;
    let shelved = shelf.put("object", 1_000, Class::Support).await;
    shelf.keys.forget(DAY).await.unwrap();
    let still = shelf.read(&shelved.facts, &["object", "object"]);
    assert!(opened(&still) == shelved.plain, "its day is not over");
    fs::copy(shelf.path("keyring/keyring-2.sealed"), shelf.path("backup")).unwrap();

    shelf.keys.forget(Day(DAY.0 + 1)).await.unwrap();
    refused(&shelf.read(&shelved.facts, &["object", "object"]));
    fs::copy(shelf.path("backup"), shelf.path("keyring/keyring-9.sealed")).unwrap();
    refused(&shelf.read(&shelved.facts, &["object", "object"]));
}

#[test]
fn an_independent_reader_opens_the_frozen_vectors() {
    let golden: Value = serde_json::from_str(GOLDEN).unwrap();
    let hex_of = |value: &Value| hex::decode(value.as_str().unwrap()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("keyring")).unwrap();
    fs::write(dir.path().join("keyring/keyring-7.sealed"), hex_of(&golden["keyring"])).unwrap();
    fs::write(dir.path().join("root"), hex_of(&golden["root_file"])).unwrap();
    let mut facts = golden.clone();
    facts["plain_len"] = json!(100);
    let object = golden["objects"].as_array().unwrap().last().unwrap();
    fs::write(dir.path().join("object"), hex_of(&object["object"])).unwrap();

    let plain: Vec<u8> = (0..100_u32).map(|at| (31 * at).to_le_bytes()[0]).collect();
    assert_eq!(opened(&reader(dir.path(), &facts, &["object", "object"])), plain);
    let row = reader(dir.path(), &facts, &["row", "numbers", golden["row"].as_str().unwrap()]);
    assert_eq!(opened(&row), b"+31201234567");
    let blind = reader(dir.path(), &facts, &["blind", "caller", "+31201234567"]);
    let blind = String::from_utf8(opened(&blind).to_vec()).unwrap();
    assert_eq!(blind.trim_end(), golden["blind"]);
    let note = reader(dir.path(), &facts, &["note", "sha256", golden["note"].as_str().unwrap()]);
    assert_eq!(opened(&note).len(), 32);
}
