//! The answer to a challenge: whether it shows what was due, and that what it shows is there.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use uuid::Uuid;

use super::super::challenge::{Answer, MOST, SCHEMA, Sample, Seed, Status, Ticket, is_nonce};
use super::super::checkpoint::Checkpoint;
use super::super::ciphertext::commit;
use super::super::leaf::Leaf;
use super::super::note::{Note, VerifierKey};
use super::super::tree::{Hash, includes};
use super::{Against, Error, Verified, log, read};
use crate::model::Event;

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub enum Untrue {
    /// It cannot be read.
    #[error("it is no answer to a challenge that can be read here")]
    Schema,
    /// The nonce or the number cannot have been asked.
    #[error("its nonce or its number of samples cannot have been asked for")]
    Asked,
    /// It is of another log.
    #[error("it is of {0}, and the key is of another log")]
    Log(String),
    /// It answers another nonce.
    #[error("it answers another nonce than the one you sent")]
    Nonce,
    /// It shows fewer or more samples than were due.
    #[error("it shows {shown} samples, and {due} were due")]
    Count {
        /// How many it shows.
        shown: usize,
        /// How many it must.
        due: usize,
    },
    /// Its samples are not in the order of their tickets.
    #[error("sample {0} is not in its place: the samples were chosen by somebody")]
    Order(usize),
    /// Another recording was due.
    #[error("sample {0} is not the one that was due: the samples were chosen by somebody")]
    NotDue(usize),
    /// It says that another number of recordings takes part than the log does.
    #[error("it says that {said} recordings take part, and by the log {are} do")]
    Live {
        /// What it says.
        said: u64,
        /// What the log says.
        are: u64,
    },
    /// The entry of a sample is not in the log.
    #[error("the entry of sample {0} is not in the log")]
    Entry(usize),
    /// The entry of a sample is not that it was accepted.
    #[error("the entry of sample {0} does not say that this recording was accepted")]
    NotAccepted(usize),
    /// It shows nothing where it must, or something where it cannot.
    #[error("sample {0} says one thing and shows another")]
    Shown(usize),
    /// The number of chunks is not what was committed to.
    #[error("sample {0} is of a recording with another number of chunks")]
    Chunks(usize),
    /// It shows another chunk than was due.
    #[error("sample {0} is of another chunk than was due")]
    Chunk(usize),
    /// The chunk does not lead to the root in the ledger.
    #[error("the chunk of sample {0} is not what was accepted: it was altered")]
    Path(usize),
    /// A recording is said to be erased, and the log does not say so.
    #[error("sample {0} is said to be erased since, and by the log it is not")]
    NotErased(usize),
}

/// What an answer turned out to show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Challenged {
    /// Which log.
    pub origin: String,
    /// The size of the tree it is about.
    pub size: u64,
    /// The nonce that it answers.
    pub nonce: String,
    /// How many recordings take part, as it says.
    pub live: u64,
    /// How many cannot be proven, as it says.
    pub without_root: u64,
    /// How many samples there are of each status.
    pub samples: BTreeMap<&'static str, u64>,
    /// Whether the log was there to check that these samples were due.
    pub due_checked: bool,
}

impl Challenged {
    /// Whether everything that was asked for is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let fine = [Status::Held.as_str(), Status::ErasedSince.as_str()];
        self.samples.keys().all(|status| fine.contains(status))
    }

    /// What it shows, in a sentence.
    #[must_use]
    pub fn sentence(&self) -> String {
        let of = |status: Status| self.samples.get(status.as_str()).copied().unwrap_or(0);
        let all: u64 = self.samples.values().sum();
        let mut said = format!("{} of {all} samples are there as accepted", of(Status::Held));
        for (status, words) in [
            (Status::Missing, "missing from the store"),
            (Status::Altered, "not what was accepted"),
            (Status::Unavailable, "not read, as the store did not answer"),
            (Status::ErasedSince, "erased after the checkpoint"),
        ] {
            if of(status) > 0 {
                said = format!("{said}, {} {words}", of(status));
            }
        }
        if !self.due_checked {
            said.push_str("; give --log to check that these samples were due");
        }
        said
    }
}

/// Checks an answer, and against an exported log of at least its size that it shows what was due.
pub fn challenge(
    path: &Path,
    key: &VerifierKey,
    nonce: Option<&str>,
    folder: Option<&Path>,
) -> Result<Challenged, Error> {
    let wrong = |wrong| Error::Challenge { path: path.into(), wrong };
    let file = |source| Error::File { path: path.into(), source };
    let answer: Answer = serde_json::from_slice(&read(path)?).map_err(|_| wrong(Untrue::Schema))?;
    if answer.schema != SCHEMA {
        return Err(wrong(Untrue::Schema));
    }
    if !is_nonce(&answer.nonce) || !(1..=MOST).contains(&answer.asked) {
        return Err(wrong(Untrue::Asked));
    }
    if nonce.is_some_and(|nonce| nonce != answer.nonce) {
        return Err(wrong(Untrue::Nonce));
    }
    let note: Note = answer.checkpoint.parse().map_err(file)?;
    let checkpoint = Checkpoint::open(&note, key).map_err(file)?;
    if answer.log != checkpoint.origin {
        return Err(wrong(Untrue::Log(answer.log)));
    }
    let due = if answer.live == 0 { 0 } else { answer.asked };
    if answer.samples.len() != due {
        return Err(wrong(Untrue::Count { shown: answer.samples.len(), due }));
    }
    let seed = Seed::new(&checkpoint, &answer.nonce);
    let mut last: Option<Ticket> = None;
    for (place, sample) in answer.samples.iter().enumerate() {
        let ticket = seed.ticket(sample.recording, sample.round);
        if last.as_ref().is_some_and(|last| *last >= ticket) {
            return Err(wrong(Untrue::Order(place)));
        }
        check(place, sample, &ticket, &checkpoint).map_err(wrong)?;
        last = Some(ticket);
    }
    if let Some(folder) = folder {
        let at = Against { keys: vec![key.clone()], earlier: vec![note] };
        let verified = log::verify(folder, &at, Vec::new(), &mut BTreeMap::new())?;
        if verified.origin != checkpoint.origin {
            return Err(wrong(Untrue::Log(checkpoint.origin)));
        }
        were_due(&answer, &seed, &verified).map_err(wrong)?;
    }
    let mut samples = BTreeMap::new();
    for sample in &answer.samples {
        *samples.entry(sample.status.as_str()).or_default() += 1;
    }
    Ok(Challenged {
        origin: checkpoint.origin,
        size: checkpoint.size,
        nonce: answer.nonce,
        live: answer.live,
        without_root: answer.without_root,
        samples,
        due_checked: folder.is_some(),
    })
}

/// One sample, by itself.
fn check(
    place: usize,
    sample: &Sample,
    ticket: &Ticket,
    checkpoint: &Checkpoint,
) -> Result<(), Untrue> {
    let entry = Hash::of_leaf(sample.entry.as_bytes());
    let proof = hashes(&sample.proof).ok_or(Untrue::Entry(place))?;
    if !includes(&checkpoint.root, checkpoint.size, sample.leaf, entry, &proof) {
        return Err(Untrue::Entry(place));
    }
    let leaf = Leaf::parse(sample.entry.as_bytes()).map_err(|_| Untrue::NotAccepted(place))?;
    let accepted = leaf.event() == Some(Event::RecordingAccepted);
    let root = leaf.ct_root.as_deref().and_then(Hash::parse);
    let chunks = leaf.ct_chunks.as_deref().and_then(Hash::parse);
    let (Some(root), Some(chunks)) = (root, chunks) else {
        return Err(Untrue::NotAccepted(place));
    };
    if !accepted || leaf.rec != Some(sample.recording) {
        return Err(Untrue::NotAccepted(place));
    }
    let shown = match (&sample.shown, sample.status) {
        (Some(shown), Status::Held) => shown,
        (None, Status::Held) | (Some(_), _) => return Err(Untrue::Shown(place)),
        (None, _) => return Ok(()),
    };
    let salt = STANDARD.decode(&shown.salt).ok().and_then(|salt| salt.try_into().ok());
    let salt: [u8; 32] = salt.ok_or(Untrue::Chunks(place))?;
    if commit(&salt, shown.chunks) != chunks {
        return Err(Untrue::Chunks(place));
    }
    if shown.chunk != ticket.chunk(shown.chunks) {
        return Err(Untrue::Chunk(place));
    }
    let bytes = STANDARD.decode(&shown.bytes).map_err(|_| Untrue::Path(place))?;
    let path = hashes(&shown.path).ok_or(Untrue::Path(place))?;
    let chunk = Hash::of_leaf(&bytes);
    if includes(&root, shown.chunks, shown.chunk, chunk, &path) {
        Ok(())
    } else {
        Err(Untrue::Path(place))
    }
}

/// Whether these samples were due by the log, and what is said to be erased is.
fn were_due(answer: &Answer, seed: &Seed, verified: &Verified) -> Result<(), Untrue> {
    let live: &[Uuid] = verified.provable.first().map_or(&[], Vec::as_slice);
    if live.len() as u64 != answer.live {
        return Err(Untrue::Live { said: answer.live, are: live.len() as u64 });
    }
    let due = seed.draw(live, answer.asked);
    for (place, (sample, ticket)) in answer.samples.iter().zip(&due).enumerate() {
        if (sample.recording, sample.round) != (ticket.recording, ticket.round) {
            return Err(Untrue::NotDue(place));
        }
        let gone = verified.population.is_gone(sample.recording);
        if sample.status == Status::ErasedSince && !gone {
            return Err(Untrue::NotErased(place));
        }
    }
    Ok(())
}

fn hashes(all: &[String]) -> Option<Vec<Hash>> {
    all.iter().map(|hash| Hash::parse(hash)).collect()
}
