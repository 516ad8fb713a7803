//! A restored index: a walk over all that has a key, and what the wrap journal knows better.

use serde::Serialize;

use crate::model::{Day, Recording, RecordingId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::ids::Rows;
use super::super::sql::{Conn, sql};
use super::journal::json;
use super::row::{COLUMNS, Row};

/// A walk over all rows that could be opened, in the order of the ids.
pub async fn openable_after(
    on: impl Into<Conn<'_>>,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Recording>, Error> {
    let mut query = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE (wrap IS NOT NULL OR numbers IS NOT NULL)");
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<Row> = query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all(on).await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// The key of a recording as it should be.
#[derive(Clone, Debug)]
pub struct Mended {
    /// Which one.
    pub id: RecordingId,
    /// Its wrap.
    pub wrap: Option<Vec<u8>>,
    /// The day whose key wraps it.
    pub day: Day,
    /// The generation of that key.
    pub generation: i32,
    /// When it must be gone.
    pub due_at: Timestamp,
    /// Whether its use is restricted from now on.
    pub restrict: bool,
    /// Its numbers as far as they still open.
    pub numbers: Option<Vec<u8>>,
}

/// Writes keys as they should be.
pub async fn mend(tx: &mut Tx, mended: &[Mended]) -> Result<u64, Error> {
    #[derive(Serialize)]
    struct Key {
        id: String,
        wrap: Option<String>,
        day: i32,
        generation: i32,
        due: i64,
        restrict: bool,
        numbers: Option<String>,
    }
    let json = json(mended.iter().map(|mended| Key {
        id: mended.id.0.simple().to_string(),
        wrap: mended.wrap.as_ref().map(hex::encode),
        day: mended.day.0,
        generation: mended.generation,
        due: mended.due_at.micros(),
        restrict: mended.restrict,
        numbers: mended.numbers.as_ref().map(hex::encode),
    }))?;
    sql("UPDATE recordings
         SET wrap = j.wrap, key_day = j.day, key_generation = j.generation, numbers = j.numbers,
             due_at = j.due, restricted = (restricted OR j.suspend),
             metadata_due_at = CASE class WHEN 'customer' THEN j.due ELSE metadata_due_at END
         FROM (")
    .push_each(
        "SELECT unhex(value ->> 'id') AS id, unhex(value ->> 'wrap') AS wrap,
             value ->> 'day' AS day, value ->> 'generation' AS generation, value ->> 'due' AS due,
             value ->> 'restrict' AS suspend,
             unhex(value ->> 'numbers') AS numbers FROM json_each(",
        "SELECT (value ->> 'id')::UUID AS id, decode(value ->> 'wrap', 'hex') AS wrap,
             (value ->> 'day')::INTEGER AS day, (value ->> 'generation')::INTEGER AS generation,
             'epoch'::TIMESTAMPTZ + (value ->> 'due')::BIGINT * INTERVAL '1 microsecond' AS due,
             (value ->> 'restrict')::BOOLEAN AS suspend,
             decode(value ->> 'numbers', 'hex') AS numbers FROM json_array_elements(CAST(",
    )
    .push_bind(Rows(json))
    .push_each(")", " AS JSON))")
    .push(") AS j WHERE recordings.id = j.id")
    .execute(&mut *tx)
    .await
}
