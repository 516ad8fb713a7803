//! Proof that recordings are there, for who may not hear them: pieces of ciphertext that nobody can
//! choose, with their paths to roots in the ledger (compliance-reference C.2.8).
//!
//! The object is read as it is; no key is touched. What is missing or changed is said.

use std::collections::{BTreeSet, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_json::json;

use super::error::Error;
use super::logs::TOP;
use super::{Vault, ledger};
use crate::index::{derived, ledger_presence, ledger_tiles, recordings as rows};
use crate::ledger::challenge::{
    Answer, MOST, SCHEMA, Sample, Seed, Shown, Status, Ticket, is_nonce,
};
use crate::ledger::ciphertext::{self, Tree};
use crate::ledger::tree::inclusion_ranges;
use crate::ledger::{Checkpoint, Hash, Note};
use crate::model::{Caller, ControllerId, Event, RecordingId};
use crate::{crypto, store};

/// How many recordings are read from the index at once.
const PAGE: u16 = 20_000;

/// How many may come and go while somebody asks.
const MOVING: u32 = 100_000;

/// How many windows are read at once: 2 MiB under way.
const READING: usize = 8;

/// What is known of a recording that is asked about.
struct Known {
    place: i64,
    entry: String,
    /// What its object is read by: salt, tree and length, while there are any.
    object: Option<([u8; 32], Tree, u64)>,
}

impl Vault {
    /// Answers an auditor's challenge about a log that the caller may see.
    pub async fn challenge(
        &self,
        caller: &Caller,
        log: &str,
        nonce: &str,
        asked: usize,
    ) -> Result<Answer, Error> {
        let field = |field, problem: &str| Error::Field { field, problem: problem.to_owned() };
        let found = self.visible(caller, log).await?;
        if found.id == TOP {
            return Err(Error::Malformed("the log over all logs has no recordings: ask another"));
        }
        if !is_nonce(nonce) {
            return Err(field("nonce", "is 16 to 128 letters, digits, - and _"));
        }
        if !(1..=MOST).contains(&asked) {
            return Err(field("samples", "is from 1 to 300"));
        }
        let _one = self.0.challenges.try_acquire().map_err(|_| Error::Busy)?;
        self.project_if_sound().await?;
        self.must_be_sound()?;
        let found = ledger_tiles::log(&self.0.index, found.id).await?.ok_or(Error::NotFound)?;
        let unsigned = Error::Conflict("nothing of this log is signed yet; ask again shortly");
        let note: Note = found.note.ok_or(unsigned)?.parse()?;
        let checkpoint = Checkpoint::parse(note.text())?;
        let live = self.live_at(found.id, checkpoint.size).await?;
        let tickets = Seed::new(&checkpoint, nonce).draw(&live, asked);
        let known = self.known_of(found.id, &tickets).await?;
        let beside = |known: &Known| inclusion_ranges(known.place.unsigned_abs(), checkpoint.size);
        let ranges: Vec<_> = known.values().flat_map(beside).collect();
        let shelf = self.shelf(found.id, &ranges).await?;
        let mut looking = Vec::with_capacity(tickets.len());
        for ticket in &tickets {
            let missing = || Error::Ledger(crate::ledger::Error::Missing);
            let known = known.get(&RecordingId(ticket.recording)).ok_or_else(missing)?;
            let proof = shelf.hashes(&beside(known)).ok_or_else(missing)?;
            looking.push(self.sample(ticket, known, proof));
        }
        let samples = stream::iter(looking).buffered(READING).try_collect::<Vec<_>>().await?;
        self.attest(caller, found.id, &checkpoint, &samples).await?;
        let without_root = rows::unprovable(&self.0.index, found.id).await?.unsigned_abs();
        Ok(Answer {
            schema: SCHEMA.into(),
            log: checkpoint.origin,
            nonce: nonce.into(),
            asked,
            answered_at: self.0.clock.now(),
            checkpoint: note.to_string(),
            live: live.len() as u64,
            without_root,
            samples,
        })
    }

    /// The recordings that take part: those of the tree of this size, and no others.
    ///
    /// Read from the rows as they are, and put right by what the ledger says happened since.
    async fn live_at(&self, log: ControllerId, size: u64) -> Result<Vec<uuid::Uuid>, Error> {
        let index = &self.0.index;
        let mut live = BTreeSet::new();
        let mut after = None;
        loop {
            let page = rows::provable(index, log, after, PAGE.into()).await?;
            after = page.last().copied();
            let full = page.len() == usize::from(PAGE);
            live.extend(page);
            if !full {
                break;
            }
        }
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        // After the rows: whatever changed while they were read is among them.
        let moved = ledger_presence::moved_since(index, log, size, MOVING.into()).await?;
        if moved.len() as u64 == u64::from(MOVING) {
            return Err(Error::Busy);
        }
        let (came, went): (Vec<_>, Vec<_>) =
            moved.into_iter().partition(|(event, _)| *event == Event::RecordingAccepted);
        let came: HashSet<_> = came.into_iter().map(|(_, id)| id).collect();
        let went: BTreeSet<_> = went.into_iter().map(|(_, id)| id).collect();
        let went: Vec<_> = went.into_iter().filter(|id| !came.contains(id)).collect();
        let before = ledger_presence::gone_before(index, log, size, &went).await?;
        let before: HashSet<_> = before.into_iter().collect();
        let went: Vec<_> = went.into_iter().filter(|id| !before.contains(id)).collect();
        live.extend(rows::rooted(index, &went).await?);
        Ok(live.into_iter().filter(|id| !came.contains(id)).map(|id| id.0).collect())
    }

    async fn known_of(
        &self,
        log: ControllerId,
        tickets: &[Ticket],
    ) -> Result<HashMap<RecordingId, Known>, Error> {
        let index = &self.0.index;
        let ids: BTreeSet<_> = tickets.iter().map(|ticket| RecordingId(ticket.recording)).collect();
        let ids: Vec<_> = ids.into_iter().collect();
        let sizes: HashMap<_, _> = rows::sizes(index, &ids).await?.into_iter().collect();
        let trees = derived::find_each(index, &ids, ciphertext::KIND).await?;
        let mut trees: HashMap<_, _> = trees.into_iter().collect();
        let accepted = ledger_presence::accepted(index, log, &ids).await?;
        let known = accepted.into_iter().map(|(id, place, entry)| {
            let tree = trees.remove(&id).and_then(|bytes| Tree::parse(&bytes));
            let size = sizes.get(&id).copied().flatten().and_then(|size| u64::try_from(size).ok());
            let object = tree.zip(size);
            let object = object.map(|((salt, tree), size)| (salt, tree, crypto::object_len(size)));
            (id, Known { place, entry, object })
        });
        Ok(known.collect())
    }

    /// Looks for one piece. An error is the vault's; what is wrong with the object is an answer.
    async fn sample(
        &self,
        ticket: &Ticket,
        known: &Known,
        proof: Vec<Hash>,
    ) -> Result<Sample, Error> {
        let id = RecordingId(ticket.recording);
        let (mut status, shown) = match &known.object {
            Some((salt, tree, len)) => self.look(ticket, tree, salt, *len).await,
            // Its tree goes with it when it is erased.
            None => (Status::Altered, None),
        };
        if matches!(status, Status::Missing | Status::Altered) {
            // What is being erased at this moment is neither.
            let row = rows::find(&self.0.index, id).await?;
            if row.is_none_or(|row| row.key_destroyed_at.is_some()) {
                status = Status::ErasedSince;
            }
        }
        Ok(Sample {
            recording: ticket.recording,
            round: ticket.round,
            leaf: known.place.unsigned_abs(),
            entry: known.entry.clone(),
            proof: proof.iter().map(ToString::to_string).collect(),
            status,
            shown,
        })
    }

    /// Reads the window of a chunk and shows the chunk, if the window is what was accepted.
    async fn look(
        &self,
        ticket: &Ticket,
        tree: &Tree,
        salt: &[u8; 32],
        len: u64,
    ) -> (Status, Option<Shown>) {
        let (id, chunk) = (RecordingId(ticket.recording), ticket.chunk(tree.count()));
        match self.0.store.read(id, tree.window(chunk, len)).await {
            Ok(window) => match tree.prove(chunk, &window) {
                Some((bytes, path)) => {
                    let shown = Shown {
                        chunk,
                        chunks: tree.count(),
                        salt: STANDARD.encode(salt),
                        bytes: STANDARD.encode(bytes),
                        path: path.iter().map(ToString::to_string).collect(),
                    };
                    (Status::Held, Some(shown))
                }
                None => (Status::Altered, None),
            },
            Err(store::Error::NotFound(_)) => (Status::Missing, None),
            // The store has less of it than it must.
            Err(store::Error::Unfaithful) => (Status::Altered, None),
            // Or it has less, and says that there is no such range.
            Err(error) => match self.0.store.size(id).await {
                Ok(Some(size)) if size != len => (Status::Altered, None),
                Ok(None) => (Status::Missing, None),
                _ => {
                    tracing::warn!(recording = %id, %error, "a sample cannot be read");
                    (Status::Unavailable, None)
                }
            },
        }
    }

    /// Writes down that somebody asked and what came of it, and raises the alarm if need be.
    async fn attest(
        &self,
        caller: &Caller,
        log: ControllerId,
        checkpoint: &Checkpoint,
        samples: &[Sample],
    ) -> Result<(), Error> {
        let count = |status| samples.iter().filter(|sample| sample.status == status).count();
        for sample in samples {
            metrics::counter!("callvault_challenge_samples_total",
                "status" => sample.status.as_str())
            .increment(1);
            if matches!(sample.status, Status::Missing | Status::Altered) {
                let (recording, status) = (sample.recording, sample.status);
                tracing::error!(%recording, %status, "a recording is not there as it was accepted");
            }
        }
        let body = json!({
            "by": caller.id, "size": checkpoint.size, "samples": samples.len(),
            "held": count(Status::Held), "missing": count(Status::Missing),
            "altered": count(Status::Altered), "unavailable": count(Status::Unavailable),
        });
        let now = self.0.clock.now();
        self.record(&[ledger::general(log, now, Event::InventoryAttested, &body)]).await
    }
}
