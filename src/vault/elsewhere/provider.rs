//! Asking a provider: where it is, what its keys are, and who somebody is.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::SignedDuration;
use jsonwebtoken::jwk::JwkSet;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use reqwest::{Client, Url};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use super::super::error::Error;
use super::super::tokens::Secret;
use super::token::{Claims, Expected, check, key_of};
use super::values;
use crate::model::{CustomerRef, Role};

/// How long an answer takes at most.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long what a provider says of itself counts, and how soon its keys are asked for again when
/// one is not among them.
const KEPT: SignedDuration = SignedDuration::from_hours(1);
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(30);

/// Where somebody is sent when nothing else was said.
const HOME: &str = "/";

/// Where people sign in.
pub struct ElsewhereSettings {
    /// What it is called, to people.
    pub name: String,
    /// Who it is: an address under which it says what it can.
    pub issuer: String,
    /// What it calls this vault.
    pub client_id: String,
    /// What this vault shows it.
    pub client_secret: Option<Zeroizing<String>>,
    /// Where it sends people back to.
    pub redirect: String,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// The claim with somebody's groups.
    pub groups_claim: String,
    /// What those are here.
    pub groups: Vec<GroupRoles>,
}

/// What a group is here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRoles {
    /// The group, as the provider calls it.
    pub value: String,
    /// What its members are.
    pub roles: BTreeSet<Role>,
    /// Whose people they are, if a customer's.
    pub customer: Option<CustomerRef>,
}

/// A provider, and what it said of itself a while ago.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    settings: ElsewhereSettings,
    client: Client,
    known: Mutex<Option<(SignedDuration, Arc<Known>)>>,
}

/// What a provider says of itself.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

struct Known {
    says: Discovery,
    keys: JwkSet,
}

/// A sign-in that was begun, as the browser that began it keeps it.
pub struct Start {
    state: String,
    nonce: String,
    verifier: String,
    /// Where they wanted to go.
    pub next: String,
}

impl Start {
    fn new(next: Option<&str>) -> Result<Self, Error> {
        let random = || Secret::random().map(|secret| secret.reveal().to_owned());
        let next = next.filter(|next| is_here(next)).unwrap_or(HOME).to_owned();
        Ok(Self { state: random()?, nonce: random()?, verifier: random()?, next })
    }

    /// What the browser keeps.
    #[must_use]
    pub fn keep(&self) -> String {
        let next = URL_SAFE_NO_PAD.encode(&self.next);
        format!("{}.{}.{}.{next}", self.state, self.nonce, self.verifier)
    }

    /// What a browser kept, if it is this sign-in that comes back.
    pub fn kept(text: Option<&str>, state: &str) -> Result<Self, Error> {
        let stale =
            Error::SignInRefused("this sign-in was begun elsewhere or took too long: begin again");
        let Some(kept) = text.and_then(Self::read) else { return Err(stale) };
        if bool::from(kept.state.as_bytes().ct_eq(state.as_bytes())) {
            Ok(kept)
        } else {
            Err(stale)
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let mut part = || parts.next().map(str::to_owned).filter(|part| !part.is_empty());
        let (state, nonce, verifier) = (part()?, part()?, part()?);
        let next = URL_SAFE_NO_PAD.decode(part()?).ok()?;
        let next = String::from_utf8(next).ok().filter(|next| is_here(next))?;
        Some(Self { state, nonce, verifier, next })
    }
}

/// Whether an address is a path of this vault and of nobody else.
fn is_here(next: &str) -> bool {
    let plain = next.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    plain && next.len() <= 512 && next.starts_with('/') && !next.starts_with("//")
}

impl Provider {
    /// The provider of these settings. Nothing is asked of it yet.
    pub fn new(settings: ElsewhereSettings) -> Result<Self, Error> {
        let client = Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("callvault/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|_| Error::Malformed("no TLS to be had"))?;
        Ok(Self(Arc::new(Inner { settings, client, known: Mutex::default() })))
    }

    /// What it is called, to people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.settings.name
    }

    pub(super) fn issuer(&self) -> &str {
        &self.0.settings.issuer
    }

    pub(super) fn groups(&self) -> &[GroupRoles] {
        &self.0.settings.groups
    }

    /// Begins a sign-in: what the browser keeps, and where it goes.
    pub async fn begin(
        &self,
        next: Option<&str>,
        elapsed: SignedDuration,
    ) -> Result<(Start, String), Error> {
        let settings = &self.0.settings;
        let known = self.known(elapsed, KEPT).await?;
        let start = Start::new(next)?;
        let mut url = Url::parse(&known.says.authorization_endpoint).map_err(|_| away())?;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(start.verifier.as_bytes()));
        let scope = [&["openid".to_owned()], settings.scopes.as_slice()].concat().join(" ");
        url.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", &settings.client_id),
            ("redirect_uri", &settings.redirect),
            ("scope", &scope),
            ("state", &start.state),
            ("nonce", &start.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok((start, url.into()))
    }

    /// Who came back with a code.
    pub(super) async fn claims(
        &self,
        begun: &Start,
        code: &str,
        issuer: Option<&str>,
        elapsed: SignedDuration,
    ) -> Result<Claims, Error> {
        let settings = &self.0.settings;
        let mut known = self.known(elapsed, KEPT).await?;
        let expects = known.says.authorization_response_iss_parameter_supported;
        if issuer.map_or(expects, |issuer| issuer != settings.issuer) {
            return Err(Error::SignInRefused("the answer comes from another sign-in service"));
        }
        let answer = self.exchange(&known, begun, code).await?;
        if key_of(&answer.id_token, &known.keys)?.is_none() {
            // It may have new keys since.
            known = self.known(elapsed, ASK_AGAIN).await?;
        }
        let key = key_of(&answer.id_token, &known.keys)?.ok_or_else(away)?;
        let (issuer, client) = (&settings.issuer, &settings.client_id);
        let expected = Expected { issuer, client, nonce: &begun.nonce };
        let token = check(&answer.id_token, key, &expected)?;
        let more = self.more(&known, &token, &answer.access_token).await?;
        let text = |name: &str| {
            let of = |claims: &Value| claims.get(name).and_then(Value::as_str).map(str::to_owned);
            of(&token).or_else(|| of(&more))
        };
        let names = ["name", "preferred_username", "email", "sub"];
        let groups = values(&token, &settings.groups_claim);
        let methods = values(&token, "amr").unwrap_or_default();
        Ok(Claims {
            subject: text("sub").ok_or_else(away)?,
            name: names.into_iter().find_map(text).unwrap_or_default(),
            groups: groups.or_else(|| values(&more, &settings.groups_claim)).unwrap_or_default(),
            second_factor: ["mfa", "otp", "hwk", "fpt"].iter().any(|one| methods.contains(*one)),
        })
    }

    /// What the provider tells beside the token, when the token lacks groups or a name.
    async fn more(&self, known: &Known, token: &Value, access: &str) -> Result<Value, Error> {
        let lacks =
            values(token, &self.0.settings.groups_claim).is_none() || token.get("name").is_none();
        let Some(url) = known.says.userinfo_endpoint.as_ref().filter(|_| lacks) else {
            return Ok(Value::Null);
        };
        let request = self.0.client.get(url).bearer_auth(access);
        let more: Value = answered(request).await?;
        if more.get("sub") == token.get("sub") { Ok(more) } else { Err(away()) }
    }

    /// Gives the code back for what it stands for.
    async fn exchange(&self, known: &Known, begun: &Start, code: &str) -> Result<Answer, Error> {
        let settings = &self.0.settings;
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &settings.redirect),
            ("code_verifier", &begun.verifier),
        ];
        let request = self.0.client.post(&known.says.token_endpoint);
        let request = match &settings.client_secret {
            None => {
                fields.push(("client_id", &settings.client_id));
                request
            }
            Some(secret) => {
                let pair = format!("{}:{}", form(&settings.client_id), form(secret));
                request.header(AUTHORIZATION, format!("Basic {}", STANDARD.encode(pair)))
            }
        };
        let body = fields.iter().map(|(name, value)| format!("{name}={}", form(value)));
        let body = body.collect::<Vec<_>>().join("&");
        let kind = "application/x-www-form-urlencoded";
        answered(request.header(CONTENT_TYPE, kind).body(body)).await
    }

    /// What the provider says of itself, not older than `kept`.
    async fn known(
        &self,
        elapsed: SignedDuration,
        kept: SignedDuration,
    ) -> Result<Arc<Known>, Error> {
        let mut held = self.0.known.lock().await;
        if let Some((at, known)) = &*held
            && elapsed - *at < kept
        {
            return Ok(known.clone());
        }
        let issuer = &self.0.settings.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let says: Discovery = answered(self.0.client.get(url)).await?;
        if says.issuer != *issuer {
            return Err(Error::ProviderAway("it calls itself something else than oidc.issuer"));
        }
        let keys: JwkSet = answered(self.0.client.get(&says.jwks_uri)).await?;
        let known = Arc::new(Known { says, keys });
        *held = Some((elapsed, known.clone()));
        Ok(known)
    }
}

/// What a code stands for.
#[derive(Deserialize)]
struct Answer {
    id_token: String,
    access_token: String,
}

/// A value as it stands in a form.
fn form(value: &str) -> String {
    let mut url = Url::parse("form:").expect("a scheme is an address");
    url.query_pairs_mut().append_pair("", value);
    url.query().unwrap_or_default().trim_start_matches('=').to_owned()
}

/// An answer in JSON, not longer than any such answer needs to be.
async fn answered<T: serde::de::DeserializeOwned>(
    request: reqwest::RequestBuilder,
) -> Result<T, Error> {
    const MOST: usize = 1 << 20;
    let sent = request.header(ACCEPT, "application/json").send().await;
    // Without the address: it can hold a code.
    let mut response = sent.map_err(|error| {
        let error = error.without_url();
        tracing::warn!(%error, "the sign-in service does not answer");
        away()
    })?;
    let status = response.status();
    let mut body = Zeroizing::new(Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|_| away())? {
        if body.len() + chunk.len() > MOST {
            return Err(away());
        }
        body.extend_from_slice(&chunk);
    }
    if status == reqwest::StatusCode::BAD_REQUEST || status == reqwest::StatusCode::UNAUTHORIZED {
        tracing::warn!(status = status.as_u16(), "the sign-in service refused");
        return Err(Error::SignInRefused("the sign-in service did not accept this: begin again"));
    }
    if !status.is_success() {
        tracing::warn!(status = status.as_u16(), "the sign-in service failed");
        return Err(away());
    }
    serde_json::from_slice(&body).map_err(|_| away())
}

fn away() -> Error {
    Error::ProviderAway("try again shortly")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_is_sent_on_only_within_the_vault() {
        for here in ["/", "/recordings?from=2026-01-01", "/a/b#c"] {
            assert!(is_here(here), "{here}");
        }
        for away in ["", "x", "//evil", "/\\evil", "https://evil", "/a b", "/\r\nx", "/é"] {
            assert!(!is_here(away), "{away}");
        }
    }

    #[test]
    fn only_the_browser_that_began_it_comes_back() {
        let start = Start::new(Some("/recordings")).unwrap();
        let kept = start.keep();
        assert_eq!(Start::kept(Some(&kept), &start.state).unwrap().next, "/recordings");
        assert!(Start::kept(Some(&kept), "other").is_err());
        assert!(Start::kept(None, &start.state).is_err());
        for text in ["", "a", "a.b.c", "a.b.c.!", "...", &kept.replace('.', "")] {
            assert!(Start::kept(Some(text), "a").is_err(), "{text}");
        }
        assert_eq!(Start::new(Some("//evil")).unwrap().next, "/");
    }

    #[test]
    fn values_stand_in_a_form_as_browsers_write_them() {
        assert_eq!(form("a b&c=d:é"), "a+b%26c%3Dd%3A%C3%A9");
        assert_eq!(form("=x"), "%3Dx");
        assert_eq!(form(""), "");
    }
}
