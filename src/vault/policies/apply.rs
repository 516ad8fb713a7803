//! Carrying a change out: in batches, each one transaction, taken up again after a crash by
//! whichever node comes first. Objects stay as they are; their keys move to other days.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use serde_json::json;

use super::limits;
use crate::crypto::{self, Kind, WrapFacts};
use crate::index::controllers;
use crate::index::ledger_entries::{self, NewEntry};
use crate::index::policies::{self, Cursor, Version};
use crate::index::recordings::{self as rows, Movable, Moved};
use crate::model::{
    Call, Class, ControllerId, Customer, Day, Event, PolicyOrigin, PolicyStage, Timestamp,
};
use crate::retention::{Calendar, Change, Fate, Kept};
use crate::vault::error::Error;
use crate::vault::journal::Rewrapped;
use crate::vault::{Vault, ledger, numbers};

/// How many recordings are moved in one transaction.
const BATCH: i64 = 4000;

/// After how long a claim counts as that of a node that died.
const STALE: SignedDuration = SignedDuration::from_mins(1);

/// How often a batch is tried again whose recordings changed under it.
const ATTEMPTS: usize = 5;

/// A batch that is ready to be written.
struct Batch {
    /// The last recording that was looked at; none when there was nothing left.
    last: Option<Cursor>,
    looked_at: i64,
    moved: Vec<Moved>,
    /// The same, as the journal keeps them.
    wraps: Vec<Rewrapped>,
    entries: Vec<NewEntry>,
}

/// What is applied, to whose recordings.
struct Applying {
    version: Version,
    customer: Customer,
}

impl Vault {
    /// Puts in force what waited long enough, and applies it to what is there.
    pub(in crate::vault) async fn apply_policies(&self, now: Timestamp) -> Result<(), Error> {
        for (controller, number, stage) in policies::open_changes(&self.0.index, now).await? {
            if stage == PolicyStage::Scheduled {
                let mut tx = self.change().await?;
                let found = policies::find(&mut tx, controller, number).await?;
                let Some(version) = found else { continue };
                if !self.activate(&mut tx, controller, &version, now).await? {
                    continue;
                }
                tx.commit().await?;
                between_steps!("policy.activated");
            }
            let mut tx = self.addition().await?;
            let fresh = (now.plus(-STALE), now.plus(STALE));
            let claimed = policies::claim(&mut tx, controller, number, now, fresh).await?;
            tx.commit().await?;
            let customer = controllers::customer(&self.0.index, controller).await?;
            if let Some((version, customer)) = claimed.zip(customer) {
                self.apply(Applying { version, customer }).await?;
            }
        }
        Ok(())
    }

    async fn apply(&self, of: Applying) -> Result<(), Error> {
        let mut cursor = of.version.after;
        let mut batch = self.prepare(&of, cursor).await?;
        while let Some(last) = batch.last {
            // The next ones are made ready while these are written.
            let (written, next) =
                tokio::join!(self.write(&of, cursor, batch), self.prepare(&of, Some(last)));
            let Some(written) = written? else { return Ok(()) };
            cursor = Some(written);
            // A batch that was read anew can have reached further.
            batch = if written == last { next? } else { self.prepare(&of, cursor).await? };
            between_steps!("policy.moved");
        }
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        if let Some(touched) = policies::finish(&mut tx, &of.version, now).await? {
            let body = json!({ "version": of.version.version, "touched": touched });
            let entry = ledger::general(of.customer.id, now, Event::PolicyApplied, &body);
            ledger_entries::append(&mut tx, &[entry]).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Writes a batch and tells how far it reached. None when another node has taken over.
    async fn write(
        &self,
        of: &Applying,
        after: Option<Cursor>,
        mut batch: Batch,
    ) -> Result<Option<Cursor>, Error> {
        let mut reached = batch.last;
        for _ in 0..ATTEMPTS {
            let Some(last) = batch.last else { return Ok(reached) };
            reached = Some(last);
            let mut tx = self.change().await?;
            let policy = format!("customer/{}", of.version.version);
            let moved = match rows::move_many(&mut tx, &batch.moved, &policy).await {
                // A day was renewed meanwhile: its older key seals nothing any more.
                Err(crate::index::Error::Renewed(_)) => {
                    self.0.keys.refresh().await?;
                    0
                }
                moved => moved?,
            };
            if usize::try_from(moved).is_ok_and(|moved| moved == batch.moved.len()) {
                ledger_entries::append(&mut tx, &batch.entries).await?;
                let count = i64::try_from(moved).unwrap_or(i64::MAX);
                let now = self.0.clock.now();
                let counts = (batch.looked_at, count);
                if !policies::progress(&mut tx, &of.version, last, counts, now).await? {
                    return Ok(None);
                }
                self.journal_wraps(&batch.wraps).await?;
                between_steps!("policy.moving");
                tx.commit().await?;
                return Ok(reached);
            }
            // Some were erased, held or moved since they were read.
            drop(tx);
            batch = self.prepare(of, after).await?;
        }
        Err(Error::Conflict("recordings keep changing under a change of policy"))
    }

    /// Reads a batch, decides what becomes of each, and makes the new wraps.
    async fn prepare(&self, of: &Applying, after: Option<Cursor>) -> Result<Batch, Error> {
        let read = rows::movable(&self.0.index, of.customer.id, after, BATCH).await?;
        let last = read.last().map(|row| (row.ended_at, row.id));
        let looked_at = i64::try_from(read.len()).unwrap_or(i64::MAX);
        let now = self.0.clock.now();
        let planned = self.planned(of, read, now);
        let days: BTreeSet<_> = planned.iter().map(|(_, plan)| plan.day).collect();
        let days: Vec<_> = days.into_iter().collect();
        if !days.is_empty() {
            self.0.keys.ensure(&[of.customer.id], &days).await?;
        }
        let (controller, keys) = (of.customer.id, self.0.keys.clone());
        let moved = tokio::task::spawn_blocking(move || rewrapped(&keys, controller, planned));
        let (moved, wraps) = moved.await?;
        let entries = moved.iter().map(|moved| entry(of, moved, now)).collect();
        Ok(Batch { last, looked_at, moved, wraps, entries })
    }

    /// Those that move, and where to.
    fn planned(&self, of: &Applying, read: Vec<Movable>, now: Timestamp) -> Vec<(Movable, Moved)> {
        let Version { version, origin, ref policy, .. } = of.version;
        let mut change = Change {
            limits: limits(&of.customer),
            apply_to_existing: of.version.apply_to_existing,
            shortens: of.version.shortens,
            effective_at: of.version.effective_at,
            now,
            calendar: Calendar::new(&self.0.settings.schedule.zone),
        };
        // An authority's order reaches as far as the floor, whatever longer terms were chosen since.
        let ordered = of.customer.floor.filter(|_| origin == PolicyOrigin::Authority);
        let planned = read.into_iter().filter_map(|row| {
            let suspended = row.held || row.restricted;
            let kept = Kept { ended_at: row.ended_at, due_at: row.due_at, suspended };
            let term = ordered.unwrap_or_else(|| policy.term_for(&call(&row)));
            let (mut fate, mut due_at) = change.fate(&kept, term);
            // Past due and not erased yet: the floor still comes first.
            if let (Fate::PastDue, Some(floor)) = (fate, ordered) {
                let until = floor.after(row.ended_at, &self.0.settings.schedule.zone);
                if until > now {
                    (fate, due_at) = (Fate::KeptLonger, until);
                }
            }
            let shortened = match fate {
                Fate::ErasedNow | Fate::ErasedEarlier | Fate::Held => true,
                Fate::KeptLonger => false,
                Fate::Floored | Fate::PastDue | Fate::Unchanged => return None,
            };
            let moved = moved(&row, due_at, now, shortened.then_some(version));
            Some((row, moved))
        });
        planned.collect()
    }
}

fn call(row: &Movable) -> Call<'_> {
    Call {
        line: row.line.as_deref(),
        agent: row.agent.as_deref(),
        queue: row.queue.as_deref(),
        direction: row.direction,
    }
}

/// Where a recording moves to. Its cause of erasure stays that of the shorter term until it is kept
/// as long as it would have been without one.
fn moved(row: &Movable, due_at: Timestamp, now: Timestamp, shortened_by: Option<i32>) -> Moved {
    let (shortened_by, term_due_at) = match (shortened_by, row.term_due_at) {
        (Some(version), term_due) => (Some(version), term_due.or(Some(row.due_at))),
        (None, Some(term_due)) if due_at < term_due => (row.shortened_by, Some(term_due)),
        (None, _) => (None, None),
    };
    Moved {
        id: row.id,
        from_due_at: row.due_at,
        from_day: row.key_day,
        due_at,
        // No key is ever made for a day that is over.
        day: due_at.day().max(now.day()),
        generation: row.key_generation,
        shortened_by,
        term_due_at,
        wrap: None,
        numbers: None,
    }
}

/// The recordings with their new wraps, without those that do not open.
fn rewrapped(
    keys: &crypto::Keys,
    controller: ControllerId,
    planned: Vec<(Movable, Moved)>,
) -> (Vec<Moved>, Vec<Rewrapped>) {
    let mut mover = keys.mover();
    let (mut all, mut wraps) =
        (Vec::with_capacity(planned.len()), Vec::with_capacity(planned.len()));
    for (row, mut moved) in planned {
        moved.generation = keys.generation(moved.day);
        match rewrap(&mut mover, controller, &row, &mut moved) {
            Ok(wrap) => {
                all.push(moved);
                wraps.extend(wrap);
            }
            // An incident, and no reason to keep everything else as it was.
            Err(_) => {
                tracing::error!(recording = %row.id, "a recording does not open and stays as it is");
            }
        }
    }
    (all, wraps)
}

fn rewrap(
    mover: &mut crypto::Mover,
    controller: ControllerId,
    row: &Movable,
    moved: &mut Moved,
) -> Result<Option<Rewrapped>, crypto::Error> {
    let mut rewrapped = None;
    if let Some(wrap) = &row.wrap {
        let array = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| crypto::Error::Open);
        let len = row.size_bytes.and_then(|len| u64::try_from(len).ok());
        let from = WrapFacts {
            controller,
            recording: row.id,
            kind: Kind::Audio,
            class: Class::Customer,
            day: row.key_day,
            generation: row.key_generation,
            plain_len: len.ok_or(crypto::Error::Open)?,
            salt: array(&row.salt)?,
            commitment: array(&row.commitment)?,
        };
        let to = WrapFacts { day: moved.day, generation: moved.generation, ..from };
        let wrap = mover.rewrap(wrap, &from, &to)?;
        rewrapped = Some(Rewrapped { facts: to, wrap: wrap.clone(), due_at: moved.due_at });
        moved.wrap = Some(wrap);
    }
    if let Some(sealed) = &row.numbers {
        let (from, to): (Day, Day) = (row.key_day, moved.day);
        let of = (controller, row.id);
        moved.numbers = Some(mover.reseal(of, from, to, numbers::LABEL, sealed)?);
    }
    Ok(rewrapped)
}

/// One leaf a recording (I10).
fn entry(of: &Applying, moved: &Moved, at: Timestamp) -> NewEntry {
    let (due, from) = (moved.due_at.hour_rounded_up(), moved.from_due_at.hour_rounded_up());
    let version = of.version.version;
    let body = json!({ "due": due, "from": from, "pol": format!("customer/{version}") });
    ledger::about(of.customer.id, at, Event::RecordingDueChanged, moved.id, &body)
}
