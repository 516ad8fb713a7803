//! The nightly forgetting: the keys of the days that have passed cease to exist.

use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::{Vault, ledger};
use crate::crypto::Forgotten;
use crate::index::{self, facts};
use crate::model::{Day, Event};

/// The fact under which the index remembers the last forgetting.
const LAST: &str = "last_forgetting";

/// The fact under which it remembers which epoch the ledger knows of.
const TOLD: &str = "last_forgetting_told";

/// What a forgetting did.
#[derive(Clone, Debug, Serialize)]
pub struct Forgetting {
    /// The epoch of the new root key.
    pub epoch: i64,
    /// The days whose keys no longer exist.
    pub days: Vec<String>,
    /// Replicas of the root and whether the old one is gone from each.
    pub replicas: Vec<(String, bool)>,
}

impl Vault {
    /// Forgets every day that has passed. From here on no backup opens what was due by then.
    ///
    /// It waits while the clock is in doubt: a forgotten key never comes back (I17).
    pub async fn forget(&self) -> Result<Forgetting, Error> {
        if let Some(reason) = self.may_erase().await? {
            return Err(Error::Paused(reason));
        }
        let today = self.0.clock.now().day();
        let forgotten = self.0.keys.forget(today).await?;
        self.tell(&forgotten, Some(today)).await?;
        // Destroyed wraps linger in the index's own log until it is emptied.
        self.0.index.checkpoint().await?;
        let days = forgotten.days.iter().map(|(day, _, _)| day.to_string()).collect();
        let replicas = forgotten.replicas.into_iter().map(|r| (r.name, r.ok)).collect();
        Ok(Forgetting { epoch: forgotten.epoch, days, replicas })
    }

    /// Tells of a forgetting that a crash kept from being told.
    pub(super) async fn tell_untold(&self) -> Result<(), Error> {
        let last = self.0.keys.last_forgotten();
        let told = facts::find(&self.0.index, TOLD).await?.and_then(|epoch| epoch.parse().ok());
        if last.days.is_empty() || told.is_some_and(|told: i64| told >= last.epoch) {
            return Ok(());
        }
        self.tell(&last, None).await
    }

    /// Puts a forgetting into the ledger: which days' keys, by fingerprint, are gone.
    async fn tell(&self, forgotten: &Forgotten, today: Option<Day>) -> Result<(), Error> {
        let days: Vec<_> = forgotten.days.iter().map(|(day, _, _)| day.to_string()).collect();
        let prints: Vec<_> =
            forgotten.days.iter().map(|(_, _, print)| hex::encode(print)).collect();
        let body = json!({
            "epoch": forgotten.epoch, "days": days, "prints": prints,
            "complete": forgotten.is_complete(),
        });
        let now = self.0.clock.now();
        let entry = ledger::general(self.0.provider, now, Event::KekDestroyed, &body);
        let mut tx = self.addition().await?;
        index::ledger_entries::append(&mut tx, &[entry]).await?;
        facts::set(&mut tx, TOLD, &forgotten.epoch.to_string()).await?;
        if let Some(today) = today {
            facts::set(&mut tx, LAST, &today.0.to_string()).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// The day of the last forgetting, if there was one.
    pub(super) async fn last_forgetting(&self) -> Result<Option<Day>, Error> {
        let fact = facts::find(&self.0.index, LAST).await?;
        Ok(fact.and_then(|day| day.parse().ok()).map(Day))
    }
}
