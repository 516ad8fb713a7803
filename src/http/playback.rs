//! Listening: audio with ranges, the waveform, and tickets for `<audio>` elements.

use axum::Json;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::auth::quiet_for;
use super::body::serve;
use super::error::Problem;
use super::extract::{Id, Json as Body, Query};
use super::limits::Peer;
use crate::model::{Caller, Purpose, Timestamp};
use crate::vault::{Form, Heard, Vault, Wish};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(audio))
        .routes(routes!(waveform))
        .routes(routes!(ticket))
        .routes(routes!(by_ticket))
}

/// What for, and in which form.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Listen {
    /// `training`, `evidence`, `own_use`, `rights` or `disclosure`. Required.
    purpose: Option<String>,
    /// The case it serves: required for evidence, rights and disclosure.
    case: Option<String>,
    /// `original` (as it came), `wav` (PCM16 WAV, whatever the codec) or `opus` (Ogg Opus for slow
    /// lines). `original` unless said, or `wav` where parts are muted for the purpose.
    #[serde(rename = "as")]
    form: Option<Form>,
}

/// The form, for a ticket's address.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct InForm {
    /// `original`, `wav` or `opus`.
    #[serde(rename = "as")]
    form: Option<Form>,
}

impl Listen {
    fn wish(self, id: crate::model::RecordingId) -> Result<(Wish, Option<Form>), Problem> {
        let purpose = match self.purpose.as_deref() {
            None | Some("") => None,
            // The list is closed: what is not on it is allowed to nobody.
            Some(word) => {
                Some(word.parse::<Purpose>().map_err(|_| crate::vault::Error::PurposeNotAllowed)?)
            }
        };
        Ok((Wish { recording: id, purpose, case: self.case }, self.form))
    }
}

/// The audio.
///
/// Honours `Range` (one or several), `If-Range` and `If-None-Match`, in every form. Parts that are
/// muted are silence of the same length, unless the purpose is evidence or disclosure.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/audio", tag = "Playback",
    params(("id" = uuid::Uuid, Path, description = "The recording"), Listen),
    responses(
        (status = 200, description = "All of it", content_type = "audio/*"),
        (status = 206, description = "The range asked for", content_type = "audio/*"),
        (status = 400, description = "`purpose_required`", body = Problem),
        (status = 403, description = "`purpose_not_allowed`", body = Problem),
        (status = 404, description = "There is none, or it is somebody else's", body = Problem),
        (status = 409, description = "`muted`: parts may not be heard; ask for as=wav", body = Problem),
        (status = 410, description = "`past_due` or `erased`, with the tombstone", body = Problem),
        (status = 416, description = "The range lies outside", body = Problem),
        (status = 423, description = "`restricted`", body = Problem),
        (status = 503, description = "The store is away", body = Problem),
    )
)]
async fn audio(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Query(listen): Query<Listen>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (wish, form) = listen.wish(id)?;
    let heard = vault.hear(&caller, &wish).await?;
    send(&vault, &heard, form, &method, &headers).await
}

/// The audio, by ticket.
#[utoipa::path(
    get, path = "/v1/playback/{ticket}", tag = "Playback", security(()),
    params(("ticket" = String, Path, description = "From `POST …/playback`"), InForm),
    responses(
        (status = 200, description = "All of it", content_type = "audio/*"),
        (status = 206, description = "The range asked for", content_type = "audio/*"),
        (status = 401, description = "The ticket is unknown or has expired", body = Problem),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn by_ticket(
    State(App { vault, limits, .. }): State<App>,
    peer: Option<Extension<Peer>>,
    Path(ticket): Path<String>,
    Query(InForm { form }): Query<InForm>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let peer = peer.map(|Extension(peer)| peer);
    let heard = limits.admit(peer, &ticket, vault.hear_by_ticket(&ticket)).await;
    let heard = heard.map_err(|problem| quiet_for(problem, &headers))?;
    send(&vault, &heard, form, &method, &headers).await
}

async fn send(
    vault: &Vault,
    heard: &Heard,
    form: Option<Form>,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let mut content = vault.content(heard, form).await?;
    if method == Method::GET {
        vault.heard(heard, &mut content).await?;
    }
    serve(&content, method, headers).await
}

/// The peaks of the sound, for drawing it.
#[derive(Serialize, ToSchema)]
struct Drawing {
    /// Channels.
    channels: u16,
    /// Buckets per channel.
    buckets: usize,
    /// Seconds of sound.
    duration: f64,
    /// Per channel, per bucket: the lowest and the highest sample, −1 to 1.
    peaks: Vec<Vec<[f32; 2]>>,
}

/// The waveform.
#[utoipa::path(
    get, path = "/v1/recordings/{id}/waveform", tag = "Playback",
    params(("id" = uuid::Uuid, Path, description = "The recording"), Listen),
    responses(
        (status = 200, description = "The peaks", body = Drawing),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn waveform(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Query(listen): Query<Listen>,
) -> Result<Response, Problem> {
    use axum::response::IntoResponse as _;
    let (wish, _) = listen.wish(id)?;
    let heard = vault.hear(&caller, &wish).await?;
    let waveform = vault.waveform(&heard).await?;
    let peaks = (0..waveform.channels()).map(|channel| waveform.peaks(channel).collect()).collect();
    let drawing = Drawing {
        channels: waveform.channels(),
        buckets: waveform.buckets(),
        duration: waveform.duration_s(),
        peaks,
    };
    Ok(([(axum::http::header::CACHE_CONTROL, "no-store")], Json(drawing)).into_response())
}

/// What a ticket is for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct TicketRequest {
    /// `training`, `evidence`, `own_use`, `rights` or `disclosure`.
    purpose: Option<String>,
    /// The case it serves.
    case: Option<String>,
}

/// An address for an `<audio>` element.
#[derive(Serialize, ToSchema)]
struct TicketResponse {
    /// The address. It works for one recording, one person and one purpose.
    url: String,
    /// When it ends.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

/// Gives an address that an `<audio>` element can play from, for a short while.
#[utoipa::path(
    post, path = "/v1/recordings/{id}/playback", tag = "Playback",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    request_body = TicketRequest,
    responses(
        (status = 201, description = "The address", body = TicketResponse),
        (status = "4XX", description = "As for the audio", body = Problem),
    )
)]
async fn ticket(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Body(request): Body<TicketRequest>,
) -> Result<(StatusCode, Json<TicketResponse>), Problem> {
    let TicketRequest { purpose, case } = request;
    let (wish, _) = Listen { purpose, case, form: None }.wish(id)?;
    let ticket = vault.ticket(&caller, &wish).await?;
    let url = format!("/v1/playback/{}", ticket.secret.reveal());
    Ok((StatusCode::CREATED, Json(TicketResponse { url, expires_at: ticket.expires_at })))
}
