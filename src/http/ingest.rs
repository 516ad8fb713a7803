//! Taking recordings in: multipart `POST` and raw `PUT`.

use axum::Json;
use axum::body::Body;
use axum::extract::multipart::{Field, Multipart, MultipartError};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::{CONTENT_LENGTH, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, stream};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::Query;
use super::paced::paced;
use crate::model::Caller;
use crate::vault::fields::FIELDS;
use crate::vault::view::RecordingView;
use crate::vault::{Error, Ingested, Intake, Vault};

/// The most a metadata part may hold.
const MAX_FIELD: usize = 64 * 1024;

/// A part without a file name that is this short and is text is a field, not audio.
const SHORT: usize = 1024;

pub(super) fn routes() -> OpenApiRouter<App> {
    // The vault counts these bodies itself, as they come; any other body is short.
    OpenApiRouter::new()
        .routes(routes!(post))
        .routes(routes!(put))
        .layer(DefaultBodyLimit::disable())
}

/// Takes a recording in, as a form.
///
/// One audio part under any name, with or without a file name; the metadata as form fields or as
/// one JSON part `metadata`. Send the fields before the audio when it is larger than 5 MiB.
#[utoipa::path(
    post, path = "/v1/recordings", tag = "Recordings",
    request_body(content_type = "multipart/form-data", content = inline(Object)),
    responses(
        (status = 201, description = "Durable: object, row and ledger entry", body = RecordingView,
         headers(("Location" = String, description = "The recording"))),
        (status = 200, description = "The same upload came before", body = RecordingView),
        (status = "4XX", description = "Refused; nothing was stored", body = Problem),
        (status = 503, description = "The store or the index is away; nothing was stored", body = Problem),
    )
)]
async fn post(
    State(vault): State<Vault>,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let started = std::time::Instant::now();
    let mut intake = vault.intake(&caller)?;
    check_length(&vault, request.headers())?;
    let (request, meter) = paced(request);
    let form = Multipart::from_request(request, &()).await;
    let mut form = form.map_err(|_| Problem::malformed("the body is no multipart/form-data"))?;
    loop {
        meter.head();
        let Some(part) = form.next_field().await.map_err(broken)? else { break };
        meter.content();
        take_part(&mut intake, part).await?;
    }
    Ok(answer(intake.finish().await?, started))
}

/// Takes a recording in, as the raw body (`curl -T`, `FreeSWITCH`).
///
/// The metadata is in the query string or in `Callvault-*` headers, such as `Callvault-Ended-At`.
/// The file name is not kept.
#[utoipa::path(
    put, path = "/v1/recordings/{id}", tag = "Recordings",
    params(("id" = String, Path, description = "A file name of any kind; not kept")),
    request_body(content_type = "application/octet-stream", content = inline(Vec<u8>)),
    responses(
        (status = 201, description = "Durable: object, row and ledger entry", body = RecordingView),
        (status = 200, description = "The same upload came before", body = RecordingView),
        (status = "4XX", description = "Refused; nothing was stored", body = Problem),
        (status = 503, description = "The store or the index is away; nothing was stored", body = Problem),
    )
)]
async fn put(
    State(vault): State<Vault>,
    caller: Caller,
    Path(_filename): Path<String>,
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let started = std::time::Instant::now();
    let mut intake = vault.intake(&caller)?;
    check_length(&vault, &headers)?;
    for (name, value) in &query {
        intake.fields().add(name, value)?;
    }
    for (name, value) in &headers {
        if let Some(name) = name.as_str().strip_prefix("callvault-") {
            let value = value.to_str().map_err(|_| Problem::malformed("a header is no text"))?;
            intake.fields().add(&name.replace('-', "_"), value)?;
        }
    }
    intake.audio(body.into_data_stream()).await?;
    Ok(answer(intake.finish().await?, started))
}

/// Refuses a body that says it is too large before reading any of it.
fn check_length(vault: &Vault, headers: &HeaderMap) -> Result<(), Error> {
    // A form is a little longer than the audio in it.
    let max = vault.max_body().saturating_add(MAX_FIELD as u64 * 2);
    let length = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    match length {
        Some(length) if u64::gt(&length, &max) => Err(Error::TooLarge { max: vault.max_body() }),
        _ => Ok(()),
    }
}

/// Takes one part of the form: a field, the metadata object, or the audio.
async fn take_part(intake: &mut Intake<'_>, mut part: Field<'_>) -> Result<(), Problem> {
    let name = part.name().unwrap_or_default().to_owned();
    let named_file = part.file_name().is_some();
    if name == "metadata" && !(intake.has_audio() && named_file) {
        let json = whole(&mut part, BytesMut::new()).await?;
        return Ok(intake.fields().add_json(&json)?);
    }
    if FIELDS.contains(&name.as_str()) && !named_file {
        let value = whole(&mut part, BytesMut::new()).await?;
        let value = std::str::from_utf8(&value)
            .map_err(|_| Problem::malformed("a metadata field is no UTF-8 text"))?;
        return Ok(intake.fields().add(&name, value)?);
    }
    let head = head(&mut part).await?;
    if !named_file && is_text(&head) {
        return Ok(intake.fields().add(&name, "")?);
    }
    let rest = stream::unfold(part, |mut part| async move {
        part.chunk().await.transpose().map(|chunk| (chunk, part))
    });
    Ok(intake.audio(stream::iter([Ok(head)]).chain(rest)).await?)
}

/// The first bytes of a part: enough to tell text from audio.
async fn head(part: &mut Field<'_>) -> Result<Bytes, Problem> {
    let mut head = BytesMut::new();
    while head.len() <= SHORT {
        match part.chunk().await.map_err(broken)? {
            Some(chunk) => head.extend_from_slice(&chunk),
            None => break,
        }
    }
    Ok(head.freeze())
}

fn is_text(bytes: &[u8]) -> bool {
    bytes.len() <= SHORT
        && std::str::from_utf8(bytes).is_ok_and(|text| !text.chars().any(char::is_control))
}

/// A whole part that is short by nature.
async fn whole(part: &mut Field<'_>, mut bytes: BytesMut) -> Result<Bytes, Problem> {
    while let Some(chunk) = part.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_FIELD {
            return Err(Problem::malformed("a metadata part is larger than 64 KiB"));
        }
    }
    Ok(bytes.freeze())
}

fn broken(_: MultipartError) -> Problem {
    Error::Cut.into()
}

fn answer(ingested: Ingested, started: std::time::Instant) -> Response {
    metrics::histogram!("callvault_ingest_seconds").record(started.elapsed().as_secs_f64());
    let Ingested { recording, new } = ingested;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    let location = format!("/v1/recordings/{}", recording.id);
    (status, [(LOCATION, location)], Json(recording)).into_response()
}
