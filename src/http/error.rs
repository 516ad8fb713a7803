//! How failures look to a client: problem details after RFC 9457. The only file that knows status
//! codes of failures.

use std::any::Any;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::Json;
use axum::http::header::{CONTENT_RANGE, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::vault::{Error, Keep, Refusal};

/// A failure, as a client sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A stable name for the kind of failure: `urn:callvault:<code>`.
    r#type: Box<str>,
    /// The kind of failure, for a person.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What went wrong here and what to do about it.
    detail: Box<str>,
    /// The code in `type`, alone.
    code: &'static str,
    /// The field that is wrong, such as `rules[2].term`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<Box<str>>,
    /// What is left to tell of an erased recording.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    tombstone: Option<Box<crate::vault::Gone>>,
    #[serde(skip)]
    #[schema(ignore)]
    length: Option<u64>,
    #[serde(skip)]
    #[schema(ignore)]
    wait_seconds: Option<NonZeroU32>,
    /// Whether no challenge goes with it.
    #[serde(skip)]
    #[schema(ignore)]
    quiet: bool,
}

impl Problem {
    fn new(status: StatusCode, code: &'static str, detail: impl Into<Box<str>>) -> Self {
        Self {
            r#type: format!("urn:callvault:{code}").into(),
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: detail.into(),
            code,
            field: None,
            tombstone: None,
            length: None,
            wait_seconds: None,
            quiet: false,
        }
    }

    /// The caller asks for too much, or its address guesses too often: it waits this long.
    pub(super) fn too_many(wait: Duration) -> Self {
        let detail = "too many requests; wait as long as Retry-After says and go on";
        let problem = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail);
        Self { wait_seconds: Some(whole_seconds(wait)), ..problem }
    }

    /// A request of a browser that the page it shows did not make.
    pub(super) fn forged() -> Self {
        let detail =
            "send the csrf token of GET /v1/session as X-CSRF-Token, from the vault's own pages";
        Self::new(StatusCode::FORBIDDEN, "csrf", detail)
    }

    /// Without the challenge that makes a browser ask for a password by itself.
    pub(super) fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// What went wrong, for a page that says so.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// The status it is answered with.
    pub(super) fn code(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    #[cfg(test)]
    pub(super) fn status(&self) -> u16 {
        self.status
    }

    /// The request cannot be read.
    pub(super) fn malformed(detail: impl Into<Box<str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// The field that it is about.
    pub(super) fn about(self, field: &str) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// A body that is no recording is longer than any such body needs to be.
    pub(super) fn too_long() -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "the body is larger than 2 MiB")
    }

    /// The range lies outside something of `len` bytes.
    pub(super) fn range(len: u64) -> Self {
        let detail = format!("the range lies outside the {len} bytes there are");
        let problem = Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_not_satisfiable", detail);
        Self { length: Some(len), ..problem }
    }
}

/// A wait in whole seconds, at least one.
fn whole_seconds(wait: Duration) -> NonZeroU32 {
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    let seconds = u32::try_from(seconds).unwrap_or(u32::MAX);
    NonZeroU32::new(seconds).unwrap_or(NonZeroU32::MIN)
}

/// How long to wait before the same is asked again, where that helps.
fn wait(error: &Error) -> Option<Duration> {
    match error {
        Error::LockedOut(wait) => Some(*wait),
        Error::DailyCap { wait, .. } => Duration::try_from(*wait).ok(),
        _ => None,
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        use StatusCode as S;
        let (status, code) = match &error {
            Error::NotFound => (S::NOT_FOUND, "not_found"),
            Error::Unauthenticated => (S::UNAUTHORIZED, "unauthenticated"),
            Error::WrongCredentials => (S::UNAUTHORIZED, "wrong_credentials"),
            Error::CodeRequired => (S::UNAUTHORIZED, "code_required"),
            Error::LockedOut(_) => (S::TOO_MANY_REQUESTS, "locked_out"),
            Error::PasswordChangeRequired => (S::FORBIDDEN, "password_change_required"),
            Error::OwnAccount => (S::FORBIDDEN, "own_account"),
            Error::SignInRefused(_) => (S::FORBIDDEN, "sign_in_refused"),
            Error::ProviderAway(_) => (S::BAD_GATEWAY, "provider_unavailable"),
            Error::Forbidden => (S::FORBIDDEN, "forbidden"),
            Error::PurposeRequired => (S::BAD_REQUEST, "purpose_required"),
            Error::CaseRequired => (S::BAD_REQUEST, "case_required"),
            Error::PurposeNotAllowed => (S::FORBIDDEN, "purpose_not_allowed"),
            Error::PastDue(_) => (S::GONE, "past_due"),
            Error::Erased(_) => (S::GONE, "erased"),
            Error::Lost => (S::GONE, "lost"),
            Error::ExportBroken => (S::GONE, "export_broken"),
            Error::DailyCap { .. } => (S::TOO_MANY_REQUESTS, "daily_cap"),
            Error::Restricted => (S::LOCKED, "restricted"),
            Error::Muted => (S::CONFLICT, "muted"),
            Error::Unplayable(_) => (S::CONFLICT, "not_playable"),
            Error::Field { .. } => (S::UNPROCESSABLE_ENTITY, "invalid_field"),
            Error::PersonalNumber { .. } => (S::UNPROCESSABLE_ENTITY, "personal_number"),
            Error::NotYours => (S::FORBIDDEN, "not_yours"),
            Error::Rule { .. } => (S::UNPROCESSABLE_ENTITY, "invalid_policy"),
            Error::UnknownScope { kind: "agent", .. } => (S::UNPROCESSABLE_ENTITY, "unknown_agent"),
            Error::UnknownScope { kind: "queue", .. } => (S::UNPROCESSABLE_ENTITY, "unknown_queue"),
            Error::UnknownScope { .. } => (S::UNPROCESSABLE_ENTITY, "unknown_line"),
            Error::StalePreview => (S::CONFLICT, "stale_preview"),
            Error::UnknownField(_) => (S::UNPROCESSABLE_ENTITY, "unknown_field"),
            Error::Malformed(_) => (S::BAD_REQUEST, "malformed"),
            Error::Refused(Refusal::NotCovered) => (S::UNPROCESSABLE_ENTITY, "not_covered"),
            Error::Refused(Refusal::Clock) => (S::UNPROCESSABLE_ENTITY, "clock"),
            Error::Refused(Refusal::PastDue) => (S::UNPROCESSABLE_ENTITY, "past_due"),
            Error::EmergencyCall => (S::UNPROCESSABLE_ENTITY, "emergency_call"),
            Error::NotSubscribed => (S::FORBIDDEN, "not_subscribed"),
            Error::NoPolicy => (S::CONFLICT, "no_policy"),
            Error::NotAudio => (S::UNSUPPORTED_MEDIA_TYPE, "not_audio"),
            Error::TooLarge { .. } => (S::PAYLOAD_TOO_LARGE, "too_large"),
            Error::Cut => (S::BAD_REQUEST, "cut"),
            Error::Conflict(_) | Error::Kept(Keep::NotDue, _) => (S::CONFLICT, "conflict"),
            Error::Kept(Keep::Held(_), _) => (S::CONFLICT, "held"),
            Error::Kept(Keep::Floor(_), _) => (S::CONFLICT, "below_floor"),
            Error::Kept(Keep::Restricted(_), _) => (S::CONFLICT, "suspended"),
            Error::AlreadyErased => (S::CONFLICT, "already_erased"),
            Error::SecondPerson => (S::FORBIDDEN, "second_person_required"),
            Error::Paused(_) => (S::CONFLICT, "paused"),
            Error::Busy => (S::SERVICE_UNAVAILABLE, "busy"),
            Error::IndexAway(_) => (S::SERVICE_UNAVAILABLE, "index_unavailable"),
            Error::StoreAway(_) => (S::SERVICE_UNAVAILABLE, "store_unavailable"),
            Error::Full(_) => (S::INSUFFICIENT_STORAGE, "full"),
            Error::Damaged(_) => (S::INTERNAL_SERVER_ERROR, "damaged"),
            Error::Quarantined(_) => (S::SERVICE_UNAVAILABLE, "quarantined"),
            Error::Forked(_) => (S::SERVICE_UNAVAILABLE, "forked"),
            Error::Index(_)
            | Error::Crypto(_)
            | Error::Audio(_)
            | Error::Ledger(_)
            | Error::Job(_) => (S::INTERNAL_SERVER_ERROR, "internal"),
        };
        if matches!(error, Error::StoreAway(_) | Error::Damaged(_)) {
            metrics::counter!("callvault_store_errors_total", "operation" => "request")
                .increment(1);
        }
        if status.is_server_error() && !matches!(error, Error::Busy) {
            tracing::error!(error = error.chain(), "the vault failed");
        }
        let detail = match status {
            S::INTERNAL_SERVER_ERROR if code == "internal" => {
                "the vault failed; the log has the request id".to_owned()
            }
            S::SERVICE_UNAVAILABLE => {
                format!("{error}; nothing is half-written, try again shortly")
            }
            _ => error.to_string(),
        };
        if let Some(wait) = wait(&error) {
            return Self {
                wait_seconds: Some(whole_seconds(wait)),
                ..Self::new(status, code, detail)
            };
        }
        let (field, tombstone) = match error {
            Error::Erased(gone) => (None, Some(gone)),
            Error::Rule { field, .. } | Error::UnknownScope { field, .. } => {
                (Some(field.into_boxed_str()), None)
            }
            Error::Field { field, .. } | Error::PersonalNumber { field, .. } => {
                (Some(field.into()), None)
            }
            _ => (None, None),
        };
        Self { field, tombstone, ..Self::new(status, code, detail) }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code();
        let (length, wait, quiet) = (self.length, self.wait_seconds, self.quiet);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match status {
            StatusCode::UNAUTHORIZED => {
                let challenge = if quiet {
                    "Bearer realm=\"callvault\""
                } else {
                    "Bearer realm=\"callvault\", Basic realm=\"callvault\""
                };
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
            }
            _ => {}
        }
        if let Some(wait) = wait {
            headers.insert(RETRY_AFTER, HeaderValue::from(wait.get()));
        }
        if let Some(len) = length
            && let Ok(value) = HeaderValue::from_str(&format!("bytes */{len}"))
        {
            headers.insert(CONTENT_RANGE, value);
        }
        headers.insert(axum::http::header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}

/// No route has this address.
pub(super) fn unknown_route() -> Problem {
    Error::NotFound.into()
}

/// The address has no such method.
pub(super) async fn wrong_method() -> Problem {
    let detail = "this address does not take this method; see /docs";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}

/// A handler that panicked fails its request and nothing else.
pub(super) fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    tracing::error!("a handler panicked");
    let detail = "the vault failed; the log has the request id";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail).into_response()
}
