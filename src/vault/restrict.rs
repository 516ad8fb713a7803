//! Restriction of use (GDPR art. 18): stored, not usable, whatever the role (I2).

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::content::facts;
use super::early::case_id;
use super::error::Error;
use super::fields::bad;
use super::holds::{date, in_days, review};
use super::journal::Rewrapped;
use super::{Vault, ledger, must, numbers};
use crate::index::restrictions::{self, Ending};
use crate::index::{Tx, ledger_entries, recordings as rows};
use crate::model::{
    Caller, Day, Event, Grant, Ground, Outcome, Recording, RecordingId, State, Timestamp,
    UnknownWord,
};

/// How far on the key of a suspended recording moves.
const SUSPENDED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How many are moved in one transaction.
const BATCH: i64 = 500;

/// How many days a restriction goes on before somebody looks at it again.
const REVIEWED: i32 = 30;

/// A restriction to be set.
#[derive(Clone, Debug, Default)]
pub struct NewRestriction {
    /// The case behind it.
    pub case: String,
    /// Why: that the person contests its accuracy unless said.
    pub ground: Option<String>,
    /// The day by which somebody looks again, at most 30 days ahead; that unless said.
    pub review_on: Option<String>,
}

/// How a restriction ends.
#[derive(Clone, Debug, Default)]
pub struct Lifting {
    /// The case behind it.
    pub case: String,
    /// What became of the request behind it.
    pub outcome: Option<String>,
    /// The day on which the person was told.
    pub informed_on: Option<String>,
}

impl Vault {
    /// Restricts a recording for a case. Several cases can restrict one recording.
    ///
    /// Restricted audio is kept past its term until the case is decided, unless all that is open is
    /// an objection: its key moves on from day to day ([`Vault::move_suspended_on`]).
    pub async fn restrict(
        &self,
        caller: &Caller,
        id: RecordingId,
        new: &NewRestriction,
    ) -> Result<(), Error> {
        must(caller, Grant::Restrict)?;
        let case = case_id(&new.case)?;
        let now = self.0.clock.now();
        let ground = match new.ground.as_deref() {
            Some(ground) => {
                ground.parse().map_err(|e: UnknownWord| bad("ground", &e.to_string()))?
            }
            None => Ground::Accuracy,
        };
        let review_on = match new.review_on.as_deref() {
            Some(day) => review(day, now, REVIEWED)?,
            None => in_days(now, REVIEWED),
        };
        self.reached(caller, id).await?;
        let mut tx = self.change().await?;
        let recording = locked(&mut tx, caller, id).await?;
        if recording.state != State::Stored {
            return Err(Error::Conflict("only a stored recording can be restricted"));
        }
        if recording.key_day < self.0.keys.status().forgotten_before {
            // Only the eraser has not come to it yet: there is no key left to keep it by.
            return Err(Error::PastDue(recording.due_at));
        }
        let open = restrictions::open(&mut *tx, id).await?;
        match open.iter().find(|(other, _)| other == case) {
            Some((_, other)) if *other == ground => return Ok(()),
            Some(_) => {
                return Err(Error::Conflict("this case restricts it on another ground already"));
            }
            None => {}
        }
        let row = restrictions::NewRestriction {
            recording: id,
            controller: caller.controller,
            ground,
            case_id: case,
            owner: caller.id,
            at: now,
            review_on,
        };
        restrictions::insert(&mut tx, &row).await?;
        let grounds = open.iter().map(|(_, ground)| *ground).chain([ground]);
        rows::set_restricted(&mut tx, id, Ground::strongest(grounds)).await?;
        let body = serde_json::json!({
            "by": caller.id, "case": case, "ground": ground, "review": review_on.to_string(),
        });
        let entry = ledger::about(caller.controller, now, Event::RestrictionSet, id, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        // Past its day already: the next night would be too late.
        if recording.key_day <= now.day() {
            self.move_suspended_on(now).await?;
        }
        Ok(())
    }

    /// Lifts the restriction of a case.
    ///
    /// When what the person asked for was refused, they must have been told before (art. 18(3)).
    pub async fn lift(
        &self,
        caller: &Caller,
        id: RecordingId,
        lifting: &Lifting,
    ) -> Result<(), Error> {
        must(caller, Grant::Restrict)?;
        let case = case_id(&lifting.case)?;
        let (outcome, informed) = (lifting.outcome.as_deref(), lifting.informed_on.as_deref());
        let ending = self.ending(caller, "outcome", outcome, informed)?;
        let before = self.reached(caller, id).await?;
        let mut tx = self.change().await?;
        let recording = locked(&mut tx, caller, id).await?;
        if !matches!(recording.state, State::Stored | State::Lost) {
            return Err(Error::Conflict("only a stored recording can be restricted"));
        }
        let mut open = restrictions::open(&mut *tx, id).await?;
        if open.is_empty() && !before.restricted {
            return Ok(());
        }
        told_since(&ending, restrictions::set_at(&mut *tx, id, case).await?)?;
        // What was restricted before grounds were kept has no case to look for.
        let older = open.is_empty();
        if !restrictions::lift(&mut tx, id, case, &ending).await? && !older {
            return Err(Error::Conflict("no open restriction of this recording is of this case"));
        }
        open.retain(|(other, _)| other != case);
        let left = Ground::strongest(open.iter().map(|(_, ground)| *ground));
        rows::set_restricted(&mut tx, id, left).await?;
        let body = ended(&ending, case);
        let at = ending.at;
        let entry = ledger::about(caller.controller, at, Event::RestrictionLifted, id, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// How a restriction or an objection ends, if it may.
    pub(super) fn ending(
        &self,
        caller: &Caller,
        field: &'static str,
        outcome: Option<&str>,
        informed_on: Option<&str>,
    ) -> Result<Ending, Error> {
        let at = self.0.clock.now();
        let informed_on = informed_on.map(|day| date("informed_on", day)).transpose()?;
        if informed_on.is_some_and(|day| day > at.day()) {
            return Err(bad("informed_on", "lies in the future: tell the person first"));
        }
        let required = || bad(field, "is required: granted, refused or withdrawn");
        let outcome = match outcome {
            Some(word) => {
                word.parse().ok().filter(|o| *o != Outcome::Erased).ok_or_else(required)?
            }
            None if informed_on.is_some() => Outcome::Refused,
            None => return Err(required()),
        };
        if outcome == Outcome::Refused && informed_on.is_none() {
            return Err(Error::Conflict(
                "the request was refused: tell the person, and say when in informed_on",
            ));
        }
        Ok(Ending { by: caller.id, at, outcome, informed_on })
    }

    /// The recording, if the caller may decide over its use.
    pub(super) async fn reached(
        &self,
        caller: &Caller,
        id: RecordingId,
    ) -> Result<Recording, Error> {
        let found = rows::find_for(&self.0.index, caller.controller, id).await?;
        found
            .filter(|found| caller.reaches_line(found.metadata.line.as_deref()))
            .ok_or(Error::NotFound)
    }

    /// Moves the keys of held and restricted recordings out of the days that are about to be
    /// forgotten. Copies of the index from before cannot open them for longer than [`SUSPENDED`].
    pub(super) async fn move_suspended_on(&self, now: Timestamp) -> Result<(), Error> {
        let to = now.plus(SUSPENDED).day();
        loop {
            let batch = rows::suspended(&self.0.index, now.day(), BATCH).await?;
            let Some(last) = batch.last() else { return Ok(()) };
            let controllers: BTreeSet<_> = batch.iter().map(|row| row.controller).collect();
            let controllers: Vec<_> = controllers.into_iter().collect();
            self.0.keys.ensure(&controllers, &[to]).await?;
            let generation = self.0.keys.generation(to);
            let mut rows_moved = Vec::with_capacity(batch.len());
            let mut rewrapped = Vec::with_capacity(batch.len());
            for recording in &batch {
                // What its key does not open any more is an incident, and no reason to keep the
                // keys of everything else for ever.
                let Ok(wrap) = self.moved_to(recording, to) else {
                    tracing::error!(recording = %recording.id, "a suspended recording does not open");
                    continue;
                };
                let key = (to, generation);
                rewrapped.push(Rewrapped::of(recording, &wrap, key, recording.due_at)?);
                rows_moved.push(rows::Suspended {
                    id: recording.id,
                    from: recording.key.day,
                    wrap,
                    numbers: numbers::moved(&self.0.keys, recording, to)?,
                });
            }
            self.journal_wraps(&rewrapped).await?;
            between_steps!("suspended.journaled");
            let mut tx = self.change().await?;
            let moved = rows::move_suspended(&mut tx, to, generation, &rows_moved).await?;
            between_steps!("suspended.moving");
            tx.commit().await?;
            if moved == 0 {
                tracing::error!(from = %last.key.day, "suspended recordings could not be moved on");
                return Ok(());
            }
        }
    }

    /// The wrap of a recording under another day. Its object stays as it is.
    pub(super) fn moved_to(&self, recording: &Recording, day: Day) -> Result<Vec<u8>, Error> {
        let from = facts(recording)?;
        let generation = self.0.keys.generation(day);
        let to = crate::crypto::WrapFacts { day, generation, ..facts(recording)? };
        let wrap = recording.key.wrap.as_deref().ok_or(crate::crypto::Error::Open)?;
        Ok(self.0.keys.rewrap(wrap, &from, &to)?)
    }
}

/// Nobody was told of a refusal before there was anything to refuse.
pub(super) fn told_since(ending: &Ending, begun: Option<Timestamp>) -> Result<(), Error> {
    match (ending.informed_on, begun) {
        (Some(told), Some(begun)) if told < begun.day() => {
            Err(bad("informed_on", "lies before the request was noted here"))
        }
        _ => Ok(()),
    }
}

/// The row of a recording, which nobody else changes before this transaction ends.
pub(super) async fn locked(
    tx: &mut Tx,
    caller: &Caller,
    id: RecordingId,
) -> Result<rows::Held, Error> {
    rows::lock(tx, caller.controller, &[id]).await?.pop().ok_or(Error::NotFound)
}

/// What the ledger tells of an ending.
pub(super) fn ended(ending: &Ending, case: &str) -> serde_json::Value {
    serde_json::json!({
        "by": ending.by, "case": case, "outcome": ending.outcome,
        "informed": ending.informed_on.map(|day| day.to_string()),
    })
}
