//! Holds, and what waits for a second person.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, StatusCode, header::LOCATION};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::App;
use super::error::Problem;
use super::extract::{Json as Body, Query};
use crate::model::{ApprovalId, Caller, Cursor, HoldId};
use crate::vault::{ApprovalView, Error, HoldView, HoldsWanted, NewHold, Step, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(place, list))
        .routes(routes!(get))
        .routes(routes!(release))
        .routes(routes!(review))
        .routes(routes!(approvals))
        .routes(routes!(approve))
        .routes(routes!(refuse))
}

/// Which holds.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `open` or `released`; both unless said.
    state: Option<Openness>,
    /// `overdue`: only those whose review is.
    review: Option<Review>,
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Openness {
    Open,
    Released,
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Review {
    Overdue,
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HoldPaging {
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of holds.
#[derive(Serialize, ToSchema)]
struct HoldPage {
    /// The holds, the newest first.
    items: Vec<HoldView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// A page of what waits for a second person.
#[derive(Serialize, ToSchema)]
struct ApprovalPage {
    /// What is asked for, the newest first.
    items: Vec<ApprovalView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// The day of the next review.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ReviewRequest {
    /// Such as `2026-07-01`.
    review_on: Option<String>,
}

/// Places a hold: nothing it keeps is erased before it is released.
#[utoipa::path(
    post, path = "/v1/holds", tag = "Holds", request_body = NewHold,
    responses(
        (status = 201, description = "Placed", body = HoldView),
        (status = 404, description = "A recording is unknown, or somebody else's", body = Problem),
        (status = 409, description = "`already_erased`: a recording is past the point of no return", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn place(
    State(vault): State<Vault>,
    caller: Caller,
    Body(new): Body<NewHold>,
) -> Result<Response, Problem> {
    let hold = vault.place_hold(&caller, &new).await?;
    let location = HeaderValue::from_str(&format!("/v1/holds/{}", hold.id)).ok();
    let mut response = (StatusCode::CREATED, Json(hold)).into_response();
    if let Some(location) = location {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Lists the holds on recordings of your own, the newest first.
#[utoipa::path(
    get, path = "/v1/holds", tag = "Holds", params(Wanted),
    responses(
        (status = 200, description = "A page", body = HoldPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<HoldPage>, Problem> {
    let holds = HoldsWanted {
        open: wanted.state.map(|state| state == Openness::Open),
        overdue: wanted.review.is_some(),
        cursor: cursor(wanted.cursor.as_deref())?,
        limit: wanted.limit,
    };
    let page = vault.holds(&caller, holds).await?;
    Ok(Json(HoldPage { items: page.items, next: page.next }))
}

/// One hold.
#[utoipa::path(
    get, path = "/v1/holds/{id}", tag = "Holds",
    params(("id" = Uuid, Path, description = "The hold")),
    responses(
        (status = 200, description = "The hold", body = HoldView),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<HoldView>, Problem> {
    Ok(Json(vault.hold(&caller, HoldId(known(&id)?)).await?))
}

/// Asks for a hold to be released, or, as somebody else than who asked and who placed it, agrees.
#[utoipa::path(
    post, path = "/v1/holds/{id}/release", tag = "Holds",
    params(("id" = Uuid, Path, description = "The hold")),
    responses(
        (status = 200, description = "Released", body = HoldView),
        (status = 202, description = "Asked for: it waits for a second person", body = HoldView),
        (status = 403, description = "`second_person_required`, or your roles do not allow it", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn release(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    Ok(step(vault.release_hold(&caller, HoldId(known(&id)?)).await?))
}

/// Notes that somebody looked at a hold. A later day than before takes a second person.
#[utoipa::path(
    post, path = "/v1/holds/{id}/review", tag = "Holds",
    params(("id" = Uuid, Path, description = "The hold")),
    request_body = ReviewRequest,
    responses(
        (status = 200, description = "Noted", body = HoldView),
        (status = 202, description = "An extension that waits for a second person", body = HoldView),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn review(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
    Body(request): Body<ReviewRequest>,
) -> Result<Response, Problem> {
    let day = request.review_on.unwrap_or_default();
    Ok(step(vault.review_hold(&caller, HoldId(known(&id)?), &day).await?))
}

/// Lists what waits for a second person.
#[utoipa::path(
    get, path = "/v1/approvals", tag = "Holds", params(HoldPaging),
    responses(
        (status = 200, description = "A page", body = ApprovalPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn approvals(
    State(vault): State<Vault>,
    caller: Caller,
    Query(paging): Query<HoldPaging>,
) -> Result<Json<ApprovalPage>, Problem> {
    let cursor = cursor(paging.cursor.as_deref())?;
    let page = vault.approvals(&caller, cursor, paging.limit).await?;
    Ok(Json(ApprovalPage { items: page.items, next: page.next }))
}

/// Agrees to what somebody else asked for: it is done at once.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/approve", tag = "Holds",
    params(("id" = Uuid, Path, description = "What was asked for")),
    responses(
        (status = 204, description = "Done"),
        (status = 403, description = "`second_person_required`, or your roles do not allow it", body = Problem),
        (status = 409, description = "It is no longer open", body = Problem),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn approve(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.approve(&caller, ApprovalId(known(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Says no to what somebody asked for, or takes back what you asked for.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/refuse", tag = "Holds",
    params(("id" = Uuid, Path, description = "What was asked for")),
    responses(
        (status = 204, description = "Refused"),
        (status = 409, description = "It is no longer open", body = Problem),
        (status = "4XX", description = "Not allowed", body = Problem),
    )
)]
async fn refuse(
    State(vault): State<Vault>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    vault.refuse(&caller, ApprovalId(known(&id)?)).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn step(step: Step) -> Response {
    match step {
        Step::Done(hold) => (StatusCode::OK, Json(hold)).into_response(),
        Step::Waits(hold) => (StatusCode::ACCEPTED, Json(hold)).into_response(),
    }
}

fn cursor(text: Option<&str>) -> Result<Option<Cursor>, Problem> {
    let cursor = text.map(str::parse::<Cursor>).transpose();
    cursor.map_err(|error| Problem::malformed(error.to_string()))
}

/// What is no identifier is something nobody has.
fn known(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| Error::NotFound.into())
}
