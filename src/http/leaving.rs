//! Customers that leave: notice for operators, exports for the customer itself.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, HeaderValue, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::body::serve;
use super::error::Problem;
use super::extract::Json as Body;
use crate::model::{Caller, CustomerRef, ExportId, Term, TermError, Timestamp};
use crate::vault::{EndOfService, Error, ExportView, NewExport, Notice, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(notice, see, withdraw))
        .routes(routes!(confirm))
        .routes(routes!(make))
        .routes(routes!(progress))
        .routes(routes!(archive))
}

/// Notice that a customer leaves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NoticeRequest {
    /// How long it can fetch what is its own (ISO 8601, such as `P30D`).
    return_window: Option<String>,
    /// The opaque reference of the notice.
    case: String,
}

/// The customer confirmed to have everything.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ConfirmRequest {
    /// The opaque reference of the confirmation.
    case: String,
}

/// What to take along.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ExportRequest {
    /// The opaque reference of the case it serves.
    case: String,
    /// Only calls that began at or after this (RFC 3339).
    #[schema(value_type = Option<String>, format = DateTime)]
    from: Option<String>,
    /// Only calls that began before this.
    #[schema(value_type = Option<String>, format = DateTime)]
    to: Option<String>,
}

fn time(field: &'static str, text: Option<&str>) -> Result<Option<Timestamp>, Error> {
    let problem = || "is a time such as 2026-06-01T10:00:00Z".to_owned();
    let time = text.map(str::parse).transpose();
    time.map_err(|_| Error::Field { field, problem: problem() })
}

fn reference(text: String) -> Result<CustomerRef, Problem> {
    CustomerRef::try_from(text).map_err(|_| Error::NotFound.into())
}

/// Gives notice: nothing comes in any more, and at the end of the window everything is erased.
#[utoipa::path(
    post, path = "/v1/customers/{ref}/end-of-service", tag = "Customers",
    params(("ref" = String, Path, description = "The customer")),
    request_body = NoticeRequest,
    responses(
        (status = 201, description = "Noticed", body = EndOfService),
        (status = 409, description = "It leaves already", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn notice(
    State(vault): State<Vault>,
    caller: Caller,
    Path(of): Path<String>,
    Body(request): Body<NoticeRequest>,
) -> Result<(StatusCode, Json<EndOfService>), Problem> {
    let NoticeRequest { return_window, case } = request;
    let return_window: Term = return_window
        .ok_or_else(|| "is required".to_owned())
        .and_then(|text| text.parse().map_err(|error: TermError| error.to_string()))
        .map_err(|problem| Error::Field { field: "return_window", problem })?;
    let notice = Notice { return_window, case };
    let state = vault.give_notice(&caller, &reference(of)?, &notice).await?;
    Ok((StatusCode::CREATED, Json(state)))
}

/// How the leaving of a customer stands; afterwards, what it came to.
#[utoipa::path(
    get, path = "/v1/customers/{ref}/end-of-service", tag = "Customers",
    params(("ref" = String, Path, description = "The customer")),
    responses(
        (status = 200, description = "How it stands", body = EndOfService),
        (status = "4XX", description = "Refused, or it does not leave", body = Problem),
    )
)]
async fn see(
    State(vault): State<Vault>,
    caller: Caller,
    Path(of): Path<String>,
) -> Result<Json<EndOfService>, Problem> {
    Ok(Json(vault.see_end_of_service(&caller, &reference(of)?).await?))
}

/// Withdraws a notice while the window is open: the customer stays.
#[utoipa::path(
    delete, path = "/v1/customers/{ref}/end-of-service", tag = "Customers",
    params(("ref" = String, Path, description = "The customer")),
    responses(
        (status = 204, description = "It stays"),
        (status = 409, description = "The window is over", body = Problem),
        (status = "4XX", description = "Refused, or it does not leave", body = Problem),
    )
)]
async fn withdraw(
    State(vault): State<Vault>,
    caller: Caller,
    Path(of): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.withdraw_notice(&caller, &reference(of)?).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The customer confirmed to have everything: erasing begins without waiting for the window.
#[utoipa::path(
    post, path = "/v1/customers/{ref}/end-of-service/finish", tag = "Customers",
    params(("ref" = String, Path, description = "The customer")),
    request_body = ConfirmRequest,
    responses(
        (status = 202, description = "Erasing begins", body = EndOfService),
        (status = 409, description = "That was confirmed before", body = Problem),
        (status = "4XX", description = "Refused, or it does not leave", body = Problem),
    )
)]
async fn confirm(
    State(vault): State<Vault>,
    caller: Caller,
    Path(of): Path<String>,
    Body(request): Body<ConfirmRequest>,
) -> Result<(StatusCode, Json<EndOfService>), Problem> {
    let state = vault.confirm_return(&caller, &reference(of)?, &request.case).await?;
    Ok((StatusCode::ACCEPTED, Json(state)))
}

/// Makes an export of everything there is now: a fixed list, in the order in which it is due.
///
/// A recording that is restricted, lost, or past due and held is listed with the reason and not
/// contained.
#[utoipa::path(
    post, path = "/v1/customers/{ref}/export", tag = "Customers",
    params(("ref" = String, Path, description = "The customer")),
    request_body = ExportRequest,
    responses(
        (status = 201, description = "The export, ready to be downloaded", body = ExportView),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn make(
    State(vault): State<Vault>,
    caller: Caller,
    Path(of): Path<String>,
    Body(request): Body<ExportRequest>,
) -> Result<Response, Problem> {
    let ExportRequest { case, from, to } = request;
    let (from, to) = (time("from", from.as_deref())?, time("to", to.as_deref())?);
    let of = reference(of)?;
    let export = vault.make_export(&caller, &of, NewExport { case, from, to }).await?;
    let place = format!("/v1/customers/{of}/export/{}", export.id);
    Ok((StatusCode::CREATED, [(LOCATION, place)], Json(export)).into_response())
}

/// How far the download of an export has come.
#[utoipa::path(
    get, path = "/v1/customers/{ref}/export/{id}", tag = "Customers",
    params(
        ("ref" = String, Path, description = "The customer"),
        ("id" = uuid::Uuid, Path, description = "The export"),
    ),
    responses(
        (status = 200, description = "How far", body = ExportView),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn progress(
    State(vault): State<Vault>,
    caller: Caller,
    Path((of, id)): Path<(String, String)>,
) -> Result<Json<ExportView>, Problem> {
    Ok(Json(vault.export(&caller, &reference(of)?, export(&id)?).await?))
}

/// The archive of an export: audio as it came, and a list as CSV and JSON.
///
/// The same bytes every time, so that a download goes on where it broke off: `Range`, `If-Range`.
#[utoipa::path(
    get, path = "/v1/customers/{ref}/export/{id}/zip", tag = "Customers",
    params(
        ("ref" = String, Path, description = "The customer"),
        ("id" = uuid::Uuid, Path, description = "The export"),
        ("Range" = Option<String>, Header, description = "Which bytes, such as `bytes=1048576-`"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` the range belongs to"),
    ),
    responses(
        (status = 200, description = "All of it", content_type = "application/zip"),
        (status = 206, description = "The range asked for", content_type = "application/zip"),
        (status = 410, description = "`export_broken`: a recording in it was erased, restricted \
            or rectified before it was fetched; make a new one", body = Problem),
        (status = 416, description = "The range lies outside", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn archive(
    State(vault): State<Vault>,
    caller: Caller,
    Path((of, id)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let archive = vault.archive(&caller, &reference(of)?, export(&id)?).await?;
    let mut response = serve(&archive, &method, &headers).await?;
    let name = HeaderValue::from_static("attachment; filename=\"recordings.zip\"");
    response.headers_mut().insert(CONTENT_DISPOSITION, name);
    Ok(response)
}

fn export(id: &str) -> Result<ExportId, Problem> {
    id.parse().map_err(|_| Error::NotFound.into())
}
