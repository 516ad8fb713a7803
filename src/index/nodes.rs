//! The table `nodes`: the processes that serve.

use uuid::Uuid;

use crate::model::Timestamp;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A process that serves, as it said itself.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Node {
    /// What it calls itself, since it started.
    pub id: Uuid,
    /// Which version it is.
    pub version: String,
    /// When it started.
    pub started_at: Timestamp,
    /// When it said so last.
    pub seen_at: Timestamp,
    /// How far its clock is ahead of the database server's, in milliseconds, when there is one.
    pub clock_offset_ms: Option<i64>,
    /// Whether it erases and forgets.
    pub erases: bool,
    /// Whether it signs the ledger.
    pub signs: bool,
}

/// Writes down that a process is there.
pub async fn say(tx: &mut Tx, node: &Node) -> Result<(), Error> {
    sql("INSERT INTO nodes (id, version, started_at, seen_at, clock_offset_ms, erases, signs)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (id) DO UPDATE SET
             seen_at = excluded.seen_at, clock_offset_ms = excluded.clock_offset_ms")
    .bind(node.id)
    .bind(node.version.as_str())
    .bind(node.started_at)
    .bind(node.seen_at)
    .bind(node.clock_offset_ms)
    .bind(node.erases)
    .bind(node.signs)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Drops the ones that were not seen since then.
pub async fn purge(tx: &mut Tx, since: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM nodes WHERE seen_at < $1").bind(since).execute(&mut *tx).await
}

/// Drops one that stops.
pub async fn leave(tx: &mut Tx, id: Uuid) -> Result<u64, Error> {
    sql("DELETE FROM nodes WHERE id = $1").bind(id).execute(&mut *tx).await
}

/// The ones there are, the oldest first.
pub async fn list(on: impl Into<Conn<'_>>) -> Result<Vec<Node>, Error> {
    sql("SELECT id, version, started_at, seen_at, clock_offset_ms, erases, signs FROM nodes
         ORDER BY started_at, id LIMIT 1000")
    .fetch_all(on)
    .await
}
