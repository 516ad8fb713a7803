//! What everybody does for themselves: change the password, switch a second factor on and off.

use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::change::write;
use super::{SECOND_FACTOR, entry, rules};
use crate::crypto::OneTime;
use crate::index::accounts::{self as rows, Account};
use crate::index::{Tx, sessions};
use crate::model::{Day, Event, RecordingId};
use crate::vault::Vault;
use crate::vault::error::Error;
use crate::vault::fields::bad;
use crate::vault::sessions::SignedIn;

/// A second factor that is to be put into an app, and confirmed with a code of it.
#[derive(Serialize, ToSchema)]
pub struct NewSecondFactor {
    /// What is typed into an app.
    pub secret: String,
    /// The same as an address, for a picture.
    pub uri: String,
}

impl Vault {
    /// Changes one's own password and ends one's other sessions.
    pub async fn change_password(
        &self,
        who: &SignedIn,
        old: Zeroizing<String>,
        new: Zeroizing<String>,
    ) -> Result<(), Error> {
        let account = self.local_account(who).await?;
        rules::check(&new, &account.name)?;
        if *old == *new {
            return Err(bad("new", "is the old one"));
        }
        let key = account.name_key.clone().unwrap_or_default();
        let attempt = self.begin_attempt(&key, None).await?;
        if !self.is_password(old, account.password_hash.clone()).await? {
            return Err(bad("old", "is not your password"));
        }
        let hash = self.hash_password(new).await?;
        let mut tx = self.change().await?;
        let mut locked = own(&mut tx, who).await?;
        if locked.password_hash != account.password_hash {
            return Err(Error::Conflict("the password was changed meanwhile"));
        }
        (locked.password_hash, locked.change_password) = (Some(hash), false);
        attempt.succeeded(&mut tx).await?;
        self.note_own(&mut tx, who, &locked, "password").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Makes a second factor. It counts when a code of it has come back.
    pub async fn begin_second_factor(&self, who: &SignedIn) -> Result<NewSecondFactor, Error> {
        self.local_account(who).await?;
        let secret = OneTime::fresh()?;
        let keys = &self.0.keys;
        keys.ensure(&[who.caller.controller], &[Day::HOLD]).await?;
        let mut tx = self.change().await?;
        let mut account = own(&mut tx, who).await?;
        if account.second_factor_on {
            return Err(Error::Conflict("there is a second factor already; switch it off first"));
        }
        let id = RecordingId(account.id.0);
        let sealed = keys.seal_row(account.controller, id, Day::HOLD, SECOND_FACTOR, &secret)?;
        account.second_factor = Some(sealed);
        account.second_factor_step = 0;
        rows::update(&mut tx, &account).await?;
        tx.commit().await?;
        let one = self.one_time(&account, &secret)?;
        Ok(NewSecondFactor { secret: one.typed().to_string(), uri: one.uri()?.to_string() })
    }

    /// Switches the second factor on, with a code of it.
    pub async fn confirm_second_factor(&self, who: &SignedIn, code: &str) -> Result<(), Error> {
        let mut tx = self.change().await?;
        let mut account = own(&mut tx, who).await?;
        if account.second_factor_on || account.second_factor.is_none() {
            return Err(Error::Conflict("there is no second factor that waits for its first code"));
        }
        let step = self.step_of(&account, code)?.ok_or_else(wrong_code)?;
        account.second_factor_on = true;
        account.second_factor_step = step;
        self.note_own(&mut tx, who, &account, "second_factor_on").await?;
        tx.commit().await?;
        Ok(())
    }

    /// Switches the second factor off, with a code of it.
    pub async fn drop_second_factor(&self, who: &SignedIn, code: &str) -> Result<(), Error> {
        let account = self.local_account(who).await?;
        let key = account.name_key.clone().unwrap_or_default();
        let attempt = self.begin_attempt(&key, None).await?;
        let mut tx = self.change().await?;
        let mut account = own(&mut tx, who).await?;
        if !account.second_factor_on {
            return Err(Error::Conflict("there is no second factor"));
        }
        let step = self.step_of(&account, code)?.ok_or_else(wrong_code)?;
        if !rows::use_code(&mut tx, account.id, step).await? {
            return Err(wrong_code());
        }
        (account.second_factor, account.second_factor_on) = (None, false);
        account.second_factor_step = step;
        attempt.succeeded(&mut tx).await?;
        self.note_own(&mut tx, who, &account, "second_factor_off").await?;
        tx.commit().await?;
        Ok(())
    }

    /// The step of a code, if it is one of this account's second factor now.
    pub(in crate::vault) fn step_of(
        &self,
        account: &Account,
        code: &str,
    ) -> Result<Option<i64>, Error> {
        let Some(sealed) = &account.second_factor else { return Ok(None) };
        let id = RecordingId(account.id.0);
        let keys = &self.0.keys;
        let secret = keys.open_row(account.controller, id, Day::HOLD, SECOND_FACTOR, sealed)?;
        let seconds = u64::try_from(self.0.clock.now().micros() / 1_000_000).unwrap_or(0);
        let code: String = code.chars().filter(|letter| !letter.is_whitespace()).collect();
        let step = self.one_time(account, &secret)?.step_of(&code, seconds);
        Ok(step.and_then(|step| i64::try_from(step).ok()))
    }

    fn one_time(&self, account: &Account, secret: &[u8]) -> Result<OneTime, Error> {
        let issuer = self.0.settings.identity.name.as_deref().unwrap_or("callvault");
        Ok(OneTime::new(secret, issuer, &account.name)?)
    }

    /// Somebody's own account, if it has a password here.
    async fn local_account(&self, who: &SignedIn) -> Result<Account, Error> {
        let account = rows::find(&self.0.index, who.caller.id).await?.ok_or(Error::NotFound)?;
        if account.elsewhere.is_some() {
            return Err(Error::Conflict(
                "you sign in elsewhere: passwords and codes are kept there",
            ));
        }
        Ok(account)
    }

    /// Writes down what somebody changed about the own account, and ends their other sessions.
    async fn note_own(
        &self,
        tx: &mut Tx,
        who: &SignedIn,
        account: &Account,
        what: &'static str,
    ) -> Result<(), Error> {
        let now = self.0.clock.now();
        let more = json!({ "changes": [what] });
        let entry = entry(account, Some(account.id), now, Event::AccountChanged, more);
        write(tx, account, &[entry], false).await?;
        sessions::end_all(tx, account.id, Some(who.session.id)).await?;
        Ok(())
    }
}

/// Somebody's own account, locked.
async fn own(tx: &mut Tx, who: &SignedIn) -> Result<Account, Error> {
    let account = rows::lock(tx, who.caller.id).await?;
    account.filter(|account| account.ended_at.is_none()).ok_or(Error::NotFound)
}

fn wrong_code() -> Error {
    bad("code", "is not the code that the app shows now, or was used before")
}
