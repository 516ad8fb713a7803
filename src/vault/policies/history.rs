//! The policy in force, the change that waits, and every version there was.

use super::Decider;
use crate::index::policies::{self, Version};
use crate::model::{Caller, Customer, CustomerRef, Grant, PolicyStage, Timestamp};
use crate::vault::Vault;
use crate::vault::error::Error;

/// How a customer's recordings are kept, were kept and will be kept.
#[derive(Clone, Debug)]
pub struct PolicyHistory {
    /// The customer, with its limits.
    pub customer: Customer,
    /// The lines the provider declared.
    pub lines: Vec<String>,
    /// Every version, the newest first.
    pub versions: Vec<Version>,
}

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Which version.
    pub version: i32,
    /// From when it is in force.
    pub effective_at: Timestamp,
    /// How many recordings there are to look at.
    pub total: i64,
    /// How many were looked at.
    pub done: i64,
}

impl PolicyHistory {
    /// The version in force.
    #[must_use]
    pub fn in_force(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.version == self.customer.policy_version)
    }

    /// The version that waits.
    #[must_use]
    pub fn scheduled(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.stage == PolicyStage::Scheduled)
    }

    /// The change that is being applied, or else the one that waits.
    #[must_use]
    pub fn progress(&self) -> Option<Progress> {
        let applying = |version: &&Version| version.stage == PolicyStage::Applying;
        let of = self.versions.iter().find(applying).or(self.scheduled())?;
        let Version { version, effective_at, total, done, .. } = *of;
        Some(Progress { version, effective_at, total: total.max(done), done })
    }
}

impl Vault {
    /// A customer's policy and its history.
    pub async fn policy_history(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
    ) -> Result<PolicyHistory, Error> {
        self.policy_history_by(Decider::Caller(caller), reference).await
    }

    /// The same, also for whoever can run commands on the machine.
    pub async fn policy_history_by(
        &self,
        by: Decider<'_>,
        reference: &CustomerRef,
    ) -> Result<PolicyHistory, Error> {
        let customer = self.customer_of_policy(by, Grant::SeePolicies, reference).await?;
        let versions = policies::list(&self.0.index, customer.id).await?;
        let lines = policies::lines(&self.0.index, customer.id).await?;
        Ok(PolicyHistory { customer, lines, versions })
    }
}
