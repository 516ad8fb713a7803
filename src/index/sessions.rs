//! The table `sessions`: who is signed in. Only the hash of what their browser sends is kept.

use crate::model::{PrincipalId, SessionId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// Somebody's being signed in.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Session {
    /// Its identifier, which signs nobody in.
    pub id: SessionId,
    /// Who.
    #[sqlx(rename = "account_id")]
    pub account: PrincipalId,
    /// Whether a code was asked for.
    pub second_factor: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// When they did something last, to the minute.
    pub seen_at: Timestamp,
    /// When it ends, whatever they do.
    pub expires_at: Timestamp,
}

const SELECT: &str =
    "SELECT id, account_id, second_factor, created_at, seen_at, expires_at FROM sessions";

/// Adds a session by its hash.
pub async fn insert(tx: &mut Tx, session: &Session, hash: &[u8; 32]) -> Result<(), Error> {
    sql("INSERT INTO sessions (hash, id, account_id, second_factor, created_at, seen_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(hash.as_slice())
    .bind(session.id)
    .bind(session.account)
    .bind(session.second_factor)
    .bind(session.created_at)
    .bind(session.seen_at)
    .bind(session.expires_at)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The session with this hash, expired or not.
pub async fn find_by_hash(
    on: impl Into<Conn<'_>>,
    hash: &[u8; 32],
) -> Result<Option<Session>, Error> {
    sql(SELECT).push(" WHERE hash = ").push_bind(hash.as_slice()).fetch_optional(on).await
}

/// Writes down that somebody did something.
pub async fn touch(tx: &mut Tx, id: SessionId, now: Timestamp) -> Result<(), Error> {
    sql("UPDATE sessions SET seen_at = $1 WHERE id = $2 AND seen_at < $1")
        .bind(now)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// The sessions of somebody that count, the newest first.
pub async fn list(
    on: impl Into<Conn<'_>>,
    account: PrincipalId,
    now: Timestamp,
    idle_since: Timestamp,
) -> Result<Vec<Session>, Error> {
    sql(SELECT)
        .push(" WHERE account_id = ")
        .push_bind(account)
        .push(" AND expires_at > ")
        .push_bind(now)
        .push(" AND seen_at > ")
        .push_bind(idle_since)
        .push(" ORDER BY created_at DESC, id LIMIT 200")
        .fetch_all(on)
        .await
}

/// Ends one of somebody's sessions. Returns whether there was one.
pub async fn end(tx: &mut Tx, account: PrincipalId, id: SessionId) -> Result<bool, Error> {
    let ended = sql("DELETE FROM sessions WHERE account_id = $1 AND id = $2")
        .bind(account)
        .bind(id)
        .execute(&mut *tx)
        .await?;
    Ok(ended > 0)
}

/// Ends every session of somebody, except this one. Returns how many.
pub async fn end_all(
    tx: &mut Tx,
    account: PrincipalId,
    except: Option<SessionId>,
) -> Result<u64, Error> {
    let query = sql("DELETE FROM sessions WHERE account_id = ").push_bind(account);
    match except {
        None => query.execute(&mut *tx).await,
        Some(kept) => query.push(" AND id <> ").push_bind(kept).execute(&mut *tx).await,
    }
}

/// Drops the sessions that are over and returns how many those were.
pub async fn purge(tx: &mut Tx, now: Timestamp, idle_since: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM sessions WHERE expires_at <= $1 OR seen_at <= $2")
        .bind(now)
        .bind(idle_since)
        .execute(&mut *tx)
        .await
}
