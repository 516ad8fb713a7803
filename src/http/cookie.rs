//! The cookie of the screens, and what keeps other sites from using it.
//!
//! A browser sends the cookie with whatever any page asks for. So a request that changes something
//! needs a token too, which only a page of the vault can read, and one that says it comes from
//! another site is refused whatever it is.

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderValue, Method};
use cookie::time::Duration;
use cookie::{Cookie, SameSite};
use subtle::ConstantTimeEq;

use super::error::Problem;
use crate::vault::csrf_of;

/// What a browser says about where a request comes from.
const FETCH_SITE: &str = "sec-fetch-site";

/// What a page of the vault sends with a request that changes something.
const CSRF: &str = "x-csrf-token";

/// Where the vault is, to a browser.
#[derive(Clone, Debug, Default)]
pub(super) struct Site {
    /// The address people reach it at, if that was said.
    pub(super) origin: Option<String>,
}

impl Site {
    /// Whether browsers come over TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.origin.as_deref().is_some_and(|origin| origin.starts_with("https://"))
    }

    /// With TLS the name itself says that no other host and no plain HTTP may set it.
    fn name(&self) -> &'static str {
        if self.is_secure() { "__Host-callvault" } else { "callvault" }
    }

    /// What the cookie holds.
    pub(super) fn secret(&self, headers: &HeaderMap) -> Option<String> {
        read(headers, self.name())
    }

    /// A header that sets a cookie, for so many seconds.
    pub(super) fn cookie(&self, name: String, value: String, seconds: i64) -> Option<HeaderValue> {
        let cookie = Cookie::build((name, value))
            .http_only(true)
            .same_site(SameSite::Lax)
            .path("/")
            .secure(self.is_secure())
            .max_age(Duration::seconds(seconds));
        HeaderValue::from_str(&cookie.build().to_string()).ok()
    }

    /// A header that signs a browser in, for so many seconds.
    pub(super) fn sign_in(&self, secret: &str, seconds: i64) -> Option<HeaderValue> {
        self.cookie(self.name().to_owned(), secret.to_owned(), seconds)
    }

    /// A header that signs a browser out.
    pub(super) fn sign_out(&self) -> Option<HeaderValue> {
        self.cookie(self.name().to_owned(), String::new(), 0)
    }

    /// Refuses a request with the cookie that a page of the vault did not make.
    pub(super) fn check(
        &self,
        method: &Method,
        headers: &HeaderMap,
        secret: &str,
    ) -> Result<(), Problem> {
        if !(method == Method::GET || method == Method::HEAD || method == Method::OPTIONS) {
            self.check_origin(headers)?;
            let sent = headers.get(CSRF).map(HeaderValue::as_bytes).unwrap_or_default();
            if !bool::from(csrf_of(secret).as_bytes().ct_eq(sent)) {
                return Err(Problem::forged());
            }
        }
        if from_elsewhere(headers) { Err(Problem::forged()) } else { Ok(()) }
    }

    /// Refuses a request that says that it comes from another site.
    pub(super) fn check_origin(&self, headers: &HeaderMap) -> Result<(), Problem> {
        let origin = headers.get(ORIGIN).map(HeaderValue::as_bytes);
        let ours = match (origin, &self.origin) {
            (None, _) => true,
            (Some(origin), Some(ours)) => origin.eq_ignore_ascii_case(ours.as_bytes()),
            // Without a public address it is the one that was asked.
            (Some(origin), None) => headers.get(HOST).is_some_and(|host| {
                let host = host.as_bytes();
                [b"http://".as_slice(), b"https://"]
                    .iter()
                    .any(|scheme| origin.strip_prefix(*scheme) == Some(host))
            }),
        };
        if ours && !from_elsewhere(headers) { Ok(()) } else { Err(Problem::forged()) }
    }
}

/// Whether a browser says that another site asks.
fn from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get(FETCH_SITE).map(HeaderValue::as_bytes);
    !matches!(site, None | Some(b"same-origin" | b"none"))
}

/// Whether a browser asks: it must not be made to ask for a password by itself.
pub(super) fn is_of_browser(headers: &HeaderMap) -> bool {
    [FETCH_SITE, CSRF, COOKIE.as_str()].iter().any(|name| headers.contains_key(*name))
}

/// What a cookie holds.
pub(super) fn read(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    let mut cookies = all.flat_map(Cookie::split_parse).filter_map(Result::ok);
    let found = cookies.find(|cookie| cookie.name() == name)?;
    Some(found.value().to_owned()).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(of: &[(&'static str, &str)]) -> HeaderMap {
        of.iter()
            .map(|(name, value)| {
                (name.parse().expect("a name"), HeaderValue::from_str(value).expect("a value"))
            })
            .collect()
    }

    #[test]
    fn with_tls_the_cookie_is_kept_to_the_host() {
        let plain = Site::default();
        let secure = Site { origin: Some("https://vault.example".into()) };
        let set = |site: &Site| site.sign_in("s", 60).unwrap().to_str().unwrap().to_owned();
        assert_eq!(set(&plain), "callvault=s; HttpOnly; SameSite=Lax; Path=/; Max-Age=60");
        assert_eq!(
            set(&secure),
            "__Host-callvault=s; HttpOnly; SameSite=Lax; Secure; Path=/; Max-Age=60"
        );
        let both = headers(&[("cookie", "x=1; callvault=a; __Host-callvault=b")]);
        assert_eq!(plain.secret(&both).as_deref(), Some("a"));
        assert_eq!(secure.secret(&both).as_deref(), Some("b"));
        assert_eq!(plain.secret(&headers(&[("cookie", "callvault=; other=1")])), None);
    }

    #[test]
    fn another_site_cannot_use_the_cookie() {
        let site = Site { origin: Some("https://vault.example".into()) };
        let open = Site::default();
        let csrf = csrf_of("s");
        let post = |site: &Site, of: &[(&'static str, &str)]| {
            site.check(&Method::POST, &headers(of), "s").is_ok()
        };
        let token = ("x-csrf-token", csrf.as_str());
        assert!(post(&site, &[token]));
        assert!(post(&site, &[token, ("origin", "https://vault.example")]));
        assert!(post(&site, &[token, ("sec-fetch-site", "same-origin")]));
        assert!(!post(&site, &[]));
        assert!(!post(&site, &[("x-csrf-token", "")]));
        assert!(!post(&site, &[("x-csrf-token", csrf_of("t").as_str())]));
        assert!(!post(&site, &[token, ("origin", "https://evil.example")]));
        assert!(!post(&site, &[token, ("origin", "http://vault.example")]));
        assert!(!post(&site, &[token, ("origin", "null")]));
        assert!(!post(&site, &[token, ("sec-fetch-site", "same-site")]));
        assert!(post(&open, &[token, ("origin", "http://h:1"), ("host", "h:1")]));
        assert!(!post(&open, &[token, ("origin", "http://h:2"), ("host", "h:1")]));
        let get = |of: &[(&'static str, &str)]| site.check(&Method::GET, &headers(of), "s").is_ok();
        assert!(get(&[]) && get(&[("sec-fetch-site", "none")]));
        assert!(!get(&[("sec-fetch-site", "cross-site")]));
    }
}
