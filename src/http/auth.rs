//! Finds out who calls: a token as Bearer, or as the password of HTTP Basic. Never in an address.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::App;
use super::error::Problem;
use super::limits::Peer;
use crate::model::Caller;
use crate::vault::Error;

impl FromRequestParts<App> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(token).ok_or(Error::Unauthenticated)?;
        let peer = parts.extensions.get::<Peer>().copied();
        let caller = app.limits.admit(peer, &token, app.vault.authenticate(&token)).await?;
        app.limits.count(&caller)?;
        Ok(caller)
    }
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
