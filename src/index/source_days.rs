//! The table `source_days`: what came from each source on each day.

use crate::model::{Day, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// What came from a source on a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Came {
    /// How many recordings were taken in.
    pub received: i64,
    /// How many uploads were refused.
    pub refused: i64,
    /// When the last one was taken in.
    pub received_at: Option<Timestamp>,
    /// When the last one was refused.
    pub refused_at: Option<Timestamp>,
    /// Why.
    pub refused_code: Option<&'static str>,
}

/// What came from a source, over some days.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Sum {
    /// Which source.
    pub source: String,
    /// How many recordings were taken in.
    pub received: i64,
    /// How many uploads were refused.
    pub refused: i64,
    /// When the last one was taken in.
    pub received_at: Option<Timestamp>,
    /// When the last one was refused.
    pub refused_at: Option<Timestamp>,
}

/// Adds what came since it was added last.
pub async fn add(tx: &mut Tx, source: &str, day: Day, came: &Came) -> Result<(), Error> {
    sql("INSERT INTO source_days
             (source, day, received, refused, received_at, refused_at, refused_code)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (source, day) DO UPDATE SET
             received = source_days.received + excluded.received,
             refused = source_days.refused + excluded.refused,
             received_at = COALESCE(excluded.received_at, source_days.received_at),
             refused_at = COALESCE(excluded.refused_at, source_days.refused_at),
             refused_code = COALESCE(excluded.refused_code, source_days.refused_code)")
    .bind(source)
    .bind(day)
    .bind(came.received)
    .bind(came.refused)
    .bind(came.received_at)
    .bind(came.refused_at)
    .bind(came.refused_code)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// What came from each source since a day.
pub async fn since(on: impl Into<Conn<'_>>, day: Day) -> Result<Vec<Sum>, Error> {
    sql("SELECT source, CAST(SUM(received) AS BIGINT) AS received,
             CAST(SUM(refused) AS BIGINT) AS refused, MAX(received_at) AS received_at,
             MAX(refused_at) AS refused_at
         FROM source_days WHERE day >= $1 GROUP BY source ORDER BY source")
    .bind(day)
    .fetch_all(on)
    .await
}

/// Why each source was refused last.
pub async fn last_refusals(on: impl Into<Conn<'_>>) -> Result<Vec<(String, String)>, Error> {
    sql("SELECT source, refused_code FROM source_days this
         WHERE refused_code IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM source_days later
             WHERE later.source = this.source AND later.day > this.day
                 AND later.refused_code IS NOT NULL)
         ORDER BY source")
    .fetch_all(on)
    .await
}

/// Drops what is older than a day.
pub async fn purge(tx: &mut Tx, day: Day) -> Result<u64, Error> {
    sql("DELETE FROM source_days WHERE day < $1").bind(day).execute(&mut *tx).await
}
