//! The tables `notes` and `recording_tags`: what trainers write about recordings. Texts are sealed
//! under the key of the recording; none of it outlives it (I14).

use crate::model::{ControllerId, NoteId, PrincipalId, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// What `derived` calls the sealed tags of a recording.
pub const TAGS: &str = "tags";

/// A note.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Note {
    /// Which one.
    pub id: NoteId,
    /// About which recording.
    #[sqlx(rename = "recording_id")]
    pub recording: RecordingId,
    /// Who wrote it.
    pub author: PrincipalId,
    /// Where in the recording, in milliseconds.
    pub at_ms: i64,
    /// Up to where, if it is about a part.
    pub to_ms: Option<i64>,
    /// The text, sealed.
    pub sealed: Vec<u8>,
    /// When it was written.
    pub created_at: Timestamp,
    /// When it was changed last.
    pub changed_at: Option<Timestamp>,
}

const COLUMNS: &str = "id, recording_id, author, at_ms, to_ms, sealed, created_at, changed_at";

/// Marks a recording as one with notes or tags, and keeps it as it is until this transaction ends.
///
/// Returns whether it may have any now: it is stored, and its use is not restricted.
pub async fn annotate(
    tx: &mut Tx,
    controller: ControllerId,
    recording: RecordingId,
) -> Result<bool, Error> {
    let marked = sql("UPDATE recordings SET annotated = TRUE
         WHERE id = $1 AND controller_id = $2 AND state = 'stored' AND NOT restricted")
    .bind(recording)
    .bind(controller)
    .execute(&mut *tx)
    .await?;
    Ok(marked > 0)
}

/// Takes the mark away when nothing is left of either.
pub async fn tidy(tx: &mut Tx, recording: RecordingId) -> Result<(), Error> {
    sql("UPDATE recordings SET annotated = FALSE WHERE id = $1 AND annotated
             AND NOT EXISTS (SELECT 1 FROM notes WHERE recording_id = $1)
             AND NOT EXISTS (SELECT 1 FROM recording_tags WHERE recording_id = $1)")
    .bind(recording)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Adds a note to what is marked ([`annotate`]), unless it has that many already.
pub async fn insert(tx: &mut Tx, note: &Note, most: i64) -> Result<bool, Error> {
    let added =
        sql("INSERT INTO notes (id, recording_id, author, at_ms, to_ms, sealed, created_at)
         SELECT $1, $2, $3, $4, $5, $6, $7
         WHERE (SELECT COUNT(*) FROM notes WHERE recording_id = $2) < $8")
        .bind(note.id)
        .bind(note.recording)
        .bind(note.author)
        .bind(note.at_ms)
        .bind(note.to_ms)
        .bind(note.sealed.as_slice())
        .bind(note.created_at)
        .bind(most)
        .execute(&mut *tx)
        .await?;
    Ok(added > 0)
}

/// One note of a recording.
pub async fn find(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
    id: NoteId,
) -> Result<Option<Note>, Error> {
    sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM notes WHERE id = ")
        .push_bind(id)
        .push(" AND recording_id = ")
        .push_bind(recording)
        .fetch_optional(on)
        .await
}

/// Writes a note anew. Returns whether it was there.
pub async fn update(tx: &mut Tx, note: &Note) -> Result<bool, Error> {
    let changed = sql("UPDATE notes SET at_ms = $1, to_ms = $2, sealed = $3, changed_at = $4
         WHERE id = $5 AND recording_id = $6")
    .bind(note.at_ms)
    .bind(note.to_ms)
    .bind(note.sealed.as_slice())
    .bind(note.changed_at)
    .bind(note.id)
    .bind(note.recording)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Drops a note. Returns whether it was there.
pub async fn delete(tx: &mut Tx, recording: RecordingId, id: NoteId) -> Result<bool, Error> {
    let gone = sql("DELETE FROM notes WHERE id = $1 AND recording_id = $2")
        .bind(id)
        .bind(recording)
        .execute(&mut *tx)
        .await?;
    Ok(gone > 0)
}

/// A page of the notes of a recording, in the order of the call.
pub async fn list(
    on: impl Into<Conn<'_>>,
    recording: RecordingId,
    after: Option<(i64, NoteId)>,
    limit: i64,
) -> Result<Vec<Note>, Error> {
    let mut query =
        sql("SELECT ").push(COLUMNS).push(" FROM notes WHERE recording_id = ").push_bind(recording);
    if let Some((at_ms, id)) = after {
        query = query.push(" AND (at_ms, id) > (").push_bind(at_ms).push(", ");
        query = query.push_bind(id).push(")");
    }
    query.push(" ORDER BY at_ms, id LIMIT ").push_bind(limit).fetch_all(on).await
}

/// Every note of these recordings: for looking through their texts.
pub async fn of_many(
    on: impl Into<Conn<'_>>,
    recordings: &[RecordingId],
) -> Result<Vec<Note>, Error> {
    sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM notes WHERE recording_id ")
        .push_in(recordings)
        .fetch_all(on)
        .await
}

/// How many notes each of these recordings has; those without any are not among them.
pub async fn counts(
    on: impl Into<Conn<'_>>,
    recordings: &[RecordingId],
) -> Result<Vec<(RecordingId, i64)>, Error> {
    sql("SELECT recording_id, COUNT(*) FROM notes WHERE recording_id ")
        .push_in(recordings)
        .push(" GROUP BY recording_id")
        .fetch_all(on)
        .await
}

/// The sealed tags of each of these recordings.
pub async fn tags(
    on: impl Into<Conn<'_>>,
    recordings: &[RecordingId],
) -> Result<Vec<(RecordingId, Vec<u8>)>, Error> {
    sql("SELECT recording_id, sealed FROM derived WHERE kind = 'tags' AND recording_id ")
        .push_in(recordings)
        .fetch_all(on)
        .await
}

/// Puts tags in the place of those a recording has: sealed, and what each is found by.
pub async fn set_tags(
    tx: &mut Tx,
    recording: RecordingId,
    tags: Option<(&[u8], &[[u8; 32]])>,
) -> Result<(), Error> {
    for table in [
        "DELETE FROM derived WHERE kind = 'tags' AND recording_id = ",
        "DELETE FROM recording_tags WHERE recording_id = ",
    ] {
        sql(table).push_bind(recording).execute(&mut *tx).await?;
    }
    let Some((sealed, blinds)) = tags else { return Ok(()) };
    sql("INSERT INTO derived (recording_id, kind, sealed) VALUES ($1, $2, $3)")
        .bind(recording)
        .bind(TAGS)
        .bind(sealed)
        .execute(&mut *tx)
        .await?;
    let mut query = sql("INSERT INTO recording_tags (recording_id, blind) VALUES ");
    for (at, blind) in blinds.iter().enumerate() {
        query = query.push(if at == 0 { "(" } else { ", (" }).push_bind(recording);
        query = query.push(", ").push_bind(blind.as_slice()).push(")");
    }
    query.execute(&mut *tx).await?;
    Ok(())
}

/// Drops everything that was written about recordings, with the recordings themselves.
pub async fn drop_with(tx: &mut Tx, recordings: &[RecordingId]) -> Result<(), Error> {
    for table in [
        "DELETE FROM notes WHERE recording_id ",
        "DELETE FROM recording_tags WHERE recording_id ",
        "DELETE FROM training_set_items WHERE recording_id ",
    ] {
        sql(table).push_in(recordings).execute(&mut *tx).await?;
    }
    Ok(())
}
