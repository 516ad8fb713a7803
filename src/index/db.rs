//! The database: connections, transactions, migrations.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions, Postgres};
use sqlx::sqlite::{
    Sqlite, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Transaction};

use crate::model::Timestamp;

use super::error::Error;
use super::sql::{dialects, sql};

/// The migrations of SQLite. Both databases have the same ones, in a dialect each.
pub static SQLITE_MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");
/// The migrations of PostgreSQL. Both databases have the same ones, in a dialect each.
pub static POSTGRES_MIGRATIONS: Migrator = sqlx::migrate!("migrations/postgres");

/// How many connections there are and how long one waits for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// The most connections. SQLite has one more, the only one that writes.
    pub max_connections: u32,
    /// How long to wait for a connection before the index counts as unavailable.
    pub acquire_timeout: Duration,
}

impl Default for Pool {
    fn default() -> Self {
        Self { max_connections: 10, acquire_timeout: Duration::from_secs(5) }
    }
}

/// Which database the index is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Embedded, in one file.
    Sqlite,
    /// A server.
    Postgres,
}

impl Kind {
    /// The database's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// The index.
#[derive(Clone, Debug)]
pub enum Db {
    /// An embedded database in one file.
    Sqlite {
        /// Connections that cannot write.
        readers: SqlitePool,
        /// The one connection that writes. Waiting for it is a fair queue; waiting for SQLite's
        /// own lock is polling, and starves.
        writer: SqlitePool,
    },
    /// A PostgreSQL server.
    Postgres(PgPool),
}

impl Db {
    /// Opens the index at `url`: `sqlite:path` or `postgres://…`.
    pub async fn connect(url: &str, pool: &Pool) -> Result<Self, Error> {
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            // Statements hold no values, but they tell what a caller looks for; keep them out.
            let options = url.parse::<PgConnectOptions>()?.disable_statement_logging();
            let pool = PgPoolOptions::new()
                .max_connections(pool.max_connections)
                .acquire_timeout(pool.acquire_timeout)
                .connect_with(options)
                .await?;
            return Ok(Self::Postgres(pool));
        }
        let options = url
            .parse::<SqliteConnectOptions>()?
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(5))
            .disable_statement_logging();
        // The writer comes first: it makes the file and its log.
        let writer = SqlitePoolOptions::new()
            .max_connections(1)
            .acquire_timeout(pool.acquire_timeout)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(writing(options.clone()))
            .await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(pool.max_connections)
            .acquire_timeout(pool.acquire_timeout)
            .test_before_acquire(false)
            .connect_with(options.pragma("query_only", "ON"))
            .await?;
        Ok(Self::Sqlite { readers, writer })
    }

    /// Which database this is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Sqlite { .. } => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// Brings the schema up to date.
    pub async fn migrate(&self) -> Result<(), Error> {
        match self {
            Self::Sqlite { writer, .. } => SQLITE_MIGRATIONS.run(writer).await?,
            Self::Postgres(pool) => POSTGRES_MIGRATIONS.run(pool).await?,
        }
        Ok(())
    }

    /// The migrations that have yet to be run, in order.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, Error> {
        let (known,): (bool,) = dialects(
            "SELECT COUNT(*) > 0 FROM sqlite_master WHERE name = '_sqlx_migrations'",
            "SELECT to_regclass('_sqlx_migrations') IS NOT NULL",
        )
        .fetch_one(self)
        .await?;
        let done: Vec<(i64,)> = if known {
            sql("SELECT version FROM _sqlx_migrations WHERE success").fetch_all(self).await?
        } else {
            Vec::new()
        };
        let migrations = match self.kind() {
            Kind::Sqlite => &SQLITE_MIGRATIONS,
            Kind::Postgres => &POSTGRES_MIGRATIONS,
        };
        let pending = migrations
            .iter()
            .filter(|migration| !done.contains(&(migration.version,)))
            .map(|migration| format!("{:04} {}", migration.version, migration.description));
        Ok(pending.collect())
    }

    /// Starts a transaction that may write.
    ///
    /// In SQLite it takes the write lock at once: a transaction that reads first and asks for the
    /// lock later fails when another has written in between.
    pub async fn begin(&self) -> Result<Tx, Error> {
        Ok(match self {
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// What the clock of the database server says. The embedded database has none of its own.
    pub async fn server_time(&self) -> Result<Option<Timestamp>, Error> {
        let (time,): (Option<Timestamp>,) =
            dialects("SELECT CAST(NULL AS INTEGER)", "SELECT clock_timestamp()")
                .fetch_one(self)
                .await?;
        Ok(time)
    }

    /// Whether the index answers.
    pub async fn ping(&self) -> Result<(), Error> {
        let _: (i64,) =
            sql("SELECT CAST(COUNT(*) AS BIGINT) FROM clock_guard").fetch_one(self).await?;
        Ok(())
    }

    /// Moves everything committed into the database file and empties SQLite's log, which still
    /// holds the wraps that were destroyed since. PostgreSQL does its own.
    ///
    /// Returns whether all of it was moved: a long reader may hold some of it back.
    pub async fn checkpoint(&self) -> Result<bool, Error> {
        let Self::Sqlite { writer, .. } = self else { return Ok(true) };
        let (busy, _, _): (i64, i64, i64) =
            sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(writer).await?;
        Ok(busy == 0)
    }

    /// Closes every connection, once what they are doing is done.
    pub async fn close(&self) {
        match self {
            Self::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

/// What the writing connection to SQLite needs: acknowledged is durable, and what is overwritten
/// leaves no bytes behind.
fn writing(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("secure_delete", "ON")
        // A change of policy moves thousands of rows in one transaction: with the 2 MiB there are
        // otherwise their pages are written and read several times over.
        .pragma("cache_size", "-65536")
        .pragma("wal_autocheckpoint", "8192")
}

/// A transaction, rolled back unless committed.
#[derive(Debug)]
pub enum Tx {
    /// In SQLite. It is the only one that writes until it ends.
    Sqlite(Transaction<'static, Sqlite>),
    /// In PostgreSQL.
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    /// Makes every change of the transaction durable.
    pub async fn commit(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.commit().await?,
            Self::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    /// Undoes every change of the transaction, and waits until that is done.
    pub async fn rollback(self) -> Result<(), Error> {
        match self {
            Self::Sqlite(tx) => tx.rollback().await?,
            Self::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
