//! Four verifiers that share no line with each other accept the log, and none of them accepts one
//! that was changed: ours, Go's `sumdb` packages, Cloudflare's crates, and a page of Python.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use callvault::ledger::verify::{self, Against};
use callvault::ledger::{Checkpoint, Hash, Signer};
use callvault::model::Role;
use signed_note::{Note, StandardVerifier, VerifierList};
use tempfile::TempDir;
use tlog_tiles as cloudflare;

use super::{export, fill};
use crate::harness::{TestVault, service};

/// What a verifier says of a log: nothing, or what is wrong.
type Verdict = Result<(), String>;

/// A log in files, and what somebody kept of it.
struct Exported {
    dir: TempDir,
    vkey: String,
    other_vkey: String,
}

impl Exported {
    fn log(&self) -> PathBuf {
        self.dir.path().join("new/provider")
    }

    fn earlier(&self) -> PathBuf {
        self.dir.path().join("old/provider/checkpoint")
    }
}

async fn exported() -> Exported {
    let vault = TestVault::new().await;
    let dir = tempfile::tempdir().unwrap();
    fill(&vault, vault.vault.provider(), 300).await;
    export(&vault, &dir.path().join("old")).await;
    fill(&vault, vault.vault.provider(), 500).await;
    export(&vault, &dir.path().join("new")).await;
    let vkey = fs::read_to_string(dir.path().join("new/provider/vkey")).unwrap().trim().to_owned();
    let other = Signer::create(&dir.path().join("other.key")).unwrap();
    let other_vkey = other.vkey(vkey.split('+').next().unwrap()).to_string();
    // A fork: the same log with the same key, signed by somebody who holds a copy of it.
    fs::copy(vault.dir.path().join("ledger.key"), dir.path().join("copy.key")).unwrap();
    let copy = Signer::open(&dir.path().join("copy.key")).unwrap().unwrap();
    let origin = vkey.split('+').next().unwrap().to_owned();
    let fork = Checkpoint { origin, size: 300, root: Hash::of_leaf(b"another history") };
    let fork = copy.sign(&fork, &[]).unwrap();
    fs::write(dir.path().join("fork"), fork.to_string()).unwrap();
    Exported { dir, vkey, other_vkey }
}

fn ours(log: &Path, vkey: &str, earlier: Option<&Path>) -> Verdict {
    let earlier = earlier.map(|path| fs::read_to_string(path).unwrap().parse().unwrap());
    let against =
        Against { keys: vec![vkey.parse().unwrap()], earlier: earlier.into_iter().collect() };
    verify::directory(log, &against).map(drop).map_err(|error| error.to_string())
}

fn run(mut command: Command, log: &Path, vkey: &str, earlier: Option<&Path>) -> Verdict {
    let output = command.arg("log").arg(log).arg(vkey).args(earlier).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // It must say what is wrong, not merely fail.
    assert!(output.status.success() || said.starts_with("wrong:"), "{said}");
    if output.status.success() { Ok(()) } else { Err(said) }
}

fn go(log: &Path, vkey: &str, earlier: Option<&Path>) -> Verdict {
    run(Command::new(service("TEST_LEDGER_VERIFIER")), log, vkey, earlier)
}

const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reader/ledger_verifier.py");

fn python(log: &Path, vkey: &str, earlier: Option<&Path>) -> Verdict {
    let mut command = Command::new("python3");
    command.arg(PYTHON);
    run(command, log, vkey, earlier)
}

fn cloudflares(log: &Path, vkey: &str, earlier: Option<&Path>) -> Verdict {
    use cloudflare::Hash;
    let open = |path: &Path| {
        let key = StandardVerifier::new(vkey).map_err(|error| format!("{error:?}"))?;
        let note = Note::from_bytes(&fs::read(path).unwrap()).map_err(|e| format!("{e:?}"))?;
        note.verify(&VerifierList::new(vec![Box::new(key)])).map_err(|e| format!("{e:?}"))?;
        cloudflare::Checkpoint::from_bytes(note.text()).map_err(|e| format!("{e:?}"))
    };
    let checkpoint = open(&log.join("checkpoint"))?;
    let mut stored: Vec<Hash> = Vec::new();
    for n in 0..checkpoint.size().div_ceil(256) {
        let width = u32::try_from(256.min(checkpoint.size() - n * 256)).unwrap();
        let path = cloudflare::Tile::new(8, 0, n, width, true).path();
        let path = path.replace("tile/8/data/", "tile/entries/");
        let mut bundle = fs::read(log.join(path)).map_err(|error| error.to_string())?;
        for at in 0..u64::from(width) {
            let (len, rest) = bundle.split_first_chunk::<2>().ok_or("cut")?;
            let (entry, rest) =
                rest.split_at_checked(u16::from_be_bytes(*len).into()).ok_or("cut")?;
            let added = cloudflare::stored_hashes(n * 256 + at, entry, &Known(&stored)).unwrap();
            let rest = rest.to_vec();
            stored.extend(added);
            bundle = rest;
        }
    }
    let root = cloudflare::tree_hash(checkpoint.size(), &Known(&stored)).unwrap();
    if root != *checkpoint.hash() {
        return Err("the root differs".into());
    }
    if let Some(earlier) = earlier {
        let old = open(earlier)?;
        if old.size() > checkpoint.size() {
            return Err("rolled back".into());
        }
        let proof = cloudflare::prove_tree(checkpoint.size(), old.size(), &Known(&stored)).unwrap();
        let (size, hash) = (checkpoint.size(), *checkpoint.hash());
        cloudflare::check_tree(&proof, size, hash, old.size(), *old.hash())
            .map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}

struct Known<'h>(&'h [cloudflare::Hash]);

impl cloudflare::HashReader for Known<'_> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<cloudflare::Hash>, cloudflare::Error> {
        Ok(indexes.iter().map(|index| self.0[usize::try_from(*index).unwrap()]).collect())
    }
}

type Verifier = fn(&Path, &str, Option<&Path>) -> Verdict;

const VERIFIERS: &[(&str, Verifier)] =
    &[("ours", ours), ("go", go), ("python", python), ("cloudflare", cloudflares)];

#[tokio::test]
async fn all_verifiers_accept_the_log_and_how_it_grew() {
    let exported = exported().await;
    for (name, verify) in VERIFIERS {
        let verdict = verify(&exported.log(), &exported.vkey, Some(&exported.earlier()));
        assert_eq!(verdict, Ok(()), "{name}");
    }
}

#[tokio::test]
async fn no_verifier_accepts_what_was_changed() {
    let exported = exported().await;
    let (log, earlier) = (exported.log(), exported.earlier());
    let refused = |what: &str, log: &Path, vkey: &str, earlier: Option<&Path>| {
        for (name, verify) in VERIFIERS {
            assert!(verify(log, vkey, earlier).is_err(), "{name} accepts {what}");
        }
    };
    let fork = exported.dir.path().join("fork");
    refused("a wrong key", &log, &exported.other_vkey, None);
    refused("a fork", &log, &exported.vkey, Some(&fork));
    // Rolled back: the whole, sound log of earlier, to somebody who saw a later one.
    let now = log.join("checkpoint");
    refused("a rollback", earlier.parent().unwrap(), &exported.vkey, Some(&now));
    let bundles = crate::process::files(&log.join("tile/entries"));
    for path in bundles.iter().chain([&now]) {
        let whole = fs::read(path).unwrap();
        let mut flipped = whole.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 1;
        fs::write(path, flipped).unwrap();
        refused("a flipped bit", &log, &exported.vkey, None);
        fs::write(path, &whole[..whole.len() - 1]).unwrap();
        refused("a cut file", &log, &exported.vkey, None);
        fs::write(path, whole).unwrap();
    }
    let last = bundles.iter().find(|path| path.to_string_lossy().contains(".p/")).unwrap();
    fs::remove_file(last).unwrap();
    for (name, verify) in VERIFIERS {
        let verdict = std::panic::catch_unwind(|| verify(&log, &exported.vkey, None));
        assert!(!matches!(verdict, Ok(Ok(()))), "{name} accepts a truncated log");
    }
}

/// Every byte of the export counts: ours looks at all of them.
#[tokio::test]
async fn a_changed_bit_anywhere_is_told_in_a_sentence() {
    let exported = exported().await;
    let log = exported.log();
    let files = crate::process::files(&log);
    assert!(files.len() > 10, "{files:?}");
    for path in files {
        let whole = fs::read(&path).unwrap();
        for at in [0, whole.len() / 3, whole.len() - 2] {
            for bit in [1, 32] {
                let mut changed = whole.clone();
                changed[at] ^= bit;
                fs::write(&path, changed).unwrap();
                let verdict = ours(&log, &exported.vkey, None);
                let said = verdict.expect_err(&format!("{} {at} {bit}", path.display()));
                assert!(said.contains(' ') && said.len() > 20, "{said}");
            }
        }
        fs::write(&path, whole).unwrap();
    }
    assert_eq!(ours(&log, &exported.vkey, None), Ok(()));
}

#[tokio::test]
async fn a_proof_stands_on_its_own_everywhere() {
    let vault = TestVault::new().await;
    fill(&vault, vault.vault.provider(), 700).await;
    vault.vault.project().await.unwrap();
    let token = vault.token(Role::Compliance).await;
    let dir = tempfile::tempdir().unwrap();
    let (file, entry) = (dir.path().join("e.tlog-proof"), dir.path().join("entry.json"));
    let logs = vault.get("/v1/ledger").token(&token).send().await.json();
    let vkey = logs["items"][0]["vkey"].as_str().unwrap().to_owned();
    for index in [0, 255, 256, 699] {
        let path = format!("/v1/ledger/provider/proof/{index}");
        fs::write(&file, vault.get(&path).token(&token).send().await.body).unwrap();
        let provider = vault.vault.provider();
        let leaves =
            callvault::index::ledger_tiles::leaves(vault.vault.index(), provider, index, 1);
        let leaf = leaves.await.unwrap().remove(0);
        for (leaf, right) in [(leaf.clone(), true), (leaf.replace('}', " }"), false)] {
            fs::write(&entry, &leaf).unwrap();
            let key = vkey.parse().unwrap();
            assert_eq!(verify::proof(&file, leaf.as_bytes(), &key).is_ok(), right);
            let go = Command::new(service("TEST_LEDGER_VERIFIER"));
            let mut python = Command::new("python3");
            python.arg(PYTHON);
            for mut command in [go, python] {
                command.arg("proof").arg(&file).arg(&entry).arg(&vkey);
                assert_eq!(command.output().unwrap().status.success(), right, "{command:?}");
            }
        }
    }
    let beyond = vault.get("/v1/ledger/provider/proof/100000").token(&token).send().await;
    assert_eq!(beyond.status, 404);
}
