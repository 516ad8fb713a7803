//! Whether the ledger is what was signed. The index is compared with what the signer remembers and
//! with what was exported: smaller means that it was restored from a copy, other means a fork.
//!
//! - rolled back: quarantine. Nothing is served and nothing taken in until the missing entries, and
//!   so the erasures, are put back ([`Vault::settle_ledger`] does that by itself where it can)
//! - forked: writing stops for good. Both notes are kept: they prove that something is wrong

use std::sync::{PoisonError, RwLock};

use crate::index::ledger_tiles::{self, Log};
use crate::ledger::tree::Edge;
use crate::ledger::{Checkpoint, Hash, Note};
use crate::model::ControllerId;

use super::Vault;
use super::error::Error;

/// How many entries are read at once.
const CHUNK: i64 = 8192;

/// How the ledger stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is what was signed, and more.
    #[default]
    Sound,
    /// Entries that were signed are missing.
    Quarantined(String),
    /// It is not what was signed.
    Forked(String),
}

/// How the ledger stands, as this process knows it.
#[derive(Default)]
pub(super) struct Stand(RwLock<Standing>);

impl Stand {
    fn set(&self, standing: Standing) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = standing;
    }

    fn get(&self) -> Standing {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn check(&self) -> Result<(), Error> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Standing::Sound => Ok(()),
            Standing::Quarantined(why) => Err(Error::Quarantined(why.clone())),
            Standing::Forked(why) => Err(Error::Forked(why.clone())),
        }
    }
}

/// A checkpoint that was signed, and of which log.
pub(super) struct Known {
    pub(super) log: ControllerId,
    pub(super) checkpoint: Checkpoint,
    note: Note,
}

impl Vault {
    /// How the ledger stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.0.stand.get()
    }

    /// Refuses unless the ledger is what was signed.
    pub(super) fn must_be_sound(&self) -> Result<(), Error> {
        self.0.stand.check()
    }

    /// Compares the ledger with everything that was signed, puts back what is missing, and says how
    /// it stands.
    pub async fn settle_ledger(&self) -> Result<Standing, Error> {
        let known = self.known_to_be_signed().await?;
        let mut standing = self.compare_with(&known).await?;
        if let Standing::Quarantined(why) = &standing {
            tracing::error!(why, "the index was rolled back: putting back what is missing");
            self.0.stand.set(standing.clone());
            standing = match self.replay(&known).await {
                Ok(()) => self.compare_with(&known).await?,
                Err(Error::Quarantined(still)) => Standing::Quarantined(still),
                Err(error) => Standing::Quarantined(format!("{why}; {}", error.chain())),
            };
        }
        self.take(standing.clone());
        Ok(standing)
    }

    /// Looks whether entries that were signed are missing now.
    pub(super) async fn watch_ledger(&self) -> Result<(), Error> {
        if self.standing() == Standing::Sound {
            let known = self.signed_notes()?;
            let standing = self.compare_with(&known).await?;
            if standing != Standing::Sound {
                self.take(standing);
            }
        }
        Ok(())
    }

    fn take(&self, standing: Standing) {
        match &standing {
            Standing::Sound => {}
            Standing::Quarantined(why) => {
                tracing::error!(why, "quarantine: nothing is served until entries are put back");
            }
            Standing::Forked(why) => {
                tracing::error!(why, "INCIDENT: the ledger was forked, writing stops");
            }
        }
        let gauge = |holds: bool| f64::from(u8::from(holds));
        metrics::gauge!("callvault_ledger_quarantined")
            .set(gauge(matches!(standing, Standing::Quarantined(_))));
        metrics::gauge!("callvault_ledger_forked")
            .set(gauge(matches!(standing, Standing::Forked(_))));
        self.0.stand.set(standing);
    }

    /// What a refusal of the signer means for the vault.
    pub(super) fn refused_to_sign(
        &self,
        log: ControllerId,
        refusal: crate::ledger::Error,
    ) -> Error {
        let why = format!("{}: {refusal}", self.log_name(log));
        match refusal {
            crate::ledger::Error::RolledBack { .. } => self.take(Standing::Quarantined(why)),
            crate::ledger::Error::Forked { .. } => self.take(Standing::Forked(why)),
            _ => {}
        }
        refusal.into()
    }

    /// What the signer remembers.
    fn signed_notes(&self) -> Result<Vec<Known>, Error> {
        let Some(signer) = &self.0.signer else { return Ok(Vec::new()) };
        let notes = signer.logs()?;
        Ok(notes
            .into_iter()
            .filter_map(|(note, checkpoint)| {
                let log = self.log_of_origin(&checkpoint.origin)?;
                Some(Known { log, checkpoint, note })
            })
            .collect())
    }

    /// Everything that was signed, as far as it can be found: by the signer's memory, and exported.
    pub(super) async fn known_to_be_signed(&self) -> Result<Vec<Known>, Error> {
        let mut known = self.signed_notes()?;
        let folders = match self.0.store.folders().await {
            Ok(folders) => folders,
            Err(error) if self.0.signer.is_some() => {
                tracing::warn!(%error, "the store does not tell how far the ledger was exported");
                return Ok(known);
            }
            Err(error) => return Err(error.into()),
        };
        for name in folders {
            let Some(log) = self.log_named(&name) else { continue };
            let Some(key) = self.vkey(log).await? else { continue };
            let Some(bytes) = self.0.store.read_file(&format!("{name}/checkpoint")).await? else {
                continue;
            };
            let opened = String::from_utf8_lossy(&bytes).parse::<Note>().and_then(|note| {
                let checkpoint = Checkpoint::open(&note, &key)?;
                Ok(Known { log, checkpoint, note })
            });
            match opened {
                Ok(exported) => known.push(exported),
                Err(error) => {
                    tracing::error!(%error, log = name, "the exported checkpoint is wrong");
                }
            }
        }
        Ok(known)
    }

    /// Compares the index with what was signed.
    async fn compare_with(&self, known: &[Known]) -> Result<Standing, Error> {
        let logs = ledger_tiles::logs(&self.0.index).await?;
        let mut standing = Standing::Sound;
        for Known { log, checkpoint, note } in known {
            let (name, size) = (self.log_name(*log), checkpoint.size);
            let found = logs.iter().find(|found| found.id == *log);
            let Some(found) = found.filter(|found| found.size.unsigned_abs() >= size) else {
                let has = found.map_or(0, |found| found.size);
                let why = format!("the log {name} has {has} entries, {size} were signed");
                standing = Standing::Quarantined(why);
                continue;
            };
            let root = self.root_at(found, size).await?;
            if root != checkpoint.root {
                let ours = Checkpoint { root, ..checkpoint.clone() };
                let both = format!("{note}\n{}", ours.text());
                let kept = format!("{name}/fork-{size}");
                if let Err(error) = self.0.store.put_file(&kept, both).await {
                    tracing::error!(%error, "the notes of a fork could not be kept in the store");
                }
                let why = format!(
                    "the log {name} has the root {root} at {size} entries, {} was signed",
                    checkpoint.root
                );
                return Ok(Standing::Forked(why));
            }
        }
        Ok(standing)
    }

    /// The root over the first entries of a log.
    async fn root_at(&self, log: &Log, size: u64) -> Result<Hash, Error> {
        if size <= log.projected.unsigned_abs() {
            let all = 0..size;
            let shelf = self.shelf(log.id, std::slice::from_ref(&all)).await?;
            if let Some(root) = shelf.hash(&all) {
                return Ok(root);
            }
        }
        Ok(self.edge_at(log.id, size).await?.root())
    }

    /// The tree over the first entries of a log, made from the entries.
    pub(super) async fn edge_at(&self, log: ControllerId, size: u64) -> Result<Edge, Error> {
        let mut edge = Edge::default();
        while edge.size() < size {
            let from = i64::try_from(edge.size()).unwrap_or(i64::MAX);
            let leaves = ledger_tiles::leaves(&self.0.index, log, from, CHUNK).await?;
            if leaves.is_empty() {
                break;
            }
            for leaf in leaves {
                if edge.size() < size {
                    edge.push(Hash::of_leaf(leaf.as_bytes()));
                }
            }
        }
        Ok(edge)
    }
}
