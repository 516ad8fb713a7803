//! Signing in elsewhere: a browser goes to the provider and comes back.

use axum::extract::State;
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, SET_COOKIE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::cookie::read;
use super::error::Problem;
use super::extract::Query;
use crate::vault::{Error, Provider, Start};

/// Seconds somebody has to sign in there.
const BEGUN: i64 = 600;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(start)).routes(routes!(callback))
}

/// Where somebody wanted to go.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Next {
    /// A path of the vault.
    next: Option<String>,
}

/// What a provider sends a browser back with. It may send more.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Back {
    /// What stands for who they are.
    code: Option<String>,
    /// Which sign-in it is.
    #[serde(default)]
    state: String,
    /// Who says so.
    iss: Option<String>,
    /// Why not.
    error: Option<String>,
}

impl App {
    fn provider(&self) -> Result<&Provider, Error> {
        self.elsewhere.as_ref().ok_or(Error::NotFound)
    }

    fn kept_in(&self) -> &'static str {
        if self.site.is_secure() { "__Host-callvault-oidc" } else { "callvault-oidc" }
    }
}

/// Sends a browser to where people sign in.
#[utoipa::path(
    get, path = "/v1/oidc/start", tag = "Signing in", security(()), params(Next),
    responses(
        (status = 303, description = "There"),
        (status = 404, description = "There is no such place", body = Problem),
        (status = 502, description = "It does not answer", body = Problem),
    )
)]
async fn start(
    State(app): State<App>,
    headers: HeaderMap,
    Query(Next { next }): Query<Next>,
) -> Response {
    let begun = async {
        let elapsed = app.vault.clock().elapsed();
        let (start, url) = app.provider()?.begin(next.as_deref(), elapsed).await?;
        let cookie = app.site.cookie(app.kept_in().to_owned(), start.keep(), BEGUN);
        Ok::<_, Problem>(go(&url, [cookie]))
    };
    begun.await.unwrap_or_else(|problem| told(problem, &headers))
}

/// Signs a browser in that comes back.
#[utoipa::path(
    get, path = "/v1/oidc/callback", tag = "Signing in", security(()), params(Back),
    responses(
        (status = 303, description = "Signed in, and where they wanted to go"),
        (status = 403, description = "`sign_in_refused`: known there, nobody here", body = Problem),
        (status = 502, description = "The provider does not answer", body = Problem),
    )
)]
async fn callback(
    State(app): State<App>,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Response {
    let kept = read(&headers, app.kept_in());
    let done = async {
        let provider = app.provider()?;
        let begun = Start::kept(kept.as_deref(), &back.state)?;
        let (Some(code), None) = (&back.code, &back.error) else {
            return Err(Error::SignInRefused("nobody signed in there: begin again").into());
        };
        let iss = back.iss.as_deref();
        let secret = app.vault.sign_in_elsewhere(provider, &begun, code, iss).await?;
        let signed_in = app.signs_in(secret.reveal()).remove(SET_COOKIE);
        let forget = app.site.cookie(app.kept_in().to_owned(), String::new(), 0);
        Ok::<_, Problem>(go(&begun.next, [signed_in, forget]))
    };
    done.await.unwrap_or_else(|problem| told(problem, &headers))
}

/// Sends a browser on, with cookies.
fn go(to: &str, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(to) = HeaderValue::from_str(to) {
        headers.insert(LOCATION, to);
    }
    for cookie in cookies.into_iter().flatten() {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

/// A refusal as a page, for a browser that shows it, or as every other one.
fn told(problem: Problem, headers: &HeaderMap) -> Response {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !accept.contains("text/html") {
        return problem.quiet().into_response();
    }
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>callvault</title>\n<h1>You are not signed in</h1>\n<p>{}</p>\n\
         <p lang=\"nl\">U bent niet ingelogd. <a href=\"/\">Terug naar het begin</a></p>\n\
         <p><a href=\"/\">Back to the start</a></p>\n</html>\n",
        problem.detail(),
    );
    let status = problem.code();
    let mut response = (status, page).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    response
}
