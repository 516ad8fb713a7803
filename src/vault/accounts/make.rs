//! New accounts.

use std::collections::BTreeSet;

use serde_json::json;
use zeroize::Zeroizing;

use super::{AccountView, NewAccount, entry, key_of, rules};
use crate::crypto;
use crate::index::accounts::{self as rows, Account, Proposed};
use crate::index::{self, ledger_entries};
use crate::model::{Caller, ControllerId, CustomerRef, Event, Grant, PrincipalId, Role};
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::{Vault, must};

impl Vault {
    /// Makes an account for somebody, with a password that is shown once and has to be changed at
    /// the first sign-in.
    ///
    /// What a customer's administrator gives counts at once; what an operator gives is a proposal.
    pub async fn add_account_for(
        &self,
        caller: &Caller,
        mut new: NewAccount,
    ) -> Result<(AccountView, Zeroizing<String>), Error> {
        must(caller, Grant::ManageAccounts)?;
        if caller.controller != self.0.provider {
            let own = index::controllers::customer(&self.0.index, caller.controller).await?;
            let own = own.ok_or(Error::NotFound)?.reference;
            if new.customer.is_some_and(|named| named != own) {
                return Err(bad("customer", "is your own, or left away"));
            }
            new.customer = Some(own);
            if !new.roles.iter().all(|role| role.is_customers()) {
                return Err(bad("roles", "are customer_admin and customer_listener"));
            }
        }
        let password = crypto::generate()?;
        let mut account = self.new_account(&new).await?;
        account.change_password = true;
        if caller.controller == self.0.provider {
            let (by, at) = (caller.id, account.created_at);
            let roles = std::mem::take(&mut account.roles);
            account.proposed = Some(Proposed { roles, by, at });
        }
        self.keep_account(account, Some(caller.id), password.clone())
            .await
            .map(|view| (view, password))
    }

    /// Makes an account. For the composition root: whoever can run commands on the machine.
    ///
    /// Without a password one is made, and given once.
    pub async fn add_account(
        &self,
        new: &NewAccount,
        password: Option<Zeroizing<String>>,
    ) -> Result<(AccountView, Zeroizing<String>), Error> {
        let account = self.new_account(new).await?;
        let password = match password {
            Some(given) => {
                rules::check(&given, &new.name)?;
                given
            }
            None => crypto::generate()?,
        };
        self.keep_account(account, None, password.clone()).await.map(|view| (view, password))
    }

    /// Refuses what no account may be.
    pub(in crate::vault) async fn check_new(&self, new: &NewAccount) -> Result<(), Error> {
        self.new_account(new).await.map(drop)
    }

    /// An account that fits the rules, not kept yet.
    async fn new_account(&self, new: &NewAccount) -> Result<Account, Error> {
        if new.roles.contains(&Role::Ingest) {
            return Err(bad("roles", "of people; a source gets a token"));
        }
        let customer = self.customer_of(&new.as_token()).await?;
        let of_customer = new.roles.iter().any(|role| role.is_customers());
        if new.lines.is_some() && !of_customer {
            return Err(bad("lines", "keep a customer's people to some of its lines"));
        }
        let id = PrincipalId::random();
        let person = match new.person {
            None => id,
            Some(other) => self.person_of(other).await?.ok_or_else(|| {
                bad("person", "is the identifier of another account or token of the same person")
            })?,
        };
        let controller = customer.unwrap_or(self.0.provider);
        Ok(self.blank(id, person, &new.name, controller, new))
    }

    fn blank(
        &self,
        id: PrincipalId,
        person: PrincipalId,
        name: &str,
        controller: ControllerId,
        new: &NewAccount,
    ) -> Account {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        Account {
            id,
            person,
            name_key: Some(key_of(&name)),
            name,
            elsewhere: None,
            roles: new.roles.clone(),
            controller,
            customer: new.customer.clone(),
            lines: new.lines.clone(),
            agent: new.agent.clone(),
            own_calls_only: new.own_calls_only,
            password_hash: None,
            change_password: false,
            second_factor: None,
            second_factor_on: false,
            second_factor_step: 0,
            proposed: None,
            created_at: self.0.clock.now(),
            disabled_at: None,
            ended_at: None,
        }
    }

    async fn keep_account(
        &self,
        mut account: Account,
        by: Option<PrincipalId>,
        password: Zeroizing<String>,
    ) -> Result<AccountView, Error> {
        account.password_hash = Some(self.hash_password(password).await?);
        self.insert_account(&account, by).await?;
        Ok(account.into())
    }

    async fn insert_account(
        &self,
        account: &Account,
        by: Option<PrincipalId>,
    ) -> Result<(), Error> {
        let at = account.created_at;
        let made = json!({ "roles": account.roles, "local": account.elsewhere.is_none() });
        let mut entries = vec![entry(account, by, at, Event::AccountCreated, made)];
        if let Some(proposed) = &account.proposed {
            let roles = json!({ "roles": proposed.roles });
            entries.push(entry(account, by, at, Event::AccountRolesProposed, roles));
        }
        let mut tx = self.addition().await?;
        match rows::insert(&mut tx, account).await {
            Err(index::Error::Conflict(_)) => {
                return Err(Error::Conflict("there is an account of this name already"));
            }
            done => done?,
        }
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The account of somebody who signs in elsewhere, made the first time.
    pub(in crate::vault) async fn add_elsewhere(
        &self,
        elsewhere: (String, String),
        name: &str,
        roles: &BTreeSet<Role>,
        customer: Option<&CustomerRef>,
    ) -> Result<Account, Error> {
        let new = NewAccount {
            name: name.to_owned(),
            roles: roles.clone(),
            customer: customer.cloned(),
            ..NewAccount::default()
        };
        let account = self.new_account(&new).await?;
        // The name is theirs elsewhere: here nobody signs in with it.
        let account = Account { name_key: None, elsewhere: Some(elsewhere), ..account };
        self.insert_account(&account, None).await?;
        Ok(account)
    }

    /// Who a principal is, as far as anybody said.
    async fn person_of(&self, id: PrincipalId) -> Result<Option<PrincipalId>, Error> {
        if let Some(account) = rows::find(&self.0.index, id).await? {
            return Ok(Some(account.person));
        }
        Ok(index::tokens::find(&self.0.index, id).await?.map(|token| token.id))
    }

    /// Hashes a password, off the async threads and only a few at once.
    pub(in crate::vault) async fn hash_password(
        &self,
        password: Zeroizing<String>,
    ) -> Result<String, Error> {
        let _place = self.hasher().await?;
        let job = tokio::task::spawn_blocking(move || crypto::hash_password(&password));
        Ok(job.await??)
    }
}
