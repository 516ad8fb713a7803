//! The tables `clock_guard` and `brake`, one row each: what keeps a wrong clock or a wrong policy
//! from erasing much at once (I17).

use crate::model::Timestamp;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// What the vault knows of its clock.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Guard {
    /// The latest time any node has seen.
    #[sqlx(rename = "last_seen_at")]
    pub last_seen: Option<Timestamp>,
    /// Why new erasures are paused, if they are.
    pub paused_reason: Option<String>,
    /// Since when.
    pub paused_since: Option<Timestamp>,
}

/// What the vault knows of its clock.
pub async fn guard(on: impl Into<Conn<'_>>) -> Result<Guard, Error> {
    sql("SELECT last_seen_at, paused_reason, paused_since FROM clock_guard WHERE id = 1")
        .fetch_one(on)
        .await
}

/// Notes the time. The latest time seen never goes back.
pub async fn see_clock(tx: &mut Tx, now: Timestamp) -> Result<(), Error> {
    sql("UPDATE clock_guard SET last_seen_at = $1
         WHERE id = 1 AND (last_seen_at IS NULL OR last_seen_at < $1)")
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Pauses new erasures until somebody confirms the clock. Returns whether this began the pause.
pub async fn pause(tx: &mut Tx, reason: &str, now: Timestamp) -> Result<bool, Error> {
    let changed = sql("UPDATE clock_guard SET paused_reason = $1, paused_since = $2
         WHERE id = 1 AND paused_since IS NULL")
    .bind(reason)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Confirms the clock: erasing goes on, and the time is what it is now, even if that is earlier.
///
/// Returns whether there was a pause to end.
pub async fn confirm(tx: &mut Tx, now: Timestamp) -> Result<bool, Error> {
    let paused = guard(&mut *tx).await?.paused_since.is_some();
    sql("UPDATE clock_guard SET last_seen_at = $1, paused_reason = NULL, paused_since = NULL
         WHERE id = 1")
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(paused)
}

/// What the vault knows of a mass erasure.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Brake {
    /// Why a run was stopped, if one is waiting.
    pub pending_reason: Option<String>,
    /// How many recordings it would have erased.
    pub pending_count: Option<i64>,
    /// How many it might have erased without asking.
    pub pending_allowed: Option<i64>,
    /// Since when it waits.
    pub pending_since: Option<Timestamp>,
    /// Until when runs of any size may go on, because somebody confirmed one.
    pub confirmed_until: Option<Timestamp>,
}

/// What the vault knows of a mass erasure.
pub async fn brake(on: impl Into<Conn<'_>>) -> Result<Brake, Error> {
    sql("SELECT pending_reason, pending_count, pending_allowed, pending_since, confirmed_until
         FROM brake WHERE id = 1")
    .fetch_one(on)
    .await
}

/// Stops a run that would erase too much. Returns whether none was waiting before.
pub async fn stop_run(
    tx: &mut Tx,
    reason: &str,
    count: i64,
    allowed: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    let waiting = brake(&mut *tx).await?.pending_since.is_some();
    sql("UPDATE brake SET pending_reason = $1, pending_count = $2, pending_allowed = $3,
             pending_since = COALESCE(pending_since, $4)
         WHERE id = 1")
    .bind(reason)
    .bind(count)
    .bind(allowed)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(!waiting)
}

/// Lets runs of any size go on until then. Returns whether one was waiting.
pub async fn confirm_run(tx: &mut Tx, until: Timestamp) -> Result<bool, Error> {
    let waiting = brake(&mut *tx).await?.pending_since.is_some();
    sql("UPDATE brake SET pending_reason = NULL, pending_count = NULL, pending_allowed = NULL,
             pending_since = NULL, confirmed_until = $1
         WHERE id = 1")
    .bind(until)
    .execute(&mut *tx)
    .await?;
    Ok(waiting)
}
