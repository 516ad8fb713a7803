//! The nightly forgetting: the keys of the days that have passed cease to exist.

use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::{Vault, ledger};
use crate::crypto::Forgotten;
use crate::index::ledger_entries::NewEntry;
use crate::index::{self, facts};
use crate::model::{Day, Event, Timestamp};

/// The fact under which the index remembers the last forgetting.
const LAST: &str = "last_forgetting";

/// The fact under which the index remembers the newest epoch that is in the ledger.
const TOLD: &str = "last_forgetting_epoch";

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
        let now = self.0.clock.now();
        let today = now.day();
        let untold = self.untold(now).await?;
        let forgotten = self.0.keys.forget(today).await?;
        let mut tx = self.0.index.begin().await?;
        let told = self.destroyed(&forgotten, now);
        index::ledger_entries::append(
            &mut tx,
            &untold.into_iter().chain([told]).collect::<Vec<_>>(),
        )
        .await?;
        facts::set(&mut tx, LAST, &today.0.to_string()).await?;
        facts::set(&mut tx, TOLD, &forgotten.epoch.to_string()).await?;
        between_steps!("forget.recording");
        tx.commit().await?;
        // Destroyed wraps linger in the index's own log until it is emptied.
        self.0.index.checkpoint().await?;
        let days = forgotten.days.iter().map(|(day, _, _)| day.to_string()).collect();
        let replicas = forgotten.replicas.into_iter().map(|r| (r.name, r.ok)).collect();
        Ok(Forgetting { epoch: forgotten.epoch, days, replicas })
    }

    /// What an earlier forgetting did and a crash kept out of the ledger, if one did.
    async fn untold(&self, now: Timestamp) -> Result<Option<NewEntry>, Error> {
        self.0.keys.refresh().await?;
        let last = self.0.keys.last_forgotten();
        let told = facts::find(&self.0.index, TOLD).await?.and_then(|epoch| epoch.parse().ok());
        let known = last.days.is_empty() || told.is_some_and(|told: i64| told >= last.epoch);
        Ok((!known).then(|| self.destroyed(&last, now)))
    }

    fn destroyed(&self, forgotten: &Forgotten, now: Timestamp) -> NewEntry {
        let days: Vec<_> = forgotten.days.iter().map(|(day, _, _)| day.to_string()).collect();
        let prints: Vec<_> =
            forgotten.days.iter().map(|(_, _, print)| hex::encode(print)).collect();
        let body = json!({ "epoch": forgotten.epoch, "days": days, "prints": prints });
        ledger::general(self.0.provider, now, Event::KekDestroyed, &body)
    }

    /// The day of the last forgetting, if there was one.
    pub(super) async fn last_forgetting(&self) -> Result<Option<Day>, Error> {
        let fact = facts::find(&self.0.index, LAST).await?;
        Ok(fact.and_then(|day| day.parse().ok()).map(Day))
    }
}
