//! Checking a log that was handed out, without the vault and without a network.
//!
//! [`directory`] reads an exported log, or a folder of them, from its first entry to its last:
//! signature, every tile, the root, and what the entries say of each recording ([`Population`]).
//! Whatever is wrong is told in a sentence, and nothing after it is believed.

mod certificate;
mod challenge;
mod evidence;
mod log;
mod population;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkpoint::Checkpoint;
use super::note::{Note, VerifierKey};
use super::tree::Hash;

pub use certificate::{Wrong, certificate};
pub use challenge::{Challenged, Untrue, challenge};
pub use evidence::{Evidence, Unsound, evidence};
pub use population::{Fate, Population, Summary};

/// What is wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read.
    #[error("{path} cannot be read: {source}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file is there and not what it must be.
    #[error("{path}: {source}")]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        source: super::Error,
    },
    /// The key is not one of those that were given.
    #[error("{path} holds another key than the one you gave: this is not your log")]
    OtherKey {
        /// Which file.
        path: PathBuf,
    },
    /// The policy names another log or cannot be read.
    #[error("{path} is not the policy of this log: it was changed")]
    Policy {
        /// Which file.
        path: PathBuf,
    },
    /// Entries are missing at the end of a bundle, or too many.
    #[error("{path} does not hold the entries it must: the log was cut or changed")]
    Bundle {
        /// Which file.
        path: PathBuf,
    },
    /// A tile does not follow from the entries.
    #[error("{path} does not follow from the entries: one of them was changed")]
    Tile {
        /// Which file.
        path: PathBuf,
    },
    /// The entries do not make the root that was signed.
    #[error("the entries of {origin} do not make the root of {what}: entries were changed")]
    Root {
        /// Which log.
        origin: String,
        /// Whose root.
        what: String,
    },
    /// The log is smaller than what somebody saw of it.
    #[error("{origin} has {size} entries, {what} has {larger}: the log was cut or rolled back")]
    Smaller {
        /// Which log.
        origin: String,
        /// How many it has.
        size: u64,
        /// Who saw more.
        what: String,
        /// How many.
        larger: u64,
    },
    /// An entry says what cannot be.
    #[error("entry {place} of {origin}: {what}")]
    Entry {
        /// Which log.
        origin: String,
        /// Which entry.
        place: u64,
        /// What is wrong with it.
        what: Broken,
    },
    /// A certificate, or what lies beside it, is wrong.
    #[error("{path}: {wrong}")]
    Certificate {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        wrong: Wrong,
    },
    /// The answer to a challenge is not true.
    #[error("{path}: {wrong}")]
    Challenge {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        wrong: Untrue,
    },
    /// An evidence package is wrong.
    #[error("{path}: {wrong}")]
    Evidence {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        wrong: Unsound,
    },
    /// There is nothing to verify.
    #[error("{path} holds no exported log")]
    Nothing {
        /// Which folder.
        path: PathBuf,
    },
}

/// A rule that an entry breaks.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// It is no leaf.
    #[error("it {0}")]
    Leaf(&'static str),
    /// The first entry of a log opens it.
    #[error("a log begins with log.opened and its own name, and has no other")]
    Opened,
    /// A recording is accepted once (I8).
    #[error("recording {0} is accepted a second time")]
    AcceptedTwice(uuid::Uuid),
    /// Only what was accepted is erased (I9).
    #[error("recording {0} was never accepted")]
    NeverAccepted(uuid::Uuid),
    /// A recording is erased once (I8).
    #[error("recording {0} is erased a second time")]
    ErasedTwice(uuid::Uuid),
    /// An erasure has a cause, and one other than the term a case (I5).
    #[error("recording {0} is erased without a cause, or without the case that its cause needs")]
    NoCause(uuid::Uuid),
    /// Nothing is erased by its term before it ends (I6).
    #[error("recording {0} is erased by its term before it ended")]
    TooEarly(uuid::Uuid),
    /// What is held is not erased (I7).
    #[error("recording {0} is erased under a hold")]
    Held(uuid::Uuid),
    /// It is erased only after its key was destroyed.
    #[error("recording {0} is erased without its key being destroyed first")]
    KeyThere(uuid::Uuid),
    /// A term moves only by an instruction (I10).
    #[error("recording {0} is due at another time than was written down")]
    DueMoved(uuid::Uuid),
    /// What is erased is not heard (I3).
    #[error("recording {0} is heard after its key was destroyed")]
    HeardAfter(uuid::Uuid),
}

/// What one log turned out to be.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// Which log.
    pub origin: String,
    /// How many entries it has.
    pub size: u64,
    /// The root over them.
    pub root: String,
    /// Other checkpoints it was found consistent with.
    pub consistent_with: usize,
    /// What it says of the recordings.
    pub recordings: Summary,
    /// For each earlier checkpoint of it that was given: which recordings were provably there.
    #[serde(skip)]
    pub provable: Vec<Vec<uuid::Uuid>>,
    /// Each recording, for who wants them one by one.
    #[serde(skip)]
    pub population: Population,
}

/// What to hold against a log beside itself.
#[derive(Clone, Debug, Default)]
pub struct Against {
    /// The keys that are known to be right. Without any the one in the export is believed.
    pub keys: Vec<VerifierKey>,
    /// Earlier checkpoints, which it must have grown from.
    pub earlier: Vec<Note>,
}

/// What somebody else saw of a log: a size, the root, and who.
type Sightings = Vec<(u64, Hash, String)>;

/// Verifies an exported log, or every log in a folder of them.
pub fn directory(path: &Path, against: &Against) -> Result<Vec<Verified>, Error> {
    if path.join("checkpoint").is_file() {
        return Ok(vec![log::verify(path, against, Vec::new(), &mut BTreeMap::new())?]);
    }
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(|source| read_error(path, source))? {
        let folder = entry.map_err(|source| read_error(path, source))?.path();
        if folder.join("checkpoint").is_file() {
            folders.push(folder);
        }
    }
    if folders.is_empty() {
        return Err(Error::Nothing { path: path.into() });
    }
    // The log over all logs comes first: it tells what the others were.
    folders.sort_by_key(|folder| (!folder.ends_with("top"), folder.clone()));
    let mut sightings = BTreeMap::new();
    let mut verified = Vec::with_capacity(folders.len());
    for folder in folders {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned());
        let seen = sightings.remove(&name.unwrap_or_default()).unwrap_or_default();
        verified.push(log::verify(&folder, against, seen, &mut sightings)?);
    }
    Ok(verified)
}

/// Verifies a proof that stands on its own, and gives the checkpoint it leads to.
pub fn proof(path: &Path, entry: &[u8], key: &VerifierKey) -> Result<Checkpoint, Error> {
    let file = |source| Error::File { path: path.into(), source };
    let proof = super::TlogProof::parse(&read_text(path)?).map_err(file)?;
    proof.verify(entry, key).map_err(file)
}

fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path).map_err(|source| read_error(path, source))
}

fn read_text(path: &Path) -> Result<String, Error> {
    std::fs::read_to_string(path).map_err(|source| read_error(path, source))
}

fn read_error(path: &Path, source: io::Error) -> Error {
    Error::Read { path: path.into(), source }
}
