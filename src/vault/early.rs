//! Erasing before the term ends: somebody with the right to it asked, and said why.

use super::error::{Error, Gone};
use super::fields::bad;
use super::play::gone;
use super::restrict::ended;
use super::{Vault, ledger, must};
use crate::index::restrictions::{self, Ending};
use crate::index::{controllers, holds, ledger_entries, recordings as rows};
use crate::model::{
    Caller, Cause, Event, Grant, Ground, HoldKind, Recording, RecordingId, State, Timestamp,
};
use crate::retention::{Facts, Verdict, precedence};

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
        self.erase_for(caller, id, cause, case, None).await
    }

    /// Erases one recording early, unless a rule that comes first keeps it; an objection that is
    /// granted is decided in the same step.
    pub(super) async fn erase_for(
        &self,
        caller: &Caller,
        id: RecordingId,
        cause: Cause,
        case: &str,
        objection: Option<&Ending>,
    ) -> Result<Gone, Error> {
        let recording = self.reached(caller, id).await?;
        if !matches!(recording.state, State::Stored | State::Lost) {
            return Err(Error::Erased(Box::new(gone(&recording))));
        }
        let now = self.0.clock.now();
        self.nothing_keeps(&recording, cause, now).await?;
        let mut tx = self.change().await?;
        let claimed = rows::claim_one(&mut tx, id, cause, Some(case), now).await?;
        let claimed = claimed.ok_or(Error::Conflict("the recording changed; look again"))?;
        let body = serde_json::json!({ "by": caller.id, "cause": cause, "case": case });
        let of = recording.controller;
        let mut entries = vec![ledger::about(of, now, Event::ErasureStarted, id, &body)];
        if let Some(ending) = objection {
            restrictions::decide(&mut tx, id, case, ending).await?;
            let body = ended(ending, case);
            entries.push(ledger::about(of, now, Event::ObjectionDecided, id, &body));
        }
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        self.carry_on(vec![claimed]).await?;
        let after = rows::find(&self.0.index, id).await?.ok_or(Error::NotFound)?;
        if matches!(after.state, State::Stored | State::Lost) {
            return Err(Error::Conflict("a hold or a restriction came first; it was not erased"));
        }
        Ok(gone(&after))
    }

    /// Whether a rule that comes before this cause keeps the recording ([`precedence`]).
    async fn nothing_keeps(
        &self,
        recording: &Recording,
        cause: Cause,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut kinds = Vec::new();
        if recording.held {
            kinds = holds::kinds(&self.0.index, recording.id).await?;
            if kinds.is_empty() {
                kinds.push(HoldKind::LegalClaim);
            }
        }
        let customer = controllers::customer(&self.0.index, recording.controller).await?;
        let zone = &self.0.settings.schedule.zone;
        let floor = customer.as_ref().and_then(|customer| customer.floor);
        let grounds: Vec<_> = recording
            .restricted
            .then(|| recording.ground.unwrap_or(Ground::Accuracy))
            .into_iter()
            .collect();
        let facts = Facts {
            holds: &kinds,
            floor_until: floor
                .zip(recording.metadata.ended_at)
                .map(|(floor, ended_at)| floor.after(ended_at, zone)),
            restrictions: &grounds,
            asked: &[cause],
            due_at: recording.due_at,
            now,
        };
        match precedence(&facts) {
            Verdict::Erase(_) => Ok(()),
            Verdict::Keep(keep) => {
                Err(Error::Kept(keep, customer.and_then(|customer| customer.legal_basis)))
            }
        }
    }
}

/// The longest word in a case: enough for a prefix such as `ZAAK`, and for few names.
const WORD: usize = 5;

/// A case is an opaque reference: no text about people fits in it (I12).
///
/// A number and short words only: a short name cannot be told from a prefix.
pub(super) fn case_id(case: &str) -> Result<&str, Error> {
    let case = case.trim();
    let fits = (1..=32).contains(&case.len())
        && case.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b));
    let digits = case.bytes().filter(u8::is_ascii_digit).count();
    let mut words = case.split(|c: char| !c.is_ascii_alphabetic());
    if fits && (1..9).contains(&digits) && words.all(|word| word.len() <= WORD) {
        Ok(case)
    } else {
        Err(bad(
            "case",
            "is an opaque reference such as ZAAK-2026-17: 1 to 32 letters, digits and ._-/, with 1 to 8 \
             digits and no word of more than 5 letters, because it must not hold a name",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_is_an_opaque_reference() {
        for case in ["C-2026/17", "dsr.42", "ZAAK-2026-17", "7"] {
            assert!(case_id(case).is_ok(), "{case}");
        }
        let long = format!("C-1{}", "-x".repeat(15));
        for case in [
            "",
            "x",
            "mevrouw de Vries",
            "Jan.Jansen-12345678",
            "+31612345678",
            "0612345678",
            &long,
        ] {
            assert!(case_id(case).is_err(), "{case}");
        }
    }
}
