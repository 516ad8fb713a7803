//! Reading every object once in a while: whose turn it is, and that it was done.

use jiff::SignedDuration;

use crate::model::{Recording, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};
use super::row::{COLUMNS, Row};

/// How long a claim is one node's: afterwards another may take it over.
pub const SCRUBBING: SignedDuration = SignedDuration::from_hours(6);

/// Takes stored recordings that were last read before `before`, the longest ago first, for
/// [`SCRUBBING`].
pub async fn claim_scrub(
    tx: &mut Tx,
    now: Timestamp,
    before: Timestamp,
    limit: i64,
) -> Result<Vec<Recording>, Error> {
    let rows: Vec<Row> = sql("WITH picked AS (SELECT id FROM recordings
         WHERE state = 'stored' AND COALESCE(scrubbed_at, received_at) < $1
             AND (scrub_claimed_at IS NULL OR scrub_claimed_at < $2)
         ORDER BY COALESCE(scrubbed_at, received_at) LIMIT $3")
    .bind(before)
    .bind(now.plus(-SCRUBBING))
    .bind(limit)
    .push_each("", " FOR UPDATE SKIP LOCKED")
    .push(") UPDATE recordings SET scrub_claimed_at = ")
    .push_bind(now)
    .push(" WHERE id IN (SELECT id FROM picked) RETURNING ")
    .push(COLUMNS)
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// Writes down that these were read as a whole and opened.
pub async fn scrubbed(tx: &mut Tx, ids: &[RecordingId], now: Timestamp) -> Result<(), Error> {
    sql("UPDATE recordings SET scrub_claimed_at = NULL, scrubbed_at = $1 WHERE id ")
        .bind(now)
        .push_in(ids)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Lets go of what was taken and could not be read now.
pub async fn release_scrub(tx: &mut Tx, ids: &[RecordingId]) -> Result<(), Error> {
    sql("UPDATE recordings SET scrub_claimed_at = NULL WHERE id ")
        .push_in(ids)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// When the stored recording that was read the longest ago was read, or taken in.
pub async fn oldest_scrub(on: impl Into<Conn<'_>>) -> Result<Option<Timestamp>, Error> {
    let (oldest,) = sql("SELECT MIN(COALESCE(scrubbed_at, received_at)) FROM recordings
         WHERE state = 'stored'")
    .fetch_one(on)
    .await?;
    Ok(oldest)
}
