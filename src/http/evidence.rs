//! Evidence packages.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, LOCATION,
};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::{Problem, wrong_method};
use super::extract::{Id, Json as Asked, Query};
use crate::model::{Caller, Cursor, EvidenceId};
use crate::vault::{Error, NewPackage, PackageView, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ask))
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(approve))
        .routes(routes!(package))
}

/// A package that is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct PackageRequest {
    /// The opaque reference of the case behind it.
    case: String,
    /// Who gets it. Sealed, and never in the ledger.
    recipient: String,
    /// The day by which the recipient promised to destroy it (`2026-12-31`).
    destroy_by: String,
    /// The language of the cover sheet: `nl` (unless said) or `en`.
    language: Option<String>,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct EvidencePaging {
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of packages.
#[derive(Serialize, ToSchema)]
struct EvidencePage {
    /// The packages, those asked for last first.
    items: Vec<PackageView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// Asks for a package: the audio as it came, its history and the proof of both.
///
/// There is one when a second person agreed.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/evidence", tag = "Evidence",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = PackageRequest,
    responses(
        (status = 202, description = "It waits for a second person", body = PackageView),
        (status = "4XX", description = "Refused, as for the audio", body = Problem),
    )
)]
async fn ask(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Asked(request): Asked<PackageRequest>,
) -> Result<Response, Problem> {
    let PackageRequest { case, recipient, destroy_by, language } = request;
    let new = NewPackage { case, recipient, destroy_by, language };
    let package = vault.ask_evidence(&caller, id, &new).await?;
    let place = format!("/v1/evidence/{}", package.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], Json(package)).into_response())
}

/// Lists the packages: who got which recording and promised to destroy it when.
#[utoipa::path(
    get, path = "/v1/evidence", tag = "Evidence", params(EvidencePaging),
    responses(
        (status = 200, description = "A page", body = EvidencePage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(paging): Query<EvidencePaging>,
) -> Result<Json<EvidencePage>, Problem> {
    let cursor = paging.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let cursor = cursor.map_err(|error| Problem::malformed(error.to_string()))?;
    let page = vault.evidences(&caller, cursor, paging.limit).await?;
    Ok(Json(EvidencePage { items: page.items, next: page.next }))
}

/// One package.
#[utoipa::path(
    get, path = "/v1/evidence/{id}", tag = "Evidence",
    params(("id" = uuid::Uuid, Path, description = "The package")),
    responses(
        (status = 200, description = "How far it is", body = PackageView),
        (status = "4XX", description = "Refused, or there is none", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<PackageView>, Problem> {
    Ok(Json(vault.evidence(&caller, known(&id)?).await?))
}

/// Agrees to a package that somebody else asked for.
#[utoipa::path(
    post, path = "/v1/evidence/{id}/approval", tag = "Evidence",
    params(("id" = uuid::Uuid, Path, description = "The package")),
    responses(
        (status = 200, description = "It can be fetched", body = PackageView),
        (status = 403, description = "`second_person_required`, or your roles do not allow it", body = Problem),
        (status = 409, description = "It is no longer open", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn approve(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<PackageView>, Problem> {
    Ok(Json(vault.approve_evidence(&caller, known(&id)?).await?))
}

/// Fetches a package: a ZIP archive that `callvault verify` checks. Each time is on record.
#[utoipa::path(
    get, path = "/v1/evidence/{id}/package", tag = "Evidence",
    params(("id" = uuid::Uuid, Path, description = "The package")),
    responses(
        (status = 200, description = "The archive", content_type = "application/zip"),
        (status = 409, description = "Nobody agreed yet", body = Problem),
        (status = "4XX", description = "Refused, as for the audio", body = Problem),
    )
)]
async fn package(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
    method: Method,
) -> Result<Response, Problem> {
    // Whoever only looks whether it is there has not been handed anything.
    if method == Method::HEAD {
        return Err(wrong_method().await);
    }
    let package = vault.hand_out_evidence(&caller, known(&id)?).await?;
    let headers = [
        (CONTENT_TYPE, "application/zip".to_owned()),
        (CONTENT_LENGTH, package.len().to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"evidence-{id}.zip\"")),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, Body::from_stream(package.stream())).into_response())
}

fn known(id: &str) -> Result<EvidenceId, Problem> {
    id.parse().map_err(|_| Error::NotFound.into())
}
