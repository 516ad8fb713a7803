//! A longer floor because an authority asks for it: from five years to seven, as art. 16(7) of
//! `MiFID` II has it.

use serde_json::json;

use super::schedule::new_version;
use super::{Decider, commitment, limits, salt};
use crate::index::Tx;
use crate::index::policies::{self, Version};
use crate::index::{controllers, ledger_entries};
use crate::model::{Caller, Customer, CustomerRef, Event, Grant, Policy, PolicyOrigin, Rule, Term};
use crate::retention::Limit;
use crate::vault::customers::check_text;
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::{Vault, ledger};

/// A longer floor.
#[derive(Clone, Debug)]
pub struct FloorExtension {
    /// The floor from now on.
    pub until_term: String,
    /// What the authority calls its request. It stays in the index.
    pub authority_reference: String,
}

impl Vault {
    /// Extends a customer's floor: for what comes in, and for all that is there and not past due.
    pub async fn extend_floor(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        wish: &FloorExtension,
    ) -> Result<Customer, Error> {
        let by = Decider::Caller(caller);
        self.customer_of_policy(by, Grant::ManageCustomers, reference).await?;
        // A version that is still being applied comes to its end first.
        Box::pin(self.apply_policies(self.0.clock.now())).await?;
        let mut customer = self.customer_of_policy(by, Grant::ManageCustomers, reference).await?;
        let floor: Term = wish
            .until_term
            .parse()
            .map_err(|error: crate::model::TermError| bad("until_term", &error.to_string()))?;
        check_text("authority_reference", &wish.authority_reference)?;
        let old = customer.floor.ok_or_else(|| bad("until_term", "there is no floor to extend"))?;
        let (now, zone) = (self.0.clock.now(), &self.0.settings.schedule.zone);
        if floor.after(now, zone) <= old.after(now, zone) {
            return Err(bad("until_term", "is not longer than the floor there is"));
        }
        if limits(&customer).broken_by(floor, now, zone) == Some(Limit::Ceiling) {
            return Err(bad("until_term", "is longer than the ceiling"));
        }
        let salt = salt()?;
        let body = json!({
            "by": caller.id, "from": old, "to": floor,
            "ref_c": commitment("authority_reference", &salt, &wish.authority_reference),
        });
        let entry = ledger::general(customer.id, now, Event::PolicyFloorExtended, &body);
        let in_force = self.policy_in_force(&customer).await?;
        customer.floor = Some(floor);
        let mut tx = self.change().await?;
        policies::lock_customer(&mut tx, customer.id).await?;
        controllers::update_customer(&mut tx, &customer).await?;
        ledger_entries::append(&mut tx, &[entry]).await?;
        let version = in_force.map(|policy| {
            let raised = raised(&policy, floor, |term| term.after(now, zone))?;
            let mut version = new_version(&customer, raised, now)?;
            version.authority_reference = Some(wish.authority_reference.clone());
            version.salt = salt;
            Ok::<_, Error>(version)
        });
        self.apply_floor(&mut tx, caller, &customer, version.transpose()?).await?;
        tx.commit().await?;
        let after = controllers::customer(&self.0.index, customer.id).await?;
        after.ok_or(Error::NotFound)
    }

    /// A floor that rose as its own version of the policy, which reaches all that is there.
    ///
    /// What waits was chosen under the old floor.
    async fn apply_floor(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        customer: &Customer,
        version: Option<Version>,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        if let Some(version) = policies::cancel(tx, customer.id, Some(caller.id), now).await? {
            let body = json!({ "version": version, "by": caller.id });
            let entry = ledger::general(customer.id, now, Event::PolicyCancelled, &body);
            ledger_entries::append(tx, &[entry]).await?;
        }
        if let Some(mut version) = version {
            version.origin = PolicyOrigin::Authority;
            version.made_by = Some(caller.id);
            version.apply_to_existing = true;
            self.schedule(tx, customer, &mut version, None).await?;
        }
        Ok(())
    }

    /// Applies a floor that the operator set or raised to all that is there. The policy itself is
    /// within it already.
    pub(in crate::vault) async fn floor_rose(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        customer: &Customer,
        in_force: Option<Policy>,
    ) -> Result<(), Error> {
        let version = in_force.map(|policy| new_version(customer, policy, self.0.clock.now()));
        self.apply_floor(tx, caller, customer, version.transpose()?).await
    }
}

/// The policy with every term at least as long as the floor.
fn raised<T: Ord>(policy: &Policy, floor: Term, end: impl Fn(Term) -> T) -> Result<Policy, Error> {
    let raise = |term: Term| if end(term) < end(floor) { floor } else { term };
    let rules = policy.rules().iter();
    let rules = rules.map(|rule| Rule { scope: rule.scope.clone(), term: raise(rule.term) });
    Ok(Policy::new(raise(policy.default()), rules.collect())?)
}
