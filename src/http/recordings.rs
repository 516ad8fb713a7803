//! Finding recordings.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::{Id, Query};
use crate::model::{
    Caller, Class, Cursor, CursorError, Direction, Grant, State as Life, Timestamp,
};
use crate::vault::view::RecordingView;
use crate::vault::{Access, Filter, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(get)).routes(routes!(accesses))
}

/// What to look for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `support` or `customer`.
    #[param(value_type = Option<String>)]
    class: Option<Class>,
    /// The customer, by its reference: your own is assumed.
    customer: Option<String>,
    /// Calls that began at or after this (RFC 3339).
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Calls that began before this (RFC 3339).
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// A number that called or was called. Withheld calls are never found by number.
    number: Option<String>,
    /// Who answered.
    agent: Option<String>,
    /// The queue or group.
    queue: Option<String>,
    /// `inbound`, `outbound` or `internal`.
    #[param(value_type = Option<String>)]
    direction: Option<Direction>,
    /// At least this many seconds.
    min_duration: Option<f64>,
    /// At most this many seconds.
    max_duration: Option<f64>,
    /// `stored`, `erasing`, `audio_erased`, `tombstone` or `lost`; live recordings unless said.
    #[param(value_type = Option<String>)]
    state: Option<Life>,
    /// With this tag.
    tag: Option<String>,
    /// A number or an agent; for those who train, also what tags and notes hold. Notes are looked
    /// through a part at a time: a page can hold fewer than there is room for, until `next` is null.
    q: Option<String>,
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of recordings.
#[derive(Serialize, ToSchema)]
struct RecordingPage {
    /// The recordings, newest call first.
    items: Vec<RecordingView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// Lists the recordings you may know of, newest first.
#[utoipa::path(
    get, path = "/v1/recordings", tag = "Recordings", params(Wanted),
    responses(
        (status = 200, description = "A page", body = RecordingPage),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
) -> Result<Json<RecordingPage>, Problem> {
    let cursor = wanted.cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let filter = Filter {
        class: wanted.class,
        from: wanted.from,
        to: wanted.to,
        number: wanted.number,
        agent: wanted.agent,
        queue: wanted.queue,
        direction: wanted.direction,
        min_duration: wanted.min_duration,
        max_duration: wanted.max_duration,
        state: wanted.state,
        tag: wanted.tag,
        q: wanted.q,
        cursor: cursor.map_err(|error| Problem::malformed(error.to_string()))?,
        limit: wanted.limit,
    };
    if let Some(customer) = wanted.customer
        && caller.has(Grant::Find)
        && !vault.is_own_customer(&caller, &customer).await?
    {
        return Ok(Json(RecordingPage { items: Vec::new(), next: None }));
    }
    let page = vault.find(&caller, &filter).await?;
    Ok(Json(RecordingPage { items: page.items, next: page.next }))
}

/// One recording.
#[utoipa::path(
    get, path = "/v1/recordings/{id}", tag = "Recordings",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The recording, as far as you may see it", body = RecordingView),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<RecordingView>, Problem> {
    Ok(Json(vault.get(&caller, id).await?))
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct AccessesWanted {
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of who heard a recording.
#[derive(Serialize, ToSchema)]
struct AccessPage {
    /// The accesses: what goes on, then the last first.
    items: Vec<Access>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// Who heard one recording, by a pseudonym, what for, and how much of it.
///
/// For a customer's administrator (its own), compliance and auditors, who see refusals too; and for
/// the agent whose call it is.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/accesses", tag = "Recordings",
    params(("id" = uuid::Uuid, Path, description = "The recording"), AccessesWanted),
    responses(
        (status = 200, description = "A page", body = AccessPage),
        (status = 403, description = "It is not your call, nor yours to check", body = Problem),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
    )
)]
async fn accesses(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Query(wanted): Query<AccessesWanted>,
) -> Result<Json<AccessPage>, Problem> {
    let before = wanted.cursor.as_deref().map(str::parse::<i64>).transpose();
    let before = before.map_err(|_| Problem::malformed(CursorError.to_string()))?;
    let page = vault.accesses_of(&caller, id, before, wanted.limit).await?;
    Ok(Json(AccessPage { items: page.items, next: page.next }))
}
