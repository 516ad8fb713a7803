//! Changes to a recording that is not being erased. Each returns whether there was one to change.

use crate::model::{Day, Ground, Recording, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, Sql, sql};
use super::row::{COLUMNS, Row};

/// Its object is missing or damaged. The same audio may come again: it is not this recording's any
/// more.
pub async fn mark_lost(tx: &mut Tx, id: RecordingId) -> Result<bool, Error> {
    changed(
        tx,
        sql("UPDATE recordings SET state = 'lost', content_key = NULL
             WHERE id = $1 AND state = 'stored'")
        .bind(id),
    )
    .await
}

/// Holds a recording past its term, or lets it go.
///
/// One that is being erased can still be held until its key is destroyed: the eraser asks again.
pub async fn set_held(tx: &mut Tx, id: RecordingId, held: bool) -> Result<bool, Error> {
    changed(
        tx,
        sql("UPDATE recordings SET held = $1 WHERE id = $2 AND (state IN ('stored', 'lost')
             OR (state = 'erasing' AND key_destroyed_at IS NULL))")
        .bind(held)
        .bind(id),
    )
    .await
}

/// Restricts the use of a recording on the strongest of some grounds, or frees it. As late as a
/// hold can still be set.
pub async fn set_restricted(
    tx: &mut Tx,
    id: RecordingId,
    ground: Option<Ground>,
) -> Result<bool, Error> {
    changed(
        tx,
        sql("UPDATE recordings SET restricted = $1, restriction_ground = $2
             WHERE id = $3 AND (state IN ('stored', 'lost')
                 OR (state = 'erasing' AND key_destroyed_at IS NULL))")
        .bind(ground.is_some())
        .bind(ground)
        .bind(id),
    )
    .await
}

/// Takes a recording out of training, or puts it back.
pub async fn set_objected(tx: &mut Tx, id: RecordingId, objected: bool) -> Result<bool, Error> {
    changed(
        tx,
        sql("UPDATE recordings SET objected = $1 WHERE id = $2 AND state IN ('stored', 'lost')")
            .bind(objected)
            .bind(id),
    )
    .await
}

/// Puts the key of a recording under another day, together with the instant it is due.
///
/// A customer's metadata is due with its audio; its numbers have a key of that day, too
/// ([`reseal_numbers`]).
pub async fn rewrap(
    tx: &mut Tx,
    id: RecordingId,
    wrap: &[u8],
    day: Day,
    generation: i32,
    due_at: Timestamp,
) -> Result<bool, Error> {
    changed(
        tx,
        sql("UPDATE recordings
             SET wrap = $1, key_day = $2, key_generation = $3, due_at = $4,
                 metadata_due_at = CASE class WHEN 'customer' THEN $4 ELSE metadata_due_at END
             WHERE id = $5 AND state = 'stored' AND wrap IS NOT NULL")
        .bind(wrap)
        .bind(day)
        .bind(generation)
        .bind(due_at)
        .bind(id),
    )
    .await
}

/// Recordings that a hold or a restriction keeps past their term and whose key is of this day or an earlier one.
pub async fn suspended(
    on: impl Into<Conn<'_>>,
    until: Day,
    limit: i64,
) -> Result<Vec<Recording>, Error> {
    let rows: Vec<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(
            " FROM recordings
              WHERE state = 'stored' AND (held OR restricted)
                  AND (held OR restriction_ground IS DISTINCT FROM 'objection_pending')
                  AND key_day <= ",
        )
        .push_bind(until)
        .push(" ORDER BY key_day, id LIMIT ")
        .push_bind(limit)
        .fetch_all(on)
        .await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// Writes the numbers of a recording anew, sealed under another day.
pub async fn reseal_numbers(tx: &mut Tx, id: RecordingId, numbers: &[u8]) -> Result<bool, Error> {
    changed(
        tx,
        sql("UPDATE recordings SET numbers = $1 WHERE id = $2 AND numbers IS NOT NULL")
            .bind(numbers)
            .bind(id),
    )
    .await
}

async fn changed(tx: &mut Tx, change: Sql) -> Result<bool, Error> {
    Ok(change.execute(&mut *tx).await? > 0)
}
