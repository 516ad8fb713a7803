//! Accounts: people who sign in with a browser, and what they may do.
//!
//! A customer's administrator looks after the accounts of the own customer. An operator proposes
//! roles and somebody of compliance agrees (compliance-reference C.5); until then they count for
//! nothing. Whoever can run commands on the machine makes the first ones.
//!
//! - `make`: new ones; `change`: what an administrator changes; `roles`: the second person
//! - `own`: what everybody does for themselves: password and second factor
//! - `rules`: which passwords there can be

mod change;
mod make;
mod own;
mod roles;
mod rules;

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Error;
use super::tokens::NewToken;
use super::{Vault, ledger};
use crate::index::accounts::{self as rows, Account};
use crate::index::ledger_entries::NewEntry;
use crate::index::tokens::Token;
use crate::model::{
    Caller, ControllerId, Cursor, CustomerRef, Event, Grant, Limit, Page, PrincipalId, Role,
    Timestamp,
};

pub use change::AccountChange;
pub use own::NewSecondFactor;

/// What the sealing of a second factor is bound to, beside whose it is.
const SECOND_FACTOR: &str = "second factor";

/// An account to be made.
#[derive(Clone, Debug, Default)]
pub struct NewAccount {
    /// What its holder is called and signs in with.
    pub name: String,
    /// What its holder is.
    pub roles: BTreeSet<Role>,
    /// The customer it belongs to: required for customer roles.
    pub customer: Option<CustomerRef>,
    /// The lines it is kept to.
    pub lines: Option<BTreeSet<String>>,
    /// Which agent of recorded calls its holder is.
    pub agent: Option<String>,
    /// Whether calls of others do not exist for its holder.
    pub own_calls_only: bool,
    /// Another account or token of the same person.
    pub person: Option<PrincipalId>,
}

impl NewAccount {
    /// What a token with the same rights would be: one rule decides about both.
    fn as_token(&self) -> NewToken {
        NewToken {
            name: self.name.clone(),
            roles: self.roles.clone(),
            customer: self.customer.clone(),
            class: None,
            lines: self.lines.clone(),
            agent: self.agent.clone(),
            own_calls_only: self.own_calls_only,
            expires_at: None,
        }
    }
}

/// An account, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AccountView {
    /// Its identifier: the pseudonym of its holder in the ledger.
    pub id: Uuid,
    /// What its holder is called and signs in with.
    pub name: String,
    /// What its holder is.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<Role>,
    /// Roles that wait until somebody of compliance agrees.
    pub proposed: Option<ProposedView>,
    /// The reference of the customer it belongs to.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerRef>,
    /// The lines it is kept to.
    pub lines: Option<BTreeSet<String>>,
    /// Which agent of recorded calls its holder is.
    pub agent: Option<String>,
    /// Whether calls of others do not exist for its holder.
    pub own_calls_only: bool,
    /// `active` or `disabled`.
    pub state: &'static str,
    /// Whether signing in takes a code.
    pub second_factor: bool,
    /// Whether it has a password here; otherwise its holder signs in elsewhere.
    pub local: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
}

/// Roles that wait for a second person.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ProposedView {
    /// Which.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<Role>,
    /// Who proposed them: a pseudonym.
    pub by: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        let proposed = account.proposed;
        Self {
            id: account.id.0,
            name: account.name,
            roles: account.roles,
            proposed: proposed.map(|one| ProposedView {
                roles: one.roles,
                by: one.by.0,
                at: one.at,
            }),
            customer: account.customer,
            lines: account.lines,
            agent: account.agent,
            own_calls_only: account.own_calls_only,
            state: if account.disabled_at.is_some() { "disabled" } else { "active" },
            second_factor: account.second_factor_on,
            local: account.elsewhere.is_none(),
            created_at: account.created_at,
        }
    }
}

/// Who signed in, if the account still counts. The rules are those of tokens.
pub(super) fn caller(account: &Account, now: Timestamp) -> Option<Caller> {
    super::tokens::caller(as_token(account), now)
}

/// The token that would give its holder the same.
fn as_token(account: &Account) -> Token {
    Token {
        id: account.id,
        name: account.name.clone(),
        roles: account.roles.clone(),
        controller: account.controller,
        class: None,
        customer: None,
        source: None,
        lines: account.lines.clone(),
        agent: account.agent.clone(),
        own_calls_only: account.own_calls_only,
        created_at: account.created_at,
        expires_at: None,
        revoked_at: account.disabled_at.or(account.ended_at),
    }
}

/// A name as it counts at the sign-in: neither case nor spaces make another.
pub(super) fn key_of(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// An entry about an account: pseudonyms and words, never a name.
pub(super) fn entry(
    account: &Account,
    by: Option<PrincipalId>,
    at: Timestamp,
    event: Event,
    more: Value,
) -> NewEntry {
    let mut body = json!({ "principal": account.id, "by": by });
    if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
        body.extend(more);
    }
    ledger::general(account.controller, at, event, &body)
}

impl Vault {
    /// The accounts the caller looks after, the newest first.
    pub async fn accounts(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<AccountView>, Error> {
        let of = self.looks_after(caller)?;
        let limit = Limit::new(limit);
        let found = rows::list(&self.0.index, of, after, limit).await?;
        let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
        let next = found
            .last()
            .filter(|_| full)
            .map(|last| Cursor { started_at: last.created_at, id: last.id.0 }.to_string());
        Ok(Page { items: found.into_iter().map(AccountView::from).collect(), next })
    }

    /// Every account there is, for whoever can run commands on the machine.
    pub async fn all_accounts(&self) -> Result<Vec<AccountView>, Error> {
        let (mut all, mut after) = (Vec::new(), None);
        loop {
            let page = rows::list(&self.0.index, None, after, Limit::new(Some(200))).await?;
            let Some(last) = page.last() else { return Ok(all) };
            after = Some(Cursor { started_at: last.created_at, id: last.id.0 });
            all.extend(page.into_iter().map(AccountView::from));
        }
    }

    /// Whose accounts the caller looks after: a customer's own, or everybody's.
    fn looks_after(&self, caller: &Caller) -> Result<Option<ControllerId>, Error> {
        if !caller.has(Grant::ManageAccounts) && !caller.has(Grant::ApproveAccounts) {
            return Err(Error::Forbidden);
        }
        Ok((caller.controller != self.0.provider).then_some(caller.controller))
    }

    /// Whether the account is one that the caller looks after, and there.
    fn sees(&self, caller: &Caller, account: &Account) -> bool {
        let own = caller.controller == self.0.provider || caller.controller == account.controller;
        own && account.ended_at.is_none()
    }

    /// Who holds a token or an account, if that still counts.
    pub(super) async fn holder(&self, id: PrincipalId) -> Result<Option<Caller>, Error> {
        let now = self.0.clock.now();
        if let Some(token) = crate::index::tokens::find(&self.0.index, id).await? {
            return Ok(super::tokens::caller(token, now));
        }
        let account = rows::find(&self.0.index, id).await?;
        Ok(account.and_then(|account| caller(&account, now)))
    }
}
