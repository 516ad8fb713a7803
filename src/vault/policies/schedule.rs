//! Changing a policy: at once when nothing gets shorter, after the cooling-off when something does.

use serde_json::json;

use super::preview::Share;
use super::{Decider, PolicyWish, salt, told};
use crate::index::policies::{self, Version};
use crate::index::{self, Tx, ledger_entries};
use crate::model::{
    Caller, ControllerId, Customer, CustomerRef, Event, Grant, Policy, PolicyOrigin, PolicyStage,
    Timestamp,
};
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::{Vault, ledger};

/// A change that was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheduled {
    /// Which version it is.
    pub version: i32,
    /// From when it is in force. Until then it can be called back.
    pub effective_at: Timestamp,
    /// Whether any recording will be gone earlier.
    pub shortens: bool,
    /// What it does to all recordings.
    pub total: Share,
}

impl Vault {
    /// Changes a policy, by somebody who saw what that does.
    pub async fn change_policy(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        wish: &PolicyWish,
        reason: &str,
        token: &str,
    ) -> Result<Scheduled, Error> {
        self.change_policy_by(Decider::Caller(caller), reference, wish, reason, token).await
    }

    /// The same, also for whoever can run commands on the machine.
    pub async fn change_policy_by(
        &self,
        by: Decider<'_>,
        reference: &CustomerRef,
        wish: &PolicyWish,
        reason: &str,
        token: &str,
    ) -> Result<Scheduled, Error> {
        let customer = self.customer_of_policy(by, Grant::SetPolicies, reference).await?;
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > 500 || reason.chars().any(char::is_control) {
            return Err(bad("reason", "is 1 to 500 bytes of printable text"));
        }
        let policy = self.wished(&customer, wish).await?;
        let seen = self.seen(&customer, &policy, wish, token)?;
        let counted = self.count(&customer, &policy, wish.apply_to_existing).await?;
        let origin = match by {
            Decider::Caller(_) => PolicyOrigin::Customer,
            Decider::Machine => PolicyOrigin::Provider,
        };
        let mut version = new_version(&customer, policy, self.0.clock.now())?;
        version.origin = origin;
        version.made_by = by.id();
        version.apply_to_existing = wish.apply_to_existing;
        version.shortens = counted.total.shortens();
        version.effective_at = counted.effective_at;
        version.reason = Some(reason.to_owned());
        version.preview = serde_json::to_string(&counted.total).ok();
        // What the provider changes nobody on the customer's side has seen.
        let agreed = if origin == PolicyOrigin::Customer { seen.early } else { 0 };
        version.confirmed = i64::try_from(agreed).unwrap_or(i64::MAX);
        let mut tx = self.change().await?;
        self.schedule(&mut tx, &customer, &mut version, Some(&counted.total)).await?;
        tx.commit().await?;
        Ok(Scheduled {
            version: version.version,
            effective_at: version.effective_at,
            shortens: version.shortens,
            total: counted.total,
        })
    }

    /// Adds a version, and puts it in force when nothing has to be waited for.
    pub(super) async fn schedule(
        &self,
        tx: &mut Tx,
        customer: &Customer,
        version: &mut Version,
        counts: Option<&Share>,
    ) -> Result<(), Error> {
        let in_force = policies::lock_customer(tx, customer.id).await?.ok_or(Error::NotFound)?;
        if in_force != customer.policy_version {
            return Err(Error::StalePreview);
        }
        version.version = policies::next_version(tx, customer.id).await?;
        match policies::insert(tx, version).await {
            Err(index::Error::Conflict(_)) => {
                return Err(Error::Conflict("a change is waiting already; cancel it first"));
            }
            inserted => inserted?,
        }
        let mut body = told(version);
        if let Some(counts) = counts {
            body["counts"] = json!({
                "erased_now": counts.erased_now.count,
                "erased_earlier": counts.erased_earlier.count,
                "kept_longer": counts.kept_longer.count,
                "held": counts.held.count,
                "floored": counts.floored.count,
                "past_due": counts.past_due.count,
            });
        }
        let event = if in_force == 0 { Event::PolicyCreated } else { Event::PolicyChanged };
        let entry = ledger::general(customer.id, version.made_at, event, &body);
        ledger_entries::append(tx, &[entry]).await?;
        if version.effective_at <= version.made_at {
            self.activate(tx, customer.id, version, version.made_at).await?;
        }
        Ok(())
    }

    /// Puts a version in force, unless an earlier one is still being applied.
    pub(super) async fn activate(
        &self,
        tx: &mut Tx,
        controller: ControllerId,
        version: &Version,
        now: Timestamp,
    ) -> Result<bool, Error> {
        policies::lock_customer(tx, controller).await?;
        let (number, default) = (version.version, version.policy.default());
        if !policies::activate(tx, controller, number, default, now).await? {
            return Ok(false);
        }
        let body = json!({ "version": number });
        let entry = ledger::general(controller, now, Event::PolicyActivated, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(true)
    }
}

/// A version without its number, in force as soon as it can be.
pub(super) fn new_version(
    customer: &Customer,
    policy: Policy,
    now: Timestamp,
) -> Result<Version, Error> {
    Ok(Version {
        controller: customer.id,
        version: 0,
        stage: PolicyStage::Scheduled,
        origin: PolicyOrigin::Provider,
        replaces: (customer.policy_version > 0).then_some(customer.policy_version),
        policy,
        apply_to_existing: false,
        shortens: false,
        made_by: None,
        made_at: now,
        effective_at: now,
        cancelled_by: None,
        cancelled_at: None,
        reason: None,
        authority_reference: None,
        salt: salt()?,
        preview: None,
        confirmed: 0,
        erased: 0,
        braked_count: None,
        total: 0,
        done: 0,
        touched: 0,
        after: None,
        claims: 0,
        applied_at: None,
    })
}

/// Writes the policy that a customer begins with, and tells the ledger.
pub(in crate::vault) async fn first(
    tx: &mut Tx,
    customer: &Customer,
    by: Option<crate::model::PrincipalId>,
) -> Result<(), Error> {
    let Some(term) = customer.term else { return Ok(()) };
    let now = customer.created_at;
    let mut version = new_version(customer, Policy::of(term), now)?;
    version.version = customer.policy_version;
    version.replaces = None;
    version.stage = PolicyStage::Applied;
    version.applied_at = Some(now);
    version.made_by = by;
    policies::insert(tx, &version).await?;
    let entry = ledger::general(customer.id, now, Event::PolicyCreated, &told(&version));
    ledger_entries::append(tx, &[entry]).await?;
    Ok(())
}
