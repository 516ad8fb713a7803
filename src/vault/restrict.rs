//! Restriction of use (GDPR art. 18): stored, not usable, whatever the role (I2).

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::content::facts;
use super::early::case_id;
use super::error::Error;
use super::journal::Rewrapped;
use super::{Vault, ledger, must, numbers};
use crate::index::{ledger_entries, recordings as rows};
use crate::model::{Caller, Day, Event, Grant, Recording, RecordingId, State, Timestamp};

/// How far on the key of a suspended recording moves.
const SUSPENDED: SignedDuration = SignedDuration::from_hours(24 * 30);

/// How many are moved in one transaction.
const BATCH: i64 = 500;

impl Vault {
    /// Restricts a recording, or lifts the restriction.
    ///
    /// Restricted audio is kept past its term until the case is decided: its key moves on from day
    /// to day ([`Vault::move_suspended_on`]).
    pub async fn restrict(
        &self,
        caller: &Caller,
        id: RecordingId,
        case: &str,
        restricted: bool,
    ) -> Result<(), Error> {
        must(caller, Grant::Restrict)?;
        let case = case_id(case)?;
        let found = rows::find_for(&self.0.index, caller.controller, id).await?;
        let recording = found
            .filter(|found| caller.reaches_line(found.metadata.line.as_deref()))
            .ok_or(Error::NotFound)?;
        if recording.state != State::Stored {
            return Err(Error::Conflict("only a stored recording can be restricted"));
        }
        if recording.restricted == restricted {
            return Ok(());
        }
        let now = self.0.clock.now();
        if recording.key.day < self.0.keys.status().forgotten_before {
            // Only the eraser has not come to it yet: there is no key left to keep it by.
            return Err(Error::PastDue(recording.due_at));
        }
        let event = if restricted { Event::RestrictionSet } else { Event::RestrictionLifted };
        let body = serde_json::json!({ "by": caller.id, "case": case });
        let entry = ledger::about(recording.controller, now, event, id, &body);
        let mut tx = self.change().await?;
        // The eraser may be past the point of no return meanwhile.
        if !rows::set_restricted(&mut tx, id, restricted).await? {
            return Err(Error::Conflict("the recording changed; look again"));
        }
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        // Past its day already: the next night would be too late.
        if restricted && recording.key.day <= now.day() {
            self.move_suspended_on(now).await?;
        }
        Ok(())
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
            let mut rewrapped = Vec::with_capacity(batch.len());
            for recording in &batch {
                // What its key does not open any more is an incident, and no reason to keep the
                // keys of everything else for ever.
                let Ok(wrap) = self.moved_to(recording, to) else {
                    tracing::error!(recording = %recording.id, "a suspended recording does not open");
                    continue;
                };
                let key = (to, generation);
                rewrapped
                    .push((recording, Rewrapped::of(recording, &wrap, key, recording.due_at)?));
            }
            let wraps: Vec<_> = rewrapped.iter().map(|(_, wrap)| wrap.clone()).collect();
            self.journal_wraps(&wraps).await?;
            let mut tx = self.change().await?;
            let mut moved = 0;
            for (recording, Rewrapped { wrap, due_at, .. }) in rewrapped {
                if rows::rewrap(&mut tx, recording.id, &wrap, to, generation, due_at).await? {
                    moved += 1;
                    if let Some(numbers) = numbers::moved(&self.0.keys, recording, to)? {
                        rows::reseal_numbers(&mut tx, recording.id, &numbers).await?;
                    }
                }
            }
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
