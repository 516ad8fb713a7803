//! The table `derived`: what is made from a recording, sealed. It cannot outlive it (I14).

use crate::model::RecordingId;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// Keeps something made from a recording, instead of what was there of that kind.
///
/// Returns whether it was kept: nothing is made from a recording that is being erased.
pub async fn insert(
    tx: &mut Tx,
    recording: RecordingId,
    kind: &str,
    sealed: &[u8],
) -> Result<bool, Error> {
    // The share lock makes an eraser on PostgreSQL wait, so that it drops this row as well.
    let stored: Option<(RecordingId,)> =
        sql("SELECT id FROM recordings WHERE id = $1 AND state = 'stored'")
            .bind(recording)
            .push_each("", " FOR SHARE")
            .fetch_optional(&mut *tx)
            .await?;
    if stored.is_none() {
        return Ok(false);
    }
    sql("INSERT INTO derived (recording_id, kind, sealed) VALUES ($1, $2, $3)
         ON CONFLICT (recording_id, kind) DO UPDATE SET sealed = excluded.sealed")
    .bind(recording)
    .bind(kind)
    .bind(sealed)
    .execute(&mut *tx)
    .await?;
    Ok(true)
}

/// What was made from a recording, of this kind.
pub async fn find(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
    kind: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Vec<u8>,)> =
        sql("SELECT sealed FROM derived WHERE recording_id = $1 AND kind = $2")
            .bind(recording)
            .bind(kind)
            .fetch_optional(on)
            .await?;
    Ok(row.map(|(sealed,)| sealed))
}

/// What was made of this kind from each of these recordings.
pub async fn find_each(
    on: impl Into<Conn<'_>>,
    recordings: &[RecordingId],
    kind: &str,
) -> Result<Vec<(RecordingId, Vec<u8>)>, Error> {
    sql("SELECT recording_id, sealed FROM derived WHERE kind = $1 AND recording_id ")
        .bind(kind)
        .push_in(recordings)
        .fetch_all(on)
        .await
}
