//! Signing in with a name, a password and perhaps a code.
//!
//! A name that nobody has and a wrong password answer the same after the same work.

use std::net::IpAddr;

use serde_json::json;
use tokio::sync::OwnedSemaphorePermit;
use zeroize::Zeroizing;

use super::super::accounts::key_of;
use crate::crypto;
use crate::index::accounts as people;
use crate::vault::Vault;
use crate::vault::error::Error;
use crate::vault::tokens::Secret;

/// How long somebody waits for a place among those whose passwords are being hashed.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);

/// What somebody signs in with.
pub struct SignIn {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// The code of the second factor.
    pub code: Option<String>,
    /// Where it comes from, as far as that is known.
    pub address: Option<IpAddr>,
}

impl Vault {
    /// Signs somebody in. What their browser gets is given once.
    pub async fn sign_in(&self, with: SignIn) -> Result<Secret, Error> {
        if !self.0.settings.sign_in.local {
            return Err(Error::SignInRefused("names and passwords are not used here"));
        }
        let done = self.try_to_sign_in(with).await;
        let outcome = match &done {
            Ok(_) => "in",
            Err(Error::WrongCredentials) => "wrong",
            Err(Error::CodeRequired) => "code_required",
            Err(_) => return done,
        };
        metrics::counter!("callvault_sign_in_total", "outcome" => outcome).increment(1);
        done
    }

    async fn try_to_sign_in(&self, with: SignIn) -> Result<Secret, Error> {
        let key = key_of(&with.name);
        let attempt = self.begin_attempt(&key, with.address).await?;
        let found = people::find_by_name(&self.0.index, &key).await?;
        let found = found.filter(|account| account.disabled_at.is_none());
        let hash = found.as_ref().and_then(|account| account.password_hash.clone());
        let right = self.is_password(with.password, hash).await?;
        let account = found.filter(|_| right).ok_or(Error::WrongCredentials)?;
        let step = match with.code.as_deref().map(str::trim) {
            _ if !account.second_factor_on => None,
            None | Some("") => {
                self.forgive(&attempt).await?;
                return Err(Error::CodeRequired);
            }
            Some(code) => Some(self.step_of(&account, code)?.ok_or(Error::WrongCredentials)?),
        };
        let mut tx = self.change().await?;
        let now = people::lock(&mut tx, account.id).await?.ok_or(Error::WrongCredentials)?;
        let as_before = now.password_hash == account.password_hash
            && now.second_factor == account.second_factor
            && now.disabled_at.is_none();
        if !as_before {
            return Err(Error::WrongCredentials);
        }
        if let Some(step) = step
            && !people::use_code(&mut tx, account.id, step).await?
        {
            return Err(Error::WrongCredentials);
        }
        attempt.succeeded(&mut tx).await?;
        let more = json!({ "failures_before": attempt.before, "how": "password" });
        let secret = self.start_session(&mut tx, &now, step.is_some(), more).await?;
        tx.commit().await?;
        Ok(secret)
    }

    /// Whether this is the password of that hash. Without one it takes as long, and is not.
    pub(in crate::vault) async fn is_password(
        &self,
        password: Zeroizing<String>,
        hash: Option<String>,
    ) -> Result<bool, Error> {
        let _place = self.hasher().await?;
        let job = tokio::task::spawn_blocking(move || {
            crypto::verify_password(&password, hash.as_deref())
        });
        Ok(job.await?)
    }

    /// Waits for a place among those whose passwords are being hashed: each takes 19 MiB.
    pub(in crate::vault) async fn hasher(&self) -> Result<OwnedSemaphorePermit, Error> {
        let wait = self.0.hashers.clone().acquire_owned();
        match tokio::time::timeout(PATIENCE, wait).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(Error::Busy),
        }
    }
}
