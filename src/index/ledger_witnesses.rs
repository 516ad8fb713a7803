//! The table `ledger_witnesses`: what each witness cosigned last, and since when it does not.

use crate::model::Timestamp;

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// How a witness stands.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Witness {
    /// Its name.
    pub name: String,
    /// The size of the last checkpoint it cosigned.
    pub size: i64,
    /// When it did.
    pub cosigned_at: Option<Timestamp>,
    /// Since when it does not.
    pub failing_since: Option<Timestamp>,
}

/// Every witness that was ever asked.
pub async fn list(on: impl Into<Conn<'_>>) -> Result<Vec<Witness>, Error> {
    sql("SELECT name, size, cosigned_at, failing_since FROM ledger_witnesses ORDER BY name")
        .fetch_all(on)
        .await
}

/// Writes down how a witness stands.
pub async fn set(tx: &mut Tx, witness: &Witness) -> Result<(), Error> {
    sql("INSERT INTO ledger_witnesses (name, size, cosigned_at, failing_since)
         VALUES ($1, $2, $3, $4)
         ON CONFLICT (name) DO UPDATE SET size = excluded.size,
             cosigned_at = excluded.cosigned_at, failing_since = excluded.failing_since")
    .bind(witness.name.as_str())
    .bind(witness.size)
    .bind(witness.cosigned_at)
    .bind(witness.failing_since)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
