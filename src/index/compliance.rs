//! The figures of somebody who checks: one statement each, whatever the number of recordings.

use crate::model::{Cause, Class, ControllerId, State, Timestamp};

use super::error::Error;
use super::recordings::{Overdue, STUCK_AFTER};
use super::sql::{Conn, sql};

/// How many recordings are in a state, by the cause of their erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Counted {
    /// The state.
    pub state: State,
    /// The cause.
    pub cause: Option<Cause>,
    /// How many.
    pub count: i64,
}

/// Every recording there ever was, by state and cause.
pub async fn counts(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
) -> Result<Vec<Counted>, Error> {
    sql("SELECT state, cause, COUNT(*) AS count FROM recordings WHERE controller_id = $1
         GROUP BY state, cause")
    .bind(controller)
    .fetch_all(on)
    .await
}

/// Recordings past their term whose audio is not verifiably gone and that nothing keeps.
pub async fn overdue(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    now: Timestamp,
) -> Result<Overdue, Error> {
    sql("SELECT COUNT(*) AS count, MIN(due_at) AS oldest_due FROM (
             SELECT due_at FROM recordings
             WHERE state = 'stored' AND NOT held AND NOT restricted AND due_at <= $1
                 AND controller_id = $2
             UNION ALL
             SELECT due_at FROM recordings
             WHERE state = 'stored' AND NOT held AND restriction_ground = 'objection_pending'
                 AND due_at <= $1 AND controller_id = $2
             UNION ALL
             SELECT due_at FROM recordings
             WHERE state = 'erasing' AND due_at <= $1 AND controller_id = $2) AS waiting")
    .bind(now)
    .bind(controller)
    .fetch_one(on)
    .await
}

/// What keeps recordings past their term, by ground. A hold comes before a restriction.
pub async fn suspended(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, Error> {
    sql("SELECT CASE WHEN held THEN 'hold' ELSE COALESCE(restriction_ground, 'unknown') END
             AS ground, COUNT(*)
         FROM recordings
         WHERE state = 'stored' AND (held OR restricted) AND due_at <= $1 AND controller_id = $2
             AND (held OR restriction_ground IS DISTINCT FROM 'objection_pending')
         GROUP BY 1 ORDER BY 1")
    .bind(now)
    .bind(controller)
    .fetch_all(on)
    .await
}

/// How many recordings become due until each of three moments.
pub async fn due_until(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    now: Timestamp,
    until: [Timestamp; 3],
) -> Result<(i64, i64, i64), Error> {
    let [first, second, third] = until;
    sql("SELECT COALESCE(SUM(CASE WHEN due_at <= $1 THEN 1 ELSE 0 END), 0),
             COALESCE(SUM(CASE WHEN due_at <= $2 THEN 1 ELSE 0 END), 0), COUNT(*)
         FROM recordings
         WHERE state = 'stored' AND NOT held AND NOT restricted AND due_at > $4 AND due_at <= $3
             AND controller_id = $5")
    .bind(first)
    .bind(second)
    .bind(third)
    .bind(now)
    .bind(controller)
    .fetch_one(on)
    .await
}

/// When the oldest call ended whose audio is there.
pub async fn oldest(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    class: Class,
) -> Result<Option<Timestamp>, Error> {
    let (oldest,) = sql("SELECT MIN(ended_at) FROM recordings
         WHERE class = $1 AND state = 'stored' AND controller_id = $2")
    .bind(class)
    .bind(controller)
    .fetch_one(on)
    .await?;
    Ok(oldest)
}

/// Recordings whose metadata is past its term.
pub async fn metadata_overdue(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    now: Timestamp,
) -> Result<i64, Error> {
    let (count,) = sql("SELECT COUNT(*) FROM recordings
         WHERE state = 'audio_erased' AND metadata_due_at <= $1 AND controller_id = $2")
    .bind(now)
    .bind(controller)
    .fetch_one(on)
    .await?;
    Ok(count)
}

/// How often somebody heard far more than the others, since then.
pub async fn outliers(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    since: Timestamp,
) -> Result<i64, Error> {
    let (count,) = sql("SELECT COUNT(*) FROM ledger_entries
         WHERE event = 'access.outlier' AND controller_id = $1 AND at >= $2")
    .bind(controller)
    .bind(since)
    .fetch_one(on)
    .await?;
    Ok(count)
}

/// A place in the order of the lags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Lag {
    /// The place, from 1.
    pub place: i64,
    /// How many there are.
    pub total: i64,
    /// The lag, in microseconds.
    pub lag: i64,
}

/// The nearest-rank percentiles 50, 95 and 99 and the maximum of the lags of erasures by term since.
pub async fn lags(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    since: Timestamp,
) -> Result<Vec<Lag>, Error> {
    sql("SELECT place, total, lag FROM (
             SELECT lag, ROW_NUMBER() OVER (ORDER BY lag) AS place, COUNT(*) OVER () AS total
             FROM (SELECT ")
    .push_each("erased_at - due_at", "(EXTRACT(EPOCH FROM (erased_at - due_at)) * 1000000)::BIGINT")
    .push(
        " AS lag FROM recordings
             WHERE erased_at IS NOT NULL AND cause = 'term' AND controller_id = ",
    )
    .push_bind(controller)
    .push(" AND erased_at >= ")
    .push_bind(since)
    .push(
        ") AS lags) AS ranked
         WHERE place IN ((total * 50 + 99) / 100, (total * 95 + 99) / 100,
             (total * 99 + 99) / 100, total)
         ORDER BY place",
    )
    .fetch_all(on)
    .await
}

/// Erasures that the store stands in the way of: those that are not verified, by why and with how
/// many of them keep failing, and how many objects were there again and not absent since.
pub async fn of_the_store(
    on: impl Into<Conn<'_>> + Copy,
    controller: ControllerId,
) -> Result<(Vec<(String, i64, i64)>, i64), Error> {
    let unverified = sql("SELECT error_code, COUNT(*),
             CAST(SUM(CASE WHEN attempts >= $1 THEN 1 ELSE 0 END) AS BIGINT)
         FROM recordings
         WHERE state = 'erasing' AND key_destroyed_at IS NOT NULL AND error_code IS NOT NULL
             AND controller_id = $2
         GROUP BY error_code")
    .bind(STUCK_AFTER)
    .bind(controller)
    .fetch_all(on)
    .await?;
    let (reappeared,) = sql("SELECT COUNT(*) FROM recordings
         WHERE look_again_at IS NOT NULL AND controller_id = $1 AND EXISTS (
             SELECT 1 FROM ledger_entries e
             WHERE e.recording_id = recordings.id AND e.event = 'erasure.reappeared')")
    .bind(controller)
    .fetch_one(on)
    .await?;
    Ok((unverified, reappeared))
}
