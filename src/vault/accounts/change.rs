//! What an administrator changes about somebody's account.

use std::collections::BTreeSet;

use serde_json::json;
use zeroize::Zeroizing;

use super::{AccountView, NewAccount, entry, key_of, rules};
use crate::crypto;
use crate::index::accounts::{self as rows, Account, Proposed};
use crate::index::ledger_entries::{self, NewEntry};
use crate::index::{Tx, sessions};
use crate::model::{Becomes, Caller, Event, Grant, PrincipalId, Role, Timestamp};
use crate::vault::approvals::same_person;
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::{Vault, must};

/// What changes; what is `None` or false stays.
#[derive(Clone, Debug, Default)]
pub struct AccountChange {
    /// What its holder is.
    pub roles: Option<BTreeSet<Role>>,
    /// The lines it is kept to; none for all of them.
    pub lines: Becomes<BTreeSet<String>>,
    /// Which agent its holder is, or none.
    pub agent: Becomes<String>,
    /// Whether calls of others do not exist for its holder.
    pub own_calls_only: Option<bool>,
    /// Whether nobody can sign in with it.
    pub disabled: Option<bool>,
    /// Whether its holder gets a new password.
    pub reset_password: bool,
    /// Whether its holder lost the second factor.
    pub reset_second_factor: bool,
}

/// Who changes something.
#[derive(Clone, Copy)]
struct By<'a> {
    /// None is whoever can run commands on the machine.
    caller: Option<&'a Caller>,
    /// Whether roles that are given wait for a second person.
    proposes: bool,
    at: Timestamp,
}

impl By<'_> {
    fn id(self) -> Option<PrincipalId> {
        self.caller.map(|caller| caller.id)
    }
}

impl Vault {
    /// Changes an account. A new password is given once.
    pub async fn change_account(
        &self,
        caller: &Caller,
        id: PrincipalId,
        change: AccountChange,
    ) -> Result<(AccountView, Option<Zeroizing<String>>), Error> {
        must(caller, Grant::ManageAccounts)?;
        let found = rows::find(&self.0.index, id).await?;
        let found = found.filter(|found| self.sees(caller, found)).ok_or(Error::NotFound)?;
        self.check_rights(&found, &change).await?;
        let new = if change.reset_password { Some(self.new_password(&found).await?) } else { None };
        let by = By {
            caller: Some(caller),
            proposes: caller.controller == self.0.provider,
            at: self.0.clock.now(),
        };
        let (password, hash) = new.unzip();
        let view = self.carry_out(by, id, change, hash).await?;
        Ok((view, password))
    }

    /// Ends an account for good. Its name is free again.
    pub async fn end_account(&self, caller: &Caller, id: PrincipalId) -> Result<(), Error> {
        must(caller, Grant::ManageAccounts)?;
        let by = By { caller: Some(caller), proposes: false, at: self.0.clock.now() };
        let mut tx = self.change().await?;
        let mut account = self.to_change(&mut tx, by, id).await?;
        let before = account.clone();
        account.ended_at = Some(by.at);
        (account.name_key, account.password_hash) = (None, None);
        (account.second_factor, account.second_factor_on) = (None, false);
        (account.proposed, account.elsewhere) = (None, None);
        keep_an_administrator(&mut tx, self, &before, &account).await?;
        let entry =
            entry(&account, by.id(), by.at, Event::AccountChanged, json!({ "changes": ["ended"] }));
        write(&mut tx, &account, &[entry], true).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Disables an account by its name, for whoever can run commands on the machine.
    pub async fn disable_account(&self, name: &str) -> Result<AccountView, Error> {
        let change = AccountChange { disabled: Some(true), ..AccountChange::default() };
        let account = self.account_named(name).await?;
        let by = By { caller: None, proposes: false, at: self.0.clock.now() };
        self.carry_out(by, account.id, change, None).await
    }

    /// Gives an account a new password, takes its second factor away and enables it, for whoever
    /// can run commands on the machine.
    pub async fn reset_account(
        &self,
        name: &str,
        password: Option<Zeroizing<String>>,
    ) -> Result<(AccountView, Zeroizing<String>), Error> {
        let account = self.account_named(name).await?;
        let (password, hash) = match password {
            None => self.new_password(&account).await?,
            Some(given) => {
                rules::check(&given, &account.name)?;
                let hash = self.hash_password(given.clone()).await?;
                (given, hash)
            }
        };
        let by = By { caller: None, proposes: false, at: self.0.clock.now() };
        let change = AccountChange {
            disabled: Some(false),
            reset_password: true,
            reset_second_factor: true,
            ..AccountChange::default()
        };
        let view = self.carry_out(by, account.id, change, Some(hash)).await?;
        Ok((view, password))
    }

    async fn account_named(&self, name: &str) -> Result<Account, Error> {
        let found = rows::find_by_name(&self.0.index, &key_of(name)).await?;
        found.ok_or(Error::NotFound)
    }

    async fn new_password(&self, of: &Account) -> Result<(Zeroizing<String>, String), Error> {
        if of.elsewhere.is_some() {
            return Err(Error::Conflict("the holder of this account signs in elsewhere"));
        }
        let password = crypto::generate()?;
        let hash = self.hash_password(password.clone()).await?;
        Ok((password, hash))
    }

    /// Refuses roles that this account cannot have, and an agent that does not go with them.
    async fn check_rights(&self, account: &Account, change: &AccountChange) -> Result<(), Error> {
        let roles = change.roles.as_ref();
        if roles.is_some() && account.elsewhere.is_some() {
            return Err(Error::Conflict(
                "the roles of this account come from where its holder signs in",
            ));
        }
        if roles.is_some_and(|roles| roles.contains(&Role::Ingest)) {
            return Err(bad("roles", "of people; a source gets a token"));
        }
        if roles.is_none() && change.agent == Becomes::AsItIs && change.own_calls_only.is_none() {
            return Ok(());
        }
        let mut agent = account.agent.clone();
        change.agent.clone().change(&mut agent);
        let proposed = account.proposed.as_ref().filter(|_| account.roles.is_empty());
        let has = proposed.map_or(&account.roles, |proposed| &proposed.roles);
        let new = NewAccount {
            name: account.name.clone(),
            roles: roles.unwrap_or(has).clone(),
            customer: account.customer.clone(),
            own_calls_only: change.own_calls_only.unwrap_or(account.own_calls_only),
            agent,
            ..NewAccount::default()
        };
        self.customer_of(&new.as_token()).await.map(drop)
    }

    /// The account, locked, if this is somebody who may change it.
    async fn to_change(&self, tx: &mut Tx, by: By<'_>, id: PrincipalId) -> Result<Account, Error> {
        let found = rows::find(&mut *tx, id).await?.ok_or(Error::NotFound)?;
        rows::lock_all(tx, found.controller).await?;
        let account = rows::lock(tx, id).await?.filter(|account| account.ended_at.is_none());
        let account = account.ok_or(Error::NotFound)?;
        if let Some(caller) = by.caller {
            if !self.sees(caller, &account) {
                return Err(Error::NotFound);
            }
            if same_person(tx, caller.id, id).await? {
                return Err(Error::OwnAccount);
            }
        }
        Ok(account)
    }

    async fn carry_out(
        &self,
        by: By<'_>,
        id: PrincipalId,
        change: AccountChange,
        hash: Option<String>,
    ) -> Result<AccountView, Error> {
        let mut tx = self.change().await?;
        let mut account = self.to_change(&mut tx, by, id).await?;
        let before = account.clone();
        let resets = hash.is_some();
        let (reset_second_factor, roles) = (change.reset_second_factor, change.roles.clone());
        let mut entries = give_roles(&mut account, roles, by);
        let mut changes = apply(&mut account, change, by.at);
        if resets {
            account.password_hash = hash;
            // A password of the command line is its holder's own; one of an administrator is not.
            account.change_password = by.caller.is_some();
            changes.push("password_reset");
            entries.extend(withhold(&mut account, by));
        }
        if reset_second_factor && account.second_factor.is_some() {
            (account.second_factor, account.second_factor_on) = (None, false);
            changes.push("second_factor_reset");
            entries.extend(withhold(&mut account, by));
        }
        keep_an_administrator(&mut tx, self, &before, &account).await?;
        if !changes.is_empty() {
            let changes = json!({ "changes": changes });
            entries.push(entry(&account, by.id(), by.at, Event::AccountChanged, changes));
        }
        let ends = !changes_nothing_now(&before, &account) || resets;
        write(&mut tx, &account, &entries, ends).await?;
        tx.commit().await?;
        Ok(account.into())
    }
}

/// Whether somebody who is signed in may go on.
fn changes_nothing_now(before: &Account, after: &Account) -> bool {
    before.roles == after.roles
        && before.lines == after.lines
        && (&before.agent, before.own_calls_only) == (&after.agent, after.own_calls_only)
        && after.disabled_at.is_none()
        && before.second_factor_on == after.second_factor_on
}

/// Gives roles, or proposes those that are new. What is taken away is gone at once.
fn give_roles(account: &mut Account, roles: Option<BTreeSet<Role>>, by: By<'_>) -> Vec<NewEntry> {
    let Some(roles) = roles else { return Vec::new() };
    let (had, mut entries) = (account.roles.clone(), Vec::new());
    if by.proposes && !roles.is_subset(&had) {
        account.roles = had.intersection(&roles).copied().collect();
        let more = json!({ "roles": roles });
        entries.push(entry(account, by.id(), by.at, Event::AccountRolesProposed, more));
        let by_whom = by.id().unwrap_or(account.id);
        account.proposed = Some(Proposed { roles, by: by_whom, at: by.at });
    } else {
        account.roles = roles;
        account.proposed = None;
    }
    if account.roles != had {
        let more = json!({ "roles": account.roles });
        entries.push(entry(account, by.id(), by.at, Event::AccountRolesChanged, more));
    }
    entries
}

/// Whoever makes somebody's password could sign in with it: until a second person has agreed again,
/// what an operator resets can do no more than an operator.
fn withhold(account: &mut Account, by: By<'_>) -> Vec<NewEntry> {
    let lent: BTreeSet<Role> =
        account.roles.iter().copied().filter(|role| *role != Role::Operator).collect();
    if !by.proposes || lent.is_empty() {
        return Vec::new();
    }
    let mut all = account.roles.clone();
    all.extend(account.proposed.iter().flat_map(|proposed| proposed.roles.iter().copied()));
    let roles = account.roles.difference(&lent).copied().collect();
    let mut entries = give_roles(account, Some(roles), by);
    let more = json!({ "roles": all });
    entries.push(entry(account, by.id(), by.at, Event::AccountRolesProposed, more));
    let by_whom = by.id().unwrap_or(account.id);
    account.proposed = Some(Proposed { roles: all, by: by_whom, at: by.at });
    entries
}

/// Applies what needs no second person and tells what that was.
fn apply(account: &mut Account, change: AccountChange, at: Timestamp) -> Vec<&'static str> {
    let mut changes = Vec::new();
    if change.lines.change(&mut account.lines) {
        changes.push("lines");
    }
    if change.agent.change(&mut account.agent) {
        changes.push("agent");
    }
    if let Some(only) = change.own_calls_only.filter(|only| *only != account.own_calls_only) {
        account.own_calls_only = only;
        changes.push("own_calls_only");
    }
    match change.disabled {
        Some(true) if account.disabled_at.is_none() => {
            account.disabled_at = Some(at);
            changes.push("disabled");
        }
        Some(false) if account.disabled_at.is_some() => {
            account.disabled_at = None;
            changes.push("enabled");
        }
        _ => {}
    }
    changes
}

/// Refuses to let the last administrator of a controller go.
async fn keep_an_administrator(
    tx: &mut Tx,
    vault: &Vault,
    before: &Account,
    after: &Account,
) -> Result<(), Error> {
    let provider = before.controller == vault.0.provider;
    let role = if provider { Role::Operator } else { Role::CustomerAdmin };
    let counts = |account: &Account| {
        let there = account.disabled_at.is_none() && account.ended_at.is_none();
        there && account.roles.contains(&role)
    };
    let goes = counts(before) && !counts(after);
    if goes && !rows::another(tx, before.controller, role, before.id).await? {
        return Err(Error::Conflict(
            "this is the last administrator there: make another one first",
        ));
    }
    Ok(())
}

/// Writes an account down, with what the ledger says of it.
pub(super) async fn write(
    tx: &mut Tx,
    account: &Account,
    entries: &[NewEntry],
    ends_sessions: bool,
) -> Result<(), Error> {
    rows::update(tx, account).await?;
    if ends_sessions {
        sessions::end_all(tx, account.id, None).await?;
    }
    ledger_entries::append(tx, entries).await?;
    Ok(())
}
