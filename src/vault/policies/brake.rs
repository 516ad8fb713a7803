//! A change of policy erases no more than somebody saw and agreed to, and what is usual on top.

use serde_json::json;

use crate::index::policies::{self, Braked};
use crate::index::{Tx, guards, ledger_entries};
use crate::model::{Event, Timestamp};
use crate::vault::error::Error;
use crate::vault::{Vault, ledger};

/// For how long a confirmation is remembered.
const CONFIRMED: jiff::SignedDuration = jiff::SignedDuration::from_hours(24);

impl Vault {
    /// Stops the early erasures of every version that would erase too much at `now`; tells why
    /// something waits, if anything does.
    pub(in crate::vault) async fn brake_policies(
        &self,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let due = policies::shortened_due(&self.0.index, now).await?;
        if !due.is_empty() {
            let usual = i64::try_from(self.usual(now).await?).unwrap_or(i64::MAX);
            for of in due {
                let agreed = (of.confirmed - of.erased).max(0);
                let allowed = agreed.saturating_add(usual);
                if of.count > allowed {
                    self.brake_policy(&of, allowed, now).await?;
                }
            }
        }
        let waiting = policies::braked(&self.0.index).await?;
        let count: i64 = waiting.iter().map(|of| of.count).sum();
        Ok((count > 0).then(|| {
            format!(
                "a shorter term would erase {count} recordings at once, more than was agreed to: \
                 look at it, then run callvault erase --confirm"
            )
        }))
    }

    async fn brake_policy(&self, of: &Braked, allowed: i64, now: Timestamp) -> Result<(), Error> {
        let body = json!({
            "paused": true, "version": of.version, "count": of.count, "allowed": allowed,
        });
        let entry = ledger::general(of.controller, now, Event::EraserBraked, &body);
        let mut tx = self.addition().await?;
        if policies::brake(&mut tx, of).await? {
            tracing::error!(count = of.count, allowed, "early erasures wait for a confirmation");
            guards::stop_run(&mut tx, "policy_shortened", of.count, allowed, now).await?;
            ledger_entries::append(&mut tx, &[entry]).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Lets go on what waits, after somebody looked.
    pub(in crate::vault) async fn confirm_braked(
        &self,
        tx: &mut Tx,
        now: Timestamp,
    ) -> Result<(), Error> {
        let stopped = policies::confirm_braked(tx).await?;
        guards::confirm_run(tx, now.plus(CONFIRMED)).await?;
        let entries: Vec<_> = stopped
            .iter()
            .map(|of| {
                let body = json!({ "confirmed": true, "version": of.version, "count": of.count });
                ledger::general(of.controller, now, Event::EraserBraked, &body)
            })
            .collect();
        ledger_entries::append(tx, &entries).await?;
        Ok(())
    }
}
