//! What keeps a change of policy from erasing more than somebody agreed to.

use crate::model::{ControllerId, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::{Conn, sql};

/// Early erasures of one version that are waiting.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Braked {
    /// Whose policy.
    #[sqlx(rename = "controller_id")]
    pub controller: ControllerId,
    /// Which version.
    pub version: i32,
    /// How many early erasures somebody agreed to.
    pub confirmed: i64,
    /// How many there were.
    pub erased: i64,
    /// How many are due now.
    pub count: i64,
}

/// What is due because of a shorter term, by version, unless that version is stopped already.
pub async fn shortened_due(on: impl Into<Conn<'_>>, now: Timestamp) -> Result<Vec<Braked>, Error> {
    sql("SELECT policies.controller_id, version, confirmed, erased, due.count
         FROM (SELECT controller_id, shortened_by, COUNT(*) AS count FROM recordings
               WHERE state = 'stored' AND NOT held AND NOT restricted AND due_at <= $1
                   AND shortened_by IS NOT NULL
               GROUP BY controller_id, shortened_by) AS due
         JOIN policies ON policies.controller_id = due.controller_id
             AND policies.version = due.shortened_by
         WHERE braked_count IS NULL")
    .bind(now)
    .fetch_all(on)
    .await
}

/// Stops the early erasures of a version. Returns whether they were not stopped before.
pub async fn brake(tx: &mut Tx, of: &Braked) -> Result<bool, Error> {
    let changed = sql("UPDATE policies SET braked_count = $1
         WHERE controller_id = $2 AND version = $3 AND braked_count IS NULL")
    .bind(of.count)
    .bind(of.controller)
    .bind(of.version)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// The versions whose early erasures are stopped.
pub async fn braked(on: impl Into<Conn<'_>>) -> Result<Vec<Braked>, Error> {
    sql("SELECT controller_id, version, confirmed, erased, braked_count AS count FROM policies
         WHERE braked_count IS NOT NULL ORDER BY controller_id, version")
    .fetch_all(on)
    .await
}

/// Lets go on what is stopped: as many as were counted then are agreed to.
pub async fn confirm_braked(tx: &mut Tx) -> Result<Vec<Braked>, Error> {
    let stopped = braked(&mut *tx).await?;
    sql("UPDATE policies SET confirmed = erased + braked_count, braked_count = NULL
         WHERE braked_count IS NOT NULL")
    .execute(&mut *tx)
    .await?;
    Ok(stopped)
}

/// Counts early erasures of a version, once they are past their point of no return.
pub async fn count_erased(
    tx: &mut Tx,
    controller: ControllerId,
    version: i32,
    count: i64,
) -> Result<(), Error> {
    sql("UPDATE policies SET erased = erased + $1 WHERE controller_id = $2 AND version = $3")
        .bind(count)
        .bind(controller)
        .bind(version)
        .execute(&mut *tx)
        .await?;
    Ok(())
}
