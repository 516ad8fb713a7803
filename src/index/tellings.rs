//! The table `tellings`: what was told a while ago and is not told again yet.

use jiff::SignedDuration;

use crate::model::Timestamp;

use super::db::Tx;
use super::error::Error;
use super::sql::sql;

/// Notes that something is told now. Returns whether it was not told within this time already: of
/// two nodes only one is the first.
pub async fn first(
    tx: &mut Tx,
    hash: &[u8; 32],
    now: Timestamp,
    within: SignedDuration,
) -> Result<bool, Error> {
    let told = sql("INSERT INTO tellings (hash, at) VALUES ($1, $2)
         ON CONFLICT (hash) DO UPDATE SET at = excluded.at WHERE tellings.at <= $3")
    .bind(hash.as_slice())
    .bind(now)
    .bind(now.plus(-within))
    .execute(&mut *tx)
    .await?;
    Ok(told > 0)
}

/// Drops what was told before this.
pub async fn purge(tx: &mut Tx, before: Timestamp) -> Result<u64, Error> {
    sql("DELETE FROM tellings WHERE at < $1").bind(before).execute(&mut *tx).await
}
