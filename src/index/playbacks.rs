//! The table `playbacks`: listenings that go on, and for some days those that ended.
//!
//! A row is any node's: whoever serves something of it writes down what, and whoever finds it idle
//! ends it. Ending it and its ledger entry are one transaction (I18).

use serde::Serialize;

use crate::model::{ControllerId, PlaybackId, PrincipalId, Purpose, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, Sql, sql};

/// A playback.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Playback {
    /// Which one.
    pub id: PlaybackId,
    /// Whose recording.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// What is heard.
    #[sqlx(rename = "recording_id")]
    pub recording: RecordingId,
    /// By whom.
    #[sqlx(rename = "principal_id")]
    pub principal: PrincipalId,
    /// For what.
    pub purpose: Purpose,
    /// In which case; empty without one.
    pub case_id: String,
    /// Since when.
    pub started_at: Timestamp,
    /// How many percent of it were served.
    pub coverage: i32,
}

const COLUMNS: &str =
    "id, controller_id, recording_id, principal_id, purpose, case_id, started_at, coverage";

/// What ends a playback.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// Nothing was served of it since this.
    Idle(Timestamp),
    /// The same as this one would be, with nothing served since that.
    Same(&'a Playback, Timestamp),
    /// These recordings go.
    Recordings(&'a [RecordingId]),
    /// This node, which served it last, stops.
    Node(uuid::Uuid),
}

/// Whether a recording is stored, and stays so until this transaction ends.
///
/// The share lock makes an eraser on PostgreSQL wait, so that it ends a playback of it as well.
pub async fn stored(tx: &mut Tx, recording: RecordingId) -> Result<bool, Error> {
    let stored: Option<(RecordingId,)> =
        sql("SELECT id FROM recordings WHERE id = $1 AND state = 'stored'")
            .bind(recording)
            .push_each("", " FOR SHARE")
            .fetch_optional(&mut *tx)
            .await?;
    Ok(stored.is_some())
}

/// Begins a playback of what is [`stored`], or joins one of the same person, recording, purpose and
/// case that goes on. Returns which one.
pub async fn join(
    tx: &mut Tx,
    new: &Playback,
    heard: &[u8],
    node: uuid::Uuid,
) -> Result<PlaybackId, Error> {
    let (id,): (PlaybackId,) = sql("INSERT INTO playbacks (id, controller_id, recording_id,
             principal_id, purpose, case_id, started_at, active_at, node, heard, coverage)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9, $10)
         ON CONFLICT (recording_id, principal_id, purpose, case_id) WHERE ended_at IS NULL
         DO UPDATE SET active_at = excluded.active_at, node = excluded.node
         RETURNING id")
    .bind(new.id)
    .bind(new.controller)
    .bind(new.recording)
    .bind(new.principal)
    .bind(new.purpose)
    .bind(new.case_id.as_str())
    .bind(new.started_at)
    .bind(node)
    .bind(heard)
    .bind(new.coverage)
    .fetch_one(&mut *tx)
    .await?;
    Ok(id)
}

/// What was heard so far of those of these that go on. They are this transaction's until it ends.
pub async fn heard(tx: &mut Tx, ids: &[PlaybackId]) -> Result<Vec<(PlaybackId, Vec<u8>)>, Error> {
    sql("SELECT id, heard FROM playbacks WHERE ended_at IS NULL AND id ")
        .push_in_ids(ids.iter().map(|id| id.0).collect())
        .push(" ORDER BY id")
        .push_each("", " FOR UPDATE")
        .fetch_all(&mut *tx)
        .await
}

/// How far a playback has come.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Which one.
    pub id: PlaybackId,
    /// The parts that were served.
    pub heard: Vec<u8>,
    /// How many percent that makes.
    pub coverage: i32,
    /// When something of it was served last.
    pub active_at: Timestamp,
}

#[derive(Serialize)]
struct ProgressRow {
    id: String,
    heard: String,
    coverage: i32,
    active: i64,
}

/// Writes down how far playbacks have come: one statement, however many there are.
pub async fn progress(tx: &mut Tx, node: uuid::Uuid, all: &[Progress]) -> Result<(), Error> {
    let row = |one: &Progress| ProgressRow {
        id: one.id.0.simple().to_string(),
        heard: hex::encode(&one.heard),
        coverage: one.coverage,
        active: one.active_at.micros(),
    };
    let rows: Vec<_> = all.iter().map(row).collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("WITH news AS (")
        .push_each(
            "SELECT unhex(value ->> 'id') AS id, unhex(value ->> 'heard') AS heard,
                 value ->> 'coverage' AS coverage, value ->> 'active' AS active_at
             FROM json_each(",
            "SELECT (value ->> 'id')::UUID AS id, decode(value ->> 'heard', 'hex') AS heard,
                 (value ->> 'coverage')::INTEGER AS coverage,
                 'epoch'::TIMESTAMPTZ + (value ->> 'active')::BIGINT * INTERVAL '1 microsecond'
                     AS active_at
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(rows))
        .push_each(")", " AS JSON))")
        .push(") UPDATE playbacks SET heard = news.heard, coverage = news.coverage, node = ")
        .push_bind(node)
        .push(
            ", active_at = CASE WHEN playbacks.active_at < news.active_at THEN news.active_at
                 ELSE playbacks.active_at END
             FROM news WHERE playbacks.id = news.id AND playbacks.ended_at IS NULL",
        )
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Ends playbacks, at most so many, and returns them: nobody else ends those.
pub async fn end(
    tx: &mut Tx,
    ending: Ending<'_>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Playback>, Error> {
    let picked = sql("WITH picked AS (SELECT id FROM playbacks WHERE ended_at IS NULL");
    let picked = match ending {
        Ending::Idle(since) => picked.push(" AND active_at < ").push_bind(since),
        Ending::Same(other, since) => picked
            .push(" AND active_at < ")
            .push_bind(since)
            .push(" AND recording_id = ")
            .push_bind(other.recording)
            .push(" AND principal_id = ")
            .push_bind(other.principal)
            .push(" AND purpose = ")
            .push_bind(other.purpose)
            .push(" AND case_id = ")
            .push_bind(other.case_id.as_str()),
        Ending::Recordings(ids) => picked.push(" AND recording_id ").push_in(ids),
        Ending::Node(node) => picked.push(" AND node = ").push_bind(node),
    };
    let mut ended: Vec<Playback> = picked
        .push(" ORDER BY active_at LIMIT ")
        .push_bind(limit)
        // Who looks for idle ones passes by what another node ends; who erases waits for it.
        .push_each(
            "",
            match ending {
                Ending::Idle(_) | Ending::Node(_) => " FOR UPDATE SKIP LOCKED",
                Ending::Same(..) | Ending::Recordings(_) => " FOR UPDATE",
            },
        )
        .push(") UPDATE playbacks SET ended_at = ")
        .push_bind(now)
        .push(" WHERE id IN (SELECT id FROM picked) AND ended_at IS NULL RETURNING ")
        .push(COLUMNS)
        .fetch_all(&mut *tx)
        .await?;
    ended.sort_by_key(|playback| (playback.started_at, playback.id));
    Ok(ended)
}

/// The playbacks that go on, the last begun first.
pub async fn open(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    recording: Option<RecordingId>,
    limit: i64,
) -> Result<Vec<Playback>, Error> {
    let mut query = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM playbacks WHERE ended_at IS NULL AND controller_id = ")
        .push_bind(controller);
    if let Some(recording) = recording {
        query = query.push(" AND recording_id = ").push_bind(recording);
    }
    query.push(" ORDER BY started_at DESC, id DESC LIMIT ").push_bind(limit).fetch_all(on).await
}

/// Drops these, whose entries are in the ledger already.
pub async fn forget(tx: &mut Tx, ids: &[PlaybackId]) -> Result<u64, Error> {
    sql("DELETE FROM playbacks WHERE id ")
        .push_in_ids(ids.iter().map(|id| id.0).collect())
        .execute(&mut *tx)
        .await
}

/// Drops those that ended before this: their entries stay.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM playbacks WHERE ended_at < $1").bind(before).execute(&mut *tx).await
}

/// How many recordings, apart from this one, a person began to hear since then for a purpose.
///
/// Others of the same person that ask at the same moment wait until this transaction ends.
pub async fn heard_since(tx: &mut Tx, person: &Playback, since: Timestamp) -> Result<i64, Error> {
    if let Tx::Postgres(_) = tx {
        sql("SELECT pg_advisory_xact_lock(hashtextextended('playbacks ' || $1, 0))")
            .bind(person.principal.to_string())
            .execute(&mut *tx)
            .await?;
    }
    let (count,) = counted(person, since).fetch_one(&mut *tx).await?;
    Ok(count)
}

fn counted(person: &Playback, since: Timestamp) -> Sql {
    sql("SELECT COUNT(DISTINCT recording_id) FROM playbacks
         WHERE principal_id = $1 AND started_at >= $2 AND purpose = $3 AND recording_id <> $4")
    .bind(person.principal)
    .bind(since)
    .bind(person.purpose)
    .bind(person.recording)
}

/// How many recordings each person of a controller began to hear since then for a purpose.
pub async fn listeners(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    purpose: Purpose,
    since: Timestamp,
) -> Result<Vec<(PrincipalId, i64)>, Error> {
    sql("SELECT principal_id, COUNT(DISTINCT recording_id) FROM playbacks
         WHERE controller_id = $1 AND started_at >= $2 AND purpose = $3
         GROUP BY principal_id ORDER BY principal_id")
    .bind(controller)
    .bind(since)
    .bind(purpose)
    .fetch_all(on)
    .await
}
