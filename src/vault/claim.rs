//! What the eraser may take because it is due. A due that lies before the floor is not trusted: a
//! floor that rose is being applied, or applying it failed.

use super::Vault;
use super::erase::{BATCH, started};
use super::error::Error;
use crate::index::recordings::{self as rows, Claimed};
use crate::index::{Tx, ledger_entries};
use crate::model::{RecordingId, Timestamp};

impl Vault {
    /// Step 1 for what is due: claimed, under the lock that re-checks due, hold and restriction.
    ///
    /// What a floor keeps is put back, and passed over from then on.
    pub(super) async fn claim_due(
        &self,
        now: Timestamp,
        floored: &mut Vec<RecordingId>,
    ) -> Result<Option<Vec<Claimed>>, Error> {
        loop {
            let mut tx = self.change().await?;
            let mut claimed = rows::claim_due_but(&mut tx, now, floored, BATCH).await?;
            if claimed.is_empty() {
                return Ok(None);
            }
            let kept = self.kept_by_floor(&mut tx, &claimed, now).await?;
            rows::release(&mut tx, &kept).await?;
            claimed.retain(|row| !kept.contains(&row.id));
            let entries: Vec<_> = claimed.iter().map(|row| started(row, now)).collect();
            ledger_entries::append(&mut tx, &entries).await?;
            tx.commit().await?;
            floored.extend(kept);
            if !claimed.is_empty() {
                between_steps!("erase.claimed");
                return Ok(Some(claimed));
            }
        }
    }

    async fn kept_by_floor(
        &self,
        tx: &mut Tx,
        claimed: &[Claimed],
        now: Timestamp,
    ) -> Result<Vec<RecordingId>, Error> {
        let ids: Vec<_> = claimed.iter().map(|row| row.id).collect();
        let zone = &self.0.settings.schedule.zone;
        let floors = rows::floors(tx, &ids).await?.into_iter();
        let kept = floors.filter(|(_, ended_at, floor)| floor.after(*ended_at, zone) > now);
        Ok(kept.map(|(id, ..)| id).collect())
    }
}
