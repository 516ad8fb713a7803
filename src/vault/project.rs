//! The projection: entries into tiles, tiles under a signed checkpoint, both into the index and as
//! files beside the audio. All of it follows from the entries; one node at a time does it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use jiff::SignedDuration;
use serde_json::json;

use super::error::Error;
use super::logs::TOP;
use super::{Vault, ledger};
use crate::index::ledger_tiles::{self, Log};
use crate::index::{facts, ledger_entries};
use crate::ledger::tiles::{self, Layer, Shelf, Tile, WIDTH};
use crate::ledger::tree::consistency_ranges;
use crate::ledger::{Checkpoint, Hash, Note, Signer};
use crate::model::{ControllerId, Event, Timestamp};

/// How many entries are read at once: whole tiles.
const CHUNK: u64 = 8192;

/// For how long a node takes a log. A node that died is waited for that long.
const CLAIM: SignedDuration = SignedDuration::from_secs(15);

/// How often the log over all logs grows, at most.
const TOP_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// The fact under which the index remembers when it last grew.
const TOP_AT: &str = "ledger_top_at";

/// How many files are written at once.
const WRITING: usize = 16;

/// What one pass did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Projection {
    /// How many checkpoints were signed.
    pub checkpoints: u64,
    /// How many entries went into tiles.
    pub entries: u64,
}

impl Vault {
    /// Brings the tiles and checkpoints of all logs up to date, if this node has the key.
    pub async fn project(&self) -> Result<Projection, Error> {
        let mut done = Projection::default();
        let Some(signer) = self.0.signer.clone() else { return Ok(done) };
        self.must_be_sound()?;
        for log in ledger_tiles::behind(&self.0.index).await? {
            if log.id != TOP {
                self.project_log(&signer, log, &mut done).await?;
            }
        }
        self.grow_top().await?;
        if let Some(top) = ledger_tiles::log(&self.0.index, TOP).await?
            && top.size > top.signed
        {
            self.project_log(&signer, top, &mut done).await?;
        }
        Ok(done)
    }

    /// The same, and nothing in quarantine or after a fork.
    pub async fn project_if_sound(&self) -> Result<Projection, Error> {
        if self.must_be_sound().is_ok() { self.project().await } else { Ok(Projection::default()) }
    }

    async fn project_log(
        &self,
        signer: &Arc<Signer>,
        mut log: Log,
        done: &mut Projection,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        let ours = ledger_tiles::claim(&mut tx, log.id, self.0.node, now, now.plus(CLAIM)).await?;
        tx.commit().await?;
        if !ours {
            return Ok(());
        }
        // How far it is now that it is ours: another node may have been at it.
        log = ledger_tiles::log(&self.0.index, log.id).await?.unwrap_or(log);
        let before = log.signed.unsigned_abs();
        let mut size = log.projected.unsigned_abs();
        while let Some(grown) = self.project_chunk(log.id, size).await? {
            done.entries += grown - size;
            size = grown;
        }
        if size > before {
            let note = self.signed(signer, log.id, size).await?;
            self.publish(log.id, &note, before, size).await?;
            done.checkpoints += 1;
        }
        let mut tx = self.addition().await?;
        ledger_tiles::release(&mut tx, log.id, self.0.node).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Puts the next entries into tiles; how many there are now, or `None` when there are no more.
    async fn project_chunk(&self, log: ControllerId, size: u64) -> Result<Option<u64>, Error> {
        // From the start of a bundle, so that the bundle can be written whole.
        let start = size - size % WIDTH;
        let leaves = ledger_tiles::leaves(&self.0.index, log, at(start)?, at(CHUNK)?).await?;
        let grown = start + leaves.len() as u64;
        if grown <= size {
            return Ok(None);
        }
        let mut shelf = Shelf::default();
        let edge: BTreeSet<_> = hash_tiles(&tiles::partial_tiles(size)).collect();
        for tile in ledger_tiles::find(&self.0.index, log, &edge).await? {
            let level = u8::try_from(tile.level).unwrap_or(u8::MAX);
            shelf.put(level, tile.n.unsigned_abs(), tiles::hashes_in(&tile.hashes));
        }
        let mut changed = BTreeSet::new();
        for (place, leaf) in (start..).zip(&leaves).filter(|(place, _)| *place >= size) {
            shelf.push(0, place / WIDTH, Hash::of_leaf(leaf.as_bytes()), &mut changed);
        }
        let file = |tile: Tile| {
            let bytes = match tile.layer {
                Layer::Entries => {
                    let first = usize::try_from(tile.n * WIDTH - start).ok()?;
                    let width = usize::try_from(tile.width).ok()?;
                    let leaves = leaves.get(first..first + width)?;
                    tiles::bundle(leaves.iter().map(String::as_bytes))
                }
                Layer::Hashes(level) => tiles::hash_bytes(shelf.tile(level, tile.n)?),
            };
            Some((tile, bytes))
        };
        let files: Vec<_> = tiles::new_tiles(size, grown).into_iter().filter_map(file).collect();
        let rows: Vec<_> = changed
            .iter()
            .filter_map(|(level, n)| {
                let hashes = tiles::hash_bytes(shelf.tile(*level, *n)?);
                Some(ledger_tiles::Tile { level: (*level).into(), n: at(*n).ok()?, hashes })
            })
            .collect();
        self.write_files(log, files).await?;
        between_steps!("ledger.tiles");
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        ledger_tiles::put(&mut tx, log, &rows).await?;
        ledger_tiles::advance(&mut tx, log, self.0.node, at(size)?, at(grown)?).await?;
        // A long way to go is no reason for another node to take over.
        ledger_tiles::claim(&mut tx, log, self.0.node, now, now.plus(CLAIM)).await?;
        tx.commit().await?;
        Ok(Some(grown))
    }

    async fn write_files(
        &self,
        log: ControllerId,
        files: Vec<(Tile, Vec<u8>)>,
    ) -> Result<(), Error> {
        let name = self.log_name(log);
        let writing = stream::iter(files).map(|(tile, bytes)| {
            let path = format!("{name}/{}", tile.path());
            async move { self.0.store.put_file(&path, bytes).await }
        });
        writing.buffer_unordered(WRITING).try_collect::<()>().await?;
        Ok(())
    }

    /// Has the tree of this size signed. A signer that refuses closes the vault.
    async fn signed(
        &self,
        signer: &Arc<Signer>,
        log: ControllerId,
        size: u64,
    ) -> Result<Note, Error> {
        let origin = self.origin(log);
        let (asked, name) = (Arc::clone(signer), origin.clone());
        let last = tokio::task::spawn_blocking(move || asked.last(&name)).await??;
        let last = last.map_or(0, |last| last.size);
        let mut ranges = consistency_ranges(last, size);
        ranges.push(0..size);
        let shelf = self.shelf(log, &ranges).await?;
        let mut hashes = shelf.hashes(&ranges).ok_or(crate::ledger::Error::Missing)?;
        let root = hashes.pop().ok_or(crate::ledger::Error::Missing)?;
        let checkpoint = Checkpoint { origin, size, root };
        let signer = Arc::clone(signer);
        let signed = tokio::task::spawn_blocking(move || signer.sign(&checkpoint, &hashes)).await?;
        between_steps!("ledger.signed");
        signed.map_err(|refusal| self.refused_to_sign(log, refusal))
    }

    /// Makes a checkpoint what everybody sees; what it takes the place of is taken away.
    async fn publish(
        &self,
        log: ControllerId,
        note: &Note,
        before: u64,
        size: u64,
    ) -> Result<(), Error> {
        let name = self.log_name(log);
        let store = &self.0.store;
        store.put_file(&format!("{name}/checkpoint"), note.to_string()).await?;
        between_steps!("ledger.published");
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        ledger_tiles::keep_note(&mut tx, log, at(size)?, &note.to_string(), now).await?;
        tx.commit().await?;
        let kept = tiles::partial_tiles(size);
        for tile in tiles::partial_tiles(before).iter().filter(|tile| !kept.contains(tile)) {
            // Whoever reads by the checkpoint of a moment ago finds the wider tile instead.
            if let Err(error) = store.drop_file(&format!("{name}/{}", tile.path())).await {
                tracing::debug!(%error, "a part of a tile stays");
            }
        }
        Ok(())
    }

    /// Tells the log over all logs how far the others are, at most once a minute.
    async fn grow_top(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let index = &self.0.index;
        let last = facts::find(index, TOP_AT).await?;
        let last: Option<Timestamp> = last.and_then(|at| at.parse().ok());
        if last.is_some_and(|last| now < last.plus(TOP_EVERY) && now >= last) {
            return Ok(());
        }
        let mut entries = Vec::new();
        let since = |log: &Log| {
            log.id != TOP && log.signed_at.is_some_and(|at| last.is_none_or(|last| at >= last))
        };
        for log in ledger_tiles::logs(index).await?.iter().filter(|log| since(log)) {
            let Some(note) = &log.note else { continue };
            let told = Checkpoint::parse(note.parse::<Note>()?.text())?;
            let body = json!({
                "log": self.log_name(log.id), "root": told.root.to_string(), "size": told.size,
            });
            entries.push(ledger::general(TOP, now, Event::LogCheckpoint, &body));
        }
        if entries.is_empty() {
            return Ok(());
        }
        let mut tx = self.addition().await?;
        self.open_log(&mut tx, TOP, now).await?;
        ledger_entries::append(&mut tx, &entries).await?;
        // Another node told the same at the same moment: once is enough.
        let told = facts::find(&mut tx, TOP_AT).await?;
        if told.as_deref() != last.map(|last| last.to_string()).as_deref() {
            return Ok(tx.rollback().await?);
        }
        facts::set(&mut tx, TOP_AT, &now.to_string()).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Begins a log, unless it was begun before.
    pub(super) async fn open_log(
        &self,
        tx: &mut crate::index::Tx,
        log: ControllerId,
        now: Timestamp,
    ) -> Result<(), Error> {
        let body = json!({ "origin": self.origin(log) });
        let first = ledger::general(log, now, Event::LogOpened, &body);
        ledger_entries::open(tx, &first).await?;
        Ok(())
    }
}

fn hash_tiles(all: &[Tile]) -> impl Iterator<Item = (u8, u64)> {
    all.iter().filter_map(|tile| match tile.layer {
        Layer::Hashes(level) => Some((level, tile.n)),
        Layer::Entries => None,
    })
}

fn at(place: u64) -> Result<i64, Error> {
    i64::try_from(place).map_err(|_| Error::Ledger(crate::ledger::Error::Missing))
}
