//! Renewing a day: what left it early must not open from old copies of the index until its end.
//!
//! A second key for the day is made, everything that lives is wrapped anew under it, and the next
//! forgetting drops the first one. Each step can be killed and taken up again by any node.

use serde::Serialize;

use super::content::facts;
use super::error::Error;
use super::journal::Rewrapped;
use super::{Vault, numbers};
use crate::crypto::WrapFacts;
use crate::index::{departures, recordings as rows, renewals};
use crate::model::{Class, Day, Recording, RecordingId, State, Timestamp};

/// How many are re-wrapped in one transaction, and make one object of the journal.
const BATCH: i64 = 2000;

/// What renewing a day did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Renewal {
    /// Which day.
    pub day: String,
    /// The generation of its key that is live now.
    pub generation: i32,
    /// Recordings whose wrap moved to it.
    pub wraps: u64,
    /// Recordings whose numbers moved to it.
    pub numbers: u64,
    /// Recordings that did not open under the older key: incidents.
    pub unopened: u64,
    /// Whether the day had been renewed already, and nothing was left to do.
    pub idle: bool,
}

impl Vault {
    /// Renews the key of a day, or finishes a renewal that was interrupted. The older key goes with
    /// the next forgetting.
    pub async fn renew(&self, day: Day) -> Result<Renewal, Error> {
        self.0.keys.refresh().await?;
        let known = self.0.keys.generation(day);
        let left = self.left_days().await?;
        let open = renewals::open(&self.0.index).await?;
        let under_way = self.0.keys.renewed_days().contains(&(day, known));
        let ready = open.iter().any(|renewal| {
            renewal.day == day && renewal.generation == known && renewal.ready_at.is_some()
        });
        if under_way && ready && !left.contains(&day) {
            let day = day.to_string();
            return Ok(Renewal {
                day,
                generation: known,
                wraps: 0,
                numbers: 0,
                unopened: 0,
                idle: true,
            });
        }
        let generation =
            if under_way && !ready { known } else { self.0.keys.renew_day(day, known).await? };
        between_steps!("renew.key_made");
        self.fence(day, generation).await?;
        between_steps!("renew.fenced");
        let (wraps, unopened) = self.renew_wraps(day, generation).await?;
        between_steps!("renew.wrapped");
        let numbers = self.renew_numbers(day, generation).await?;
        between_steps!("renew.resealed");
        let mut tx = self.addition().await?;
        renewals::ready(&mut tx, day, generation, self.0.clock.now()).await?;
        tx.commit().await?;
        between_steps!("renew.ready");
        Ok(Renewal { day: day.to_string(), generation, wraps, numbers, unopened, idle: false })
    }

    /// Renews every day ahead that a recording left since, and finishes what was interrupted.
    pub(super) async fn renew_left_days(&self) -> Result<(), Error> {
        let ready: Vec<_> = renewals::open(&self.0.index)
            .await?
            .into_iter()
            .filter(|renewal| renewal.ready_at.is_some())
            .map(|renewal| (renewal.day, renewal.generation))
            .collect();
        let mut days = self.left_days().await?;
        let interrupted = self.0.keys.renewed_days().into_iter();
        days.extend(interrupted.filter(|renewed| !ready.contains(renewed)).map(|(day, _)| day));
        days.sort_unstable();
        days.dedup();
        for day in days {
            let done = self.renew(day).await?;
            tracing::info!(day = done.day, wraps = done.wraps, "renewed the key of a day");
        }
        Ok(())
    }

    /// The days ahead whose newest key still opens something that left, in an old index.
    async fn left_days(&self) -> Result<Vec<Day>, Error> {
        let left = rows::left(&self.0.index, self.0.clock.now().day()).await?;
        let keys = &self.0.keys;
        let open = |(day, generation): &(Day, i32)| {
            *generation >= keys.generation(*day) && keys.has_generation(*day, *generation)
        };
        Ok(left.into_iter().filter(open).map(|(day, _)| day).collect())
    }

    /// From here on no node adds anything under an older generation, whatever key it still holds.
    async fn fence(&self, day: Day, generation: i32) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        renewals::start(&mut tx, day, generation, self.0.clock.now()).await?;
        tx.commit().await?;
        let mut tx = self.addition().await?;
        renewals::settle(&mut tx).await?;
        tx.commit().await?;
        Ok(())
    }

    async fn renew_wraps(&self, day: Day, generation: i32) -> Result<(u64, u64), Error> {
        let (mut moved, mut unopened, mut after) = (0, 0, None);
        loop {
            let batch = rows::wrapped_before(&self.0.index, day, generation, after, BATCH).await?;
            let Some(last) = batch.last() else { return Ok((moved, unopened)) };
            after = Some(last.id);
            let (mut renewed, mut from) = (Vec::with_capacity(batch.len()), Vec::new());
            for row in &batch {
                if let Ok(rewrapped) = self.under_generation(row, generation) {
                    renewed.push(rewrapped);
                    from.push(row.key.generation);
                } else {
                    unopened += 1;
                    tracing::error!(recording = %row.id, "a recording does not open");
                }
            }
            self.journal_wraps(&renewed).await?;
            between_steps!("renew.journaled");
            let wraps: Vec<_> = renewed
                .into_iter()
                .zip(from)
                .map(|(one, from)| {
                    let Rewrapped { facts, wrap, .. } = one;
                    rows::Renewed { id: facts.recording, from, wrap }
                })
                .collect();
            let mut tx = self.change().await?;
            moved += rows::renew_wraps(&mut tx, day, generation, &wraps).await?;
            between_steps!("renew.wrapping");
            tx.commit().await?;
        }
    }

    fn under_generation(&self, row: &Recording, generation: i32) -> Result<Rewrapped, Error> {
        let from = facts(row)?;
        let to = WrapFacts { generation, ..from };
        let wrap = row.key.wrap.as_deref().ok_or(crate::crypto::Error::Open)?;
        let wrap = self.0.keys.rewrap(wrap, &from, &to)?;
        Ok(Rewrapped { facts: to, wrap, due_at: row.due_at })
    }

    async fn renew_numbers(&self, day: Day, generation: i32) -> Result<u64, Error> {
        let mut moved = 0;
        for class in Class::ALL {
            let Some(span) = span(*class, day) else { continue };
            let mut after = None;
            loop {
                let batch = rows::numbers_of(&self.0.index, *class, span, after, BATCH).await?;
                let Some(last) = batch.last() else { break };
                after = Some(last.id);
                let old = batch.iter().filter(|row| numbers::generation(row) < Some(generation));
                let mut resealed = Vec::new();
                for row in old {
                    let from = row.metadata.numbers.clone().unwrap_or_default();
                    match numbers::renewed(&self.0.keys, row) {
                        Ok(Some(numbers)) => {
                            resealed.push(rows::Resealed { id: row.id, from, numbers });
                        }
                        Ok(None) => {}
                        Err(_) => tracing::error!(recording = %row.id, "its numbers do not open"),
                    }
                }
                if resealed.is_empty() {
                    continue;
                }
                let mut tx = self.change().await?;
                moved += rows::renew_numbers(&mut tx, &resealed).await?;
                between_steps!("renew.resealing");
                tx.commit().await?;
            }
        }
        Ok(moved)
    }

    /// The renewals whose older keys the next forgetting may drop: everything that lives has moved,
    /// and the journal has it.
    pub(super) async fn droppable(&self) -> Result<Vec<(Day, i32)>, Error> {
        let open = renewals::open(&self.0.index).await?;
        let ready = open.into_iter().filter(|renewal| renewal.ready_at.is_some());
        Ok(ready.map(|renewal| (renewal.day, renewal.generation)).collect())
    }

    /// Writes down which renewals are complete: no older key of the day is left.
    pub(super) async fn note_dropped(&self, now: Timestamp) -> Result<(), Error> {
        let keys = &self.0.keys;
        let done: Vec<_> = self
            .droppable()
            .await?
            .into_iter()
            .filter(|(day, generation)| !keys.has_before(*day, *generation))
            .collect();
        if done.is_empty() {
            return Ok(());
        }
        let mut tx = self.addition().await?;
        for (day, generation) in done {
            renewals::dropped(&mut tx, day, generation, now).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// From when on no copy of the index opens an erased recording any more, as far as is known
    /// now: when its key was, or will be, forgotten. None for what is not erased.
    pub async fn backups_unreadable_from(
        &self,
        id: RecordingId,
    ) -> Result<Option<Timestamp>, Error> {
        let Some(keys) = rows::key_history(&self.0.index, id).await? else { return Ok(None) };
        let former = keys.former_key_day.zip(keys.former_key_generation);
        let mut latest = None;
        for (day, generation) in
            [Some((keys.key_day, keys.key_generation)), former].into_iter().flatten()
        {
            let renewal = renewals::after(&self.0.index, day, generation).await?;
            let tonight = self.0.clock.now().day().end();
            let ends = match renewal {
                Some(renewals::Renewal { dropped_at: Some(dropped_at), .. }) => Some(dropped_at),
                Some(_) => tonight.min(day.end()),
                None if self.0.settings.renew_days => tonight.min(day.end()).or(tonight),
                None => day.end(),
            };
            latest = latest.max(ends);
        }
        // Without the key of its customer none of them opens anything.
        let row = rows::find(&self.0.index, id).await?;
        if let Some(row) = row
            && let Some(departure) = departures::find(&self.0.index, row.controller).await?
        {
            latest = departure.ended_at.into_iter().chain(latest).min();
        }
        let gone = !matches!(keys.state, State::Stored | State::Lost);
        Ok(latest.filter(|_| gone))
    }
}

/// The instants between which details are due that are sealed under `day`.
fn span(class: Class, day: Day) -> Option<(Day, Timestamp, Timestamp)> {
    let end = day.end();
    let start = day.0.checked_sub(1).and_then(|before| Day(before).end());
    match class {
        Class::Support => Some((day, start?, end?)),
        // Its numbers go by the day of the key alone.
        Class::Customer => {
            let any = Timestamp::from_micros(0)?;
            Some((day, start.unwrap_or(any), end.unwrap_or(any)))
        }
    }
}
