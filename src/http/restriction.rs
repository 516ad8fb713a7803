//! Restricting use, and objections.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::erasure::Tombstone;
use super::error::Problem;
use super::extract::{Id, Json as Body, Query};
use crate::model::{Caller, Cursor};
use crate::vault::restrictions::OpenRestriction;
use crate::vault::{Decision, Lifting, NewRestriction, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(restrict, lift))
        .routes(routes!(object, decide))
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of what is open.
#[derive(Serialize, ToSchema)]
struct OpenPage {
    /// Restrictions and objections, the longest open first.
    items: Vec<OpenRestriction>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// Lists the restrictions that nobody lifted and the objections that nobody decided yet.
#[utoipa::path(
    get, path = "/v1/restrictions", tag = "Restriction", params(Wanted),
    responses(
        (status = 200, description = "A page", body = OpenPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<OpenPage>, Problem> {
    let cursor = wanted.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let cursor = cursor.map_err(|error| Problem::malformed(error.to_string()))?;
    let page = vault.restrictions(&caller, cursor, wanted.limit).await?;
    Ok(Json(OpenPage { items: page.items, next: page.next }))
}

/// A restriction.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RestrictionRequest {
    /// The opaque reference of the case behind it.
    case: String,
    /// `accuracy` (unless said), `unlawful`, `claim` or `objection_pending`. All but the last keep
    /// the recording past its term.
    ground: Option<String>,
    /// The day by which somebody looks again, at most 30 days ahead; that unless said.
    review_on: Option<String>,
}

/// How a restriction ends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct LiftingRequest {
    /// The opaque reference of the case behind it.
    case: String,
    /// `granted`, `refused` or `withdrawn`: what became of the request. `refused` when only
    /// `informed_on` is given.
    outcome: Option<String>,
    /// The day on which the person was told (`2026-07-01`): required when the request was refused.
    informed_on: Option<String>,
}

/// An objection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ObjectionRequest {
    /// The opaque reference of the case behind it.
    case: String,
}

/// What became of an objection.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct DecisionRequest {
    /// The opaque reference of the case behind it.
    case: String,
    /// `granted`, `refused` or `withdrawn`. A granted one erases the recording at once.
    decision: Option<String>,
    /// The day on which the person was told (`2026-07-01`): required when it was refused.
    informed_on: Option<String>,
}

/// Restricts the use of a recording: it is kept, and nobody can hear it.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/restriction", tag = "Restriction",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = RestrictionRequest,
    responses(
        (status = 204, description = "Restricted"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn restrict(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<RestrictionRequest>,
) -> Result<StatusCode, Problem> {
    let RestrictionRequest { case, ground, review_on } = request;
    vault.restrict(&caller, id, &NewRestriction { case, ground, review_on }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lifts the restriction of a case.
#[utoipa::path(
    delete, path = "/v1/recordings/{id}/restriction", tag = "Restriction",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = LiftingRequest,
    responses(
        (status = 204, description = "Lifted"),
        (status = 409, description = "The request was refused and the person not told", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn lift(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<LiftingRequest>,
) -> Result<StatusCode, Problem> {
    let LiftingRequest { case, outcome, informed_on } = request;
    vault.lift(&caller, id, &Lifting { case, outcome, informed_on }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Notes an objection: nobody trains with the recording any more.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/objection", tag = "Restriction",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = ObjectionRequest,
    responses(
        (status = 204, description = "Noted"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn object(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<ObjectionRequest>,
) -> Result<StatusCode, Problem> {
    vault.object(&caller, id, &request.case).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Decides an objection. A granted one erases the recording; there is no way back.
#[utoipa::path(
    delete, path = "/v1/recordings/{id}/objection", tag = "Restriction",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = DecisionRequest,
    responses(
        (status = 200, description = "Granted: erased, and what is left", body = Tombstone),
        (status = 204, description = "Refused or withdrawn"),
        (status = 409, description = "The person was not told, or a rule that comes first keeps it", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn decide(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<DecisionRequest>,
) -> Result<Response, Problem> {
    let DecisionRequest { case, decision, informed_on } = request;
    let decision = Decision { case, decision, informed_on };
    Ok(match vault.decide_objection(&caller, id, &decision).await? {
        Some(gone) => Json(Tombstone::from(gone)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}
