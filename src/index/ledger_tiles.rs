//! The tables `ledger_tiles` and `ledger_projections`: the hashes over the entries, and how far
//! they are. All of it can be made again from the entries.

use std::collections::BTreeSet;

use serde::Serialize;
use uuid::Uuid;

use crate::model::{ControllerId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::ids::Rows;
use super::sql::{Conn, sql};

/// A log and how far it is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Log {
    /// Whose.
    #[sqlx(rename = "controller_id")]
    pub id: ControllerId,
    /// How many entries it has.
    pub size: i64,
    /// How many of them are in tiles.
    pub projected: i64,
    /// How many of them are under the checkpoint.
    pub signed: i64,
    /// The checkpoint, a signed note.
    pub note: Option<String>,
    /// When it was signed.
    pub signed_at: Option<Timestamp>,
}

const LOG: &str = "SELECT l.controller_id, l.size, COALESCE(p.size, 0) AS projected,
    COALESCE(p.signed, 0) AS signed, p.note, p.signed_at
    FROM ledgers l LEFT JOIN ledger_projections p ON p.log_id = l.controller_id";

/// Every log.
pub async fn logs(on: impl Into<Conn<'_>>) -> Result<Vec<Log>, Error> {
    sql(LOG).push(" ORDER BY l.controller_id").fetch_all(on).await
}

/// The logs that have entries without a checkpoint.
pub async fn behind(on: impl Into<Conn<'_>>) -> Result<Vec<Log>, Error> {
    sql(LOG)
        .push(" WHERE l.size > COALESCE(p.signed, 0) ORDER BY l.controller_id")
        .fetch_all(on)
        .await
}

/// One log.
pub async fn log(on: impl Into<Conn<'_>>, id: ControllerId) -> Result<Option<Log>, Error> {
    sql(LOG).push(" WHERE l.controller_id = ").push_bind(id).fetch_optional(on).await
}

/// Takes a log for a node until then. Returns whether it is the node's now.
pub async fn claim(
    tx: &mut Tx,
    log: ControllerId,
    node: Uuid,
    now: Timestamp,
    until: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("INSERT INTO ledger_projections (log_id, claimed_by, claimed_until)
         VALUES ($1, $2, $3)
         ON CONFLICT (log_id) DO UPDATE
             SET claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
             WHERE ledger_projections.claimed_until IS NULL
                 OR ledger_projections.claimed_until <= $4
                 OR ledger_projections.claimed_by = excluded.claimed_by")
    .bind(log)
    .bind(node)
    .bind(until)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Lets go of a log.
pub async fn release(tx: &mut Tx, log: ControllerId, node: Uuid) -> Result<(), Error> {
    sql("UPDATE ledger_projections SET claimed_by = NULL, claimed_until = NULL
         WHERE log_id = $1 AND claimed_by = $2")
    .bind(log)
    .bind(node)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Writes down how far the tiles of a log are. [`Error::Conflict`] when another node took it over.
pub async fn advance(
    tx: &mut Tx,
    log: ControllerId,
    node: Uuid,
    from: i64,
    size: i64,
) -> Result<(), Error> {
    let changed = sql("UPDATE ledger_projections SET size = $1
         WHERE log_id = $2 AND claimed_by = $3 AND size = $4")
    .bind(size)
    .bind(log)
    .bind(node)
    .bind(from)
    .execute(&mut *tx)
    .await?;
    if changed == 0 { Err(Error::moved("the projection of a log")) } else { Ok(()) }
}

/// Keeps the checkpoint of a log.
pub async fn keep_note(
    tx: &mut Tx,
    log: ControllerId,
    size: i64,
    note: &str,
    at: Timestamp,
) -> Result<(), Error> {
    // A node that was slow does not take the place of one that went further.
    sql("UPDATE ledger_projections SET signed = $1, note = $2, signed_at = $3
         WHERE log_id = $4 AND signed <= $1")
    .bind(size)
    .bind(note)
    .bind(at)
    .bind(log)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// A tile of hashes.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Tile {
    /// Its level.
    pub level: i32,
    /// Its number.
    pub n: i64,
    /// The hashes, side by side.
    pub hashes: Vec<u8>,
}

#[derive(Serialize)]
struct Row {
    level: i32,
    n: i64,
    hashes: String,
}

/// Writes tiles, in the place of narrower ones.
pub async fn put(tx: &mut Tx, log: ControllerId, tiles: &[Tile]) -> Result<(), Error> {
    let row = |tile: &Tile| Row { level: tile.level, n: tile.n, hashes: hex::encode(&tile.hashes) };
    let rows: Vec<Row> = tiles.iter().map(row).collect();
    let rows = serde_json::to_string(&rows).map_err(Error::damaged)?;
    sql("INSERT INTO ledger_tiles (log_id, level, n, hashes) SELECT ")
        .push_bind(log)
        .push_each(
            ", value ->> 'level', value ->> 'n', unhex(value ->> 'hashes') FROM json_each(",
            ", (value ->> 'level')::INTEGER, (value ->> 'n')::BIGINT,
               decode(value ->> 'hashes', 'hex') FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(rows))
        // Without a condition SQLite takes the clause that follows for a join's.
        .push_each(") WHERE TRUE", " AS JSON)) WHERE TRUE")
        .push(" ON CONFLICT (log_id, level, n) DO UPDATE SET hashes = excluded.hashes")
        .execute(&mut *tx)
        .await?;
    Ok(())
}

#[derive(Serialize)]
struct Wanted {
    level: u8,
    n: u64,
}

/// Tiles of one log; those that are not there are not in the answer.
pub async fn find(
    on: impl Into<Conn<'_>>,
    log: ControllerId,
    tiles: &BTreeSet<(u8, u64)>,
) -> Result<Vec<Tile>, Error> {
    let wanted: Vec<_> = tiles.iter().map(|(level, n)| Wanted { level: *level, n: *n }).collect();
    let wanted = serde_json::to_string(&wanted).map_err(Error::damaged)?;
    sql("WITH wanted AS (")
        .push_each(
            "SELECT value ->> 'level' AS level, value ->> 'n' AS n FROM json_each(",
            "SELECT (value ->> 'level')::INTEGER AS level, (value ->> 'n')::BIGINT AS n
             FROM json_array_elements(CAST(",
        )
        .push_bind(Rows(wanted))
        .push_each(")", " AS JSON))")
        .push(
            ") SELECT t.level, t.n, t.hashes FROM wanted w
             JOIN ledger_tiles t ON t.level = w.level AND t.n = w.n AND t.log_id = ",
        )
        .push_bind(log)
        .fetch_all(on)
        .await
}

/// The leaves of one log from this place on, in order.
pub async fn leaves(
    on: impl Into<Conn<'_>>,
    log: ControllerId,
    from_seq: i64,
    limit: i64,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> = sql("SELECT leaf FROM ledger_entries
         WHERE controller_id = $1 AND seq >= $2 ORDER BY seq LIMIT $3")
    .bind(log)
    .bind(from_seq)
    .bind(limit)
    .fetch_all(on)
    .await?;
    Ok(rows.into_iter().map(|(leaf,)| leaf).collect())
}
