//! The table `facts`: small things worth remembering, such as when keys were last forgotten.

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// What is remembered under this name.
pub async fn find(on: impl Into<Conn<'_>>, name: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> =
        sql("SELECT value FROM facts WHERE name = $1").bind(name).fetch_optional(on).await?;
    Ok(row.map(|(value,)| value))
}

/// Remembers something, instead of what was remembered under this name.
pub async fn set(tx: &mut Tx, name: &str, value: &str) -> Result<(), Error> {
    sql("INSERT INTO facts (name, value) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET value = excluded.value")
    .bind(name)
    .bind(value)
    .execute(&mut *tx)
    .await?;
    Ok(())
}
