//! The table `mutes`: parts of recordings that are silence. They cannot outlive the audio (I14).

use crate::model::{ControllerId, Mute, MuteId, MuteReason, PrincipalId, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

#[derive(sqlx::FromRow)]
struct Row {
    id: MuteId,
    recording_id: RecordingId,
    from_ms: i64,
    to_ms: i64,
    reason: MuteReason,
    marked_by: Option<PrincipalId>,
    marked_at: Timestamp,
}

impl From<Row> for Mute {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            recording: row.recording_id,
            from_ms: row.from_ms,
            to_ms: row.to_ms,
            reason: row.reason,
            marked_by: row.marked_by,
            marked_at: row.marked_at,
        }
    }
}

/// Adds one. [`counted`] goes with it.
pub async fn insert(tx: &mut Tx, mute: &Mute) -> Result<(), Error> {
    sql("INSERT INTO mutes (recording_id, id, from_ms, to_ms, reason, marked_by, marked_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(mute.recording)
    .bind(mute.id)
    .bind(mute.from_ms)
    .bind(mute.to_ms)
    .bind(mute.reason)
    .bind(mute.marked_by)
    .bind(mute.marked_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Takes one away. Returns whether it was there. [`counted`] goes with it.
pub async fn remove(tx: &mut Tx, recording: RecordingId, id: MuteId) -> Result<bool, Error> {
    let gone = sql("DELETE FROM mutes WHERE recording_id = $1 AND id = $2")
        .bind(recording)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(gone > 0)
}

/// Writes into the recording's row how many there are and that they changed.
pub async fn counted(tx: &mut Tx, recording: RecordingId) -> Result<(), Error> {
    sql("UPDATE recordings SET mutes_version = mutes_version + 1,
             muted = (SELECT COUNT(*) FROM mutes WHERE recording_id = $1)
         WHERE id = $1")
    .bind(recording)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Those of a recording, in their order, if it is this controller's (I15).
pub async fn list(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    recording: RecordingId,
) -> Result<Vec<Mute>, Error> {
    let rows: Vec<Row> = sql("SELECT m.id, m.recording_id, m.from_ms, m.to_ms, m.reason,
             m.marked_by, m.marked_at
         FROM mutes m JOIN recordings r ON r.id = m.recording_id
         WHERE m.recording_id = $1 AND r.controller_id = $2
         ORDER BY m.from_ms, m.id")
    .bind(recording)
    .bind(controller)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(Mute::from).collect())
}
