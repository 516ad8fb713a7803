//! What can go wrong with bytes, by what the caller can do about it.

use std::error::Error as StdError;
use std::io;

use object_store::client::{HttpError, HttpErrorKind};

/// What the store said. It names objects, which are random, and no secret.
type Source = Box<dyn StdError + Send + Sync>;

/// A failed request to the store.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such object.
    #[error("the store has no such object")]
    NotFound(#[source] Source),
    /// The store is away, too slow or too busy. Trying later may help.
    #[error("the store is not available")]
    Unavailable(#[source] Source),
    /// The store is full.
    #[error("the store is full")]
    Full(#[source] Source),
    /// The store refuses: credentials, rights or a lock.
    #[error("the store refuses")]
    Denied(#[source] Source),
    /// A setting of the store cannot be used.
    #[error("the store cannot be opened: {what}")]
    Settings {
        /// What is the matter with it.
        what: &'static str,
        /// Where it was noticed.
        #[source]
        source: Option<Source>,
    },
    /// An object reads back other than it was written.
    #[error("the store does not keep what it is given")]
    Unfaithful,
    /// The store failed in another way.
    #[error("the store failed")]
    Other(#[source] Source),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    NotFound,
    Unavailable,
    Full,
    Denied,
    Other,
}

impl Error {
    pub(super) fn settings(what: &'static str) -> Self {
        Self::Settings { what, source: None }
    }

    pub(super) fn other(source: impl Into<Source>) -> Self {
        Self::Other(source.into())
    }

    /// The error behind an answer of the store with this status and text.
    pub(super) fn answered(status: u16, text: &str) -> Self {
        let situation = if is_full(text) { Situation::Full } else { of_status(status) };
        let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or("", |(code, _)| code);
        Self::of(situation, format!("status {status} {code}").trim_end().into())
    }

    /// The same for another object: one failed request may be about many.
    pub(super) fn again(&self) -> Self {
        let text = || Source::from(self.source().unwrap_or(self).to_string());
        match self {
            Self::NotFound(_) => Self::NotFound(text()),
            Self::Unavailable(_) => Self::Unavailable(text()),
            Self::Full(_) => Self::Full(text()),
            Self::Denied(_) => Self::Denied(text()),
            Self::Settings { .. } | Self::Unfaithful | Self::Other(_) => Self::Other(text()),
        }
    }

    fn of(situation: Situation, source: Source) -> Self {
        match situation {
            Situation::NotFound => Self::NotFound(source),
            Situation::Unavailable => Self::Unavailable(source),
            Situation::Full => Self::Full(source),
            Situation::Denied => Self::Denied(source),
            Situation::Other => Self::Other(source),
        }
    }
}

impl From<object_store::Error> for Error {
    fn from(error: object_store::Error) -> Self {
        Self::of(situation(&error), Box::new(error))
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::of(of_io(&error), Box::new(error))
    }
}

impl From<reqwest::Error> for Error {
    fn from(error: reqwest::Error) -> Self {
        let away = error.is_timeout() || error.is_connect() || error.is_request();
        let situation =
            if away || error.is_body() { Situation::Unavailable } else { Situation::Other };
        // The address is signed: whoever reads it may use it for a while.
        Self::of(situation, Box::new(error.without_url()))
    }
}

fn situation(error: &object_store::Error) -> Situation {
    match error {
        object_store::Error::NotFound { .. } => Situation::NotFound,
        object_store::Error::PermissionDenied { .. }
        | object_store::Error::Unauthenticated { .. } => Situation::Denied,
        object_store::Error::JoinError { .. } => Situation::Other,
        other => causes(other).find_map(of_cause).unwrap_or(Situation::Other),
    }
}

/// The error and everything behind it.
fn causes<'e>(
    error: &'e (dyn StdError + 'static),
) -> impl Iterator<Item = &'e (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| error.source())
}

fn of_cause(cause: &(dyn StdError + 'static)) -> Option<Situation> {
    if let Some(error) = cause.downcast_ref::<io::Error>() {
        return Some(of_io(error));
    }
    if let Some(error) = cause.downcast_ref::<HttpError>() {
        let away = matches!(
            error.kind(),
            HttpErrorKind::Connect
                | HttpErrorKind::Request
                | HttpErrorKind::Timeout
                | HttpErrorKind::Interrupted
        );
        return Some(if away { Situation::Unavailable } else { Situation::Other });
    }
    of_text(&cause.to_string())
}

/// The types behind an answer of the store are private, so their text has to do.
fn of_text(text: &str) -> Option<Situation> {
    if is_full(text) {
        return Some(Situation::Full);
    }
    if ["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout"]
        .iter()
        .any(|code| text.contains(code))
    {
        return Some(Situation::Unavailable);
    }
    if text.contains("AccessDenied") {
        return Some(Situation::Denied);
    }
    let (_, rest) = text.split_once("status code: ")?;
    rest.get(..3)?.parse().ok().map(of_status)
}

/// What stores of several makes say when they are full.
fn is_full(text: &str) -> bool {
    ["QuotaExceeded", "StorageFull", "InsufficientStorage", "EntityTooLarge: quota"]
        .iter()
        .any(|code| text.contains(code))
}

const fn of_status(status: u16) -> Situation {
    match status {
        404 | 410 => Situation::NotFound,
        401 | 403 => Situation::Denied,
        507 => Situation::Full,
        408 | 429 | 500..=599 => Situation::Unavailable,
        _ => Situation::Other,
    }
}

fn of_io(error: &io::Error) -> Situation {
    match error.kind() {
        io::ErrorKind::NotFound => Situation::NotFound,
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Situation::Full,
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Situation::Denied,
        io::ErrorKind::TimedOut
        | io::ErrorKind::ConnectionRefused
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable
        | io::ErrorKind::StaleNetworkFileHandle
        | io::ErrorKind::ResourceBusy => Situation::Unavailable,
        _ => Situation::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(source: impl Into<Source>) -> object_store::Error {
        object_store::Error::Generic { store: "test", source: source.into() }
    }

    #[test]
    fn what_stores_say_tells_what_can_be_done() {
        let io = |kind| generic(io::Error::from(kind));
        let cases = [
            (io(io::ErrorKind::StorageFull), Situation::Full),
            (io(io::ErrorKind::TimedOut), Situation::Unavailable),
            (io(io::ErrorKind::PermissionDenied), Situation::Denied),
            (io(io::ErrorKind::InvalidData), Situation::Other),
            (generic("Server returned non-2xx status code: 503: "), Situation::Unavailable),
            (generic("Server returned non-2xx status code: 507: "), Situation::Full),
            (generic("Server returned non-2xx status code: 400: "), Situation::Other),
            (generic("request failed (code: SlowDown)"), Situation::Unavailable),
            (generic("request failed (code: AccessDenied)"), Situation::Denied),
            (generic("status code: 400 <Code>XMinioStorageFull</Code>"), Situation::Full),
            (generic("something else"), Situation::Other),
        ];
        for (error, expected) in cases {
            assert_eq!(situation(&error), expected, "{error}");
        }
    }

    #[test]
    fn an_answer_keeps_its_code_and_drops_its_text() {
        let error = Error::answered(403, "<Error><Code>AccessDenied</Code><Key>k</Key></Error>");
        assert!(matches!(&error, Error::Denied(_)));
        assert_eq!(error.source().map(ToString::to_string), Some("status 403 AccessDenied".into()));
        assert!(matches!(Error::answered(503, ""), Error::Unavailable(_)));
    }
}
