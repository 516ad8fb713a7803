//! What a provider says of somebody, checked: signed by one of its keys, for this vault, for this
//! sign-in, and not too old.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::super::error::Error;

/// What is known of somebody.
pub(super) struct Claims {
    /// Who they are to the provider: the same for ever.
    pub(super) subject: String,
    /// What they are called.
    pub(super) name: String,
    /// The groups they are in.
    pub(super) groups: BTreeSet<String>,
    /// Whether more than a password was asked for.
    pub(super) second_factor: bool,
}

/// The algorithms that are taken: only ones whose keys are public, or "none" and a guessed secret
/// would do.
const SIGNED: &[Algorithm] = &[
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
    Algorithm::ES256,
    Algorithm::ES384,
    Algorithm::EdDSA,
];

/// What a token must be.
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) client: &'a str,
    pub(super) nonce: &'a str,
}

/// The key that a token says it is signed with, if the provider has it.
pub(super) fn key_of<'k>(token: &str, keys: &'k JwkSet) -> Result<Option<&'k Jwk>, Error> {
    let header = decode_header(token).map_err(|_| wrong())?;
    Ok(match header.kid {
        Some(kid) => keys.find(&kid),
        None if keys.keys.len() == 1 => keys.keys.first(),
        None => None,
    })
}

/// The claims of a token that is all right.
pub(super) fn check(token: &str, key: &Jwk, expected: &Expected<'_>) -> Result<Value, Error> {
    let header = decode_header(token).map_err(|_| wrong())?;
    if !SIGNED.contains(&header.alg) {
        return Err(wrong());
    }
    let mut rules = Validation::new(header.alg);
    rules.set_audience(&[expected.client]);
    rules.set_issuer(&[expected.issuer]);
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    let key = DecodingKey::from_jwk(key).map_err(|_| wrong())?;
    let claims = decode::<Value>(token, &key, &rules).map_err(|_| wrong())?.claims;
    let nonce = claims.get("nonce").and_then(Value::as_str).unwrap_or_default();
    if !bool::from(nonce.as_bytes().ct_eq(expected.nonce.as_bytes())) {
        return Err(wrong());
    }
    // For several audiences it must say whom it was made for.
    let several = claims.get("aud").and_then(Value::as_array).is_some_and(|all| all.len() > 1);
    match claims.get("azp").and_then(Value::as_str) {
        Some(party) if party != expected.client => Err(wrong()),
        None if several => Err(wrong()),
        _ => Ok(claims),
    }
}

fn wrong() -> Error {
    Error::ProviderAway("what it says of you is not signed as it must be")
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{EncodingKey, Header, encode};
    use serde_json::json;

    use super::*;

    const EXPECTED: Expected<'static> =
        Expected { issuer: "https://id.example", client: "vault", nonce: "n-1" };

    /// A key that is a secret: a token signed with it must not count whatever it says.
    fn symmetric() -> JwkSet {
        serde_json::from_value(json!({
            "keys": [{"kty": "oct", "kid": "k", "k": "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0"}]
        }))
        .unwrap()
    }

    #[test]
    fn a_token_that_is_signed_with_a_secret_or_not_at_all_is_refused() {
        let claims = json!({
            "iss": EXPECTED.issuer, "aud": "vault", "sub": "1", "nonce": "n-1", "exp": 4_000_000_000_u64,
        });
        let header = Header { kid: Some("k".into()), ..Header::new(Algorithm::HS256) };
        let secret = EncodingKey::from_secret(b"secret-secret-secret-secret");
        let signed = encode(&header, &claims, &secret).unwrap();
        let keys = symmetric();
        let key = key_of(&signed, &keys).unwrap().expect("it is there");
        assert!(check(&signed, key, &EXPECTED).is_err());
        let none = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.";
        assert!(key_of(none, &keys).is_err() || check(none, key, &EXPECTED).is_err());
        for text in ["", "a.b.c", "......"] {
            assert!(key_of(text, &keys).is_err(), "{text}");
        }
    }
}
