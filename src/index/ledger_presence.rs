//! What the entries of a log say of which recordings there are.

use crate::model::{ControllerId, Event, RecordingId};

use super::error::Error;
use super::sql::{Conn, sql};

/// Which recordings came and went in a log from this place on, in order, at most so many.
pub async fn moved_since(
    on: impl Into<Conn<'_>>,
    log: ControllerId,
    from_seq: i64,
    limit: i64,
) -> Result<Vec<(Event, RecordingId)>, Error> {
    sql("SELECT event, recording_id FROM ledger_entries
         WHERE controller_id = $1 AND seq >= $2 AND recording_id IS NOT NULL
             AND event IN ('recording.accepted', 'recording.lost', 'erasure.key_destroyed')
         ORDER BY seq LIMIT $3")
    .bind(log)
    .bind(from_seq)
    .bind(limit)
    .fetch_all(on)
    .await
}

/// Which of these were gone before this place.
pub async fn gone_before(
    on: impl Into<Conn<'_>>,
    log: ControllerId,
    before_seq: i64,
    ids: &[RecordingId],
) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("SELECT recording_id FROM ledger_entries
         WHERE controller_id = $1 AND seq < $2
             AND event IN ('recording.lost', 'erasure.key_destroyed') AND recording_id ")
    .bind(log)
    .bind(before_seq)
    .push_in(ids)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Where these were accepted, and that entry.
pub async fn accepted(
    on: impl Into<Conn<'_>>,
    log: ControllerId,
    ids: &[RecordingId],
) -> Result<Vec<(RecordingId, i64, String)>, Error> {
    sql("SELECT recording_id, seq, leaf FROM ledger_entries
         WHERE controller_id = $1 AND event = 'recording.accepted' AND recording_id ")
    .bind(log)
    .push_in(ids)
    .fetch_all(on)
    .await
}
