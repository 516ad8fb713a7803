//! Changes to a recording that is not being erased. Each returns whether there was one to change.

use serde::Serialize;

use crate::model::{Day, Ground, Recording, RecordingId};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::ids::Rows;
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

/// A suspended recording whose key moves to another day. It is due when it was.
#[derive(Clone, Debug)]
pub struct Suspended {
    /// Which one.
    pub id: RecordingId,
    /// The day whose key wrapped it until now.
    pub from: Day,
    /// Its key under the other day.
    pub wrap: Vec<u8>,
    /// Its numbers under that day, if they have a key of it.
    pub numbers: Option<Vec<u8>>,
}

/// Puts the keys of suspended recordings under another day. Returns how many were as they were
/// thought to be, and moved.
pub async fn move_suspended(
    tx: &mut Tx,
    to: Day,
    generation: i32,
    moved: &[Suspended],
) -> Result<u64, Error> {
    #[derive(Serialize)]
    struct Row {
        id: String,
        from: i32,
        wrap: String,
        numbers: Option<String>,
    }
    let row = |moved: &Suspended| Row {
        id: moved.id.0.simple().to_string(),
        from: moved.from.0,
        wrap: hex::encode(&moved.wrap),
        numbers: moved.numbers.as_ref().map(hex::encode),
    };
    let rows: Vec<_> = moved.iter().map(row).collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("UPDATE recordings SET wrap = j.wrap, numbers = COALESCE(j.numbers, recordings.numbers),
             key_day = ")
    .push_bind(to)
    .push(", key_generation = ")
    .push_bind(generation)
    .push(" FROM (")
    .push_each(
        "SELECT unhex(value ->> 'id') AS id, value ->> 'from' AS key_day,
             unhex(value ->> 'wrap') AS wrap, unhex(value ->> 'numbers') AS numbers
         FROM json_each(",
        "SELECT (value ->> 'id')::UUID AS id, (value ->> 'from')::INTEGER AS key_day,
             decode(value ->> 'wrap', 'hex') AS wrap,
             decode(value ->> 'numbers', 'hex') AS numbers
         FROM json_array_elements(CAST(",
    )
    .push_bind(Rows(rows))
    .push_each(")", " AS JSON))")
    .push(
        ") AS j WHERE recordings.id = j.id AND recordings.key_day = j.key_day
             AND recordings.state = 'stored' AND recordings.wrap IS NOT NULL",
    )
    .execute(&mut *tx)
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

async fn changed(tx: &mut Tx, change: Sql) -> Result<bool, Error> {
    Ok(change.execute(&mut *tx).await? > 0)
}
