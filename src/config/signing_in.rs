//! What the settings say about signing in, checked.

use zeroize::Zeroizing;

use super::{Config, Error, Oidc, positive};
use crate::vault;

impl Default for Oidc {
    fn default() -> Self {
        Self {
            name: "single sign-on".into(),
            issuer: None,
            client_id: None,
            client_secret: None,
            scopes: vec!["profile".into()],
            groups_claim: "groups".into(),
            groups: Vec::new(),
        }
    }
}

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

    /// Where people sign in elsewhere, if anywhere.
    pub fn provider_elsewhere(&self) -> Result<Option<vault::ElsewhereSettings>, Error> {
        let wrong = |key, problem: &str| Error::Value { key, problem: problem.into() };
        let oidc = &self.oidc;
        let Some(issuer) = &oidc.issuer else { return Ok(None) };
        let near = ["http://127.0.0.1:", "http://localhost:", "http://[::1]:"];
        if !issuer.starts_with("https://") && !near.iter().any(|near| issuer.starts_with(near)) {
            return Err(wrong("oidc.issuer", "is an https address; http only on this machine"));
        }
        let client_id = oidc.client_id.clone();
        let client_id =
            client_id.ok_or_else(|| wrong("oidc.client_id", "goes with oidc.issuer"))?;
        let origin = self.public_url()?.ok_or_else(|| {
            wrong("http.public_url", "is required with oidc.issuer: people are sent back there")
        })?;
        if oidc.groups.is_empty() || oidc.groups.iter().any(|group| group.roles.is_empty()) {
            return Err(wrong(
                "oidc.groups",
                "says what each group is here; without that nobody is anybody",
            ));
        }
        let group = |group: &super::OidcGroup| vault::GroupRoles {
            value: group.value.clone(),
            roles: group.roles.clone(),
            customer: group.customer.clone(),
        };
        Ok(Some(vault::ElsewhereSettings {
            name: oidc.name.clone(),
            issuer: issuer.clone(),
            client_id,
            client_secret: oidc.client_secret.clone().map(Zeroizing::new),
            redirect: format!("{origin}/v1/oidc/callback"),
            scopes: oidc.scopes.clone(),
            groups_claim: oidc.groups_claim.clone(),
            groups: oidc.groups.iter().map(group).collect(),
        }))
    }

    /// Refuses to run for real without what every recording refers to.
    pub fn check_provider(&self) -> Result<(), Error> {
        let keys = [
            ("provider.name", &self.provider.name),
            ("provider.privacy_contact", &self.provider.privacy_contact),
            ("provider.statement_version", &self.provider.statement_version),
        ];
        let empty =
            |value: &Option<String>| value.as_deref().is_none_or(|text| text.trim().is_empty());
        match keys.iter().find(|(_, value)| empty(value)) {
            None => Ok(()),
            Some((key, _)) => {
                Err(Error::Value { key, problem: "is required; only the demo runs without".into() })
            }
        }
    }
}
