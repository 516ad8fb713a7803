//! What trainers write about recordings: notes and tags.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::App;
use super::error::Problem;
use super::extract::{Id, Json as Body, Known, Query};
use crate::model::{Caller, Cursor, NoteId, RecordingId};
use crate::vault::{NewNote, NoteChange, NoteView, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list, add))
        .routes(routes!(change, drop_note))
        .routes(routes!(set_tags))
}

/// Which page.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Paging {
    /// How many: 1 to 200, 50 unless said.
    pub(super) limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

impl Paging {
    pub(super) fn after(&self) -> Result<Option<Cursor>, Problem> {
        let cursor = self.cursor.as_deref().map(str::parse::<Cursor>).transpose();
        cursor.map_err(|error| Problem::malformed(error.to_string()))
    }
}

/// A page of notes.
#[derive(Serialize, ToSchema)]
struct NotePage {
    /// The notes, in the order of the call.
    items: Vec<NoteView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// The notes at a recording that you may train with.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/notes", tag = "Training",
    params(("id" = Uuid, Path, description = "The recording"), Paging),
    responses(
        (status = 200, description = "A page", body = NotePage),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Query(paging): Query<Paging>,
) -> Result<Json<NotePage>, Problem> {
    let page = vault.notes(&caller, id, paging.after()?, paging.limit).await?;
    Ok(Json(NotePage { items: page.items, next: page.next }))
}

/// Writes a note at a place in a recording, or over a part of it.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/notes", tag = "Training",
    params(("id" = Uuid, Path, description = "The recording")),
    request_body = NewNote,
    responses(
        (status = 201, description = "The note", body = NoteView),
        (status = 422, description = "`personal_number`: it holds a number of somebody", body = Problem),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn add(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(new): Body<NewNote>,
) -> Result<(StatusCode, Json<NoteView>), Problem> {
    Ok((StatusCode::CREATED, Json(vault.add_note(&caller, id, &new).await?)))
}

fn note((id, note): (Uuid, Uuid)) -> (RecordingId, NoteId) {
    (RecordingId(id), NoteId(note))
}

/// Changes a note that you wrote.
#[utoipa::path(
    patch, path = "/v1/recordings/{id}/notes/{note}", tag = "Training",
    params(
        ("id" = Uuid, Path, description = "The recording"),
        ("note" = Uuid, Path, description = "The note"),
    ),
    request_body = NoteChange,
    responses(
        (status = 200, description = "The note as it is now", body = NoteView),
        (status = 403, description = "`not_yours`: somebody else wrote it", body = Problem),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn change(
    State(vault): State<Vault>,
    caller: Caller,
    Known(path): Known<(Uuid, Uuid)>,
    Body(change): Body<NoteChange>,
) -> Result<Json<NoteView>, Problem> {
    Ok(Json(vault.change_note(&caller, note(path), &change).await?))
}

/// Drops a note that you wrote.
#[utoipa::path(
    delete, path = "/v1/recordings/{id}/notes/{note}", tag = "Training",
    params(
        ("id" = Uuid, Path, description = "The recording"),
        ("note" = Uuid, Path, description = "The note"),
    ),
    responses(
        (status = 204, description = "It is gone"),
        (status = 403, description = "`not_yours`: somebody else wrote it", body = Problem),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn drop_note(
    State(vault): State<Vault>,
    caller: Caller,
    Known(path): Known<(Uuid, Uuid)>,
) -> Result<StatusCode, Problem> {
    vault.drop_note(&caller, note(path)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Words to find a recording by.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Tags {
    /// At most 20, of at most 40 characters.
    tags: Vec<String>,
}

/// Gives a recording these tags and no others.
#[utoipa::path(
    put, path = "/v1/recordings/{id}/tags", tag = "Training",
    params(("id" = Uuid, Path, description = "The recording")),
    request_body = Tags,
    responses(
        (status = 200, description = "The tags as they are kept", body = Tags),
        (status = 422, description = "`personal_number`: one holds a number of somebody", body = Problem),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn set_tags(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(tags): Body<Tags>,
) -> Result<Json<Tags>, Problem> {
    Ok(Json(Tags { tags: vault.set_tags(&caller, id, &tags.tags).await? }))
}
