//! Which lines a customer has, as the provider declared them or as its recordings tell.

use crate::model::ControllerId;

use super::super::db::Tx;
use super::super::error::Error;
use super::super::ids::Rows;
use super::super::sql::{Conn, Sql, sql};

/// The lines that were declared, in order.
pub async fn lines(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
) -> Result<Vec<String>, Error> {
    let rows: Vec<(String,)> =
        sql("SELECT line FROM customer_lines WHERE controller_id = $1 ORDER BY line")
            .bind(controller)
            .fetch_all(on)
            .await?;
    Ok(rows.into_iter().map(|(line,)| line).collect())
}

/// Declares these lines and no others.
pub async fn set_lines(
    tx: &mut Tx,
    controller: ControllerId,
    lines: &[String],
) -> Result<(), Error> {
    sql("DELETE FROM customer_lines WHERE controller_id = $1")
        .bind(controller)
        .execute(&mut *tx)
        .await?;
    sql("INSERT INTO customer_lines (controller_id, line) SELECT DISTINCT ")
        .push_bind(controller)
        .push(", value FROM ")
        .push_texts(lines)?
        .execute(&mut *tx)
        .await?;
    Ok(())
}

/// Those of these names that neither a declared line nor a recording of the customer has.
///
/// `kind` is that of a [`crate::model::Scope`]; a declared line is a user number as well.
pub async fn unknown(
    on: impl Into<Conn<'_>>,
    controller: ControllerId,
    kind: &str,
    names: &[String],
) -> Result<Vec<String>, Error> {
    let (declared, seen) = match kind {
        "line" => (true, " AND line = value)"),
        "agent" => (true, " AND agent = value)"),
        "queue" => (false, " AND queue = value)"),
        _ => return Ok(Vec::new()),
    };
    let mut query = sql("SELECT value FROM ")
        .push_texts(names)?
        .push(
            " WHERE NOT EXISTS (SELECT 1 FROM recordings
                  WHERE class = 'customer' AND ended_at IS NOT NULL AND controller_id = ",
        )
        .push_bind(controller)
        .push(seen);
    if declared {
        query = query
            .push(" AND NOT EXISTS (SELECT 1 FROM customer_lines WHERE controller_id = ")
            .push_bind(controller)
            .push(" AND line = value)");
    }
    let rows: Vec<(String,)> = query.fetch_all(on).await?;
    Ok(rows.into_iter().map(|(name,)| name).collect())
}

impl Sql {
    /// Appends a table of these texts, with a column `value`.
    fn push_texts(self, texts: &[String]) -> Result<Self, Error> {
        let json = serde_json::to_string(texts).map_err(Error::damaged)?;
        Ok(self
            .push_each(
                "(SELECT value FROM json_each(",
                "(SELECT value FROM json_array_elements_text(CAST(",
            )
            .push_bind(Rows(json))
            .push_each(")) AS texts", " AS JSON)) AS told (value)) AS texts"))
    }
}
