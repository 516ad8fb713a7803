//! Tokens: 256 random bits, stored hashed, shown once.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::error::Error;
use super::fields::bad;
use super::{Vault, ledger, must};
use crate::index::ledger_entries::NewEntry;
use crate::index::{self, tokens::Token};
use crate::model::{
    Caller, Class, ControllerId, Cursor, CustomerRef, CustomerStatus, Event, Grant, IngestScope,
    Limit, Page, PrincipalId, Role, Timestamp,
};

/// A token or ticket in clear: given to its holder once and kept nowhere.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Draws 256 random bits.
    pub(super) fn random() -> Result<Self, Error> {
        let mut bytes = Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| crate::crypto::Error::Random)?;
        Ok(Self(Zeroizing::new(URL_SAFE_NO_PAD.encode(bytes.as_slice()))))
    }

    /// The secret as its holder sends it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(super) fn hash(&self) -> [u8; 32] {
        hash(&self.0)
    }
}

/// What a secret is stored as. It has 256 bits of its own, so that no slow hash is needed.
pub(super) fn hash(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// What a token that is made through the API can be: whoever makes it holds it for a moment, and
/// nobody may give themselves what a second person has to agree to.
const MACHINES: &[Role] = &[Role::Ingest, Role::Operator, Role::Auditor];

/// A token, as an operator sees it: without what it is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenView {
    /// Its identifier: the pseudonym of its holder in the ledger.
    pub id: uuid::Uuid,
    /// Who or what it is for.
    pub name: String,
    /// What its holder is.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<Role>,
    /// The reference of the customer it belongs to, or the only one it may send for.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerRef>,
    /// The only class it may send.
    #[schema(value_type = Option<String>)]
    pub class: Option<Class>,
    /// The name of the source, when it sends.
    pub source: Option<String>,
    /// The lines it is kept to.
    pub lines: Option<BTreeSet<String>>,
    /// `valid`, `expired` or `revoked`.
    pub state: &'static str,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends, if it does.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// Since when it is revoked.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub revoked_at: Option<Timestamp>,
}

impl TokenView {
    fn of(token: Token, customer: Option<CustomerRef>, now: Timestamp) -> Self {
        let state = match (token.revoked_at, token.expires_at) {
            (Some(_), _) => "revoked",
            (None, Some(end)) if end <= now => "expired",
            (None, _) => "valid",
        };
        Self {
            id: token.id.0,
            name: token.name,
            roles: token.roles,
            customer,
            class: token.class,
            source: token.source,
            lines: token.lines,
            state,
            created_at: token.created_at,
            expires_at: token.expires_at,
            revoked_at: token.revoked_at,
        }
    }
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Who or what it is for; for ingest it is the name of the source.
    pub name: String,
    /// What its holder is.
    pub roles: BTreeSet<Role>,
    /// The customer it belongs to: required for customer roles.
    pub customer: Option<CustomerRef>,
    /// The only class it may send.
    pub class: Option<Class>,
    /// The lines it is kept to.
    pub lines: Option<BTreeSet<String>>,
    /// The name under which its holder takes calls: those are its own calls.
    pub agent: Option<String>,
    /// Whether calls of others do not exist for its holder.
    pub own_calls_only: bool,
    /// When it ends, if it does.
    pub expires_at: Option<Timestamp>,
}

impl Vault {
    /// Finds out who holds a token.
    pub async fn authenticate(&self, secret: &str) -> Result<Caller, Error> {
        let token = self.recent_token(hash(secret)).await?;
        let now = self.0.clock.now();
        let holder = token.and_then(|token| caller(Arc::unwrap_or_clone(token), now));
        holder.ok_or(Error::Unauthenticated)
    }

    /// Makes a token. For the composition root: whoever can run commands on the machine.
    pub async fn create_token(&self, new: &NewToken) -> Result<(PrincipalId, Secret), Error> {
        self.make_token(None, new).await
    }

    async fn make_token(
        &self,
        by: Option<PrincipalId>,
        new: &NewToken,
    ) -> Result<(PrincipalId, Secret), Error> {
        let customer = self.customer_of(new).await?;
        let secret = Secret::random()?;
        let ingest = new.roles.contains(&Role::Ingest);
        let token = Token {
            id: PrincipalId::random(),
            name: new.name.clone(),
            roles: new.roles.clone(),
            controller: customer.unwrap_or(self.0.provider),
            class: new.class,
            customer: customer.filter(|_| ingest),
            source: ingest.then(|| new.name.clone()),
            lines: new.lines.clone(),
            agent: new.agent.clone(),
            own_calls_only: new.own_calls_only,
            created_at: self.0.clock.now(),
            expires_at: new.expires_at,
            revoked_at: None,
        };
        let mut tx = self.addition().await?;
        index::tokens::insert(&mut tx, &token, &secret.hash()).await?;
        let entry = entry(&token, by, token.created_at, Event::TokenCreated);
        index::ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok((token.id, secret))
    }

    /// Makes a token, asked for through the API.
    pub async fn create_token_for(
        &self,
        caller: &Caller,
        new: &NewToken,
    ) -> Result<(PrincipalId, Secret), Error> {
        must(caller, Grant::ManageTokens)?;
        if !new.roles.iter().all(|role| MACHINES.contains(role)) {
            return Err(bad(
                "roles",
                "of tokens are ingest, operator and auditor; people get accounts, to which a second person agrees",
            ));
        }
        self.make_token(Some(caller.id), new).await
    }

    /// Takes a token back that an operator names.
    pub async fn revoke_token_for(
        &self,
        caller: &Caller,
        id: Option<PrincipalId>,
    ) -> Result<(), Error> {
        must(caller, Grant::ManageTokens)?;
        self.take_back(Some(caller.id), id.ok_or(Error::NotFound)?).await
    }

    /// Every token, the newest first, without its secret.
    pub async fn tokens_for(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<TokenView>, Error> {
        must(caller, Grant::ManageTokens)?;
        let (limit, now) = (Limit::new(limit), self.0.clock.now());
        let found = index::tokens::page(&self.0.index, after, limit).await?;
        let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
        let next = found
            .last()
            .filter(|_| full)
            .map(|(last, _)| Cursor { started_at: last.created_at, id: last.id.0 }.to_string());
        let view = |(token, customer)| TokenView::of(token, customer, now);
        Ok(Page { items: found.into_iter().map(view).collect(), next })
    }

    /// Takes a token back, at once.
    pub async fn revoke_token(&self, id: PrincipalId) -> Result<(), Error> {
        self.take_back(None, id).await
    }

    async fn take_back(&self, by: Option<PrincipalId>, id: PrincipalId) -> Result<(), Error> {
        let mut tx = self.change().await?;
        let now = self.0.clock.now();
        let token = index::tokens::find(&mut *tx, id).await?.ok_or(Error::NotFound)?;
        if !index::tokens::revoke(&mut tx, id, now).await? {
            return Err(Error::NotFound);
        }
        let entry = entry(&token, by, now, Event::TokenRevoked);
        index::ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Every token, without its secret.
    pub async fn tokens(&self) -> Result<Vec<Token>, Error> {
        Ok(index::tokens::list(&self.0.index).await?)
    }

    /// Whose principal its holder would be, if that is allowed: the rules of accounts, too.
    pub(super) async fn customer_of(&self, new: &NewToken) -> Result<Option<ControllerId>, Error> {
        if new.name.trim().is_empty() || new.name.len() > 128 {
            return Err(bad("name", "is 1 to 128 characters"));
        }
        if new.roles.is_empty() {
            return Err(bad("role", "is required"));
        }
        let hears = [Role::Trainer, Role::Evidence, Role::Legal];
        if [Role::Operator, Role::Compliance].iter().any(|role| new.roles.contains(role))
            && hears.iter().any(|role| new.roles.contains(role))
        {
            return Err(bad(
                "role",
                "who runs or checks the vault never hears a call: give it to another",
            ));
        }
        agent(new)?;
        let customers = new.roles.iter().filter(|role| role.is_customers()).count();
        let of_customer = customers > 0;
        let ingest = new.roles.contains(&Role::Ingest);
        match (&new.customer, of_customer) {
            (None, true) => Err(bad("customer", "is required for a customer's role")),
            (Some(_), false) if !ingest => {
                Err(bad("customer", "goes with customer roles and ingest"))
            }
            (Some(_), true) if customers < new.roles.len() => {
                Err(bad("role", "customer roles and provider roles do not mix"))
            }
            (Some(reference), _) => {
                let found = index::controllers::find_customer(&self.0.index, reference).await?;
                let customer = found.ok_or_else(|| bad("customer", "there is no such customer"))?;
                if customer.status == CustomerStatus::Ended {
                    return Err(bad("customer", "the service of this customer has ended"));
                }
                Ok(Some(customer.id))
            }
            (None, false) => Ok(None),
        }
    }
}

/// Refuses a name of an agent that cannot be one, or that goes with roles that have no own calls.
fn agent(new: &NewToken) -> Result<(), Error> {
    let Some(name) = new.agent.as_deref() else {
        let problem = "is required with own_calls_only: whose calls?";
        return if new.own_calls_only { Err(bad("agent", problem)) } else { Ok(()) };
    };
    let printable = !name.chars().any(char::is_control) && name.trim() == name;
    if name.is_empty() || name.len() > 256 || !printable {
        return Err(bad("agent", "is the name that calls have as agent, 1 to 256 bytes"));
    }
    let hears = [Role::Trainer, Role::CustomerListener];
    if !new.roles.iter().all(|role| hears.contains(role)) {
        return Err(bad("agent", "goes with trainer and customer_listener only"));
    }
    Ok(())
}

/// The entry about a token: the pseudonym of its holder and its roles, never its name.
fn entry(token: &Token, by: Option<PrincipalId>, at: Timestamp, event: Event) -> NewEntry {
    let mut body = json!({ "principal": token.id, "roles": token.roles });
    if let (Some(by), Some(body)) = (by, body.as_object_mut()) {
        body.insert("by".to_owned(), json!(by));
    }
    ledger::general(token.controller, at, event, &body)
}

/// Who holds a token now, if it still counts.
pub(super) fn caller(token: Token, now: Timestamp) -> Option<Caller> {
    let counts = token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end);
    if !counts {
        return None;
    }
    let sends = token.roles.contains(&Role::Ingest);
    let customer = token.roles.iter().any(|role| role.is_customers());
    Some(Caller {
        id: token.id,
        controller: token.controller,
        ingest: IngestScope {
            source: token.source.unwrap_or_default(),
            class: token.class,
            customer: token.customer,
            lines: token.lines.clone().filter(|_| sends),
        },
        lines: token.lines.filter(|_| customer),
        agent: token.agent,
        own_calls_only: token.own_calls_only,
        roles: token.roles,
    })
}
