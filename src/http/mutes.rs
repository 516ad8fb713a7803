//! Mute regions.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::App;
use super::error::Problem;
use super::extract::{Id, Json as Body};
use crate::model::{Caller, MuteId, RecordingId};
use crate::vault::{Error, MuteView, NewMute, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list, mark)).routes(routes!(remove))
}

/// A part to be muted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct MuteRequest {
    /// Where it begins, in seconds.
    from: f64,
    /// Where it ends, in seconds.
    to: f64,
    /// `card_data` or `bystander`.
    reason: String,
}

/// The muted parts of a recording, in their order.
#[derive(Serialize, ToSchema)]
struct Mutes {
    /// At most 200.
    items: Vec<MuteView>,
}

/// Lists the muted parts of a recording.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/mutes", tag = "Playback",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The parts", body = Mutes),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Mutes>, Problem> {
    Ok(Json(Mutes { items: vault.mutes(&caller, id).await? }))
}

/// Mutes a part: silence for every purpose but evidence and disclosure. The original stays.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/mutes", tag = "Playback",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = MuteRequest,
    responses(
        (status = 201, description = "Muted from now on", body = MuteView),
        (status = 410, description = "It is erased", body = Problem),
        (status = 422, description = "A place outside the recording, or within another part", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn mark(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<MuteRequest>,
) -> Result<(StatusCode, Json<MuteView>), Problem> {
    let MuteRequest { from, to, reason } = request;
    let mute = vault.mute(&caller, id, &NewMute { from, to, reason }).await?;
    Ok((StatusCode::CREATED, Json(mute)))
}

/// Takes a mark away again.
#[utoipa::path(
    delete, path = "/v1/recordings/{id}/mutes/{mute}", tag = "Playback",
    params(
        ("id" = uuid::Uuid, Path, description = "The recording"),
        ("mute" = uuid::Uuid, Path, description = "The part"),
    ),
    responses(
        (status = 204, description = "It is heard again"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn remove(
    State(vault): State<Vault>,
    caller: Caller,
    Path((recording, mute)): Path<(String, String)>,
) -> Result<StatusCode, Problem> {
    let id = |text: &str| text.parse::<Uuid>().map_err(|_| Error::NotFound);
    vault.unmute(&caller, RecordingId(id(&recording)?), MuteId(id(&mute)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}
