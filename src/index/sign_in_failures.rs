//! The table `sign_in_failures`: how often signing in failed, by a keyed hash of the name or of the
//! address.

use crate::model::Timestamp;

use super::db::Tx;
use super::error::Error;
use super::sql::sql;

/// How often it failed, the attempt that is being counted included, and how long nobody may try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Failures {
    /// How often.
    pub failures: i32,
    /// Until when the next attempt has to wait.
    pub locked_until: Option<Timestamp>,
}

/// Counts an attempt before anybody knows whether it is good, so that many at once count too.
/// What is older than `since` is forgotten.
pub async fn count(
    tx: &mut Tx,
    key: &[u8; 32],
    now: Timestamp,
    since: Timestamp,
) -> Result<Failures, Error> {
    sql("INSERT INTO sign_in_failures (key, failures, last_at) VALUES ($1, 1, $2)
         ON CONFLICT (key) DO UPDATE SET
             failures = CASE WHEN sign_in_failures.last_at < $3 THEN 1
                 ELSE sign_in_failures.failures + 1 END,
             last_at = $2
         RETURNING failures, locked_until")
    .bind(key.as_slice())
    .bind(now)
    .bind(since)
    .fetch_one(&mut *tx)
    .await
}

/// Makes the next attempt wait.
pub async fn lock(tx: &mut Tx, key: &[u8; 32], until: Timestamp) -> Result<(), Error> {
    sql("UPDATE sign_in_failures SET locked_until = $1 WHERE key = $2")
        .bind(until)
        .bind(key.as_slice())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Takes an attempt back that was good after all, and the wait it began.
pub async fn forgive(tx: &mut Tx, key: &[u8; 32]) -> Result<(), Error> {
    sql("UPDATE sign_in_failures SET failures = failures - 1, locked_until = NULL
         WHERE key = $1 AND failures > 0")
    .bind(key.as_slice())
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Forgets every failure of a key.
pub async fn clear(tx: &mut Tx, key: &[u8; 32]) -> Result<(), Error> {
    sql("DELETE FROM sign_in_failures WHERE key = $1")
        .bind(key.as_slice())
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Drops what is older than `since` and returns how much that was.
pub async fn purge(tx: &mut Tx, since: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM sign_in_failures WHERE last_at < $1").bind(since).execute(&mut *tx).await
}
