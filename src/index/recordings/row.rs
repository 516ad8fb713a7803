//! A recording as its row holds it: adding one and finding one.

use crate::model::{
    Cause, Class, ControllerId, Day, Direction, Ground, Metadata, Recording, RecordingId,
    SealedKey, State, Timestamp,
};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};

/// A row, without what only searches and the eraser need.
#[derive(sqlx::FromRow)]
#[expect(clippy::struct_excessive_bools, reason = "each is a column of its own")]
pub(super) struct Row {
    id: RecordingId,
    controller_id: ControllerId,
    class: Class,
    state: State,
    source: String,
    policy: String,
    direction: Option<Direction>,
    started_at: Option<Timestamp>,
    ended_at: Option<Timestamp>,
    duration_ms: Option<i64>,
    size_bytes: Option<i64>,
    codec: Option<String>,
    sample_rate: Option<i32>,
    channels: Option<i32>,
    unplayable: Option<String>,
    agent: Option<String>,
    queue: Option<String>,
    line: Option<String>,
    withheld: bool,
    numbers: Option<Vec<u8>>,
    received_at: Timestamp,
    due_at: Timestamp,
    metadata_due_at: Timestamp,
    held: bool,
    restricted: bool,
    restriction_ground: Option<Ground>,
    objected: bool,
    sampled: bool,
    annotated: bool,
    muted: i32,
    mutes_version: i32,
    cause: Option<Cause>,
    case_id: Option<String>,
    key_destroyed_at: Option<Timestamp>,
    erased_at: Option<Timestamp>,
    wrap: Option<Vec<u8>>,
    key_day: Day,
    key_generation: i32,
    salt: Vec<u8>,
    commitment: Vec<u8>,
}

/// The columns of a [`Row`].
pub(super) const COLUMNS: &str = "id, controller_id, class, state, source, policy, direction,
    started_at, ended_at, duration_ms, size_bytes, codec, sample_rate, channels, unplayable, agent,
    queue, line, withheld, numbers, received_at, due_at, metadata_due_at, held, restricted,
    restriction_ground, objected, sampled, annotated, muted, mutes_version, cause, case_id,
    key_destroyed_at, erased_at, wrap, key_day, key_generation, salt,
    commitment";

impl From<Row> for Recording {
    fn from(row: Row) -> Self {
        let metadata = Metadata {
            direction: row.direction,
            started_at: row.started_at,
            ended_at: row.ended_at,
            duration_ms: row.duration_ms,
            size_bytes: row.size_bytes,
            codec: row.codec,
            sample_rate: row.sample_rate,
            channels: row.channels,
            unplayable: row.unplayable,
            agent: row.agent,
            queue: row.queue,
            line: row.line,
            withheld: row.withheld,
            numbers: row.numbers,
        };
        let key = SealedKey {
            wrap: row.wrap,
            day: row.key_day,
            generation: row.key_generation,
            salt: row.salt,
            commitment: row.commitment,
        };
        Self {
            id: row.id,
            controller: row.controller_id,
            class: row.class,
            state: row.state,
            source: row.source,
            policy: row.policy,
            metadata,
            received_at: row.received_at,
            due_at: row.due_at,
            metadata_due_at: row.metadata_due_at,
            held: row.held,
            restricted: row.restricted,
            ground: row.restriction_ground,
            objected: row.objected,
            sampled: row.sampled,
            annotated: row.annotated,
            muted: row.muted,
            mutes_version: row.mutes_version,
            cause: row.cause,
            case_id: row.case_id,
            key_destroyed_at: row.key_destroyed_at,
            erased_at: row.erased_at,
            key,
        }
    }
}

/// What a recording is recognised and found by, beside what is known of it. All of it is keyed or
/// sealed: without the keyring none of it tells anything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// The keyed hash of the call: source, call id and leg.
    pub call_key: Option<[u8; 32]>,
    /// The keyed hash of the audio. Gone with the audio.
    pub content_key: Option<[u8; 32]>,
    /// The blind index of the caller's number.
    pub caller_blind: Option<[u8; 32]>,
    /// The blind index of the callee's number.
    pub callee_blind: Option<[u8; 32]>,
    /// The SHA-256 of the audio, sealed under its own key.
    pub digest: Vec<u8>,
    /// The root over the ciphertext, as the ledger tells it.
    pub ct_root: Option<[u8; 32]>,
}

/// Adds a recording. [`Error::Conflict`] when the same call with the same audio is there already.
pub async fn insert(tx: &mut Tx, recording: &Recording, marks: &Marks) -> Result<(), Error> {
    let Recording { metadata, key, .. } = recording;
    let bytes = |mark: &Option<[u8; 32]>| mark.map(|mark| mark.to_vec());
    sql("INSERT INTO recordings (id, controller_id, class, state, source, policy, direction,
             started_at, ended_at, duration_ms, size_bytes, codec, sample_rate, channels,
             unplayable, agent, queue, line, withheld, numbers, received_at, due_at,
             metadata_due_at, held, restricted, objected, wrap, key_day, key_generation, salt,
             commitment, call_key, content_key, caller_blind, callee_blind, digest, restriction_ground,
             sampled, annotated, ct_root)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
             $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35,
             $36, $37, $38, $39, $40)")
    .bind(recording.id)
    .bind(recording.controller)
    .bind(recording.class)
    .bind(recording.state)
    .bind(recording.source.as_str())
    .bind(recording.policy.as_str())
    .bind(metadata.direction)
    .bind(metadata.started_at)
    .bind(metadata.ended_at)
    .bind(metadata.duration_ms)
    .bind(metadata.size_bytes)
    .bind(&metadata.codec)
    .bind(metadata.sample_rate)
    .bind(metadata.channels)
    .bind(&metadata.unplayable)
    .bind(&metadata.agent)
    .bind(&metadata.queue)
    .bind(&metadata.line)
    .bind(metadata.withheld)
    .bind(&metadata.numbers)
    .bind(recording.received_at)
    .bind(recording.due_at)
    .bind(recording.metadata_due_at)
    .bind(recording.held)
    .bind(recording.restricted)
    .bind(recording.objected)
    .bind(&key.wrap)
    .bind(key.day)
    .bind(key.generation)
    .bind(key.salt.as_slice())
    .bind(key.commitment.as_slice())
    .bind(bytes(&marks.call_key))
    .bind(bytes(&marks.content_key))
    .bind(bytes(&marks.caller_blind))
    .bind(bytes(&marks.callee_blind))
    .bind(marks.digest.as_slice())
    .bind(recording.ground)
    .bind(recording.sampled)
    .bind(recording.annotated)
    .bind(bytes(&marks.ct_root))
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The recording with this id, whoever's it is.
pub async fn find(on: impl Into<Conn<'_>>, id: RecordingId) -> Result<Option<Recording>, Error> {
    let row: Option<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE id = ")
        .push_bind(id)
        .fetch_optional(on)
        .await?;
    Ok(row.map(Recording::from))
}

/// The recording with this id, if it is this controller's. Anybody else's does not exist (I15).
pub async fn find_for(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    id: RecordingId,
) -> Result<Option<Recording>, Error> {
    let row: Option<Row> = sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM recordings WHERE id = ")
        .push_bind(id)
        .push(" AND controller_id = ")
        .push_bind(controller)
        .fetch_optional(on)
        .await?;
    Ok(row.map(Recording::from))
}

/// A recording of the same call as an upload.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct SameCall {
    /// Which one.
    pub id: RecordingId,
    /// Where it is in its life.
    pub state: State,
    /// The keyed hash of its audio, while it has any.
    pub content_key: Option<Vec<u8>>,
    /// How big its audio was as it came.
    pub size_bytes: Option<i64>,
}

/// The recordings of one call. An erased one is among them until its metadata is gone.
pub async fn same_call(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    call_key: &[u8; 32],
) -> Result<Vec<SameCall>, Error> {
    sql("SELECT id, state, content_key, size_bytes FROM recordings
         WHERE controller_id = $1 AND call_key = $2
         ORDER BY received_at, id")
    .bind(controller)
    .bind(call_key.as_slice())
    .fetch_all(on)
    .await
}

/// The sealed SHA-256 of a recording's audio, until the tombstone.
pub async fn digest(on: impl Into<Conn<'_>>, id: RecordingId) -> Result<Option<Vec<u8>>, Error> {
    let row: Option<(Option<Vec<u8>>,)> =
        sql("SELECT digest FROM recordings WHERE id = $1").bind(id).fetch_optional(on).await?;
    Ok(row.and_then(|(digest,)| digest))
}
