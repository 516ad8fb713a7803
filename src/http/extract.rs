//! What requests hold, read strictly: a refusal says what to do.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;

use super::error::Problem;
use crate::model::RecordingId;
use crate::vault::Error;

/// The query of a request.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub(super) struct Query<T>(pub(super) T);

/// A JSON body.
#[derive(FromRequest)]
#[from_request(via(axum::Json), rejection(Problem))]
pub(super) struct Json<T>(pub(super) T);

impl From<QueryRejection> for Problem {
    fn from(rejection: QueryRejection) -> Self {
        // Not the rejection's own words: they repeat values.
        let _ = rejection;
        Self::malformed("a parameter of the query is unknown or cannot be read; see /docs")
    }
}

impl From<JsonRejection> for Problem {
    fn from(rejection: JsonRejection) -> Self {
        if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_long();
        }
        let what = match rejection {
            JsonRejection::JsonDataError(error) => return wrong_field(&error),
            JsonRejection::MissingJsonContentType(_) => "needs Content-Type: application/json",
            _ => "cannot be read",
        };
        Self::malformed(format!("the JSON body {what}; see /docs"))
    }
}

/// What of a JSON body is wrong, by name. Not in the words of the error: they repeat values.
fn wrong_field(error: &(dyn std::error::Error + 'static)) -> Problem {
    type Placed = serde_path_to_error::Error<serde_json::Error>;
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    let placed = causes.find_map(|cause| cause.downcast_ref::<Placed>());
    let Some(placed) = placed else {
        return Problem::malformed("the JSON body has a field that cannot be read; see /docs");
    };
    let (path, said) = (placed.path().to_string(), placed.inner().to_string());
    let quoted = said.split('`').nth(1).unwrap_or_default();
    let above = path.strip_suffix(quoted).unwrap_or(&path).trim_end_matches('.');
    let below = |name: &str| {
        if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
    };
    let (field, what) = if said.starts_with("missing field") {
        (below(quoted), "is required")
    } else if said.starts_with("unknown field") {
        (below(quoted), "is no field here")
    } else if said.starts_with("invalid type") {
        (path, "is of another type")
    } else {
        (path, "cannot be read")
    };
    // Names are those of fields; whatever looks like anything else is a value in the wrong place.
    let named = field.len() <= 80 && field.starts_with(|first: char| first.is_ascii_alphabetic());
    let plain = |c: char| c.is_ascii_alphanumeric() || "_.[]".contains(c);
    if named && field.chars().all(plain) {
        Problem::malformed(format!("{field}: {what}; see /docs")).about(&field)
    } else {
        Problem::malformed(format!("a field of the JSON body {what}; see /docs"))
    }
}

/// Identifiers in the path. What is none is something nobody has.
pub(super) struct Known<T>(pub(super) T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned + Send> FromRequestParts<S> for Known<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| Error::NotFound.into())
    }
}

/// The recording in the path. What is no identifier is a recording nobody has.
pub(super) struct Id(pub(super) RecordingId);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = axum::extract::Path::<uuid::Uuid>::from_request_parts(parts, state).await;
        path.map(|path| Self(RecordingId(path.0))).map_err(|_| Error::NotFound.into())
    }
}
