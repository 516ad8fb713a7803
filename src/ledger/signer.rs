//! Who signs checkpoints: a key apart from the index, and a memory of its own.
//!
//! ```text
//! ledger.key             the Ed25519 seed in Base64, for its owner alone
//! ledger.key.state/<log> the last note that was signed for a log
//! ```
//!
//! The memory is on disk before a signature leaves. A tree that is smaller than what was signed,
//! or does not begin with it, is never signed, whatever the index says.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::checkpoint::Checkpoint;
use super::error::Error;
use super::note::{Note, VerifierKey};
use super::tree::{Hash, grows};
use crate::crypto::write_file;

/// The key of the logs, and what it signed last for each.
pub struct Signer {
    key: Ed25519KeyPair,
    public: [u8; 32],
    state: PathBuf,
    /// One signature at a time: each is judged by the one before.
    signing: Mutex<()>,
}

impl Signer {
    /// Opens the key at this path, if it is there.
    pub fn open(path: &Path) -> Result<Option<Self>, Error> {
        let text = match fs::read_to_string(path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(failed(path, source)),
        };
        let seed = STANDARD.decode(text.trim()).map(Zeroizing::new);
        let seed = seed.map_err(|_| Error::Key("the key file is no Base64"))?;
        Self::of(&seed, path).map(Some)
    }

    /// Makes a key at this path. It never takes the place of one.
    pub fn create(path: &Path) -> Result<Self, Error> {
        let mut seed = Zeroizing::new([0_u8; 32]);
        getrandom::fill(seed.as_mut_slice()).map_err(|_| Error::Key("no random bytes"))?;
        let text = Zeroizing::new(format!("{}\n", STANDARD.encode(seed.as_slice())));
        if path.exists() {
            return Err(failed(path, io::ErrorKind::AlreadyExists.into()));
        }
        write_file(path, text.as_bytes()).map_err(|source| failed(path, source))?;
        Self::of(seed.as_slice(), path)
    }

    fn of(seed: &[u8], path: &Path) -> Result<Self, Error> {
        let key = Ed25519KeyPair::from_seed_unchecked(seed);
        let key = key.map_err(|_| Error::Key("an Ed25519 seed has 32 bytes"))?;
        let public = key.public_key().as_ref().try_into();
        let public = public.map_err(|_| Error::Key("an Ed25519 key has 32 bytes"))?;
        let mut state = path.as_os_str().to_owned();
        state.push(".state");
        Ok(Self { key, public, state: state.into(), signing: Mutex::new(()) })
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> [u8; 32] {
        self.public
    }

    /// The key under the name of a log.
    #[must_use]
    pub fn vkey(&self, origin: &str) -> VerifierKey {
        VerifierKey::of_log(origin, self.public)
    }

    /// What was signed last for a log.
    pub fn last(&self, origin: &str) -> Result<Option<Checkpoint>, Error> {
        let path = self.state_of(origin);
        match fs::read_to_string(&path) {
            Ok(note) => Checkpoint::open(&note.parse()?, &self.vkey(origin)).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(failed(&path, source)),
        }
    }

    /// The last note for every log that something was signed for.
    pub fn logs(&self) -> Result<Vec<(Note, Checkpoint)>, Error> {
        let files = match fs::read_dir(&self.state) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed(&self.state, source)),
        };
        let mut logs = Vec::new();
        for file in files {
            let path = file.map_err(|source| failed(&self.state, source))?.path();
            if path.extension().is_some() {
                continue;
            }
            let note = fs::read_to_string(&path).map_err(|source| failed(&path, source))?;
            let note: Note = note.parse()?;
            let origin = Checkpoint::parse(note.text())?.origin;
            let checkpoint = Checkpoint::open(&note, &self.vkey(&origin))?;
            logs.push((note, checkpoint));
        }
        Ok(logs)
    }

    /// Signs a checkpoint. `proof` shows that the tree begins with what was signed last.
    pub fn sign(&self, checkpoint: &Checkpoint, proof: &[Hash]) -> Result<Note, Error> {
        let _signing = self.signing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = self.last(&checkpoint.origin)? {
            if checkpoint.size < last.size {
                return Err(Error::RolledBack { size: checkpoint.size, signed: last.size });
            }
            let (old, new) = ((last.size, &last.root), (checkpoint.size, &checkpoint.root));
            if !grows(old, new, proof) {
                return Err(Error::Forked { signed: last.size });
            }
        }
        let text = checkpoint.text();
        let signature = self.key.sign(text.as_bytes());
        let note = Note::signed(text, &self.vkey(&checkpoint.origin), signature.as_ref());
        let path = self.state_of(&checkpoint.origin);
        fs::create_dir_all(&self.state).map_err(|source| failed(&self.state, source))?;
        write_file(&path, note.to_string().as_bytes()).map_err(|source| failed(&path, source))?;
        Ok(note)
    }

    /// Signs something under the name of a log that can never be taken for a checkpoint.
    pub fn attest(&self, origin: &str, statement: String) -> Result<Note, Error> {
        if Checkpoint::parse(&statement).is_ok() {
            return Err(Error::Note("a checkpoint is no statement"));
        }
        let signature = self.key.sign(statement.as_bytes());
        Ok(Note::signed(statement, &self.vkey(origin), signature.as_ref()))
    }

    fn state_of(&self, origin: &str) -> PathBuf {
        self.state.join(hex::encode(Sha256::digest(origin)).get(..32).unwrap_or_default())
    }
}

fn failed(path: &Path, source: io::Error) -> Error {
    Error::Signer { what: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::super::tree::Edge;
    use super::*;

    fn checkpoint(edge: &Edge) -> Checkpoint {
        Checkpoint { origin: "o/log".into(), size: edge.size(), root: edge.root() }
    }

    #[test]
    fn it_signs_what_grew_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ledger.key");
        assert!(Signer::open(&path).unwrap().is_none());
        let signer = Signer::create(&path).unwrap();
        assert!(Signer::create(&path).is_err());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let (mut edge, mut fork) = (Edge::default(), Edge::default());
        let [one, two, other] = [b"1", b"2", b"3"].map(|entry| Hash::of_leaf(entry));
        edge.push(one);
        let note = signer.sign(&checkpoint(&edge), &[]).unwrap();
        let key = signer.vkey("o/log");
        assert_eq!(Checkpoint::open(&note, &key).unwrap(), checkpoint(&edge));
        // The same again is the same.
        assert_eq!(signer.sign(&checkpoint(&edge), &[]).unwrap(), note);
        edge.push(two);
        assert!(matches!(signer.sign(&checkpoint(&edge), &[]), Err(Error::Forked { signed: 1 })));
        signer.sign(&checkpoint(&edge), &[two]).unwrap();
        fork.push(one);
        let again = signer.sign(&checkpoint(&fork), &[]);
        assert!(matches!(again, Err(Error::RolledBack { size: 1, signed: 2 })));
        fork.push(other);
        assert!(matches!(signer.sign(&checkpoint(&fork), &[]), Err(Error::Forked { signed: 2 })));
        // What was signed is remembered by whoever opens the key next.
        let signer = Signer::open(&path).unwrap().unwrap();
        assert_eq!(signer.last("o/log").unwrap().unwrap(), checkpoint(&edge));
        assert_eq!(signer.logs().unwrap()[0].1, checkpoint(&edge));
        assert!(matches!(signer.sign(&checkpoint(&fork), &[]), Err(Error::Forked { .. })));
    }
}
