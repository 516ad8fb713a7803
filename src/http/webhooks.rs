//! Endpoints that events go out to: the provider's for operators, a customer's own for its
//! administrators.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::Json as Body;
use crate::model::{Caller, WebhookEvent, WebhookId};
use crate::vault::{DeadDelivery, Error, NewWebhook, Vault, WebhookView};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(remove))
        .routes(routes!(dead))
        .routes(routes!(retry))
}

/// An endpoint to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WebhookRequest {
    /// Where it is: `https://…`, at a public address.
    url: String,
    /// `recording.stored`, `recording.erased`, `recording.held`, `policy.changed`,
    /// `ingest.refused`, `tenant.erased` (told to the provider); all of them when there are none.
    #[serde(default)]
    events: Vec<String>,
}

/// An endpoint that was added, with its secret.
#[derive(Serialize, ToSchema)]
struct Added {
    #[serde(flatten)]
    webhook: WebhookView,
    /// What requests to it are signed with (Standard Webhooks). Shown only this once.
    secret: String,
}

/// The endpoints.
#[derive(Serialize, ToSchema)]
struct WebhookList {
    /// All of them, the oldest first.
    items: Vec<WebhookView>,
    /// Always null: they fit on a page.
    next: Option<String>,
}

/// What was given up.
#[derive(Serialize, ToSchema)]
struct DeadList {
    /// The oldest first, at most 200.
    items: Vec<DeadDelivery>,
    /// Always null: what is retried or removed makes room for the rest.
    next: Option<String>,
}

/// How many events are tried again.
#[derive(Serialize, ToSchema)]
struct Retried {
    /// How many.
    retried: u64,
}

/// Adds an endpoint. It hears of what happens from now on, of its own controller's only.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "Webhooks", request_body = WebhookRequest,
    responses(
        (status = 201, description = "Added", body = Added),
        (status = 422, description = "Not an address that events may go to", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn add(
    State(vault): State<Vault>,
    caller: Caller,
    Body(request): Body<WebhookRequest>,
) -> Result<(StatusCode, Json<Added>), Problem> {
    let WebhookRequest { url, events } = request;
    let events: Result<BTreeSet<WebhookEvent>, _> =
        events.iter().map(|text| text.parse()).collect();
    let events = events.map_err(|_| {
        let known: Vec<_> = WebhookEvent::ALL.iter().map(|event| event.as_str()).collect();
        Error::Field { field: "events", problem: format!("are among {}", known.join(", ")) }
    })?;
    let (webhook, secret) = vault.add_webhook_for(&caller, &NewWebhook { url, events }).await?;
    Ok((StatusCode::CREATED, Json(Added { webhook, secret: secret.to_string() })))
}

/// Lists the endpoints, without their secrets.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "Webhooks",
    responses(
        (status = 200, description = "The endpoints", body = WebhookList),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(State(vault): State<Vault>, caller: Caller) -> Result<Json<WebhookList>, Problem> {
    Ok(Json(WebhookList { items: vault.list_webhooks_for(&caller).await?, next: None }))
}

/// Removes an endpoint, with what was on its way to it.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "Webhooks",
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses(
        (status = 204, description = "Removed"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn remove(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.remove_webhook_for(&caller, endpoint(&id)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was given up, after twenty attempts or three days.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/dead", tag = "Webhooks",
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses(
        (status = 200, description = "What was given up", body = DeadList),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn dead(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<DeadList>, Problem> {
    let items = vault.dead_deliveries_for(&caller, endpoint(&id)?).await?;
    Ok(Json(DeadList { items, next: None }))
}

/// Tries again what was given up.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/retry", tag = "Webhooks",
    params(("id" = uuid::Uuid, Path, description = "The endpoint")),
    responses(
        (status = 202, description = "Taken up again", body = Retried),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn retry(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Retried>), Problem> {
    let retried = vault.retry_deliveries_for(&caller, endpoint(&id)?).await?;
    Ok((StatusCode::ACCEPTED, Json(Retried { retried })))
}

fn endpoint(id: &str) -> Result<WebhookId, Problem> {
    id.parse().map_err(|_| Error::NotFound.into())
}
