//! What was erased, and the certificates of it.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, ACCEPT_LANGUAGE, CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::App;
use super::error::Problem;
use super::extract::{Id, Query};
use crate::model::{Caller, Cause, Class, Cursor, Timestamp};
use crate::vault::erasures::{ErasureFilter, ErasureView};
use crate::vault::{Error, Issued, Language, Span, Vault};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(get))
        .routes(routes!(certificate))
        .routes(routes!(note))
        .routes(routes!(proof))
        .routes(routes!(certificate_of))
        .routes(routes!(note_of))
        .routes(routes!(proof_of))
}

/// Which erasures.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// Verified at or after this (RFC 3339).
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Verified before this (RFC 3339).
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `support` or `customer`.
    #[param(value_type = Option<String>)]
    class: Option<Class>,
    /// The customer, by its reference: your own is assumed.
    customer: Option<String>,
    /// Why they were erased, such as `term` or `request`.
    #[param(value_type = Option<String>)]
    cause: Option<Cause>,
    /// How many: 1 to 200, 50 unless said.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// A page of erasures.
#[derive(Serialize, ToSchema)]
struct ErasurePage {
    /// The erasures, the last first.
    items: Vec<ErasureView>,
    /// The cursor of the next page, `null` on the last one.
    next: Option<String>,
}

/// Lists what was erased. `Accept: text/csv` gives all of it as one file.
#[utoipa::path(
    get, path = "/v1/erasures", tag = "Compliance", params(Wanted),
    responses(
        (status = 200, description = "A page, or everything as CSV", content(
            (ErasurePage = "application/json"), (String = "text/csv"),
        )),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn list(
    State(vault): State<Vault>,
    caller: Caller,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Wanted { from, to, class, customer, cause, limit, cursor } = wanted;
    let cursor = cursor.as_deref().map(str::parse::<Cursor>).transpose();
    let cursor = cursor.map_err(|error| Problem::malformed(error.to_string()))?;
    let filter = ErasureFilter { from, to, class, cause, cursor, limit };
    if accepts(&headers, "text/csv") {
        // Asked before the answer begins: a refusal is still one.
        let first = vault.erasures_csv(&caller, &filter).await?;
        own(&vault, &caller, customer.as_deref()).await?;
        return Ok(streamed(first, move |next| {
            let (vault, caller) = (vault.clone(), caller.clone());
            let filter = ErasureFilter { cursor: Some(next), ..filter };
            async move { vault.erasures_csv(&caller, &filter).await }
        }));
    }
    let page = vault.erasures(&caller, &filter).await?;
    own(&vault, &caller, customer.as_deref()).await?;
    Ok(Json(ErasurePage { items: page.items, next: page.next }).into_response())
}

/// A customer that is named must be the caller's own: any other does not exist.
async fn own(vault: &Vault, caller: &Caller, customer: Option<&str>) -> Result<(), Problem> {
    match customer {
        Some(customer) if !vault.is_own_customer(caller, customer).await? => {
            Err(Error::NotFound.into())
        }
        _ => Ok(()),
    }
}

/// A chunk of a file, and where the next one begins, if there is one.
type Chunk<P> = (String, Option<P>);

/// A CSV file of which one chunk is in memory.
fn streamed<P, Next>(first: Chunk<P>, next: impl Fn(P) -> Next + Send + 'static) -> Response
where
    P: Send + 'static,
    Next: Future<Output = Result<Chunk<P>, Error>> + Send,
{
    let chunks = stream::try_unfold((Some(first), next), |(state, next)| async move {
        let Some((chunk, place)) = state else { return Ok::<_, Error>(None) };
        let after = match place {
            Some(place) => Some(next(place).await?),
            None => None,
        };
        Ok(Some((chunk, (after, next))))
    });
    let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(chunks)).into_response()
}

fn accepts(headers: &HeaderMap, what: &str) -> bool {
    let accept = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|one| one.split(';').next().is_some_and(|kind| kind.trim() == what))
}

/// What is left of an erased recording, with its certificate.
#[derive(Serialize, ToSchema)]
struct Erased {
    /// The facts.
    tombstone: ErasureView,
    /// The certificate, as `/certificate` gives it.
    #[schema(value_type = Object)]
    certificate: serde_json::Value,
}

/// What is left to tell of an erased recording, and the certificate of it.
#[utoipa::path(
    get, path = "/v1/erasures/{id}", tag = "Compliance",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "Tombstone and certificate", body = Erased),
        (status = 404, description = "It is not erased, or somebody else's", body = Problem),
    )
)]
async fn get(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<Erased>, Problem> {
    let tombstone = vault.erasure(&caller, id).await?;
    let issued = vault.certificate(&caller, id).await?;
    let certificate = serde_json::to_value(&issued.certificate).unwrap_or_default();
    Ok(Json(Erased { tombstone, certificate }))
}

/// In which language a PDF is.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Spoken {
    /// `nl` or `en`; what the browser prefers unless said.
    lang: Option<String>,
}

fn language(lang: Option<&str>, headers: &HeaderMap) -> Language {
    let preferred = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok());
    let first = lang.or(preferred).unwrap_or("nl").trim_start();
    if first.get(..2).is_some_and(|two| two.eq_ignore_ascii_case("en")) {
        Language::En
    } else {
        Language::Nl
    }
}

fn dressed(issued: Issued, lang: Option<&str>, headers: &HeaderMap) -> Result<Response, Problem> {
    if accepts(headers, "application/pdf") {
        let pdf = issued.pdf(language(lang, headers))?;
        let name = "inline; filename=\"certificate.pdf\"";
        let headers =
            [("content-type", "application/pdf"), ("content-disposition", name), NOT_KEPT];
        return Ok((headers, pdf).into_response());
    }
    let headers = [("content-type", "application/json"), NOT_KEPT];
    Ok((headers, issued.text).into_response())
}

const NOT_KEPT: (&str, &str) = ("cache-control", "no-store");

fn text(text: String) -> Response {
    ([("content-type", "text/plain; charset=utf-8"), NOT_KEPT], text).into_response()
}

/// The certificate of an erasure: JSON, which is what counts, or PDF with `Accept: application/pdf`.
///
/// It tells what was erased, when, why and how, and what remains until when. Its `status` is
/// `complete` only when nothing remains. The same facts give the same bytes.
#[utoipa::path(
    get, path = "/v1/erasures/{id}/certificate", tag = "Compliance",
    params(("id" = uuid::Uuid, Path, description = "The recording"), Spoken),
    responses(
        (status = 200, description = "The certificate", content(
            (Object = "application/json"), (String = "application/pdf"),
        )),
        (status = 404, description = "It is not erased, or somebody else's", body = Problem),
    )
)]
async fn certificate(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
    Query(spoken): Query<Spoken>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let issued = vault.certificate(&caller, id).await?;
    dressed(issued, spoken.lang.as_deref(), &headers)
}

/// The signature of the certificate: a note (C2SP signed-note) over its SHA-256.
#[utoipa::path(
    get, path = "/v1/erasures/{id}/certificate/note", tag = "Compliance",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The note", content_type = "text/plain"),
        (status = 404, description = "It is not erased, or somebody else's", body = Problem),
    )
)]
async fn note(State(vault): State<Vault>, caller: Caller, Id(id): Id) -> Result<Response, Problem> {
    Ok(text(vault.certificate(&caller, id).await?.note))
}

/// The proof that the certificate is in the log (C2SP tlog-proof).
#[utoipa::path(
    get, path = "/v1/erasures/{id}/proof", tag = "Compliance",
    params(("id" = uuid::Uuid, Path, description = "The recording")),
    responses(
        (status = 200, description = "The proof", content_type = "text/plain"),
        (status = 404, description = "It is not erased, or somebody else's", body = Problem),
    )
)]
async fn proof(
    State(vault): State<Vault>,
    caller: Caller,
    Id(id): Id,
) -> Result<Response, Problem> {
    let issued = vault.certificate(&caller, id).await?;
    Ok(text(vault.proof_of(&caller, &issued).await?))
}

/// A day and class, or a customer and period.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Period {
    /// `support` or `customer`.
    #[param(value_type = Option<String>)]
    class: Option<Class>,
    /// A day (UTC), such as 2026-06-01.
    day: Option<String>,
    /// The customer, by its reference.
    customer: Option<String>,
    /// From this instant (RFC 3339).
    #[param(value_type = Option<String>)]
    from: Option<Timestamp>,
    /// Until before this one.
    #[param(value_type = Option<String>)]
    to: Option<Timestamp>,
    /// `nl` or `en`, for a PDF.
    lang: Option<String>,
}

impl Period {
    async fn span(&self, vault: &Vault, caller: &Caller) -> Result<Span, Problem> {
        own(vault, caller, self.customer.as_deref()).await?;
        let both = "say which: day=2026-06-01, or from=… and to=…";
        let (from, to) = match (&self.day, self.from, self.to) {
            (Some(day), None, None) => {
                let start = format!("{day}T00:00:00Z").parse::<Timestamp>();
                let start = start.map_err(|_| Problem::malformed("day is no date"))?;
                let end = start.day().end().ok_or_else(|| Problem::malformed("day is no date"))?;
                (start, end)
            }
            (None, Some(from), Some(to)) => (from, to),
            _ => return Err(Problem::malformed(both)),
        };
        Ok(Span { class: self.class, from, to })
    }
}

/// The certificate of everything that was erased on a day or in a period: JSON, PDF, or with
/// `Accept: text/csv` the population that its hash is over.
#[utoipa::path(
    get, path = "/v1/certificates", tag = "Compliance", params(Period),
    responses(
        (status = 200, description = "The certificate", content(
            (Object = "application/json"), (String = "application/pdf"), (String = "text/csv"),
        )),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn certificate_of(
    State(vault): State<Vault>,
    caller: Caller,
    Query(period): Query<Period>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let span = period.span(&vault, &caller).await?;
    if accepts(&headers, "text/csv") {
        let first = vault.population_csv(&caller, span, None).await?;
        return Ok(streamed(first, move |place| {
            let (vault, caller) = (vault.clone(), caller.clone());
            async move { vault.population_csv(&caller, span, Some(place)).await }
        }));
    }
    let issued = vault.certificate_of(&caller, span).await?;
    dressed(issued, period.lang.as_deref(), &headers)
}

/// The signature of such a certificate: a note over its SHA-256.
#[utoipa::path(
    get, path = "/v1/certificates/note", tag = "Compliance", params(Period),
    responses(
        (status = 200, description = "The note", content_type = "text/plain"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn note_of(
    State(vault): State<Vault>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Response, Problem> {
    let span = period.span(&vault, &caller).await?;
    Ok(text(vault.certificate_of(&caller, span).await?.note))
}

/// The proof that such a certificate is in the log.
#[utoipa::path(
    get, path = "/v1/certificates/proof", tag = "Compliance", params(Period),
    responses(
        (status = 200, description = "The proof", content_type = "text/plain"),
        (status = "4XX", description = "Refused", body = Problem),
    )
)]
async fn proof_of(
    State(vault): State<Vault>,
    caller: Caller,
    Query(period): Query<Period>,
) -> Result<Response, Problem> {
    let span = period.span(&vault, &caller).await?;
    let issued = vault.certificate_of(&caller, span).await?;
    Ok(text(vault.proof_of(&caller, &issued).await?))
}
