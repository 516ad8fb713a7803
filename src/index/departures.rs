//! The table `departures`: customers that leave, and how far that has come.

use crate::model::{ControllerId, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A customer that leaves or has left.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Departure {
    /// Which customer.
    #[sqlx(rename = "customer_id")]
    pub customer: ControllerId,
    /// The opaque reference of the notice: the case of every erasure that follows from it.
    pub case_id: String,
    /// How long it can fetch what is its own, as it was agreed (ISO 8601).
    pub return_window: String,
    /// When notice was given.
    pub noticed_at: Timestamp,
    /// When the window ends.
    pub window_ends_at: Timestamp,
    /// How many recordings there were then.
    pub recordings: i64,
    /// And how many bytes of audio.
    pub bytes: i64,
    /// The opaque reference of the confirmation that it has everything, if it came early.
    pub confirmation: Option<String>,
    /// When that came.
    pub confirmed_at: Option<Timestamp>,
    /// Since when its recordings are erased: from then on there is no way back.
    pub erasing_since: Option<Timestamp>,
    /// When everything was gone, its key included.
    pub ended_at: Option<Timestamp>,
    /// The epoch of the keyring that holds its key no more.
    pub epoch: Option<i64>,
}

const COLUMNS: &str = "customer_id, case_id, return_window, noticed_at, window_ends_at, recordings,
    bytes, confirmation, confirmed_at, erasing_since, ended_at, epoch";

/// Adds a departure that was just noticed. [`Error::Conflict`] when there is one.
pub async fn insert(tx: &mut Tx, departure: &Departure) -> Result<(), Error> {
    sql("INSERT INTO departures (customer_id, case_id, return_window, noticed_at, window_ends_at,
             recordings, bytes)
         VALUES ($1, $2, $3, $4, $5, $6, $7)")
    .bind(departure.customer)
    .bind(departure.case_id.as_str())
    .bind(departure.return_window.as_str())
    .bind(departure.noticed_at)
    .bind(departure.window_ends_at)
    .bind(departure.recordings)
    .bind(departure.bytes)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The departure of a customer, if it leaves or has left.
pub async fn find(
    on: impl Into<Conn<'_>>,
    customer: ControllerId,
) -> Result<Option<Departure>, Error> {
    sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM departures WHERE customer_id = ")
        .push_bind(customer)
        .fetch_optional(on)
        .await
}

/// Departures whose window is over, or that were confirmed, and that have not ended yet.
pub async fn over(on: impl Into<Conn<'_>>, now: Timestamp) -> Result<Vec<Departure>, Error> {
    sql("SELECT ")
        .push(COLUMNS)
        .push(" FROM departures WHERE ended_at IS NULL AND (confirmed_at IS NOT NULL OR window_ends_at <= ")
        .push_bind(now)
        .push(") ORDER BY noticed_at, customer_id")
        .fetch_all(on)
        .await
}

/// Takes a notice back while nothing was erased for it. Returns whether it could be.
pub async fn withdraw(tx: &mut Tx, customer: ControllerId, now: Timestamp) -> Result<bool, Error> {
    let gone = sql("DELETE FROM departures
         WHERE customer_id = $1 AND erasing_since IS NULL AND confirmed_at IS NULL
             AND window_ends_at > $2")
    .bind(customer)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(gone > 0)
}

/// Notes that the customer has everything. Returns whether that was news.
pub async fn confirm(
    tx: &mut Tx,
    customer: ControllerId,
    confirmation: &str,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE departures SET confirmation = $1, confirmed_at = $2
         WHERE customer_id = $3 AND confirmed_at IS NULL AND ended_at IS NULL")
    .bind(confirmation)
    .bind(now)
    .bind(customer)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Begins to erase. Returns whether the departure still stands.
pub async fn begin_erasing(
    tx: &mut Tx,
    customer: ControllerId,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE departures SET erasing_since = COALESCE(erasing_since, $1)
         WHERE customer_id = $2 AND ended_at IS NULL
             AND (confirmed_at IS NOT NULL OR window_ends_at <= $1)")
    .bind(now)
    .bind(customer)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// Ends it: everything is gone. Returns whether this ended it, and nobody else is told so.
pub async fn end(
    tx: &mut Tx,
    customer: ControllerId,
    epoch: i64,
    now: Timestamp,
) -> Result<bool, Error> {
    let changed = sql("UPDATE departures SET ended_at = $1, epoch = $2
         WHERE customer_id = $3 AND ended_at IS NULL AND erasing_since IS NOT NULL")
    .bind(now)
    .bind(epoch)
    .bind(customer)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}
