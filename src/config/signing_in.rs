//! What the settings say about signing in, checked.

use super::{Config, Error, positive};
use crate::vault;

impl Config {
    /// Where people reach the vault: a scheme, a host and perhaps a port.
    pub fn public_url(&self) -> Result<Option<String>, Error> {
        let Some(text) = &self.http.public_url else { return Ok(None) };
        let origin = text.trim().trim_end_matches('/');
        let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
        let fits = |host: &str| {
            let ok = |byte: u8| byte.is_ascii_alphanumeric() || b"-.:[]".contains(&byte);
            !host.is_empty() && host.bytes().all(ok)
        };
        match host {
            Some(host) if fits(host) => Ok(Some(origin.to_ascii_lowercase())),
            _ => Err(Error::Value {
                key: "http.public_url",
                problem: "is where people reach the vault, such as https://vault.example.nl".into(),
            }),
        }
    }

    /// How people sign in.
    pub(super) fn sign_in(&self) -> Result<vault::SignInSettings, Error> {
        positive("sign_in.lasts", self.sign_in.lasts)?;
        positive("sign_in.idle", self.sign_in.idle)?;
        Ok(vault::SignInSettings {
            local: self.sign_in.local,
            lasts: self.sign_in.lasts,
            idles: self.sign_in.idle,
        })
    }
}
