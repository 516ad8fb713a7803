//! The nightly forgetting: the keys of the days that have passed cease to exist.

use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::{Vault, ledger};
use crate::crypto::Forgotten;
use crate::index::{self, facts};
use crate::model::{ControllerId, Day, Event, Timestamp};

/// The fact under which the index remembers the last forgetting.
const LAST: &str = "last_forgetting";

/// The fact under which it remembers the last epoch that the ledger tells of.
const TOLD: &str = "told_epoch";

/// How many days one entry tells of: a leaf has its bounds.
const TOLD_AT_ONCE: usize = 40;

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
        self.forget_with(&[]).await
    }

    /// Forgets, and in the same step destroys the keys of these controllers: nothing that was
    /// theirs opens any more.
    pub(super) async fn forget_with(&self, leaving: &[ControllerId]) -> Result<Forgetting, Error> {
        let now = self.0.clock.now();
        if let Some(reason) = self.may_erase(now).await? {
            return Err(Error::Paused(reason));
        }
        // A node that died between keyring and ledger left a forgetting that no entry tells of.
        self.0.keys.refresh().await?;
        let last = self.0.keys.last_forgotten();
        let finished = !self.0.keys.status().unfinished && !last.days.is_empty();
        if finished && self.told().await?.is_none_or(|told| told < last.epoch) {
            self.tell(&last, None, now).await?;
        }
        self.move_suspended_on(now).await?;
        let today = now.day();
        let renewed = self.renewed_and_journaled().await;
        let forgotten = self.0.keys.forget_with(today, &renewed, leaving).await?;
        between_steps!("forget.forgotten");
        if forgotten.is_complete() {
            self.tell(&forgotten, Some(today), now).await?;
            self.note_dropped(now).await?;
        } else {
            tracing::error!("an old root is not destroyed everywhere: its days are not forgotten");
        }
        // Destroyed wraps linger in the index's own log until it is emptied.
        if !self.0.index.checkpoint().await? {
            tracing::warn!("a long reader keeps old pages in the log of the index for now");
        }
        let days = forgotten.days.iter().map(|gone| told_day(gone, today)).collect();
        let replicas = forgotten.replicas.into_iter().map(|r| (r.name, r.ok)).collect();
        Ok(Forgetting { epoch: forgotten.epoch, days, replicas })
    }

    /// What was renewed and may lose its older key. Nothing, when the store does not take the
    /// journal now: days that passed are forgotten all the same.
    async fn renewed_and_journaled(&self) -> Vec<(Day, i32)> {
        if self.0.settings.renew_days
            && let Err(error) = self.renew_left_days().await
        {
            tracing::error!(error = error.chain(), "a day is not renewed yet");
        }
        let renewed = async {
            let renewed = self.droppable().await?;
            self.flush_journal().await?;
            Ok::<_, Error>(renewed)
        };
        match renewed.await {
            Ok(renewed) => renewed,
            Err(error) => {
                tracing::error!(error = error.chain(), "the older keys of renewed days stay");
                Vec::new()
            }
        }
    }

    /// Puts a forgetting into the ledger, unless it is there.
    async fn tell(
        &self,
        done: &Forgotten,
        today: Option<Day>,
        now: Timestamp,
    ) -> Result<(), Error> {
        let entry = |dropped: &[(Day, i32, [u8; 32])]| {
            let days: Vec<_> = dropped.iter().map(|(day, _, _)| day.to_string()).collect();
            let prints: Vec<_> = dropped.iter().map(|(_, _, print)| hex::encode(print)).collect();
            let generations: Vec<_> = dropped.iter().map(|(_, generation, _)| generation).collect();
            let body = json!({
                "epoch": done.epoch, "days": days, "generations": generations, "prints": prints,
            });
            ledger::general(self.0.provider, now, Event::KekDestroyed, &body)
        };
        let mut entries: Vec<_> = done.days.chunks(TOLD_AT_ONCE).map(entry).collect();
        if entries.is_empty() {
            entries.push(entry(&[]));
        }
        let mut tx = self.addition().await?;
        // The entry comes first: it makes another node that tells the same wait for this one.
        index::ledger_entries::append(&mut tx, &entries).await?;
        let told = facts::find(&mut tx, TOLD).await?.and_then(|told| told.parse::<i64>().ok());
        if told.is_some_and(|told| told >= done.epoch) {
            return Ok(tx.rollback().await?);
        }
        facts::set(&mut tx, TOLD, &done.epoch.to_string()).await?;
        if let Some(today) = today {
            facts::set(&mut tx, LAST, &today.0.to_string()).await?;
        }
        between_steps!("forget.recording");
        tx.commit().await?;
        Ok(())
    }

    /// The last epoch that the ledger tells of, if it tells of one.
    async fn told(&self) -> Result<Option<i64>, Error> {
        let fact = facts::find(&self.0.index, TOLD).await?;
        Ok(fact.and_then(|epoch| epoch.parse().ok()))
    }

    /// The day of the last forgetting, if there was one.
    pub(super) async fn last_forgetting(&self) -> Result<Option<Day>, Error> {
        let fact = facts::find(&self.0.index, LAST).await?;
        Ok(fact.and_then(|day| day.parse().ok()).map(Day))
    }
}

/// What is gone: a day that passed, or the older key of a day that was renewed.
fn told_day((day, generation, _): &(Day, i32, [u8; 32]), today: Day) -> String {
    if *day < today { day.to_string() } else { format!("{day} (generation {generation})") }
}
