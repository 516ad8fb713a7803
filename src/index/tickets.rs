//! The table `tickets`: short-lived leave to play one recording, for a player that cannot send a
//! token. Only the hash of a ticket is kept.

use crate::model::{PrincipalId, Purpose, RecordingId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A ticket, without what it is.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Ticket {
    /// What may be played.
    #[sqlx(rename = "recording_id")]
    pub recording: RecordingId,
    /// By whom.
    #[sqlx(rename = "principal_id")]
    pub principal: PrincipalId,
    /// For what.
    pub purpose: Purpose,
    /// In which case.
    pub case_id: Option<String>,
    /// From when on it is worth nothing.
    pub expires_at: Timestamp,
}

/// Adds a ticket by its hash.
pub async fn insert(tx: &mut Tx, ticket: &Ticket, hash: &[u8; 32]) -> Result<(), Error> {
    sql("INSERT INTO tickets (hash, recording_id, principal_id, purpose, case_id, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)")
    .bind(hash.as_slice())
    .bind(ticket.recording)
    .bind(ticket.principal)
    .bind(ticket.purpose)
    .bind(&ticket.case_id)
    .bind(ticket.expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The ticket with this hash, expired or not.
pub async fn find_by_hash(
    on: impl Into<Conn<'_>>,
    hash: &[u8; 32],
) -> Result<Option<Ticket>, Error> {
    sql("SELECT recording_id, principal_id, purpose, case_id, expires_at FROM tickets
         WHERE hash = $1")
    .bind(hash.as_slice())
    .fetch_optional(on)
    .await
}

/// Drops the tickets that are worth nothing any more and returns how many those were.
pub async fn purge_expired(tx: &mut Tx, now: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM tickets WHERE expires_at <= $1").bind(now).execute(&mut *tx).await
}
