//! A statement, written once for two databases.
//!
//! Every statement is in the SQL that SQLite and PostgreSQL share. Parameters are `$1`, `$2`, … in
//! both. Where the two dialects differ, [`dialects`] and [`Sql::push_each`] take one text for
//! each. Conditions that a partial index must recognise stand in the text, never in a parameter.

use std::borrow::Cow;

use sqlx::postgres::{PgArguments, PgConnection, PgPool, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqlitePool, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Encode, FromRow, Type};

use super::db::{Db, Tx};
use super::error::Error;

/// What a statement runs on: `&Db` or `&mut Tx`.
#[derive(Debug)]
pub enum Conn<'c> {
    /// A reading connection to SQLite.
    SqlitePool(&'c SqlitePool),
    /// A transaction in SQLite.
    SqliteTx(&'c mut SqliteConnection),
    /// A connection to PostgreSQL.
    PostgresPool(&'c PgPool),
    /// A transaction in PostgreSQL.
    PostgresTx(&'c mut PgConnection),
}

impl<'c> From<&'c Db> for Conn<'c> {
    fn from(db: &'c Db) -> Self {
        match db {
            Db::Sqlite { readers, .. } => Self::SqlitePool(readers),
            Db::Postgres(pool) => Self::PostgresPool(pool),
        }
    }
}

impl<'c> From<&'c mut Tx> for Conn<'c> {
    fn from(tx: &'c mut Tx) -> Self {
        match tx {
            Tx::Sqlite(tx) => Self::SqliteTx(tx),
            Tx::Postgres(tx) => Self::PostgresTx(tx),
        }
    }
}

/// A value that both databases can take as a parameter.
pub trait Param:
    for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres>
{
}

impl<T> Param for T where
    T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres>
{
}

/// A type that a row of either database can become.
pub trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A statement and its parameters, ready for either database.
#[derive(Debug)]
#[must_use = "a statement does nothing until it is run"]
pub struct Sql {
    sqlite: Side<SqliteArguments>,
    postgres: Side<PgArguments>,
    failed: Option<sqlx::Error>,
}

/// A statement as one database sees it.
#[derive(Debug)]
struct Side<Args> {
    text: Cow<'static, str>,
    args: Args,
}

/// A statement in the SQL both databases share.
pub fn sql(text: &'static str) -> Sql {
    dialects(text, text)
}

/// A statement whose text differs between the databases.
pub fn dialects(sqlite: &'static str, postgres: &'static str) -> Sql {
    Sql {
        sqlite: Side { text: sqlite.into(), args: SqliteArguments::default() },
        postgres: Side { text: postgres.into(), args: PgArguments::default() },
        failed: None,
    }
}

/// Runs `$body` with the text, the arguments and the connection of the database that `$on` is.
macro_rules! run {
    ($sql:expr, $on:expr, |$text:ident, $args:ident, $conn:ident| $body:expr) => {{
        let Sql { sqlite, postgres, .. } = $sql.checked()?;
        match $on.into() {
            Conn::SqlitePool($conn) => run!(@side sqlite, |$text, $args| $body),
            Conn::SqliteTx($conn) => run!(@side sqlite, |$text, $args| $body),
            Conn::PostgresPool($conn) => run!(@side postgres, |$text, $args| $body),
            Conn::PostgresTx($conn) => run!(@side postgres, |$text, $args| $body),
        }
    }};
    (@side $side:ident, |$text:ident, $args:ident| $body:expr) => {{
        let ($text, $args) = (AssertSqlSafe($side.text), $side.args);
        $body
    }};
}

impl Sql {
    /// Binds the next parameter.
    pub fn bind(mut self, value: impl Param) -> Self {
        let bound = self.sqlite.args.add(&value).and_then(|()| self.postgres.args.add(&value));
        if let Err(error) = bound {
            self.failed.get_or_insert(sqlx::Error::Encode(error));
        }
        self
    }

    /// Appends fixed text. Values never enter the text: they are bound.
    pub fn push(self, text: &'static str) -> Self {
        self.push_each(text, text)
    }

    /// Appends fixed text that differs between the databases.
    pub fn push_each(mut self, sqlite: &'static str, postgres: &'static str) -> Self {
        self.sqlite.text.to_mut().push_str(sqlite);
        self.postgres.text.to_mut().push_str(postgres);
        self
    }

    /// Appends a parameter to the text and binds it.
    pub fn push_bind(mut self, value: impl Param) -> Self {
        let name = format!("${}", self.sqlite.args.len() + 1);
        self.sqlite.text.to_mut().push_str(&name);
        self.postgres.text.to_mut().push_str(&name);
        self.bind(value)
    }

    /// Runs the statement and returns how many rows it changed.
    pub async fn execute<'c>(self, on: impl Into<Conn<'c>>) -> Result<u64, Error> {
        run!(self, on, |text, args, conn| {
            let done = sqlx::query_with(text, args).execute(conn).await?;
            Ok(done.rows_affected())
        })
    }

    /// The one row of the result.
    pub async fn fetch_one<'c, T: Record>(self, on: impl Into<Conn<'c>>) -> Result<T, Error> {
        run!(self, on, |text, args, conn| Ok(sqlx::query_as_with(text, args)
            .fetch_one(conn)
            .await?))
    }

    /// The first row of the result, if there is one.
    pub async fn fetch_optional<'c, T: Record>(
        self,
        on: impl Into<Conn<'c>>,
    ) -> Result<Option<T>, Error> {
        run!(self, on, |text, args, conn| Ok(sqlx::query_as_with(text, args)
            .fetch_optional(conn)
            .await?))
    }

    /// Every row of the result.
    pub async fn fetch_all<'c, T: Record>(self, on: impl Into<Conn<'c>>) -> Result<Vec<T>, Error> {
        run!(self, on, |text, args, conn| Ok(sqlx::query_as_with(text, args)
            .fetch_all(conn)
            .await?))
    }

    /// This statement, unless a parameter could not be encoded or is missing.
    ///
    /// SQLite reads a parameter that was never bound as `NULL`, so a forgotten `bind` would
    /// otherwise go unnoticed there.
    fn checked(self) -> Result<Self, Error> {
        let wanted = parameters(&self.sqlite.text).max(parameters(&self.postgres.text));
        let bound = self.sqlite.args.len();
        if let Some(error) = self.failed {
            return Err(error.into());
        }
        if wanted != bound {
            let text = &self.sqlite.text;
            let said = format!("{wanted} parameters, {bound} bound: {text}");
            return Err(sqlx::Error::Protocol(said).into());
        }
        Ok(self)
    }
}

/// The highest `n` of the parameters `$n` in `text`.
fn parameters(text: &str) -> usize {
    text.split('$')
        .skip(1)
        .filter_map(|rest| {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.get(..end)?.parse().ok()
        })
        .max()
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_by_their_numbers() {
        let cases = [("", 0), ("$1", 1), ("a = $2 AND b = $2 AND c = $10", 10), ("$$ $x", 0)];
        for (text, expected) in cases {
            assert_eq!(parameters(text), expected, "{text}");
        }
    }

    #[test]
    fn a_missing_bind_is_an_error_and_an_appended_one_counts_on() {
        assert!(sql("a = $1 AND b = $2").bind(1_i64).checked().is_err());
        let built = sql("a = $1").bind(1_i64).push(" AND b = ").push_bind("x").checked().unwrap();
        assert_eq!(built.sqlite.text, "a = $1 AND b = $2");
        assert_eq!(built.postgres.text, built.sqlite.text);
    }
}
