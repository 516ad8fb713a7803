//! The second person: roles that an operator proposed count when somebody of compliance agrees.

use serde_json::json;

use super::change::write;
use super::{AccountView, entry};
use crate::index::Tx;
use crate::index::accounts::{self as rows, Account, Proposed};
use crate::model::{Caller, Event, Grant, PrincipalId};
use crate::vault::approvals::same_person;
use crate::vault::error::Error;
use crate::vault::{Vault, must};

impl Vault {
    /// Agrees to the roles that were proposed for somebody else.
    pub async fn approve_roles(
        &self,
        caller: &Caller,
        id: PrincipalId,
    ) -> Result<AccountView, Error> {
        let mut tx = self.change().await?;
        let (mut account, proposed) = self.proposed(&mut tx, caller, id).await?;
        for other in [proposed.by, account.id] {
            if same_person(&mut tx, caller.id, other).await? {
                return Err(Error::SecondPerson);
            }
        }
        account.roles = proposed.roles;
        account.proposed = None;
        let more = json!({ "roles": account.roles, "proposed_by": proposed.by });
        let now = self.0.clock.now();
        let entry = entry(&account, Some(caller.id), now, Event::AccountRolesChanged, more);
        write(&mut tx, &account, &[entry], true).await?;
        tx.commit().await?;
        Ok(account.into())
    }

    /// Says no to the roles that were proposed for somebody. Who proposed them may take them back.
    pub async fn refuse_roles(
        &self,
        caller: &Caller,
        id: PrincipalId,
    ) -> Result<AccountView, Error> {
        let mut tx = self.change().await?;
        let (mut account, proposed) = self.proposed(&mut tx, caller, id).await?;
        account.proposed = None;
        let more = json!({ "roles": proposed.roles, "proposed_by": proposed.by });
        let now = self.0.clock.now();
        let entry = entry(&account, Some(caller.id), now, Event::AccountRolesRefused, more);
        write(&mut tx, &account, &[entry], false).await?;
        tx.commit().await?;
        Ok(account.into())
    }

    async fn proposed(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: PrincipalId,
    ) -> Result<(Account, Proposed), Error> {
        let account = rows::lock(tx, id).await?.filter(|account| self.sees(caller, account));
        let proposer = account.as_ref().and_then(|account| account.proposed.as_ref());
        // Who proposed something may take it back; to all others it takes the grant.
        if proposer.is_none_or(|proposed| proposed.by != caller.id) {
            must(caller, Grant::ApproveAccounts)?;
        }
        let account = account.ok_or(Error::NotFound)?;
        let proposed = account.proposed.clone();
        let proposed = proposed.ok_or(Error::Conflict("nothing is proposed for this account"))?;
        Ok((account, proposed))
    }
}
