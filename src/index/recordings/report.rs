//! What somebody who checks wants to know, and what reconciling store and index needs.

use crate::model::{Class, ControllerId, Day, RecordingId, State, Timestamp};

use super::super::error::Error;
use super::super::sql::{Conn, dialects, sql};

/// From this many failed attempts on, an erasure is stuck and somebody must look.
pub const STUCK_AFTER: i32 = 5;

/// What should have been gone and is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Overdue {
    /// How many recordings.
    pub count: i64,
    /// When the first of them was due.
    pub oldest_due: Option<Timestamp>,
}

/// Recordings past their term whose audio is not verifiably gone and that nothing keeps: waiting
/// for the eraser, or being erased.
pub async fn overdue(on: impl Into<Conn<'_>>, now: Timestamp) -> Result<Overdue, Error> {
    sql("SELECT COUNT(*) AS count, MIN(due_at) AS oldest_due FROM (
             SELECT due_at FROM recordings
             WHERE state = 'stored' AND NOT held AND NOT restricted AND due_at <= $1
             UNION ALL
             SELECT due_at FROM recordings
             WHERE state = 'stored' AND NOT held AND restriction_ground = 'objection_pending'
                 AND due_at <= $1
             UNION ALL
             SELECT due_at FROM recordings WHERE state = 'erasing' AND due_at <= $1) AS waiting")
    .bind(now)
    .fetch_one(on)
    .await
}

/// How many recordings the eraser would claim at this moment.
pub async fn count_due(on: impl Into<Conn<'_>>, now: Timestamp) -> Result<i64, Error> {
    let (count,) = sql("SELECT
         (SELECT COUNT(*) FROM recordings
          WHERE state = 'stored' AND NOT held AND NOT restricted AND due_at <= $1)
         + (SELECT COUNT(*) FROM recordings
            WHERE state = 'stored' AND NOT held AND restriction_ground = 'objection_pending'
                AND due_at <= $1)")
    .bind(now)
    .fetch_one(on)
    .await?;
    Ok(count)
}

/// What keeps recordings past their term: how many, by ground. A hold comes before a restriction.
pub async fn suspended_past_due(
    on: impl Into<Conn<'_>>,
    now: Timestamp,
) -> Result<Vec<(String, i64)>, Error> {
    sql("SELECT CASE WHEN held THEN 'hold' ELSE COALESCE(restriction_ground, 'unknown') END
             AS ground, COUNT(*)
         FROM recordings
         WHERE state = 'stored' AND (held OR restricted) AND due_at <= $1
             AND (held OR restriction_ground IS DISTINCT FROM 'objection_pending')
         GROUP BY 1 ORDER BY 1")
    .bind(now)
    .fetch_all(on)
    .await
}

/// When the oldest call ended whose audio is there, held ones included.
pub async fn oldest_stored(
    on: impl Into<Conn<'_>>,
    class: Class,
) -> Result<Option<Timestamp>, Error> {
    let (oldest,) =
        sql("SELECT MIN(ended_at) FROM recordings WHERE class = $1 AND state = 'stored'")
            .bind(class)
            .fetch_one(on)
            .await?;
    Ok(oldest)
}

/// How many recordings were erased on each UTC day since, for days that had any.
pub async fn daily_erasures(
    on: impl Into<Conn<'_>>,
    since: Timestamp,
) -> Result<Vec<(Day, i64)>, Error> {
    dialects(
        "SELECT erased_at / 86400000000 AS day, COUNT(*) FROM recordings",
        "SELECT FLOOR(EXTRACT(EPOCH FROM erased_at) / 86400)::INTEGER AS day, COUNT(*)
         FROM recordings",
    )
    .push(" WHERE erased_at IS NOT NULL AND erased_at >= ")
    .push_bind(since)
    .push(" GROUP BY day ORDER BY day")
    .fetch_all(on)
    .await
}

/// An erasure that keeps failing.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Stuck {
    /// Of which recording.
    pub id: RecordingId,
    /// Whose it is.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// When it had to be gone.
    pub due_at: Timestamp,
    /// How often it failed.
    pub attempts: i32,
    /// Why, in a word.
    pub error_code: Option<String>,
}

/// Erasures that failed [`STUCK_AFTER`] times or more, the longest overdue first; at most 1,000.
pub async fn stuck(on: impl Into<Conn<'_>>) -> Result<Vec<Stuck>, Error> {
    sql("SELECT id, controller_id, due_at, attempts, error_code FROM recordings
         WHERE state = 'erasing' AND attempts >= $1 ORDER BY due_at LIMIT 1000")
    .bind(STUCK_AFTER)
    .fetch_all(on)
    .await
}

/// How many erasures are past their point of no return and not verified, by why.
pub async fn unverified(on: impl Into<Conn<'_>>) -> Result<Vec<(String, i64)>, Error> {
    sql("SELECT error_code, COUNT(*) FROM recordings
         WHERE state = 'erasing' AND key_destroyed_at IS NOT NULL AND error_code IS NOT NULL
         GROUP BY error_code")
    .fetch_all(on)
    .await
}

/// A recording that the index knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Known {
    /// Which one.
    pub id: RecordingId,
    /// Where it is in its life.
    pub state: State,
}

impl Known {
    /// Whether its object belongs in the store. While it is being erased it may be there or not.
    #[must_use]
    pub const fn may_have_object(self) -> bool {
        matches!(self.state, State::Stored | State::Erasing)
    }
}

/// Those of these recordings that the index knows. An object of any other is an orphan.
pub async fn exists_many(
    on: impl Into<Conn<'_>>,
    ids: &[RecordingId],
) -> Result<Vec<Known>, Error> {
    sql("SELECT id, state FROM recordings WHERE id ").push_in(ids).fetch_all(on).await
}

/// A recording whose object must be in the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Live {
    /// Which one.
    pub id: RecordingId,
    /// Whose.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// When it was taken in.
    pub received_at: Timestamp,
    /// How big its audio is in plain.
    pub size_bytes: Option<i64>,
}

/// A walk over what is stored and whose id begins with this byte, in the order of the ids.
pub async fn live_in(
    on: impl Into<Conn<'_>>,
    first_byte: u8,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Live>, Error> {
    let [mut first, mut last] = [[0; 16], [u8::MAX; 16]];
    (first[0], last[0]) = (first_byte, first_byte);
    // No id is all zeros behind its first byte, or all ones: it has a version.
    let after = after.unwrap_or(RecordingId(uuid::Uuid::from_bytes(first)));
    let last = RecordingId(uuid::Uuid::from_bytes(last));
    sql("SELECT id, controller_id, received_at, size_bytes FROM recordings
         WHERE state = 'stored' AND id > $1 AND id < $2
         ORDER BY id LIMIT $3")
    .bind(after)
    .bind(last)
    .bind(limit)
    .fetch_all(on)
    .await
}
