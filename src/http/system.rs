//! For machines: is the process alive, is the vault ready, what does it measure.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use crate::vault::Vault;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(render_metrics))
}

/// Whether the process is alive.
#[utoipa::path(
    get, path = "/healthz", tag = "System", security(()),
    responses((status = 200, description = "It is"))
)]
async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether index, store and keyring answer, and the ledger is what was signed.
#[utoipa::path(
    get, path = "/readyz", tag = "System", security(()),
    responses(
        (status = 200, description = "All of them", body = BTreeMap<String, bool>),
        (status = 503, description = "Not all of them", body = BTreeMap<String, bool>),
    )
)]
async fn readyz(State(vault): State<Vault>) -> (StatusCode, Json<BTreeMap<&'static str, bool>>) {
    let parts = BTreeMap::from(vault.ready().await);
    let all = parts.values().all(|ready| *ready);
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(parts))
}

/// What the vault measures, for Prometheus. It names nobody and nothing of a call.
#[utoipa::path(
    get, path = "/metrics", tag = "System", security(()),
    responses((status = 200, description = "Prometheus text", content_type = "text/plain"))
)]
async fn render_metrics(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], (app.metrics)())
}
