//! Objection (GDPR art. 21): out of training at once, and erased when it is granted.

use super::early::case_id;
use super::error::{Error, Gone};
use super::restrict::{ended, locked, told_since};
use super::{Vault, ledger, must};
use crate::index::{ledger_entries, recordings as rows, restrictions};
use crate::model::{Caller, Cause, Event, Grant, Outcome, RecordingId, State};

/// What became of an objection.
#[derive(Clone, Debug, Default)]
pub struct Decision {
    /// The case behind it.
    pub case: String,
    /// `granted`, `refused` or `withdrawn`.
    pub decision: Option<String>,
    /// The day on which the person was told.
    pub informed_on: Option<String>,
}

impl Vault {
    /// Notes that somebody objects: from now on nobody trains with the recording.
    pub async fn object(&self, caller: &Caller, id: RecordingId, case: &str) -> Result<(), Error> {
        must(caller, Grant::Restrict)?;
        let case = case_id(case)?;
        self.reached(caller, id).await?;
        let now = self.0.clock.now();
        let mut tx = self.change().await?;
        let recording = locked(&mut tx, caller, id).await?;
        if !matches!(recording.state, State::Stored | State::Lost) {
            return Err(Error::Conflict("this recording is erased already, or being erased"));
        }
        let open = restrictions::objections(&mut *tx, id).await?;
        if open.iter().any(|other| other == case) {
            return Ok(());
        }
        let of = (id, caller.controller);
        restrictions::object(&mut tx, of, case, caller.id, now).await?;
        rows::set_objected(&mut tx, id, true).await?;
        let body = serde_json::json!({ "by": caller.id, "case": case });
        let entry = ledger::about(caller.controller, now, Event::ObjectionMade, id, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Decides an objection. A granted one erases the recording, now; what is left is told.
    ///
    /// When it was refused, the person must have been told before training goes on.
    pub async fn decide_objection(
        &self,
        caller: &Caller,
        id: RecordingId,
        decision: &Decision,
    ) -> Result<Option<Gone>, Error> {
        must(caller, Grant::Restrict)?;
        let case = case_id(&decision.case)?;
        let (word, informed) = (decision.decision.as_deref(), decision.informed_on.as_deref());
        let ending = self.ending(caller, "decision", word, informed)?;
        self.reached(caller, id).await?;
        let open = restrictions::objections(&self.0.index, id).await?;
        if !open.iter().any(|other| other == case) {
            return Err(Error::Conflict("no open objection to this recording is of this case"));
        }
        told_since(&ending, restrictions::made_at(&self.0.index, id, case).await?)?;
        if ending.outcome == Outcome::Granted {
            let gone = self.erase_for(caller, id, Cause::Objection, case, Some(&ending)).await?;
            return Ok(Some(gone));
        }
        let mut tx = self.change().await?;
        locked(&mut tx, caller, id).await?;
        if !restrictions::decide(&mut tx, id, case, &ending).await? {
            return Err(Error::Conflict("somebody else decided this objection; look again"));
        }
        let left = restrictions::objections(&mut *tx, id).await?;
        rows::set_objected(&mut tx, id, !left.is_empty()).await?;
        let (body, at) = (ended(&ending, case), ending.at);
        let entry = ledger::about(caller.controller, at, Event::ObjectionDecided, id, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(None)
    }
}
