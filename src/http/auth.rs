//! Finds out who calls: a token as Bearer, or as the password of HTTP Basic, or the cookie of a
//! browser. Never in an address.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::App;
use super::cookie::is_of_browser;
use super::error::Problem;
use super::limits::Peer;
use crate::model::Caller;
use crate::vault::{Error, SignedIn};

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let caller = if parts.headers.contains_key(AUTHORIZATION) {
            by_token(parts, app).await
        } else {
            by_cookie(parts, app).await
        };
        let caller = caller.map_err(|problem| quiet_for(problem, &parts.headers))?;
        app.limits.count(&caller)?;
        Ok(caller)
    }
}

async fn by_token(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(token).ok_or(Error::Unauthenticated)?;
    let peer = parts.extensions.get::<Peer>().copied();
    app.limits.admit(peer, &token, app.vault.authenticate(&token)).await
}

async fn by_cookie(parts: &Parts, app: &App) -> Result<Caller, Problem> {
    let Somebody { who, .. } = somebody(parts, app).await?;
    if who.must_change_password {
        return Err(Error::PasswordChangeRequired.into());
    }
    Ok(who.caller)
}

/// A challenge would make a browser ask for a password by itself, over the page.
pub(super) fn quiet_for(problem: Problem, headers: &HeaderMap) -> Problem {
    if is_of_browser(headers) { problem.quiet() } else { problem }
}

/// Somebody who is signed in with a browser, whether or not the password has to be changed first.
pub(super) struct Somebody {
    pub(super) who: SignedIn,
    /// What the browser sends.
    pub(super) secret: String,
}

impl FromRequestParts<App> for Somebody {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let found = somebody(parts, app).await.map_err(Problem::quiet)?;
        app.limits.count(&found.who.caller)?;
        Ok(found)
    }
}

async fn somebody(parts: &Parts, app: &App) -> Result<Somebody, Problem> {
    let secret = app.site.secret(&parts.headers).ok_or(Error::Unauthenticated)?;
    let peer = parts.extensions.get::<Peer>().copied();
    let who = app.limits.admit(peer, &secret, app.vault.session(&secret)).await?;
    app.site.check(&parts.method, &parts.headers, &secret)?;
    Ok(Somebody { who, secret })
}

/// The token of an `Authorization` header.
fn token(header: &str) -> Option<String> {
    let (scheme, credentials) = header.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(credentials).ok()?).ok()?;
    Some(pair.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_as_bearer_or_as_basic_password() {
        let basic = format!("Basic {}", STANDARD.encode("anyone:secret:with:colons"));
        assert_eq!(token("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(token("bearer abc").as_deref(), Some("abc"));
        assert_eq!(token(&basic).as_deref(), Some("secret:with:colons"));
        for header in ["", "abc", "Basic", "Basic !!!", "Basic YWJj", "Digest x"] {
            assert_eq!(token(header), None, "{header}");
        }
    }
}
