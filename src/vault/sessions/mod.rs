//! Being signed in: a cookie of 256 random bits, stored hashed, that ends by itself.
//!
//! - `sign_in`: name, password and code; `locks`: how often somebody may try
//! - `elsewhere`: signing in with `OpenID` Connect

mod locks;
mod sign_in;

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Error;
use super::{Vault, accounts, ledger, tokens};
use crate::index::accounts::Account;
use crate::index::sessions::{self as rows, Session};
use crate::index::{Tx, ledger_entries, sign_in_failures};
use crate::model::{Caller, CustomerRef, Event, Role, SessionId, Timestamp};

pub use sign_in::SignIn;

/// After how long it is written down again that somebody is there.
const TOUCH: SignedDuration = SignedDuration::from_secs(60);

/// How people sign in.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// Whether names and passwords of the vault count.
    pub local: bool,
    /// How long somebody stays signed in, whatever they do.
    pub lasts: SignedDuration,
    /// How long somebody who does nothing stays signed in.
    pub idles: SignedDuration,
}

impl Default for SignInSettings {
    fn default() -> Self {
        Self {
            local: true,
            lasts: SignedDuration::from_hours(12),
            idles: SignedDuration::from_mins(30),
        }
    }
}

/// Somebody who is signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// What they may do.
    pub caller: Caller,
    /// The session itself.
    pub session: Session,
    /// Whether nothing else is done before they have changed their password.
    pub must_change_password: bool,
    account: Arc<(Session, Account)>,
}

/// Who is signed in, as the API shows it to themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SessionView {
    /// Who.
    pub person: PersonView,
    /// What they are.
    #[schema(value_type = Vec<String>)]
    pub roles: BTreeSet<Role>,
    /// The reference of their customer.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerRef>,
    /// Whose principal they are.
    pub controller: Uuid,
    /// The lines they are kept to.
    pub lines: Option<BTreeSet<String>>,
    /// Which agent of recorded calls they are.
    pub agent: Option<String>,
    /// When they have to sign in again, whatever they do.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
    /// What goes with every request that changes something, as `X-CSRF-Token`.
    pub csrf: String,
    /// Whether signing in takes a code.
    pub second_factor: bool,
    /// Whether the password is kept here.
    pub local: bool,
    /// Whether nothing else is done before the password is changed.
    pub must_change_password: bool,
}

/// Somebody, to others of the same controller.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PersonView {
    /// The pseudonym in the ledger.
    pub id: Uuid,
    /// The name.
    pub name: String,
}

/// One of somebody's own sessions.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct OwnSession {
    /// Its identifier.
    pub id: Uuid,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When something was done in it last, to the minute.
    #[schema(value_type = String, format = DateTime)]
    pub last_seen_at: Timestamp,
    /// When it ends, whatever is done.
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

/// What proves that a request comes from a page that could read it: made from the cookie, which no
/// page can, and of no use without it.
#[must_use]
pub fn csrf_of(secret: &str) -> String {
    let digest = Sha256::new_with_prefix(b"callvault csrf v1").chain_update(secret).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

impl SignedIn {
    /// What they see of themselves. `secret` is what their browser sends.
    #[must_use]
    pub fn view(&self, secret: &str) -> SessionView {
        let (session, account) = &*self.account;
        SessionView {
            person: PersonView { id: account.id.0, name: account.name.clone() },
            roles: self.caller.roles.clone(),
            customer: account.customer.clone(),
            controller: account.controller.0,
            lines: account.lines.clone(),
            agent: account.agent.clone(),
            expires_at: session.expires_at,
            csrf: csrf_of(secret),
            second_factor: account.second_factor_on,
            local: account.elsewhere.is_none(),
            must_change_password: self.must_change_password,
        }
    }
}

impl Vault {
    /// How people sign in.
    #[must_use]
    pub fn sign_in_settings(&self) -> &SignInSettings {
        &self.0.settings.sign_in
    }

    /// Finds out who is signed in.
    pub async fn session(&self, secret: &str) -> Result<SignedIn, Error> {
        let found = self.recent_session(tokens::hash(secret)).await?;
        let found = found.ok_or(Error::Unauthenticated)?;
        let (session, account) = &*found;
        let now = self.0.clock.now();
        if now >= session.expires_at || session.seen_at <= self.idle_since() {
            return Err(Error::Unauthenticated);
        }
        let caller = accounts::caller(account, now).ok_or(Error::Unauthenticated)?;
        if now.since(session.seen_at) >= TOUCH
            && let Err(error) = self.touch(session.id, now).await
        {
            // Who is signed in goes on; at worst they have to sign in again sooner.
            tracing::warn!(error = error.chain(), "it could not be noted that somebody is there");
        }
        Ok(SignedIn {
            caller,
            session: session.clone(),
            must_change_password: account.change_password,
            account: found,
        })
    }

    /// Since when somebody who does nothing is not signed in any more.
    fn idle_since(&self) -> Timestamp {
        self.0.clock.now().plus(-self.0.settings.sign_in.idles)
    }

    async fn touch(&self, id: SessionId, now: Timestamp) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        rows::touch(&mut tx, id, now).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Signs somebody in from now on. What their browser gets is given once.
    async fn start_session(
        &self,
        tx: &mut Tx,
        account: &Account,
        second_factor: bool,
        more: serde_json::Value,
    ) -> Result<tokens::Secret, Error> {
        let now = self.0.clock.now();
        let secret = tokens::Secret::random()?;
        let session = Session {
            id: SessionId::random(),
            account: account.id,
            second_factor,
            created_at: now,
            seen_at: now,
            expires_at: now.plus(self.0.settings.sign_in.lasts),
        };
        rows::insert(tx, &session, &secret.hash()).await?;
        let mut body = json!({
            "principal": account.id, "roles": account.roles, "second_factor": second_factor,
        });
        if let (Some(body), serde_json::Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        let entry = ledger::general(account.controller, now, Event::SessionStarted, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(secret)
    }

    /// Somebody's own sessions, the newest first.
    pub async fn own_sessions(&self, who: &SignedIn) -> Result<Vec<OwnSession>, Error> {
        let (now, idle) = (self.0.clock.now(), self.idle_since());
        let found = rows::list(&self.0.index, who.caller.id, now, idle).await?;
        let view = |session: Session| OwnSession {
            id: session.id.0,
            current: session.id == who.session.id,
            created_at: session.created_at,
            last_seen_at: session.seen_at,
            expires_at: session.expires_at,
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Ends one of somebody's own sessions.
    pub async fn end_session(&self, who: &SignedIn, id: SessionId) -> Result<(), Error> {
        let mut tx = self.change().await?;
        let ended = rows::end(&mut tx, who.caller.id, id).await?;
        tx.commit().await?;
        if ended { Ok(()) } else { Err(Error::NotFound) }
    }

    /// Drops what is over: sessions, and failures nobody waits for any more.
    pub(super) async fn purge_sessions(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        rows::purge(&mut tx, now, self.idle_since()).await?;
        sign_in_failures::purge(&mut tx, now.plus(-locks::REMEMBERED)).await?;
        tx.commit().await?;
        Ok(())
    }
}
