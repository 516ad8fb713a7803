//! Calling a change back while it is cooling off.

use serde_json::json;

use super::{Decider, decided_by};
use crate::index::{ledger_entries, policies};
use crate::model::{Caller, CustomerRef, Event, Grant};
use crate::vault::error::Error;
use crate::vault::{Vault, ledger};

impl Vault {
    /// Calls back the change that waits. Returns which version that was.
    pub async fn cancel_policy(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<i32, Error> {
        self.cancel_policy_by(Decider::Caller(caller), reference).await
    }

    /// The same, also for whoever can run commands on the machine.
    pub async fn cancel_policy_by(
        &self,
        by: Decider<'_>,
        reference: &CustomerRef,
    ) -> Result<i32, Error> {
        let customer = self.customer_of_policy(by, Grant::SetPolicies, reference).await?;
        let now = self.0.clock.now();
        let mut tx = self.change().await?;
        policies::lock_customer(&mut tx, customer.id).await?;
        let cancelled = policies::cancel(&mut tx, customer.id, by.id(), now).await?;
        let version =
            cancelled.ok_or(Error::Conflict("no change is waiting that can be called back"))?;
        let body = json!({ "version": version, "by": decided_by(by.id()) });
        let entry = ledger::general(customer.id, now, Event::PolicyCancelled, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(version)
    }
}
