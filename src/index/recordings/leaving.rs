//! The recordings of a customer that leaves: claiming them to be erased, and counting them.

use crate::model::{ControllerId, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};
use super::erasing::{CLAIMED, Claimed, SKIP_LOCKED};
use super::row::{COLUMNS, Row};
use crate::model::Recording;

/// What survives the end of service. Any hold, for now: once holds say their kind, only
/// authority orders need to be named here (and in [`super::destroy_wraps`]).
const SURVIVES: &str = "held";

/// Claims recordings of a customer that left, the oldest calls first, whatever their term.
pub async fn claim_leaving(
    tx: &mut Tx,
    controller: ControllerId,
    case_id: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Claimed>, Error> {
    sql("WITH picked AS (SELECT id FROM recordings
         WHERE started_at IS NOT NULL AND state IN ('stored', 'lost') AND NOT ")
    .push(SURVIVES)
    .push(" AND controller_id = ")
    .push_bind(controller)
    .push(" ORDER BY started_at LIMIT ")
    .push_bind(limit)
    .push_each("", SKIP_LOCKED)
    .push(
        ") UPDATE recordings
         SET state = 'erasing', cause = 'end_of_service', claims = claims + 1, attempts = 0,
             error_code = NULL, case_id = ",
    )
    .push_bind(case_id.to_owned())
    .push(", claimed_at = ")
    .push_bind(now)
    .push(" WHERE id IN (SELECT id FROM picked)")
    .push(CLAIMED)
    .fetch_all(&mut *tx)
    .await
}

/// What there is of a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Holdings {
    /// Recordings that are not gone, those that are being erased included.
    pub recordings: i64,
    /// How many of them a hold keeps.
    pub held: i64,
    /// Their bytes of audio.
    pub bytes: i64,
    /// When the last of them is due, held or not.
    pub latest_due_at: Option<Timestamp>,
}

/// What there is of a customer.
pub async fn holdings(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
) -> Result<Holdings, Error> {
    sql("SELECT COUNT(*) AS recordings,
             CAST(COALESCE(SUM(CASE WHEN held THEN 1 ELSE 0 END), 0) AS BIGINT) AS held,
             CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes,
             MAX(due_at) AS latest_due_at
         FROM recordings
         WHERE controller_id = $1 AND started_at IS NOT NULL
             AND state IN ('stored', 'lost', 'erasing')")
    .bind(controller)
    .fetch_one(on)
    .await
}

/// What was erased of a customer since a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ErasedCounts {
    /// How many, whatever the cause.
    pub recordings: i64,
    /// How many of them because the customer left.
    pub end_of_service: i64,
    /// When the first was gone.
    pub first_at: Option<Timestamp>,
    /// When the last was gone.
    pub last_at: Option<Timestamp>,
}

/// What was erased of a customer since a moment.
pub async fn departed(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    since: Timestamp,
) -> Result<ErasedCounts, Error> {
    sql("SELECT COUNT(*) AS recordings,
             CAST(COALESCE(SUM(CASE WHEN cause = 'end_of_service' THEN 1 ELSE 0 END), 0) AS BIGINT)
                 AS end_of_service,
             MIN(erased_at) AS first_at, MAX(erased_at) AS last_at
         FROM recordings
         WHERE controller_id = $1 AND state = 'tombstone' AND erased_at >= $2")
    .bind(controller)
    .bind(since.minute())
    .fetch_one(on)
    .await
}

/// These recordings, in no order; what there is none of is not among them.
pub async fn find_each(
    on: impl Into<Conn<'_>>,
    ids: &[RecordingId],
) -> Result<Vec<Recording>, Error> {
    let rows: Vec<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE id ")
        .push_in(ids)
        .fetch_all(on)
        .await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}
