//! Putting a version in force, and how far applying it has come. One node at a time applies it; the
//! count of claims is the fence that keeps out one that was away for long.

use crate::model::{ControllerId, PolicyStage, RecordingId, Term, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};
use super::versions::{COLUMNS, Version, one};

/// A place among a customer's recordings: by the end of the call.
pub type Cursor = (Timestamp, RecordingId);

/// Versions whose time has come and that are not applied yet, the oldest of each customer first.
pub async fn open_changes(
    on: impl Into<Conn<'_>>,
    now: Timestamp,
) -> Result<Vec<(ControllerId, i32, PolicyStage)>, Error> {
    sql("SELECT controller_id, version, state FROM policies
         WHERE state IN ('scheduled', 'applying') AND effective_at <= $1
         ORDER BY controller_id, version")
    .bind(now)
    .fetch_all(on)
    .await
}

/// Puts a version that waited in force. Returns whether it did: nobody else has, and nothing before
/// it is still being applied.
pub async fn activate(
    tx: &mut Tx,
    controller: ControllerId,
    version: i32,
    default: Term,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE policies SET state = 'applying', total =
             (SELECT COUNT(*) FROM recordings WHERE recordings.controller_id = $1
                  AND class = 'customer' AND ended_at IS NOT NULL)
         WHERE controller_id = $1 AND version = $2 AND state = 'scheduled' AND effective_at <= $3
             AND NOT EXISTS (SELECT 1 FROM policies AS other
                 WHERE other.controller_id = $1 AND other.state = 'applying')")
    .bind(controller)
    .bind(version)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    if changed == 0 {
        return Ok(false);
    }
    sql("UPDATE customers SET term = $1, policy_version = $2 WHERE id = $3")
        .bind(default)
        .bind(version)
        .bind(controller)
        .execute(&mut *tx)
        .await?;
    Ok(true)
}

/// Takes it upon the caller to apply a version, unless somebody does: their claim is `fresh` when it
/// was made between these times. Clocks of nodes differ, and one can have been set back.
pub async fn claim(
    tx: &mut Tx,
    controller: ControllerId,
    version: i32,
    now: Timestamp,
    fresh: (Timestamp, Timestamp),
) -> Result<Option<Version>, Error> {
    let query = sql("UPDATE policies SET claims = claims + 1, claimed_at = $1
         WHERE controller_id = $2 AND version = $3 AND state = 'applying'
             AND (claimed_at IS NULL OR claimed_at NOT BETWEEN $4 AND $5) RETURNING ")
    .bind(now)
    .bind(controller)
    .bind(version)
    .bind(fresh.0)
    .bind(fresh.1)
    .push(COLUMNS);
    one(tx, query).await
}

/// Writes down how far it has come. False when somebody else has claimed it meanwhile.
pub async fn progress(
    tx: &mut Tx,
    of: &Version,
    after: Cursor,
    (looked_at, touched): (i64, i64),
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE policies SET after_ended_at = $1, after_id = $2, done = done + $3,
             touched = touched + $4, claimed_at = $5
         WHERE controller_id = $6 AND version = $7 AND claims = $8 AND state = 'applying'")
    .bind(after.0)
    .bind(after.1)
    .bind(looked_at)
    .bind(touched)
    .bind(now)
    .bind(of.controller)
    .bind(of.version)
    .bind(of.claims)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Finishes applying it and tells how many recordings it changed. None when somebody else has
/// claimed it meanwhile.
pub async fn finish(tx: &mut Tx, of: &Version, now: Timestamp) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> = sql("UPDATE policies SET state = 'applied', applied_at = $1,
             claimed_at = NULL, total = done
         WHERE controller_id = $2 AND version = $3 AND claims = $4 AND state = 'applying'
         RETURNING touched")
    .bind(now)
    .bind(of.controller)
    .bind(of.version)
    .bind(of.claims)
    .fetch_optional(&mut *tx)
    .await?;
    Ok(row.map(|(touched,)| touched))
}
