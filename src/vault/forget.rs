//! The nightly forgetting: the keys of the days that have passed cease to exist.

use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::{Vault, ledger};
use crate::index::{self, facts};
use crate::model::{Day, Event};

/// The fact under which the index remembers the last forgetting.
const LAST: &str = "last_forgetting";

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
        let forgotten = self.0.keys.forget(today).await?;
        let days: Vec<_> = forgotten.days.iter().map(|(day, _, _)| day.to_string()).collect();
        let prints: Vec<_> =
            forgotten.days.iter().map(|(_, _, print)| hex::encode(print)).collect();
        let body = json!({ "epoch": forgotten.epoch, "days": days, "prints": prints });
        let entry = ledger::general(self.0.provider, now, Event::KekDestroyed, &body);
        let mut tx = self.addition().await?;
        index::ledger_entries::append(&mut tx, &[entry]).await?;
        facts::set(&mut tx, LAST, &today.0.to_string()).await?;
        tx.commit().await?;
        // Destroyed wraps linger in the index's own log until it is emptied.
        self.0.index.checkpoint().await?;
        let replicas = forgotten.replicas.into_iter().map(|r| (r.name, r.ok)).collect();
        Ok(Forgetting { epoch: forgotten.epoch, days, replicas })
    }

    /// The day of the last forgetting, if there was one.
    pub(super) async fn last_forgetting(&self) -> Result<Option<Day>, Error> {
        let fact = facts::find(&self.0.index, LAST).await?;
        Ok(fact.and_then(|day| day.parse().ok()).map(Day))
    }
}
