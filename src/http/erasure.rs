//! Erasing early.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::{Id, Json as Body};
use crate::model::{Caller, Cause, Timestamp};
use crate::vault::{Gone, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(erase))
}

/// An early erasure.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ErasureRequest {
    /// `request`, `objection`, `consent_withdrawn` or `pci`.
    #[schema(value_type = String)]
    cause: Cause,
    /// The opaque reference of the case behind it.
    case: String,
}

/// What is left of an erased recording.
#[derive(Serialize, ToSchema)]
pub(super) struct Tombstone {
    /// Which recording.
    id: uuid::Uuid,
    /// Its class.
    class: &'static str,
    /// The policy it was kept under.
    policy: String,
    /// The hour by which it had to be gone.
    #[schema(value_type = String, format = DateTime)]
    due_at: Timestamp,
    /// Why it is gone.
    cause: Option<&'static str>,
    /// When its key was destroyed.
    #[schema(value_type = Option<String>, format = DateTime)]
    key_destroyed_at: Option<Timestamp>,
    /// When its absence was verified; `null` while the store still has to do its part.
    #[schema(value_type = Option<String>, format = DateTime)]
    erased_at: Option<Timestamp>,
}

impl From<Gone> for Tombstone {
    fn from(gone: Gone) -> Self {
        Self {
            id: gone.id.0,
            class: gone.class.as_str(),
            policy: gone.policy,
            due_at: gone.due_at,
            cause: gone.cause.map(Cause::as_str),
            key_destroyed_at: gone.key_destroyed_at,
            erased_at: gone.erased_at,
        }
    }
}

/// Erases a recording before its term ends. There is no way back.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/erasure", tag = "Erasure",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = ErasureRequest,
    responses(
        (status = 200, description = "Erased, and what is left", body = Tombstone),
        (status = 409, description = "`held`, `below_floor` or `suspended`: a rule that comes first keeps it", body = Problem),
        (status = 410, description = "Erased already", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn erase(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<ErasureRequest>,
) -> Result<Json<Tombstone>, Problem> {
    let gone = vault.erase_early(&caller, id, request.cause, &request.case).await?;
    Ok(Json(gone.into()))
}
