//! Putting back what a restored index lacks: entries in their places, and what they say was erased.

use serde::Serialize;

use crate::model::{Cause, ControllerId, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::sql;

/// An entry at its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// When.
    pub at: Timestamp,
    /// The word for what happened; it may be one that is not known here.
    pub event: String,
    /// About which recording, if one.
    pub recording: Option<RecordingId>,
    /// The leaf.
    pub leaf: String,
}

#[derive(Serialize)]
struct Row<'a> {
    seq: i64,
    at: i64,
    event: &'a str,
    recording: Option<String>,
    leaf: &'a str,
}

/// Appends entries from `from` on, which must be how many there are: [`Error::Conflict`] if not.
pub async fn append_at(
    tx: &mut Tx,
    log: ControllerId,
    from: i64,
    entries: &[Placed],
) -> Result<(), Error> {
    sql("INSERT INTO ledgers (controller_id, size) VALUES ($1, 0)
         ON CONFLICT (controller_id) DO NOTHING")
    .bind(log)
    .execute(&mut *tx)
    .await?;
    let count = i64::try_from(entries.len()).map_err(Error::damaged)?;
    let grown = sql("UPDATE ledgers SET size = size + $1 WHERE controller_id = $2 AND size = $3")
        .bind(count)
        .bind(log)
        .bind(from)
        .execute(&mut *tx)
        .await?;
    if grown == 0 {
        return Err(Error::moved("the size of a log"));
    }
    let rows: Vec<Row<'_>> = entries
        .iter()
        .zip(from..)
        .map(|(entry, seq)| Row {
            seq,
            at: entry.at.micros(),
            event: &entry.event,
            recording: entry.recording.map(|id| id.0.simple().to_string()),
            leaf: &entry.leaf,
        })
        .collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("INSERT INTO ledger_entries (controller_id, seq, at, event, recording_id, leaf) SELECT ")
        .push_bind(log)
        .push_each(
            ", value ->> 'seq', value ->> 'at', value ->> 'event', unhex(value ->> 'recording'),
             value ->> 'leaf' FROM json_each(",
            ", (value ->> 'seq')::BIGINT,
             'epoch'::TIMESTAMPTZ + (value ->> 'at')::BIGINT * INTERVAL '1 microsecond',
             value ->> 'event', (value ->> 'recording')::UUID, value ->> 'leaf'
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(rows))
        .push_each(")", " AS JSON))")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// An erasure that the index forgot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Of which recording.
    pub recording: RecordingId,
    /// Why.
    pub cause: Cause,
    /// The case behind it.
    pub case_id: Option<String>,
    /// When its key was destroyed.
    pub destroyed_at: Timestamp,
    /// When its absence was verified, if it was.
    pub erased_at: Option<Timestamp>,
}

/// Does an erasure again: the wrap goes, and the eraser looks at the object at once.
///
/// Returns whether the recording was there with a life left in it.
pub async fn erase_again(tx: &mut Tx, erasure: &Erasure, now: Timestamp) -> Result<bool, Error> {
    let Erasure { recording, cause, case_id, destroyed_at, erased_at } = erasure;
    // What early erasures need is a case (I5); the row need not say more than the leaf does.
    let case_id = match (cause, case_id) {
        (Cause::Term, _) => None,
        (_, Some(case_id)) => Some(case_id.clone()),
        (_, None) => Some("restored".to_owned()),
    };
    let query = sql("UPDATE recordings
         SET wrap = NULL, content_key = NULL, held = FALSE, muted = 0, annotated = FALSE,
             error_code = NULL, cause = $1,
             case_id = $2, key_destroyed_at = COALESCE(key_destroyed_at, $3), ")
    .bind(*cause)
    .bind(case_id)
    .bind(*destroyed_at);
    let query = match erased_at {
        Some(erased_at) => query
            .push("state = 'audio_erased', claimed_at = NULL, erased_at = ")
            .push_bind(*erased_at)
            .push(", look_again_at = ")
            .push_bind(now),
        // The eraser takes it up where it was.
        None => query.push("state = 'erasing', claimed_at = ").push_bind(*destroyed_at),
    };
    let changed = query
        .push(" WHERE state IN ('stored', 'lost', 'erasing') AND id = ")
        .push_bind(*recording)
        .execute(&mut *tx)
        .await?;
    if changed > 0 {
        super::restrictions::end_with(tx, &[*recording], *destroyed_at).await?;
        super::notes::drop_with(tx, &[*recording]).await?;
        for table in [
            "DELETE FROM derived WHERE recording_id = ",
            "DELETE FROM tickets WHERE recording_id = ",
            "DELETE FROM mutes WHERE recording_id = ",
        ] {
            sql(table).push_bind(*recording).execute(&mut *tx).await?;
        }
    }
    Ok(changed > 0)
}
