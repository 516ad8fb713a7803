//! Erasing before the term ends: somebody with the right to it asked, and said why.

use super::error::{Error, Gone};
use super::fields::bad;
use super::play::gone;
use super::{Vault, ledger, must};
use crate::index::{controllers, ledger_entries, recordings as rows};
use crate::model::{Caller, Cause, Event, Grant, Recording, RecordingId, State, Timestamp};

/// The causes a person can give. The others have machinery of their own.
const CAUSES: &[Cause] = &[Cause::Request, Cause::Objection, Cause::ConsentWithdrawn, Cause::Pci];

impl Vault {
    /// Erases one recording early. What is past its point of no return cannot be called back.
    pub async fn erase_early(
        &self,
        caller: &Caller,
        id: RecordingId,
        cause: Cause,
        case: &str,
    ) -> Result<Gone, Error> {
        must(caller, Grant::EraseEarly)?;
        let case = case_id(case)?;
        if !CAUSES.contains(&cause) {
            return Err(bad("cause", "is request, objection, consent_withdrawn or pci"));
        }
        let found = rows::find_for(&self.0.index, caller.controller, id).await?;
        let recording = found
            .filter(|found| caller.reaches_line(found.metadata.line.as_deref()))
            .ok_or(Error::NotFound)?;
        if !matches!(recording.state, State::Stored | State::Lost) {
            return Err(Error::Erased(Box::new(gone(&recording))));
        }
        if recording.held {
            return Err(Error::Conflict("a hold keeps this recording; release it first"));
        }
        let now = self.0.clock.now();
        if self.below_floor(&recording, now).await? {
            return Err(Error::Conflict("the law behind the customer's floor still keeps it"));
        }
        let mut tx = self.change().await?;
        let claimed = rows::claim_one(&mut tx, id, cause, Some(case), now).await?;
        let claimed = claimed.ok_or(Error::Conflict("the recording changed; look again"))?;
        let body = serde_json::json!({ "by": caller.id, "cause": cause, "case": case });
        let entry = ledger::about(recording.controller, now, Event::ErasureStarted, id, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        self.carry_on(vec![claimed]).await?;
        let after = rows::find(&self.0.index, id).await?.ok_or(Error::NotFound)?;
        Ok(gone(&after))
    }

    /// Whether a law demands that this recording is kept for now: a floor comes before a request.
    async fn below_floor(&self, recording: &Recording, now: Timestamp) -> Result<bool, Error> {
        let customer = controllers::customer(&self.0.index, recording.controller).await?;
        let floor = customer.and_then(|customer| customer.floor);
        let zone = &self.0.settings.schedule.zone;
        Ok(floor
            .zip(recording.metadata.ended_at)
            .is_some_and(|(floor, ended_at)| now < floor.after(ended_at, zone)))
    }
}

/// A case is an opaque reference: no text about people fits in it (I12).
pub(super) fn case_id(case: &str) -> Result<&str, Error> {
    let case = case.trim();
    let fits = (1..=64).contains(&case.len())
        && case.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    let digits = case.bytes().filter(u8::is_ascii_digit).count();
    if fits && digits < 9 {
        Ok(case)
    } else {
        Err(bad(
            "case",
            "is an opaque reference of 1 to 64 letters, digits and ._-/, without a number of 9 digits or more",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_an_opaque_reference() {
        for case in ["C-2026/17", "dsr.42", "x"] {
            assert!(case_id(case).is_ok(), "{case}");
        }
        let long = "x".repeat(65);
        for case in ["", "mevrouw de Vries", "+31612345678", "0612345678", &long] {
            assert!(case_id(case).is_err(), "{case}");
        }
    }
}
