//! The table `replayed`: the newest entry of the wrap journal about each recording, while an index
//! is being restored. The journal may be larger than memory, this is not held in it.

use serde::Serialize;

use crate::model::RecordingId;

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, sql};

/// An entry, as far as it is compared.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Replayed {
    /// About which recording.
    #[sqlx(rename = "recording_id")]
    pub recording: RecordingId,
    /// Of two entries the one with the higher number counts.
    pub seq: i64,
    /// The entry.
    pub entry: Vec<u8>,
}

/// Takes everything out.
pub async fn clear(tx: &mut Tx) -> Result<(), Error> {
    sql("DELETE FROM replayed").execute(&mut *tx).await?;
    Ok(())
}

/// Adds entries, at most one a recording, where none that is newer is there.
pub async fn add(tx: &mut Tx, entries: &[Replayed]) -> Result<(), Error> {
    #[derive(Serialize)]
    struct Row {
        id: String,
        seq: i64,
        entry: String,
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| Row {
            id: entry.recording.0.simple().to_string(),
            seq: entry.seq,
            entry: hex::encode(&entry.entry),
        })
        .collect();
    let json = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("INSERT INTO replayed (recording_id, seq, entry) SELECT ")
        .push_each(
            "unhex(value ->> 'id'), value ->> 'seq', unhex(value ->> 'entry') FROM json_each(",
            "(value ->> 'id')::UUID, (value ->> 'seq')::BIGINT, decode(value ->> 'entry', 'hex')
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(json))
        .push_each(") WHERE TRUE", " AS JSON))")
        .push(
            " ON CONFLICT (recording_id) DO UPDATE SET seq = excluded.seq, entry = excluded.entry
              WHERE replayed.seq < excluded.seq",
        )
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// What is known of these recordings.
pub async fn find_many(
    on: impl Into<Conn<'_>>,
    ids: &[RecordingId],
) -> Result<Vec<Replayed>, Error> {
    sql("SELECT recording_id, seq, entry FROM replayed WHERE recording_id ")
        .push_in(ids)
        .fetch_all(on)
        .await
}

/// A walk over entries about recordings that the index does not have, in the order of the ids.
pub async fn unindexed_after(
    on: impl Into<Conn<'_>>,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Replayed>, Error> {
    let mut query = sql("SELECT recording_id, seq, entry FROM replayed
         WHERE NOT EXISTS (SELECT 1 FROM recordings WHERE recordings.id = replayed.recording_id)");
    if let Some(after) = after {
        query = query.push(" AND recording_id > ").push_bind(after);
    }
    query.push(" ORDER BY recording_id LIMIT ").push_bind(limit).fetch_all(on).await
}
