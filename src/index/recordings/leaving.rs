//! The recordings of a customer that leaves: claiming them to be erased, and counting them.

use crate::model::{ControllerId, Day, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};
use super::erasing::{CLAIMED, Claimed, SKIP_LOCKED};
use super::row::{COLUMNS, Row};
use crate::model::Recording;

/// What goes with the service: what no hold keeps and no restriction that suspends. The same as in
/// [`super::destroy_wraps`], so that nothing is claimed only to be let go of again. Holds that do not
/// survive the service are released before.
const GOES: &str = "NOT held AND (NOT restricted OR restriction_ground = 'objection_pending')";

/// Claims recordings of a customer that left, the oldest calls first, whatever their term.
pub async fn claim_leaving(
    tx: &mut Tx,
    controller: ControllerId,
    case_id: &str,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Claimed>, Error> {
    sql("WITH picked AS (SELECT id FROM recordings
         WHERE started_at IS NOT NULL AND state IN ('stored', 'lost') AND ")
    .push(GOES)
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
    /// How many others a restriction keeps that suspends their erasing.
    pub restricted: i64,
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
             CAST(COALESCE(SUM(CASE WHEN NOT held AND restricted
                 AND (restriction_ground IS NULL OR restriction_ground <> 'objection_pending')
                 THEN 1 ELSE 0 END), 0) AS BIGINT) AS restricted,
             CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes,
             MAX(due_at) AS latest_due_at
         FROM recordings
         WHERE controller_id = $1 AND started_at IS NOT NULL
             AND state IN ('stored', 'lost', 'erasing')")
    .bind(controller)
    .fetch_one(on)
    .await
}

/// What keeps recordings of a customer: an open hold, or open restrictions of one case.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Keeper {
    /// `hold` or `restriction`.
    pub kept_by: String,
    /// The kind of the hold, or the ground.
    pub why: String,
    /// The case behind it.
    pub case_id: String,
    /// How many recordings that are not gone it keeps.
    pub recordings: i64,
    /// The day by which somebody looks again.
    pub review_on: Day,
}

/// What keeps recordings of a customer, at most 100, those that are looked at last first.
pub async fn keepers(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
) -> Result<Vec<Keeper>, Error> {
    sql("SELECT 'hold' AS kept_by, kind AS why, case_id, (SELECT COUNT(*) FROM hold_recordings
             JOIN recordings ON recordings.id = recording_id
             WHERE hold_id = holds.id AND state IN ('stored', 'lost', 'erasing')) AS recordings,
             review_on
         FROM holds WHERE controller_id = $1 AND released_at IS NULL
         UNION ALL
         SELECT 'restriction', ground, restrictions.case_id, COUNT(*), MAX(review_on)
         FROM restrictions JOIN recordings ON recordings.id = recording_id
         WHERE restrictions.controller_id = $1 AND lifted_at IS NULL
             AND ground <> 'objection_pending' AND state IN ('stored', 'lost', 'erasing')
         GROUP BY ground, restrictions.case_id
         ORDER BY review_on DESC, case_id LIMIT 100")
    .bind(controller)
    .fetch_all(on)
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
