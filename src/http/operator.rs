//! For operators: tokens, sources, and how the vault itself does. Never content.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::App;
use super::accounts::{Paging, customer, roles};
use super::error::Problem;
use super::extract::{Json as Body, Query};
use crate::model::{Caller, Class, Timestamp, UnknownWord};
use crate::vault::{Error, Health, NewToken, SourceView, TokenView, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add_token, list_tokens))
        .routes(routes!(revoke_token))
        .routes(routes!(list_sources))
        .routes(routes!(health))
}

/// A token to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TokenRequest {
    /// What it is for; for ingest it is the name of the source.
    name: String,
    /// `ingest`, `operator` or `auditor`: people get accounts.
    roles: Vec<String>,
    /// The only customer a source may send for.
    customer: Option<String>,
    /// The only class a source may send.
    class: Option<String>,
    /// The only lines a source may send for.
    lines: Option<BTreeSet<String>>,
    /// When it ends, if it does.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// A token that was made.
#[derive(Serialize, ToSchema)]
struct MadeToken {
    /// Its identifier: the pseudonym of its holder in the ledger.
    id: Uuid,
    /// The token itself. Shown only this once.
    token: String,
}

/// A page of tokens.
#[derive(Serialize, ToSchema)]
struct TokenPage {
    /// The newest first, revoked ones included.
    items: Vec<TokenView>,
    /// The cursor of the next page.
    next: Option<String>,
}

/// The sources.
#[derive(Serialize, ToSchema)]
struct Sources {
    /// By name.
    items: Vec<SourceView>,
    /// Always null: they fit on a page.
    next: Option<String>,
}

/// Makes a token for a machine. People get accounts, to whose roles a second person agrees.
#[utoipa::path(
    post, path = "/v1/tokens", tag = "Operating", request_body = TokenRequest,
    responses(
        (status = 201, description = "Made; the token is shown once", body = MadeToken),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn add_token(
    State(vault): State<Vault>,
    caller: Caller,
    Body(request): Body<TokenRequest>,
) -> Result<impl IntoResponse, Problem> {
    let class = request.class.as_deref().map(str::parse::<Class>).transpose();
    let class = class.map_err(|error: UnknownWord| Error::Field {
        field: "class",
        problem: error.to_string(),
    })?;
    let new = NewToken {
        name: request.name,
        roles: roles(&request.roles)?,
        customer: customer(request.customer)?,
        class,
        lines: request.lines,
        agent: None,
        own_calls_only: false,
        expires_at: request.expires_at,
    };
    let (id, secret) = vault.create_token_for(&caller, &new).await?;
    let made = MadeToken { id: id.0, token: secret.reveal().to_owned() };
    Ok((StatusCode::CREATED, [(CACHE_CONTROL, "no-store")], Json(made)))
}

/// Lists tokens, without their secrets.
#[utoipa::path(
    get, path = "/v1/tokens", tag = "Operating", params(Paging),
    responses(
        (status = 200, description = "A page", body = TokenPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list_tokens(
    State(vault): State<Vault>,
    caller: Caller,
    Query(paging): Query<Paging>,
) -> Result<Json<TokenPage>, Problem> {
    let page = vault.tokens_for(&caller, paging.after()?, paging.limit).await?;
    Ok(Json(TokenPage { items: page.items, next: page.next }))
}

/// Takes a token back, at once.
#[utoipa::path(
    delete, path = "/v1/tokens/{id}", tag = "Operating",
    params(("id" = uuid::Uuid, Path, description = "The token")),
    responses(
        (status = 204, description = "Revoked"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn revoke_token(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.revoke_token_for(&caller, id.parse().ok()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The PBXs that send recordings, and what came from each.
#[utoipa::path(
    get, path = "/v1/sources", tag = "Operating",
    responses(
        (status = 200, description = "The sources", body = Sources),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list_sources(
    State(vault): State<Vault>,
    caller: Caller,
) -> Result<Json<Sources>, Problem> {
    Ok(Json(Sources { items: vault.sources(&caller).await?, next: None }))
}

/// How the vault itself does: nodes, store, keyring, what the doctor finds.
#[utoipa::path(
    get, path = "/v1/health", tag = "Operating",
    responses(
        (status = 200, description = "How it does; an answer counts for a minute", body = Health),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn health(State(vault): State<Vault>, caller: Caller) -> Result<Json<Health>, Problem> {
    Ok(Json(vault.health(&caller).await?))
}
