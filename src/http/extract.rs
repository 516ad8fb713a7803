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
            JsonRejection::JsonDataError(_) => "has a field that is unknown, missing or malformed",
            JsonRejection::MissingJsonContentType(_) => "needs Content-Type: application/json",
            _ => "cannot be read",
        };
        Self::malformed(format!("the JSON body {what}; see /docs"))
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
