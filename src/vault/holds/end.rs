//! Holds that end with the service: all but those for an authority.

use serde_json::json;
use uuid::Uuid;

use super::super::error::Error;
use super::super::{Vault, ledger};
use crate::index::recordings as rows;
use crate::index::{holds, ledger_entries};
use crate::model::{ControllerId, Event, PrincipalId, Timestamp};

/// Who released them: nobody, the vault did.
const VAULT: PrincipalId = PrincipalId(Uuid::nil());

impl Vault {
    /// Releases the holds of a customer whose window is over. `case` is that of its notice.
    pub(in crate::vault) async fn end_holds(
        &self,
        of: ControllerId,
        case: &str,
        now: Timestamp,
    ) -> Result<(), Error> {
        let mut tx = self.change().await?;
        holds::alone(&mut tx, of).await?;
        let ended = holds::release_with_service(&mut tx, of, VAULT, now).await?;
        if ended.is_empty() {
            return Ok(());
        }
        rows::free_released(&mut tx, of).await?;
        let entry = |hold: &holds::Ended| {
            let body = json!({
                "hold": hold.id, "kind": hold.kind, "case": hold.case_id,
                "why": "end_of_service", "notice": case,
            });
            ledger::general(of, now, Event::HoldReleased, &body)
        };
        let entries: Vec<_> = ended.iter().map(entry).collect();
        ledger_entries::append(&mut tx, &entries).await?;
        between_steps!("leave.holds_ending");
        tx.commit().await?;
        Ok(())
    }
}
