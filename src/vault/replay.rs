//! Putting back what a restored index lacks. The missing entries are in the exported tiles; what
//! they say was erased is erased again, so that no copy of the index brings a recording back.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::json;

use super::error::Error;
use super::logs::TOP;
use super::replay_access::Access;
use super::replay_keeping::{Keeping, playback};
use super::standing::Known;
use super::{Vault, ledger};
use crate::index::ledger_replay::{self, Erasure, Placed};
use crate::index::{Tx, ledger_entries, playbacks, recordings as rows};
use crate::ledger::tiles::{self, Layer, Tile, WIDTH};
use crate::ledger::{Checkpoint, Hash, Leaf};
use crate::model::{ControllerId, Event, PlaybackId, RecordingId, Timestamp};

/// What the missing entries say, as far as the index has to follow it.
#[derive(Default)]
struct Told {
    erased: BTreeMap<RecordingId, Erasure>,
    cases: BTreeMap<RecordingId, String>,
    buried: BTreeSet<RecordingId>,
    keeping: Keeping,
    access: Access,
    accepted: BTreeSet<RecordingId>,
    played: Vec<PlaybackId>,
}

impl Vault {
    /// Puts back the entries that are missing below what is known to have been signed.
    pub(super) async fn replay(&self, known: &[Known]) -> Result<(), Error> {
        let mut furthest: BTreeMap<ControllerId, &Checkpoint> = BTreeMap::new();
        for Known { log, checkpoint, .. } in known {
            let best = furthest.entry(*log).or_insert(checkpoint);
            if checkpoint.size > best.size {
                *best = checkpoint;
            }
        }
        for (log, checkpoint) in furthest {
            let size = ledger_entries::size(&self.0.index, log).await?.unsigned_abs();
            if size < checkpoint.size {
                self.replay_log(log, size, checkpoint).await?;
            }
        }
        Ok(())
    }

    async fn replay_log(
        &self,
        log: ControllerId,
        size: u64,
        checkpoint: &Checkpoint,
    ) -> Result<(), Error> {
        let missing = self.exported(log, size, checkpoint.size).await?;
        let mut edge = self.edge_at(log, size).await?;
        for leaf in &missing {
            edge.push(Hash::of_leaf(leaf));
        }
        if edge.root() != checkpoint.root {
            let name = self.log_name(log);
            return Err(Error::Quarantined(format!(
                "the exported entries of the log {name} do not make the tree that was signed"
            )));
        }
        let mut told = Told::default();
        let placed: Result<Vec<_>, _> =
            missing.iter().map(|leaf| placed(leaf, &mut told)).collect();
        let placed = placed?;
        let now = self.0.clock.now();
        let from = i64::try_from(size).unwrap_or(i64::MAX);
        let mut tx = self.restoration().await?;
        for (batch, first) in placed.chunks(8192).zip((from..).step_by(8192)) {
            ledger_replay::append_at(&mut tx, log, first, batch).await?;
        }
        let mut entries = self.follow(&mut tx, log, &told, now).await?;
        if log != TOP {
            let body = json!({
                "entries": placed.len(), "erased": told.erased.len(), "lost": entries.len(),
                "undone": told.access.undone(),
            });
            entries.push(ledger::general(log, now, Event::RestoreCompleted, &body));
            ledger_entries::append(&mut tx, &entries).await?;
        }
        tx.commit().await?;
        let (entries, erased) = (placed.len(), told.erased.len());
        tracing::warn!(log = self.log_name(log), entries, erased, "entries were put back");
        for (what, count) in told.access.undone() {
            tracing::warn!(
                log = self.log_name(log),
                what,
                count,
                "changes after the copy cannot be done again from the ledger: see what is there"
            );
        }
        Ok(())
    }

    /// Does to the rows what the entries say; gives the entries of what is lost by the restoring.
    async fn follow(
        &self,
        tx: &mut Tx,
        log: ControllerId,
        told: &Told,
        now: Timestamp,
    ) -> Result<Vec<ledger_entries::NewEntry>, Error> {
        // They go on in the copy, and have ended: nobody tells of them twice.
        playbacks::forget(tx, &told.played).await?;
        for erasure in told.erased.values() {
            ledger_replay::erase_again(tx, erasure, now).await?;
        }
        let buried: Vec<_> = told.buried.iter().copied().collect();
        rows::bury(tx, &buried).await?;
        let kept = rows::exists_many(&mut *tx, &told.keeping.recordings()).await?;
        let gone = |id: &RecordingId| told.erased.contains_key(id);
        let kept: HashSet<_> = kept.iter().map(|row| row.id).filter(|id| !gone(id)).collect();
        told.keeping.apply(tx, log, &kept).await?;
        told.access.apply(tx, log, now).await?;
        // Taken in after the copy was made: nothing leads to it any more, if not the journal.
        let gone: Vec<_> =
            told.accepted.iter().filter(|id| !told.erased.contains_key(id)).copied().collect();
        let there = rows::exists_many(&mut *tx, &gone).await?;
        let lost = gone.into_iter().filter(|id| !there.iter().any(|there| there.id == *id));
        let body = json!({ "why": "restored" });
        let entry = |id| ledger::about(log, now, Event::RecordingLost, id, &body);
        Ok(lost.map(entry).collect())
    }

    /// The exported entries from `from` up to `to`.
    async fn exported(&self, log: ControllerId, from: u64, to: u64) -> Result<Vec<Vec<u8>>, Error> {
        let mut leaves = Vec::new();
        for n in from / WIDTH..to.div_ceil(WIDTH) {
            let width = WIDTH.min(to - n * WIDTH);
            let bundle = self.exported_bundle(log, n, width).await?;
            let entries = tiles::entries_in(&bundle).unwrap_or_default();
            let reached = entries.len() as u64 >= width;
            let places = (n * WIDTH..to).zip(entries).filter(|(place, _)| *place >= from);
            leaves.extend(places.map(|(_, entry)| entry.to_vec()));
            if !reached {
                return Err(self.not_exported(log, n));
            }
        }
        Ok(leaves)
    }

    /// A bundle that has at least so many entries.
    async fn exported_bundle(
        &self,
        log: ControllerId,
        n: u64,
        width: u64,
    ) -> Result<bytes::Bytes, Error> {
        let name = self.log_name(log);
        for width in [width, WIDTH] {
            let path = Tile { layer: Layer::Entries, n, width }.path();
            if let Some(found) = self.0.store.read_file(&format!("{name}/{path}")).await? {
                return Ok(found);
            }
        }
        // A wider part, of a checkpoint that never became known.
        for width in width + 1..WIDTH {
            let path = Tile { layer: Layer::Entries, n, width }.path();
            if let Some(found) = self.0.store.read_file(&format!("{name}/{path}")).await? {
                return Ok(found);
            }
        }
        Err(self.not_exported(log, n))
    }

    fn not_exported(&self, log: ControllerId, n: u64) -> Error {
        Error::Quarantined(format!(
            "bundle {n} of the log {} is not among the exported ones: restore them to the store, \
             then run callvault ledger replay",
            self.log_name(log)
        ))
    }
}

/// A leaf as a row, and what it says.
fn placed(leaf: &[u8], told: &mut Told) -> Result<Placed, Error> {
    let read = Leaf::parse(leaf)?;
    let recording = read.rec.map(RecordingId);
    if let Some(event) = read.event() {
        told.keeping.hear(event, recording, leaf);
        if event == Event::AccessPlayed {
            told.played.extend(playback(leaf));
        }
        told.access.hear(event, leaf);
        if let Some(id) = recording {
            told.hear(id, event, &read);
        }
    }
    let text = String::from_utf8_lossy(leaf).into_owned();
    Ok(Placed { at: read.at, event: read.ev.into_owned(), recording, leaf: text })
}

impl Told {
    fn hear(&mut self, id: RecordingId, event: Event, leaf: &Leaf<'_>) {
        match event {
            Event::RecordingAccepted => drop(self.accepted.insert(id)),
            Event::MetadataErased => drop(self.buried.insert(id)),
            Event::ErasureStarted => {
                self.cases.extend(leaf.case.as_ref().map(|case| (id, case.to_string())));
            }
            Event::ErasureKeyDestroyed | Event::RecordingErased => {
                let Some(cause) = leaf.cause.as_ref().and_then(|cause| cause.parse().ok()) else {
                    return;
                };
                let case_id = self.cases.get(&id).cloned();
                let case_id = case_id.or_else(|| leaf.case.as_ref().map(ToString::to_string));
                let destroyed_at = leaf.at;
                let new = Erasure { recording: id, cause, case_id, destroyed_at, erased_at: None };
                let erasure = self.erased.entry(id).or_insert(new);
                if event == Event::RecordingErased {
                    erasure.erased_at = Some(leaf.at);
                }
            }
            _ => {}
        }
    }
}
