//! What can go wrong with rows, by what the caller can do about it.

use std::fmt;

/// A failed statement.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database cannot be reached or is too busy. Nothing was changed; trying later may help.
    #[error("the index is not available")]
    Unavailable(#[source] Fault),
    /// Such a row exists already.
    #[error("the index has such a row already")]
    Conflict(#[source] Fault),
    /// The disk of the database is full.
    #[error("the disk of the index is full")]
    Full(#[source] Fault),
    /// The row is sealed under an older key of a day that was renewed meanwhile. Nothing was changed.
    #[error("the key of a day was renewed meanwhile")]
    Renewed(#[source] Fault),
    /// The schema could not be brought up to date.
    #[error("the schema of the index could not be brought up to date")]
    Migrate(#[source] Box<sqlx::migrate::MigrateError>),
    /// The statement, the row or the database is wrong: a defect, not a circumstance.
    #[error("the index failed")]
    Other(#[source] Fault),
}

impl Error {
    /// A row that does not hold what it must.
    pub(super) fn damaged(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        sqlx::Error::Decode(Box::new(source)).into()
    }

    /// A row that was expected to be as it was, and is not any more.
    pub(super) fn moved(what: &str) -> Self {
        Self::Conflict(Fault(sqlx::Error::Protocol(what.to_owned())))
    }
}

/// What the database said.
///
/// Its `Debug` is its message: the details that PostgreSQL adds hold the values of the row, and
/// those are personal data (I12).
#[derive(thiserror::Error)]
#[error(transparent)]
pub struct Fault(sqlx::Error);

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        match situation(&error) {
            Situation::Unavailable => Self::Unavailable(Fault(error)),
            Situation::Conflict => Self::Conflict(Fault(error)),
            Situation::Full => Self::Full(Fault(error)),
            Situation::Renewed => Self::Renewed(Fault(error)),
            Situation::Other => Self::Other(Fault(error)),
        }
    }
}

impl From<sqlx::migrate::MigrateError> for Error {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migrate(Box::new(error))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Situation {
    Unavailable,
    Conflict,
    Full,
    Renewed,
    Other,
}

/// What the triggers of `recordings` say.
const RENEWED: &str = "the key of this day was renewed";

fn situation(error: &sqlx::Error) -> Situation {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => Situation::Unavailable,
        // A server, or a proxy before it, that hangs up while a connection is made.
        sqlx::Error::Protocol(text) if text.contains("SSLRequest") => Situation::Unavailable,
        sqlx::Error::Database(error) if error.is_unique_violation() => Situation::Conflict,
        sqlx::Error::Database(error) if error.message().contains(RENEWED) => Situation::Renewed,
        sqlx::Error::Database(error) => error.code().map_or(Situation::Other, |code| coded(&code)),
        _ => Situation::Other,
    }
}

/// The situation behind a code: five characters from PostgreSQL, a decimal number from SQLite.
fn coded(code: &str) -> Situation {
    if code.len() == 5 {
        return match code {
            // Disk full, out of memory.
            "53100" | "53200" => Situation::Full,
            // Lost a race with another transaction or waited too long for it; too many clients.
            "40001" | "40P01" | "55P03" | "53300" | "25006" => Situation::Unavailable,
            // Connection lost; the server shuts down, crashed or is starting.
            _ if code.starts_with("08") || code.starts_with("57P") => Situation::Unavailable,
            _ => Situation::Other,
        };
    }
    // The low byte is the primary code: BUSY, LOCKED, IOERR, FULL, CANTOPEN.
    match code.parse::<u32>().map(|code| code & 0xff) {
        Ok(5 | 6 | 10 | 14) => Situation::Unavailable,
        Ok(13) => Situation::Full,
        _ => Situation::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_both_databases_tell_what_can_be_done() {
        let cases = [
            ("53100", Situation::Full),
            ("40P01", Situation::Unavailable),
            ("08006", Situation::Unavailable),
            ("57P03", Situation::Unavailable),
            ("23514", Situation::Other),
            ("5", Situation::Unavailable),
            ("261", Situation::Unavailable),
            ("778", Situation::Unavailable),
            ("13", Situation::Full),
            ("275", Situation::Other),
            ("nonsense", Situation::Other),
        ];
        for (code, expected) in cases {
            assert_eq!(coded(code), expected, "{code}");
        }
        assert_eq!(situation(&sqlx::Error::PoolTimedOut), Situation::Unavailable);
        assert_eq!(situation(&sqlx::Error::RowNotFound), Situation::Other);
    }

    #[test]
    fn what_the_database_said_is_in_the_chain_and_not_in_the_sentence() {
        use std::error::Error as _;

        let error = Error::from(sqlx::Error::Protocol("boom".into()));
        assert_eq!(error.to_string(), "the index failed");
        assert!(error.source().is_some_and(|source| source.to_string().contains("boom")));
        assert!(matches!(Error::from(sqlx::Error::PoolClosed), Error::Unavailable(_)));
    }
}
