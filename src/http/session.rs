//! Signing in with a browser, and what everybody does about that for themselves.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::header::{CACHE_CONTROL, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use zeroize::Zeroizing;

use super::App;
use super::auth::Somebody;
use super::error::Problem;
use super::extract::Json as Body;
use super::limits::Peer;
use crate::vault::{Error, NewSecondFactor, OwnSession, SessionView, SignIn, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ways))
        .routes(routes!(sign_in, current, sign_out))
        .routes(routes!(list))
        .routes(routes!(end))
        .routes(routes!(change_password))
        .routes(routes!(begin_second_factor, confirm_second_factor, drop_second_factor))
}

/// How people sign in.
#[derive(Serialize, ToSchema)]
struct Ways {
    /// Whether with a name and a password of the vault.
    local: bool,
    /// Where else, if anywhere.
    oidc: Option<Elsewhere>,
}

/// A service that says who somebody is.
#[derive(Serialize, ToSchema)]
struct Elsewhere {
    /// What it is called.
    name: String,
    /// Where a browser goes.
    url: &'static str,
}

/// What somebody signs in with.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct SignInRequest {
    /// The name.
    name: String,
    /// The password.
    password: String,
    /// The code of the app, when there is a second factor.
    code: Option<String>,
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PasswordRequest {
    /// The old one.
    old: String,
    /// The new one: at least twelve characters, not one that is tried first, not the name.
    new: String,
}

/// A code of the second factor.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct CodeRequest {
    /// What the app shows now.
    code: String,
}

/// One's own sessions.
#[derive(Serialize, ToSchema)]
struct OwnSessions {
    /// The newest first, at most 200.
    items: Vec<OwnSession>,
    /// Always null: they fit on a page.
    next: Option<String>,
}

/// Says how people sign in.
#[utoipa::path(
    get, path = "/v1/sign-in", tag = "Signing in", security(()),
    responses((status = 200, description = "How", body = Ways))
)]
async fn ways(State(vault): State<Vault>) -> Json<Ways> {
    Json(Ways { local: vault.sign_in_settings().local, oidc: None })
}

/// Signs a browser in with a cookie.
#[utoipa::path(
    post, path = "/v1/session", tag = "Signing in", security(()), request_body = SignInRequest,
    responses(
        (status = 200, description = "Signed in; the cookie is set", body = SessionView),
        (status = 401, description = "`wrong_credentials`, or `code_required`", body = Problem),
        (status = 429, description = "`locked_out`: it failed too often", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn sign_in(
    State(app): State<App>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    Body(request): Body<SignInRequest>,
) -> Result<Response, Problem> {
    app.site.check_origin(&headers)?;
    let with = SignIn {
        name: request.name,
        password: Zeroizing::new(request.password),
        code: request.code,
        address: peer.map(|Extension(peer)| peer.address()),
    };
    let secret = app.vault.sign_in(with).await.map_err(|error| Problem::from(error).quiet())?;
    let view = app.vault.session(secret.reveal()).await?.view(secret.reveal());
    let cookie = app.signs_in(secret.reveal());
    Ok((StatusCode::OK, cookie, Json(view)).into_response())
}

impl App {
    /// The headers that sign a browser in.
    pub(super) fn signs_in(&self, secret: &str) -> HeaderMap {
        let seconds = self.vault.sign_in_settings().lasts.as_secs();
        answer_with(self.site.sign_in(secret, seconds))
    }
}

/// Headers of an answer about who is signed in.
fn answer_with(cookie: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(cookie) = cookie {
        headers.insert(SET_COOKIE, cookie);
    }
    headers
}

/// Who is signed in, and the token that goes with what changes something.
#[utoipa::path(
    get, path = "/v1/session", tag = "Signing in",
    responses(
        (status = 200, description = "You", body = SessionView),
        (status = 401, description = "Nobody is signed in", body = Problem),
    )
)]
async fn current(Somebody { who, secret }: Somebody) -> impl IntoResponse {
    (answer_with(None), Json(who.view(&secret)))
}

/// Signs the browser out.
#[utoipa::path(
    delete, path = "/v1/session", tag = "Signing in",
    responses(
        (status = 204, description = "Signed out"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn sign_out(
    State(app): State<App>,
    Somebody { who, .. }: Somebody,
) -> Result<impl IntoResponse, Problem> {
    app.vault.end_session(&who, who.session.id).await?;
    Ok((StatusCode::NO_CONTENT, answer_with(app.site.sign_out())))
}

/// Lists where you are signed in.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "Signing in",
    responses(
        (status = 200, description = "Your own sessions", body = OwnSessions),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    Somebody { who, .. }: Somebody,
) -> Result<Json<OwnSessions>, Problem> {
    Ok(Json(OwnSessions { items: vault.own_sessions(&who).await?, next: None }))
}

/// Ends one of your own sessions.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "Signing in",
    params(("id" = uuid::Uuid, Path, description = "The session")),
    responses(
        (status = 204, description = "Ended"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn end(
    State(vault): State<Vault>,
    Somebody { who, .. }: Somebody,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.end_session(&who, id.parse().map_err(|_| Error::NotFound)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes your password. Your other sessions end.
#[utoipa::path(
    put, path = "/v1/account/password", tag = "Signing in", request_body = PasswordRequest,
    responses(
        (status = 204, description = "Changed"),
        (status = 422, description = "The old one is wrong, or the new one is no good", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn change_password(
    State(vault): State<Vault>,
    Somebody { who, .. }: Somebody,
    Body(request): Body<PasswordRequest>,
) -> Result<StatusCode, Problem> {
    let PasswordRequest { old, new } = request;
    vault.change_password(&who, Zeroizing::new(old), Zeroizing::new(new)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Makes a second factor for an app. It counts when a code of it has come back.
#[utoipa::path(
    post, path = "/v1/account/second-factor", tag = "Signing in",
    responses(
        (status = 200, description = "What goes into the app, once", body = NewSecondFactor),
        (status = 409, description = "There is one already", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn begin_second_factor(
    State(vault): State<Vault>,
    Somebody { who, .. }: Somebody,
) -> Result<impl IntoResponse, Problem> {
    let made = vault.begin_second_factor(&who).await?;
    Ok((answer_with(None), Json(made)))
}

/// Switches the second factor on with its first code.
#[utoipa::path(
    put, path = "/v1/account/second-factor", tag = "Signing in", request_body = CodeRequest,
    responses(
        (status = 204, description = "On"),
        (status = 422, description = "Not the code", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn confirm_second_factor(
    State(vault): State<Vault>,
    Somebody { who, .. }: Somebody,
    Body(request): Body<CodeRequest>,
) -> Result<StatusCode, Problem> {
    vault.confirm_second_factor(&who, &request.code).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Switches the second factor off with a code of it.
#[utoipa::path(
    delete, path = "/v1/account/second-factor", tag = "Signing in", request_body = CodeRequest,
    responses(
        (status = 204, description = "Off"),
        (status = 422, description = "Not the code", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn drop_second_factor(
    State(vault): State<Vault>,
    Somebody { who, .. }: Somebody,
    Body(request): Body<CodeRequest>,
) -> Result<StatusCode, Problem> {
    vault.drop_second_factor(&who, &request.code).await?;
    Ok(StatusCode::NO_CONTENT)
}
