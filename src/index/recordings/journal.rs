//! What the wrap journal and the renewal of a day ask of the rows: what it does not have yet, what
//! is sealed under a day, and many wraps written at once.

use serde::Serialize;

use crate::model::{Cause, Class, ControllerId, Day, Recording, RecordingId, State, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::ids::Rows;
use super::super::sql::{Conn, sql};
use super::row::{COLUMNS, Row};

/// A recording that is gone, as the journal tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Departed {
    /// Which one.
    pub id: RecordingId,
    /// Whose.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// Why it was made.
    pub class: Class,
    /// Why it is gone.
    pub cause: Cause,
    /// When it had to be gone.
    pub due_at: Timestamp,
    /// The day whose key had wrapped it.
    pub key_day: Day,
    /// The generation of that key.
    pub key_generation: i32,
}

/// Recordings of which the journal knows nothing yet. Word for word the index
/// `recordings_unjournaled`.
pub async fn unjournaled(on: impl Into<Conn<'_>>, limit: i64) -> Result<Vec<Recording>, Error> {
    let rows: Vec<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(
            " FROM recordings
              WHERE wrap IS NOT NULL AND journaled = 0 ORDER BY id LIMIT ",
        )
        .push_bind(limit)
        .fetch_all(on)
        .await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// Recordings that are gone and of which the journal does not know it. Word for
/// word the index `recordings_unjournaled_gone`.
pub async fn unjournaled_gone(on: impl Into<Conn<'_>>, limit: i64) -> Result<Vec<Departed>, Error> {
    sql("SELECT id, controller_id, class, cause, due_at, key_day, key_generation FROM recordings
         WHERE wrap IS NULL AND journaled <> 2 ORDER BY id LIMIT ")
    .push_bind(limit)
    .fetch_all(on)
    .await
}

/// Writes down that the journal has the wraps of these.
pub async fn set_journaled(tx: &mut Tx, ids: &[RecordingId]) -> Result<(), Error> {
    sql("UPDATE recordings SET journaled = 1 WHERE journaled = 0 AND id ")
        .push_in(ids)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Writes down that the journal knows that these are gone.
pub async fn set_journaled_gone(tx: &mut Tx, ids: &[RecordingId]) -> Result<(), Error> {
    sql("UPDATE recordings SET journaled = 2 WHERE id ").push_in(ids).execute(&mut *tx).await?;
    Ok(())
}

/// A wrap under another generation of the same day.
#[derive(Clone, Debug)]
pub struct Renewed {
    /// Of which recording.
    pub id: RecordingId,
    /// The generation it had.
    pub from: i32,
    /// The new wrap.
    pub wrap: Vec<u8>,
}

/// Writes wraps of `day` under `generation`, where the row still has the one it was made from.
/// Returns how many it wrote.
pub async fn renew_wraps(
    tx: &mut Tx,
    day: Day,
    generation: i32,
    wraps: &[Renewed],
) -> Result<u64, Error> {
    #[derive(Serialize)]
    struct Row {
        id: String,
        from: i32,
        wrap: String,
    }
    let json = json(wraps.iter().map(|renewed| Row {
        id: renewed.id.0.simple().to_string(),
        from: renewed.from,
        wrap: hex::encode(&renewed.wrap),
    }))?;
    sql("UPDATE recordings SET wrap = j.wrap, key_generation = ")
        .push_bind(generation)
        .push(" FROM (")
        .push_each(
            "SELECT unhex(value ->> 'id') AS id, value ->> 'from' AS generation,
                 unhex(value ->> 'wrap') AS wrap FROM json_each(",
            "SELECT (value ->> 'id')::UUID AS id, (value ->> 'from')::INTEGER AS generation,
                 decode(value ->> 'wrap', 'hex') AS wrap FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(json))
        .push_each(")", " AS JSON))")
        .push(
            ") AS j WHERE recordings.id = j.id AND recordings.key_generation = j.generation
                  AND recordings.wrap IS NOT NULL AND recordings.key_day = ",
        )
        .push_bind(day)
        .execute(&mut *tx)
        .await
}

/// A walk over what has a wrap under a generation of `day` before `generation`.
pub async fn wrapped_before(
    on: impl Into<Conn<'_>>,
    day: Day,
    generation: i32,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Recording>, Error> {
    let mut query = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE wrap IS NOT NULL AND key_day = ")
        .push_bind(day)
        .push(" AND key_generation < ")
        .push_bind(generation);
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> =
        query.push(" ORDER BY key_day, id LIMIT ").push_bind(limit).fetch_all(on).await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// A walk over what has numbers sealed under `day`: those of a customer with the key of the audio,
/// those of a support call with the day its details are due, which begins at `start`.
pub async fn numbers_of(
    on: impl Into<Conn<'_>>,
    class: Class,
    (day, start, end): (Day, Timestamp, Timestamp),
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Recording>, Error> {
    let mut query = sql("SELECT ").push(COLUMNS).push(" FROM recordings WHERE ");
    query = match class {
        Class::Customer => query
            .push("wrap IS NOT NULL AND class = 'customer' AND numbers IS NOT NULL AND key_day = ")
            .push_bind(day),
        Class::Support => query
            .push("class = 'support' AND numbers IS NOT NULL AND metadata_due_at >= ")
            .push_bind(start)
            .push(" AND metadata_due_at < ")
            .push_bind(end),
    };
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all(on).await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// Numbers sealed anew.
#[derive(Clone, Debug)]
pub struct Resealed {
    /// Of which recording.
    pub id: RecordingId,
    /// What they were sealed as.
    pub from: Vec<u8>,
    /// What they are sealed as now.
    pub numbers: Vec<u8>,
}

/// Writes numbers anew where the row still has those they were made from.
pub async fn renew_numbers(tx: &mut Tx, numbers: &[Resealed]) -> Result<u64, Error> {
    #[derive(Serialize)]
    struct Row {
        id: String,
        from: String,
        numbers: String,
    }
    let json = json(numbers.iter().map(|resealed| Row {
        id: resealed.id.0.simple().to_string(),
        from: hex::encode(&resealed.from),
        numbers: hex::encode(&resealed.numbers),
    }))?;
    sql("UPDATE recordings SET numbers = j.numbers FROM (")
        .push_each(
            "SELECT unhex(value ->> 'id') AS id, unhex(value ->> 'from') AS before,
                 unhex(value ->> 'numbers') AS numbers FROM json_each(",
            "SELECT (value ->> 'id')::UUID AS id, decode(value ->> 'from', 'hex') AS before,
                 decode(value ->> 'numbers', 'hex') AS numbers FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(json))
        .push_each(")", " AS JSON))")
        .push(") AS j WHERE recordings.id = j.id AND recordings.numbers = j.before")
        .execute(&mut *tx)
        .await
}

/// The days ahead that a recording left, with the newest generation that one of those had: old
/// copies of the index still open them with it.
pub async fn left(on: impl Into<Conn<'_>>, today: Day) -> Result<Vec<(Day, i32)>, Error> {
    sql("SELECT day, MAX(generation) FROM (
             SELECT key_day AS day, key_generation AS generation FROM recordings
             WHERE wrap IS NULL AND key_destroyed_at IS NOT NULL AND key_day > $1
             UNION ALL
             SELECT former_key_day, former_key_generation FROM recordings
             WHERE former_key_day IS NOT NULL AND former_key_day > $1) AS gone
         GROUP BY day ORDER BY day")
    .bind(today)
    .fetch_all(on)
    .await
}

/// The keys a recording has and had: day and generation, and those it moved away from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeyHistory {
    /// Where it is in its life.
    pub state: State,
    /// The day whose key wraps it, or did.
    pub key_day: Day,
    /// The generation of that key.
    pub key_generation: i32,
    /// The day it moved away from.
    pub former_key_day: Option<Day>,
    /// The generation of that one.
    pub former_key_generation: Option<i32>,
}

/// The keys of a recording.
pub async fn key_history(
    on: impl Into<Conn<'_>>,
    id: RecordingId,
) -> Result<Option<KeyHistory>, Error> {
    sql("SELECT state, key_day, key_generation, former_key_day, former_key_generation
         FROM recordings WHERE id = $1")
    .bind(id)
    .fetch_optional(on)
    .await
}

pub(super) fn json<T: Serialize>(rows: impl Iterator<Item = T>) -> Result<String, Error> {
    serde_json::to_string(&rows.collect::<Vec<_>>()).map_err(Error::damaged)
}
