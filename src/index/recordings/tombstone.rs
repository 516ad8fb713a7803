//! After the erasure: the second look at the store, and the end of the metadata.

use jiff::SignedDuration;
use serde::Serialize;

use crate::model::{Class, ControllerId, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::ids::Rows;
use super::super::sql::sql;

/// How long a second look is one node's: afterwards another may take it over.
pub const LOOKING: SignedDuration = SignedDuration::from_mins(10);

/// A recording that must be looked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Looking {
    /// Which one.
    pub id: RecordingId,
    /// Whose.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// Why it was made.
    pub class: Class,
    /// When its absence was verified.
    pub erased_at: Timestamp,
}

/// Takes erased recordings whose object must be looked for again, for [`LOOKING`].
pub async fn look_again(tx: &mut Tx, now: Timestamp, limit: i64) -> Result<Vec<Looking>, Error> {
    sql("WITH picked AS (SELECT id FROM recordings
         WHERE look_again_at IS NOT NULL AND look_again_at <= $1
         ORDER BY look_again_at LIMIT $2")
    .bind(now)
    .bind(limit)
    .push_each("", " FOR UPDATE SKIP LOCKED")
    .push(") UPDATE recordings SET look_again_at = ")
    .push_bind(now.plus(LOOKING))
    .push(
        " WHERE id IN (SELECT id FROM picked)
          RETURNING id, controller_id, class, erased_at",
    )
    .fetch_all(&mut *tx)
    .await
}

/// Writes down that these were looked for again. Returns those nobody had written down before.
pub async fn looked(tx: &mut Tx, ids: &[RecordingId]) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("UPDATE recordings SET look_again_at = NULL
         WHERE look_again_at IS NOT NULL AND id ")
    .push_in(ids)
    .push(" RETURNING id")
    .fetch_all(&mut *tx)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Has erased recordings looked for again from now on: their objects were seen in the store. Returns
/// which, and whose; what is not erased is not among them.
pub async fn look_from_now(
    tx: &mut Tx,
    ids: &[RecordingId],
    now: Timestamp,
) -> Result<Vec<(RecordingId, ControllerId)>, Error> {
    sql("UPDATE recordings SET look_again_at = $1
         WHERE state IN ('audio_erased', 'tombstone') AND id ")
    .bind(now)
    .push_in(ids)
    .push(" RETURNING id, controller_id")
    .fetch_all(&mut *tx)
    .await
}

/// Recordings whose metadata must be gone, the longest overdue first.
///
/// They are this transaction's until it ends; [`bury`] them in it.
pub async fn metadata_due(
    tx: &mut Tx,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<(RecordingId, ControllerId)>, Error> {
    sql("SELECT id, controller_id FROM recordings
         WHERE state = 'audio_erased' AND metadata_due_at <= $1
         ORDER BY metadata_due_at LIMIT $2")
    .bind(now)
    .bind(limit)
    .push_each("", " FOR UPDATE SKIP LOCKED")
    .fetch_all(&mut *tx)
    .await
}

/// The times that stay in a tombstone, in microseconds.
#[derive(Serialize)]
struct Kept {
    id: String,
    received: i64,
    due: i64,
    metadata_due: i64,
    erased: Option<i64>,
    destroyed: Option<i64>,
}

impl Kept {
    fn rounded(&(id, received, due, metadata_due, erased, destroyed): &Dates) -> Self {
        let minute = |at: Option<Timestamp>| at.map(|at| at.minute().micros());
        Self {
            id: id.0.simple().to_string(),
            received: received.day().end().unwrap_or(received).micros(),
            due: due.hour_rounded_up().micros(),
            metadata_due: metadata_due.hour_rounded_up().micros(),
            erased: minute(erased),
            destroyed: minute(destroyed),
        }
    }
}

/// The dates of a recording that stay in its tombstone, and whose they are.
type Dates = (RecordingId, Timestamp, Timestamp, Timestamp, Option<Timestamp>, Option<Timestamp>);

/// Makes tombstones of recordings whose audio is erased: nothing personal is left (I11).
///
/// What stays is rounded, so that it does not tell when the call was: when it was due, up to the
/// hour; when it was taken in, up to the end of the day; when it was erased, down to the minute.
/// Returns those that became one now.
pub async fn bury(tx: &mut Tx, ids: &[RecordingId]) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<Dates> =
        sql("SELECT id, received_at, due_at, metadata_due_at, erased_at, key_destroyed_at
         FROM recordings
         WHERE state = 'audio_erased' AND id ")
        .push_in(ids)
        .push_each("", " ORDER BY id FOR UPDATE")
        .fetch_all(&mut *tx)
        .await?;
    let kept: Vec<Kept> = rows.iter().map(Kept::rounded).collect();
    let kept = serde_json::to_string(&kept).map_err(Error::damaged)?;
    sql("WITH kept AS (")
        .push_each(
            "SELECT unhex(value ->> 'id') AS id, value ->> 'received' AS received_at,
                 value ->> 'due' AS due_at, value ->> 'metadata_due' AS metadata_due_at,
                 value ->> 'erased' AS erased_at, value ->> 'destroyed' AS key_destroyed_at
             FROM json_each(",
            "SELECT (value ->> 'id')::UUID AS id,
                 'epoch'::TIMESTAMPTZ + (value ->> 'received')::BIGINT * INTERVAL '1 microsecond'
                     AS received_at,
                 'epoch'::TIMESTAMPTZ + (value ->> 'due')::BIGINT * INTERVAL '1 microsecond'
                     AS due_at,
                 'epoch'::TIMESTAMPTZ + (value ->> 'metadata_due')::BIGINT
                     * INTERVAL '1 microsecond' AS metadata_due_at,
                 'epoch'::TIMESTAMPTZ + (value ->> 'erased')::BIGINT
                     * INTERVAL '1 microsecond' AS erased_at,
                 'epoch'::TIMESTAMPTZ + (value ->> 'destroyed')::BIGINT
                     * INTERVAL '1 microsecond' AS key_destroyed_at
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(kept))
        .push_each(")", " AS JSON))")
        .push(
            ") UPDATE recordings
             SET state = 'tombstone', received_at = kept.received_at, due_at = kept.due_at,
                 metadata_due_at = kept.metadata_due_at, erased_at = kept.erased_at,
                 key_destroyed_at = kept.key_destroyed_at, source = '', direction = NULL,
                 started_at = NULL, ended_at = NULL, duration_ms = NULL, size_bytes = NULL,
                 codec = NULL, sample_rate = NULL, channels = NULL, unplayable = NULL,
                 agent = NULL, queue = NULL, line = NULL, withheld = FALSE, numbers = NULL,
                 caller_blind = NULL, callee_blind = NULL, call_key = NULL, content_key = NULL,
                 digest = NULL, held = FALSE, restricted = FALSE, restriction_ground = NULL,
                 objected = FALSE
             FROM kept WHERE recordings.id = kept.id",
        )
        .execute(&mut *tx)
        .await?;
    Ok(rows.into_iter().map(|(id, ..)| id).collect())
}
