//! The tables `ledgers` and `ledger_entries`: what happened, one gapless sequence per controller.
//!
//! An entry gets its place in the transaction that makes it true. The row in `ledgers` is locked
//! from then until the commit, so that places are given in the order of the commits.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{ControllerId, Entry, Event, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, Sql, sql};

/// An entry without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Whose ledger.
    pub controller: ControllerId,
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
    /// About which recording, if one.
    pub recording: Option<RecordingId>,
    /// The leaf: the bytes that are hashed.
    pub body: String,
}

#[derive(Serialize)]
struct Row<'a> {
    controller: String,
    seq: i64,
    at: i64,
    event: Event,
    recording: Option<String>,
    leaf: &'a str,
}

/// Appends entries, in their order, and returns the place of each.
pub async fn append(tx: &mut Tx, entries: &[NewEntry]) -> Result<Vec<i64>, Error> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let mut next = reserve(tx, entries).await?;
    let mut places = Vec::with_capacity(entries.len());
    for entry in entries {
        let place = next.entry(entry.controller).or_default();
        places.push(*place);
        *place += 1;
    }
    let rows: Vec<Row<'_>> =
        entries.iter().zip(&places).map(|(entry, seq)| row(entry, *seq)).collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("INSERT INTO ledger_entries (controller_id, seq, at, event, recording_id, leaf) ")
        .push_each(
            "SELECT unhex(value ->> 'controller'), value ->> 'seq', value ->> 'at',
                 value ->> 'event', unhex(value ->> 'recording'), value ->> 'leaf'
             FROM json_each(",
            "SELECT (value ->> 'controller')::UUID, (value ->> 'seq')::BIGINT,
                 'epoch'::TIMESTAMPTZ + (value ->> 'at')::BIGINT * INTERVAL '1 microsecond',
                 value ->> 'event', (value ->> 'recording')::UUID, value ->> 'leaf'
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(rows))
        .push_each(")", " AS JSON))")
        .execute(&mut *tx)
        .await?;
    Ok(places)
}

/// Begins a ledger with its first entry, unless it was begun before.
pub async fn open(tx: &mut Tx, first: &NewEntry) -> Result<bool, Error> {
    let begun = sql("INSERT INTO ledgers (controller_id, size) VALUES ($1, 0)
         ON CONFLICT (controller_id) DO NOTHING")
    .bind(first.controller)
    .execute(&mut *tx)
    .await?;
    if begun > 0 {
        append(tx, std::slice::from_ref(first)).await?;
    }
    Ok(begun > 0)
}

/// Makes room in each ledger and returns the first free place of each.
///
/// The ledgers are taken in the order of their ids: two transactions never wait for each other.
async fn reserve(tx: &mut Tx, entries: &[NewEntry]) -> Result<BTreeMap<ControllerId, i64>, Error> {
    let mut counts: BTreeMap<ControllerId, i64> = BTreeMap::new();
    for entry in entries {
        *counts.entry(entry.controller).or_default() += 1;
    }
    for (controller, count) in &mut counts {
        let (size,): (i64,) = sql("INSERT INTO ledgers (controller_id, size) VALUES ($1, $2)
             ON CONFLICT (controller_id) DO UPDATE SET size = ledgers.size + excluded.size
             RETURNING size")
        .bind(*controller)
        .bind(*count)
        .fetch_one(&mut *tx)
        .await?;
        *count = size - *count;
    }
    Ok(counts)
}

fn row(entry: &NewEntry, seq: i64) -> Row<'_> {
    Row {
        controller: entry.controller.0.simple().to_string(),
        seq,
        at: entry.at.micros(),
        event: entry.event,
        recording: entry.recording.map(|id| id.0.simple().to_string()),
        leaf: &entry.body,
    }
}

#[derive(sqlx::FromRow)]
struct Kept {
    controller_id: ControllerId,
    seq: i64,
    at: Timestamp,
    event: Event,
    recording_id: Option<RecordingId>,
    leaf: String,
}

impl From<Kept> for Entry {
    fn from(row: Kept) -> Self {
        Self {
            controller: row.controller_id,
            seq: row.seq,
            at: row.at,
            event: row.event,
            recording: row.recording_id,
            body: row.leaf,
        }
    }
}

/// What is read of an entry.
pub(super) const ENTRY: &str =
    "SELECT controller_id, seq, at, event, recording_id, leaf FROM ledger_entries";

/// The entries that a statement over [`ENTRY`] finds.
pub(super) async fn read(query: Sql, on: impl Into<Conn<'_>>) -> Result<Vec<Entry>, Error> {
    let rows: Vec<Kept> = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// Entries of one ledger from this place on, in order.
pub async fn list(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    from_seq: i64,
    limit: i64,
) -> Result<Vec<Entry>, Error> {
    let rows: Vec<Kept> = sql("SELECT controller_id, seq, at, event, recording_id, leaf
         FROM ledger_entries WHERE controller_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3")
    .bind(controller)
    .bind(from_seq)
    .bind(limit)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// The entries about one recording, in order.
pub async fn about(on: impl Into<Conn<'_>>, recording: RecordingId) -> Result<Vec<Entry>, Error> {
    let rows: Vec<Kept> = sql("SELECT controller_id, seq, at, event, recording_id, leaf
         FROM ledger_entries WHERE recording_id = $1 ORDER BY seq")
    .bind(recording)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(Entry::from).collect())
}

/// How many entries a ledger has.
pub async fn size(on: impl Into<Conn<'_>>, controller: ControllerId) -> Result<i64, Error> {
    let row: Option<(i64,)> = sql("SELECT size FROM ledgers WHERE controller_id = $1")
        .bind(controller)
        .fetch_optional(on)
        .await?;
    Ok(row.map_or(0, |(size,)| size))
}
