//! Proof that recordings are there, for who may not hear them.

use axum::extract::{Path, State};
use axum::http::header::CACHE_CONTROL;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::Json;
use crate::model::Caller;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(challenge))
}

/// What somebody asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Challenge {
    /// 16 to 128 letters, digits, `-` and `_`, which nobody could know before.
    nonce: String,
    /// How many samples: 1 to 300. 300 find a loss of 1 % with 95 %.
    samples: usize,
}

/// Asks for proof that recordings are there, without hearing any.
///
/// Which chunks of which recordings are shown follows from the nonce and the checkpoint; each is
/// ciphertext, with its path to the `ct_root` that the ledger has of the recording. Recordings that
/// were accepted before there were roots are counted in `without_root` and cannot be proven. Keep the
/// answer in a file: `callvault verify --challenge` checks it offline. What is missing or was changed
/// is said in `status`. One of these at a time, and six at once of one caller.
#[utoipa::path(
    post, path = "/v1/ledger/{log}/challenge", tag = "Ledger",
    params(("log" = String, Path, description = "`provider` or an opaque id")),
    request_body = Challenge,
    responses(
        (status = 200, description = "The answer (callvault.challenge/1)", body = Object),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
        (status = 422, description = "Nonce or number cannot be used", body = Problem),
        (status = 429, description = "Wait as long as Retry-After says", body = Problem),
    )
)]
async fn challenge(
    State(app): State<App>,
    caller: Caller,
    Path(log): Path<String>,
    Json(asked): Json<Challenge>,
) -> Result<impl IntoResponse, Problem> {
    app.limits.count_challenge(&caller)?;
    let answer = app.vault.challenge(&caller, &log, &asked.nonce, asked.samples).await?;
    Ok(([(CACHE_CONTROL, "no-store")], axum::Json(answer)))
}
