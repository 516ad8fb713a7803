//! How long a customer keeps its recordings: seen before it happens, called back in time, carried
//! out in batches, kept with its history (compliance-reference C.1.7).

mod apply;
mod brake;
mod cancel;
mod floor;
mod history;
mod preview;
mod schedule;
mod token;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub use floor::FloorExtension;
pub use history::{PolicyHistory, Progress};
pub use preview::{Preview, Share, Tally};
pub use schedule::Scheduled;
pub(super) use schedule::first;

use super::error::Error;
use super::{Vault, must};
use crate::index::controllers;
use crate::index::policies::{self, Version};
use crate::model::{
    Caller, Customer, CustomerRef, CustomerStatus, Grant, Policy, PrincipalId, Scope, field,
};
use crate::retention::{Limit, Limits};

/// What somebody wants the policy to be, as it was written.
#[derive(Clone, Debug)]
pub struct PolicyWish {
    /// The term for what no rule covers.
    pub default: String,
    /// Scopes and their terms.
    pub rules: Vec<(String, String)>,
    /// Whether a longer term holds for recordings that are there, too.
    pub apply_to_existing: bool,
}

/// Who decides: somebody with a token, or whoever can run commands on the machine.
#[derive(Clone, Copy, Debug)]
pub enum Decider<'a> {
    /// Through the API.
    Caller(&'a Caller),
    /// On the machine itself.
    Machine,
}

/// What the ledger says decided that was nobody with a token: whoever can run commands on the machine.
const COMMAND_LINE: &str = "command_line";

/// Who decided, as ledger and API say it: a pseudonym, or the command line.
#[must_use]
pub fn decided_by(id: Option<PrincipalId>) -> String {
    id.map_or_else(|| COMMAND_LINE.to_owned(), |id| id.to_string())
}

impl Decider<'_> {
    fn id(self) -> Option<PrincipalId> {
        match self {
            Self::Caller(caller) => Some(caller.id),
            Self::Machine => None,
        }
    }
}

impl Vault {
    /// The customer, if its policy is this caller's business. Anybody else's does not exist (I15).
    async fn customer_of_policy(
        &self,
        by: Decider<'_>,
        grant: Grant,
        reference: &CustomerRef,
    ) -> Result<Customer, Error> {
        if let Decider::Caller(caller) = by {
            must(caller, grant)?;
        }
        let found = controllers::find_customer(&self.0.index, reference).await?;
        let reaches = |customer: &Customer| match by {
            Decider::Machine => true,
            Decider::Caller(caller) => {
                caller.controller == self.0.provider || caller.controller == customer.id
            }
        };
        found.filter(reaches).ok_or(Error::NotFound)
    }

    /// Reads a wish into a policy that this customer may have.
    async fn wished(&self, customer: &Customer, wish: &PolicyWish) -> Result<Policy, Error> {
        if customer.status == CustomerStatus::Ended {
            return Err(Error::Conflict("this customer has left"));
        }
        let policy = Policy::parse(&wish.default, &wish.rules)?;
        self.within_limits(&policy, limits(customer))?;
        let known = self.policy_in_force(customer).await?;
        for kind in policy.kinds() {
            let names = named(&policy, kind);
            let unknown = policies::unknown(&self.0.index, customer.id, kind, &names).await?;
            for (at, rule) in policy.rules().iter().enumerate() {
                let kept = known
                    .as_ref()
                    .is_some_and(|known| known.rules().iter().any(|old| old.scope == rule.scope));
                if rule.scope.kind() == kind
                    && !kept
                    && name(&rule.scope).is_some_and(|name| unknown.contains(name))
                {
                    let field = field(Some(at), "scope");
                    return Err(Error::UnknownScope { field, kind });
                }
            }
        }
        Ok(policy)
    }

    /// Every term lies between floor and ceiling.
    pub(in crate::vault) fn within_limits(
        &self,
        policy: &Policy,
        limits: Limits,
    ) -> Result<(), Error> {
        let (now, zone) = (self.0.clock.now(), &self.0.settings.schedule.zone);
        for (place, term) in policy.terms() {
            let problem = match (limits.broken_by(term, now, zone), limits.floor) {
                (None, _) => continue,
                (Some(Limit::Floor), Some(floor)) => {
                    format!("is shorter than {floor}, the floor the law sets")
                }
                (Some(_), _) => format!("is longer than {}, the ceiling", limits.ceiling),
            };
            return Err(Error::Rule { field: field(place, "term"), problem });
        }
        Ok(())
    }

    /// The policy that new recordings come in under, if there is one.
    pub(in crate::vault) async fn policy_in_force(
        &self,
        customer: &Customer,
    ) -> Result<Option<Policy>, Error> {
        let Some(default) = customer.term else { return Ok(None) };
        let (id, version) = (customer.id, customer.policy_version);
        Ok(Some(policies::policy(&self.0.index, id, version, default).await?))
    }
}

/// Between what a customer's terms must lie.
pub(in crate::vault) const fn limits(customer: &Customer) -> Limits {
    Limits { floor: customer.floor, ceiling: customer.ceiling }
}

/// The name in a scope that a customer must have.
fn name(scope: &Scope) -> Option<&String> {
    match scope {
        Scope::Line(name) | Scope::Agent(name) | Scope::Queue(name) => Some(name),
        Scope::Direction(_) => None,
    }
}

fn named(policy: &Policy, kind: &str) -> Vec<String> {
    let rules = policy.rules().iter().filter(|rule| rule.scope.kind() == kind);
    rules.filter_map(|rule| name(&rule.scope).cloned()).collect()
}

/// How many rules the ledger tells one by one: a leaf has its bounds. It commits to all of them.
const TOLD_RULES: usize = 50;

/// What the ledger tells of a version: terms and sorts of scope, never whose they are (I12). What
/// it leaves out it commits to, under a salt that stays in the index.
fn told(version: &Version) -> Value {
    let policy = &version.policy;
    let rules: Vec<_> = policy
        .rules()
        .iter()
        .take(TOLD_RULES)
        .map(|rule| json!({ "kind": rule.scope.kind(), "term": rule.term }))
        .collect();
    let all = serde_json::to_string(policy.rules()).unwrap_or_default();
    json!({
        "version": version.version,
        "replaces": version.replaces,
        "by": decided_by(version.made_by),
        "origin": version.origin,
        "default": policy.default(),
        "rules": rules,
        "rules_n": policy.rules().len(),
        "rules_c": commitment("rules", &version.salt, &all),
        "reason_c": version.reason.as_ref().map(|text| commitment("reason", &version.salt, text)),
        "existing": version.apply_to_existing,
        "effective": version.effective_at,
    })
}

/// A salted commitment to a text that stays out of the ledger (compliance-reference C.2.3).
fn commitment(field: &str, salt: &[u8], value: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(b"vault.commit/v1\n");
    hash.update(field.as_bytes());
    hash.update([0]);
    hash.update(salt);
    hash.update(value.as_bytes());
    hex::encode(hash.finalize())
}

fn salt() -> Result<Vec<u8>, Error> {
    let mut salt = vec![0; 32];
    getrandom::fill(&mut salt).map_err(|_| crate::crypto::Error::Random)?;
    Ok(salt)
}
