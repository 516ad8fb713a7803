//! What missing entries say of who may do what, done again where it takes something away: a token that
//! was revoked, a service that was switched off or has ended. What they say that cannot be done again,
//! because the ledger holds no names, references or secrets, is counted and told.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::error::Error;
use crate::index::{Tx, controllers, tokens};
use crate::model::{ControllerId, CustomerStatus, Event, PrincipalId, Timestamp};

/// What the missing entries of one log say.
#[derive(Default)]
pub(super) struct Access {
    revoked: BTreeSet<PrincipalId>,
    /// Whether recording was switched on or off last.
    records: Option<bool>,
    ended: bool,
    undone: BTreeMap<&'static str, u64>,
}

#[derive(Deserialize)]
struct Said {
    principal: Option<PrincipalId>,
    customer: Option<ControllerId>,
}

impl Access {
    /// Takes in what a leaf says, if it is about that.
    pub(super) fn hear(&mut self, event: Event, leaf: &[u8]) {
        let said = || serde_json::from_slice::<Said>(leaf).ok();
        match event {
            Event::TokenRevoked => {
                self.revoked.extend(said().and_then(|said| said.principal));
            }
            Event::TokenCreated => self.count("tokens"),
            Event::TenantRecordingOn => self.records = Some(true),
            Event::TenantRecordingOff => self.records = Some(false),
            // In the log of the provider it tells of somebody else.
            Event::TenantErased if said().is_some_and(|said| said.customer.is_none()) => {
                self.ended = true;
            }
            Event::TenantEnabled
            | Event::TenantChanged
            | Event::TenantNotice
            | Event::TenantNoticeWithdrawn => self.count("customers"),
            Event::PolicyCreated
            | Event::PolicyChanged
            | Event::PolicyActivated
            | Event::PolicyCancelled
            | Event::PolicyFloorExtended => self.count("policies"),
            _ => {}
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.undone.entry(what).or_default() += 1;
    }

    /// How many entries tell of what cannot be done again: customers, policies and tokens.
    pub(super) const fn undone(&self) -> &BTreeMap<&'static str, u64> {
        &self.undone
    }

    /// Does again what takes something away.
    pub(super) async fn apply(
        &self,
        tx: &mut Tx,
        of: ControllerId,
        now: Timestamp,
    ) -> Result<(), Error> {
        for principal in &self.revoked {
            tokens::revoke(tx, *principal, now).await?;
        }
        let Some(mut customer) = controllers::customer(&mut *tx, of).await? else { return Ok(()) };
        // Switching on is for somebody to do who looked at the policy.
        if self.records == Some(false) && customer.recording {
            customer.recording = false;
            controllers::update_customer(tx, &customer).await?;
        }
        if self.ended && customer.status != CustomerStatus::Ended {
            controllers::set_status(tx, of, customer.status, CustomerStatus::Ended).await?;
            tokens::revoke_all(tx, of, now).await?;
        }
        Ok(())
    }
}
