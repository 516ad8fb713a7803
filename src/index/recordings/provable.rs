//! What can be proven to be there: the recordings whose ciphertext has a root in the ledger.

use crate::model::{ControllerId, RecordingId};

use super::super::error::Error;
use super::super::sql::{Conn, sql};

/// Recordings of a controller whose key is there and whose ciphertext has a root, after one of them
/// and in the order of their ids. A lost one is none.
pub async fn provable(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    after: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<RecordingId>, Error> {
    let mut query = sql("SELECT id FROM recordings
         WHERE ct_root IS NOT NULL AND content_key IS NOT NULL AND key_destroyed_at IS NULL
             AND controller_id = ")
    .push_bind(controller);
    if let Some(after) = after {
        query = query.push(" AND id > ").push_bind(after);
    }
    let rows: Vec<(RecordingId,)> =
        query.push(" ORDER BY id LIMIT ").push_bind(limit).fetch_all(on).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How many others there are whose key is there.
pub async fn unprovable(on: impl Into<Conn<'_>>, controller: ControllerId) -> Result<i64, Error> {
    let (count,) = sql("SELECT COUNT(*) FROM recordings
         WHERE ct_root IS NULL AND content_key IS NOT NULL AND key_destroyed_at IS NULL
             AND controller_id = ")
    .push_bind(controller)
    .fetch_one(on)
    .await?;
    Ok(count)
}

/// Which of these have a root, whatever became of them.
pub async fn rooted(
    on: impl Into<Conn<'_>>,
    ids: &[RecordingId],
) -> Result<Vec<RecordingId>, Error> {
    let rows: Vec<(RecordingId,)> = sql("SELECT id FROM recordings
         WHERE ct_root IS NOT NULL AND id ")
    .push_in(ids)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Where each of these objects ends: the bytes of audio in it.
pub async fn sizes(
    on: impl Into<Conn<'_>>,
    ids: &[RecordingId],
) -> Result<Vec<(RecordingId, Option<i64>)>, Error> {
    sql("SELECT id, size_bytes FROM recordings WHERE id ").push_in(ids).fetch_all(on).await
}
