//! A fresh, migrated index for each test, on each of the two databases.

use callvault::index::{Db, Pool};
use sqlx::Connection;
use tempfile::TempDir;

/// An index that lives as long as the test.
pub(crate) struct TestDb {
    pub(crate) db: Db,
    /// Where it is, for a second connection to it.
    pub(crate) url: String,
    _dir: Option<TempDir>,
}

const POOL: Pool = Pool { max_connections: 5, acquire_timeout: std::time::Duration::from_secs(20) };

/// An index in SQLite, in a temporary directory.
pub(crate) async fn sqlite() -> TestDb {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", dir.path().join("index.db").display());
    migrated(url, Some(dir)).await
}

/// An index in a new database on the server that `TEST_POSTGRES` names.
pub(crate) async fn postgres() -> TestDb {
    migrated(new_database().await, None).await
}

async fn migrated(url: String, dir: Option<TempDir>) -> TestDb {
    let db = Db::connect(&url, &POOL).await.unwrap();
    db.migrate().await.unwrap();
    TestDb { db, url, _dir: dir }
}

/// The address of a new, empty database.
pub(crate) async fn new_database() -> String {
    let server = server();
    let name = format!("test_{}", uuid::Uuid::new_v4().simple());
    let mut admin = sqlx::PgConnection::connect(&format!("{server}/postgres")).await.unwrap();
    let create = sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}"));
    sqlx::raw_sql(create).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
    format!("{server}/{name}")
}

#[expect(clippy::disallowed_methods, reason = "tests are told their services by the environment")]
fn server() -> String {
    std::env::var("TEST_POSTGRES").expect(
        "TEST_POSTGRES must name a PostgreSQL server, such as postgres://postgres@127.0.0.1:5432: \
         the index is tested on both databases",
    )
}

/// Runs each test on SQLite and on PostgreSQL.
macro_rules! on_each_backend {
    ($($test:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test($crate::backend::sqlite().await).await })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $test() { super::$test($crate::backend::postgres().await).await })*
        }
    };
}
pub(crate) use on_each_backend;
