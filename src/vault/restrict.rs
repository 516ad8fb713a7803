//! Restriction of use (GDPR art. 18): stored, not usable, whatever the role (I2).

use super::content::facts;
use super::early::case_id;
use super::error::Error;
use super::{Vault, ledger, must, numbers};
use crate::index::{ledger_entries, recordings as rows};
use crate::model::{Caller, Day, Event, Grant, Recording, RecordingId, State};

impl Vault {
    /// Restricts a recording, or lifts the restriction.
    ///
    /// Restricted audio is kept past its term until the case is decided, so its key moves out of
    /// the day that will be forgotten, and back when the restriction ends.
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
        let day = if restricted || recording.held || recording.due_at <= now {
            Day::HOLD
        } else {
            recording.due_at.day()
        };
        if recording.key.day < self.0.keys.status().forgotten_before {
            // Only the eraser has not come to it yet: there is no key left to keep it by.
            return Err(Error::PastDue(recording.due_at));
        }
        self.0.keys.ensure(&[recording.controller], &[day]).await?;
        let moved = self.moved_to(&recording, day)?;
        let numbers = numbers::moved(&self.0.keys, &recording, day)?;
        let event = if restricted { Event::RestrictionSet } else { Event::RestrictionLifted };
        let body = serde_json::json!({ "by": caller.id, "case": case });
        let entry = ledger::about(recording.controller, now, event, id, &body);
        let mut tx = self.change().await?;
        let generation = self.0.keys.generation(day);
        // The eraser may have claimed it meanwhile: a restriction whose key stays in its day would
        // keep nothing.
        if !rows::rewrap(&mut tx, id, &moved, day, generation, recording.due_at).await?
            || !rows::set_restricted(&mut tx, id, restricted).await?
        {
            return Err(Error::Conflict("the recording changed; look again"));
        }
        if let Some(numbers) = numbers {
            rows::reseal_numbers(&mut tx, id, &numbers).await?;
        }
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
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
