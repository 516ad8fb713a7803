//! The ledger, for those who check it: exactly in the form of C2SP tlog-tiles, below an address a
//! log.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use crate::model::{Caller, Timestamp};
use crate::vault::{LogView, Vault, WitnessView};

/// Tiles never change; a checkpoint does.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
const NOT_KEPT: &str = "no-store";

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(checkpoint))
        .routes(routes!(tile))
        .routes(routes!(proof))
}

/// The logs you may see.
#[derive(Serialize, ToSchema)]
struct Logs {
    /// The logs.
    items: Vec<LogItem>,
    /// There is never another page.
    next: Option<String>,
}

/// A log.
#[derive(Serialize, ToSchema)]
struct LogItem {
    /// Its name in addresses: `provider`, `top` (the log over all logs) or an opaque id.
    log: String,
    /// Its name in checkpoints.
    origin: String,
    /// The key its checkpoints are checked with (C2SP signed-note).
    vkey: Option<String>,
    /// How many entries are under its last checkpoint.
    size: u64,
    /// When that was signed.
    #[schema(value_type = Option<String>, format = DateTime)]
    signed_at: Option<Timestamp>,
    /// Who cosigns it, and how that goes.
    witnesses: Vec<WitnessItem>,
}

/// A witness.
#[derive(Serialize, ToSchema)]
struct WitnessItem {
    /// Its name.
    name: String,
    /// How many entries the last checkpoint had that it cosigned.
    size: u64,
    /// When it did.
    #[schema(value_type = Option<String>, format = DateTime)]
    cosigned_at: Option<Timestamp>,
    /// Since when it does not.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
}

impl From<LogView> for LogItem {
    fn from(view: LogView) -> Self {
        let LogView { log, origin, vkey, size, signed_at, witnesses } = view;
        let witnesses = witnesses.into_iter().map(WitnessItem::from).collect();
        Self { log, origin, vkey, size, signed_at, witnesses }
    }
}

impl From<WitnessView> for WitnessItem {
    fn from(view: WitnessView) -> Self {
        let WitnessView { name, size, cosigned_at, failing_since } = view;
        Self { name, size, cosigned_at, failing_since }
    }
}

/// Lists the logs you may see: your own, and for the provider the one over all logs.
#[utoipa::path(
    get, path = "/v1/ledger", tag = "Ledger",
    responses(
        (status = 200, description = "The logs", body = Logs),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(State(vault): State<Vault>, caller: Caller) -> Result<Json<Logs>, Problem> {
    let logs = vault.logs(&caller).await?;
    Ok(Json(Logs { items: logs.into_iter().map(LogItem::from).collect(), next: None }))
}

/// The last checkpoint of a log: a signed note (C2SP tlog-checkpoint).
#[utoipa::path(
    get, path = "/v1/ledger/{log}/checkpoint", tag = "Ledger",
    params(("log" = String, Path, description = "`provider`, `top` or an opaque id")),
    responses(
        (status = 200, description = "The note", content_type = "text/plain"),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn checkpoint(
    State(vault): State<Vault>,
    caller: Caller,
    Path(log): Path<String>,
) -> Result<impl IntoResponse, Problem> {
    Ok(text(vault.log_checkpoint(&caller, &log).await?))
}

/// A tile of a log (C2SP tlog-tiles): 256 hashes of a level, or 256 entries.
///
/// `tile` is `<level>/<n>` or `entries/<n>`, with `.p/<width>` behind it for one that is not full;
/// `<n>` in groups of three digits, such as `x001/234`.
#[utoipa::path(
    get, path = "/v1/ledger/{log}/tile/{*tile}", tag = "Ledger",
    params(
        ("log" = String, Path, description = "`provider`, `top` or an opaque id"),
        ("tile" = String, Path, description = "Which tile"),
    ),
    responses(
        (status = 200, description = "Its bytes", content_type = "application/octet-stream"),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn tile(
    State(vault): State<Vault>,
    caller: Caller,
    Path((log, tile)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let bytes = vault.log_tile(&caller, &log, &tile).await?;
    let headers = [(CONTENT_TYPE, "application/octet-stream"), (CACHE_CONTROL, FOR_EVER)];
    Ok((headers, bytes))
}

/// A proof that an entry is in a log, for a file of its own (C2SP tlog-proof).
#[utoipa::path(
    get, path = "/v1/ledger/{log}/proof/{index}", tag = "Ledger",
    params(
        ("log" = String, Path, description = "`provider`, `top` or an opaque id"),
        ("index" = u64, Path, description = "The place of the entry, from 0"),
    ),
    responses(
        (status = 200, description = "The proof", content_type = "text/plain"),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn proof(
    State(vault): State<Vault>,
    caller: Caller,
    Path((log, index)): Path<(String, String)>,
) -> Result<impl IntoResponse, Problem> {
    let index = index.parse().map_err(|_| crate::vault::Error::NotFound)?;
    Ok(text(vault.log_proof(&caller, &log, index).await?))
}

fn text(text: String) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; charset=utf-8"), (CACHE_CONTROL, NOT_KEPT)], text)
}
