//! The logs: what they are called, who may see which, and reading them (C2SP tlog-tiles).

use std::ops::Range;

use serde::Serialize;
use uuid::Uuid;

use super::error::Error;
use super::{Vault, must};
use crate::index::{Db, Tx, facts, ledger_tiles, ledger_witnesses};
use crate::ledger::tiles::{self, Layer, Shelf, Tile, WIDTH};
use crate::ledger::tree::inclusion_ranges;
use crate::ledger::{Signer, TlogProof, VerifierKey};
use crate::model::{Caller, ControllerId, Grant, Timestamp};

/// The log over all logs: of no controller.
pub(super) const TOP: ControllerId = ControllerId(Uuid::nil());

/// The fact under which the index remembers whose key signs.
pub(super) const KEY: &str = "ledger_key";

/// The fact under which it remembers what the logs are called.
pub(super) const ORIGIN: &str = "ledger_origin";

/// What the logs are called and who cosigns them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerSettings {
    /// What every log's name begins with. It cannot change later.
    pub origin: String,
    /// Who is asked to cosign the log over all logs.
    pub witnesses: Vec<Witness>,
}

impl Default for LedgerSettings {
    fn default() -> Self {
        Self { origin: "callvault.localhost/1".into(), witnesses: Vec::new() }
    }
}

/// A witness (C2SP tlog-witness).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Its address; `/add-checkpoint` follows.
    pub url: String,
    /// The key its cosignatures are checked with.
    pub vkey: VerifierKey,
}

/// A log that somebody may see.
#[derive(Clone, Debug, Serialize)]
pub struct LogView {
    /// What the API calls it: `provider`, `top`, or the controller's opaque id.
    pub log: String,
    /// What its checkpoints call it.
    pub origin: String,
    /// The key they are checked with.
    pub vkey: Option<String>,
    /// How many entries it has under the last checkpoint.
    pub size: u64,
    /// When that was signed.
    pub signed_at: Option<Timestamp>,
    /// How those stand who cosign it.
    pub witnesses: Vec<WitnessView>,
}

/// How a witness stands.
#[derive(Clone, Debug, Serialize)]
pub struct WitnessView {
    /// Its name.
    pub name: String,
    /// The size of the last checkpoint it cosigned.
    pub size: u64,
    /// When it did.
    pub cosigned_at: Option<Timestamp>,
    /// Since when it does not.
    pub failing_since: Option<Timestamp>,
}

/// Whether some node signs the logs already.
pub async fn has_ledger_key(index: &Db) -> Result<bool, Error> {
    Ok(facts::find(index, KEY).await?.is_some())
}

/// The name of the logs and their key are chosen once. A node without the key takes them as they
/// are.
pub(super) async fn stay_the_same(
    tx: &mut Tx,
    signer: Option<&Signer>,
    settings: &LedgerSettings,
) -> Result<(), Error> {
    let key = signer.map(|signer| hex::encode(signer.public()));
    let pairs = [
        (ORIGIN, Some(settings.origin.clone()), "ledger.origin is not what the logs are called"),
        (KEY, key, "ledger.key_path holds another key than the one that signs the logs"),
    ];
    for (name, value, wrong) in pairs {
        let Some(value) = value else { continue };
        match facts::find(&mut *tx, name).await? {
            None => facts::set(tx, name, &value).await?,
            Some(known) if known == value => {}
            Some(_) => return Err(Error::Conflict(wrong)),
        }
    }
    Ok(())
}

impl Vault {
    /// What the API calls a log.
    pub(super) fn log_name(&self, log: ControllerId) -> String {
        if log == TOP {
            "top".into()
        } else if log == self.0.provider {
            "provider".into()
        } else {
            log.to_string()
        }
    }

    /// The log with this name, if it can be one.
    pub(super) fn log_named(&self, name: &str) -> Option<ControllerId> {
        match name {
            "top" => Some(TOP),
            "provider" => Some(self.0.provider),
            id => id.parse().ok().filter(|log| self.log_name(*log) == name),
        }
    }

    /// What the checkpoints of a log call it.
    pub(super) fn origin(&self, log: ControllerId) -> String {
        let of_all = &self.0.settings.ledger.origin;
        let name = self.log_name(log);
        if log == TOP { format!("{of_all}/{name}") } else { format!("{of_all}/c/{name}") }
    }

    /// The log whose checkpoints are called this.
    pub(super) fn log_of_origin(&self, origin: &str) -> Option<ControllerId> {
        let rest = origin.strip_prefix(&self.0.settings.ledger.origin)?.strip_prefix('/')?;
        let log = self.log_named(rest.strip_prefix("c/").unwrap_or(rest))?;
        (self.origin(log) == origin).then_some(log)
    }

    /// The key the checkpoints of a log are checked with, if any node signs yet.
    pub(super) async fn vkey(&self, log: ControllerId) -> Result<Option<VerifierKey>, Error> {
        let origin = self.origin(log);
        if let Some(signer) = &self.0.signer {
            return Ok(Some(signer.vkey(&origin)));
        }
        let public = facts::find(&self.0.index, KEY).await?;
        let public = public.and_then(|public| hex::decode(public).ok()?.try_into().ok());
        Ok(public.map(|public| VerifierKey::of_log(&origin, public)))
    }

    /// The logs that the caller may see.
    pub async fn logs(&self, caller: &Caller) -> Result<Vec<LogView>, Error> {
        must(caller, Grant::SeeErasures)?;
        let mut ids = vec![caller.controller];
        if caller.controller == self.0.provider {
            ids.push(TOP);
        }
        let mut views = Vec::with_capacity(ids.len());
        for id in ids {
            if let Some(log) = ledger_tiles::log(&self.0.index, id).await? {
                views.push(self.log_view(&log).await?);
            }
        }
        Ok(views)
    }

    /// Every log, for the composition root.
    pub async fn all_logs(&self) -> Result<Vec<LogView>, Error> {
        let mut views = Vec::new();
        for log in ledger_tiles::logs(&self.0.index).await? {
            views.push(self.log_view(&log).await?);
        }
        Ok(views)
    }

    async fn log_view(&self, log: &ledger_tiles::Log) -> Result<LogView, Error> {
        let vkey = self.vkey(log.id).await?.map(|vkey| vkey.to_string());
        let mut witnesses = Vec::new();
        if log.id == TOP {
            for stands in ledger_witnesses::list(&self.0.index).await? {
                witnesses.push(WitnessView {
                    name: stands.name,
                    size: stands.size.unsigned_abs(),
                    cosigned_at: stands.cosigned_at,
                    failing_since: stands.failing_since,
                });
            }
        }
        let size = log.signed.unsigned_abs();
        Ok(LogView {
            log: self.log_name(log.id),
            origin: self.origin(log.id),
            vkey,
            size,
            signed_at: log.signed_at,
            witnesses,
        })
    }

    /// A log that the caller may see. Somebody else's is none (I15).
    pub(super) async fn visible(
        &self,
        caller: &Caller,
        name: &str,
    ) -> Result<ledger_tiles::Log, Error> {
        must(caller, Grant::SeeErasures)?;
        let own = |log: &ControllerId| {
            *log == caller.controller || *log == TOP && caller.controller == self.0.provider
        };
        let id = self.log_named(name).filter(own).ok_or(Error::NotFound)?;
        ledger_tiles::log(&self.0.index, id).await?.ok_or(Error::NotFound)
    }

    /// The last checkpoint of a log: a signed note.
    pub async fn log_checkpoint(&self, caller: &Caller, name: &str) -> Result<String, Error> {
        self.visible(caller, name).await?.note.ok_or(Error::NotFound)
    }

    /// A tile of a log, by its path after `tile/`.
    pub async fn log_tile(
        &self,
        caller: &Caller,
        name: &str,
        path: &str,
    ) -> Result<Vec<u8>, Error> {
        let log = self.visible(caller, name).await?;
        let tile = Tile::parse(path).ok_or(Error::NotFound)?;
        self.tile_bytes(&log, &tile).await?.ok_or(Error::NotFound)
    }

    /// A proof that an entry is in a log: a file that stands on its own (C2SP tlog-proof).
    pub async fn log_proof(
        &self,
        caller: &Caller,
        name: &str,
        index: u64,
    ) -> Result<String, Error> {
        let log = self.visible(caller, name).await?;
        self.proof(&log, index).await?.ok_or(Error::NotFound)
    }

    /// The proof for one entry, if there is a checkpoint over it.
    pub(super) async fn proof(
        &self,
        log: &ledger_tiles::Log,
        index: u64,
    ) -> Result<Option<String>, Error> {
        let Some(note) = &log.note else { return Ok(None) };
        let note: crate::ledger::Note = note.parse()?;
        let size = crate::ledger::Checkpoint::parse(note.text())?.size;
        if index >= size {
            return Ok(None);
        }
        let ranges = inclusion_ranges(index, size);
        let shelf = self.shelf(log.id, &ranges).await?;
        let hashes = shelf.hashes(&ranges).ok_or(crate::ledger::Error::Missing)?;
        Ok(Some(TlogProof { index, hashes, note }.to_text()))
    }

    /// The tiles that the hashes over these leaves are computed from.
    pub(super) async fn shelf(
        &self,
        log: ControllerId,
        ranges: &[Range<u64>],
    ) -> Result<Shelf, Error> {
        let mut shelf = Shelf::default();
        for tile in ledger_tiles::find(&self.0.index, log, &tiles::needed(ranges)).await? {
            let level = u8::try_from(tile.level).unwrap_or(u8::MAX);
            shelf.put(level, tile.n.unsigned_abs(), tiles::hashes_in(&tile.hashes));
        }
        Ok(shelf)
    }

    /// The bytes of a tile, if the log reaches that far under its checkpoint.
    pub(super) async fn tile_bytes(
        &self,
        log: &ledger_tiles::Log,
        tile: &Tile,
    ) -> Result<Option<Vec<u8>>, Error> {
        let index = &self.0.index;
        let at = |n: u64| i64::try_from(n).map_err(|_| Error::NotFound);
        let Some(end) = tile.n.checked_mul(WIDTH).and_then(|start| start.checked_add(tile.width))
        else {
            return Ok(None);
        };
        let width = usize::try_from(tile.width).unwrap_or(0);
        match tile.layer {
            Layer::Entries => {
                if at(end)? > log.signed {
                    return Ok(None);
                }
                let from = at(tile.n * WIDTH)?;
                let leaves = ledger_tiles::leaves(index, log.id, from, at(tile.width)?).await?;
                let whole = leaves.len() == width;
                Ok(whole.then(|| tiles::bundle(leaves.iter().map(String::as_bytes))))
            }
            Layer::Hashes(level) => {
                let covers = 8 * (u32::from(level));
                let reaches = log.signed.unsigned_abs().checked_shr(covers).unwrap_or(0);
                if end > reaches {
                    return Ok(None);
                }
                let wanted = [(level, tile.n)].into();
                let found = ledger_tiles::find(index, log.id, &wanted).await?;
                let bytes = found.into_iter().next().map(|tile| tile.hashes);
                Ok(bytes.and_then(|bytes| bytes.get(..width * 32).map(<[u8]>::to_vec)))
            }
        }
    }
}
