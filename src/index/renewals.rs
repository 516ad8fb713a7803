//! The table `renewals`: days whose key was made anew because a recording left them early.
//!
//! A row is a fence, too: triggers of `recordings` refuse whatever is sealed under an older
//! generation of its day, whichever node still holds that key.

use crate::model::{Day, Timestamp};

use super::db::Tx;
use super::error::Error;
use super::sql::{Conn, sql};

/// A renewal of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Renewal {
    /// Which day.
    pub day: Day,
    /// The generation that is live from then on.
    pub generation: i32,
    /// Since when everything that lives has moved to it.
    pub ready_at: Option<Timestamp>,
    /// When the older generations were destroyed.
    pub dropped_at: Option<Timestamp>,
}

/// Writes down that a day is being renewed: nothing more is sealed under an older generation.
pub async fn start(tx: &mut Tx, day: Day, generation: i32, now: Timestamp) -> Result<(), Error> {
    sql("INSERT INTO renewals (day, generation, started_at) VALUES ($1, $2, $3)
         ON CONFLICT (day, generation) DO NOTHING")
    .bind(day)
    .bind(generation)
    .bind(now)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// Waits until every transaction that writes recordings, and may not have seen a fence, is over.
pub async fn settle(tx: &mut Tx) -> Result<(), Error> {
    if let Tx::Postgres(_) = tx {
        sql("LOCK TABLE recordings IN SHARE MODE").execute(&mut *tx).await?;
    }
    // SQLite has one writer at a time, and this transaction is it.
    Ok(())
}

/// Writes down that everything that lives has moved.
pub async fn ready(tx: &mut Tx, day: Day, generation: i32, now: Timestamp) -> Result<bool, Error> {
    let changed = sql("UPDATE renewals SET ready_at = $1
         WHERE day = $2 AND generation = $3 AND ready_at IS NULL")
    .bind(now)
    .bind(day)
    .bind(generation)
    .execute(&mut *tx)
    .await?;
    Ok(changed > 0)
}

/// The renewals whose older generations are still there.
pub async fn open(on: impl Into<Conn<'_>>) -> Result<Vec<Renewal>, Error> {
    sql("SELECT day, generation, ready_at, dropped_at FROM renewals
         WHERE dropped_at IS NULL ORDER BY day, generation")
    .fetch_all(on)
    .await
}

/// Writes down that the generations of `day` before `generation` are destroyed.
pub async fn dropped(tx: &mut Tx, day: Day, generation: i32, now: Timestamp) -> Result<(), Error> {
    sql("UPDATE renewals SET dropped_at = $1
         WHERE day = $2 AND generation = $3 AND dropped_at IS NULL")
    .bind(now)
    .bind(day)
    .bind(generation)
    .execute(&mut *tx)
    .await?;
    Ok(())
}

/// The first renewal of `day` after `generation`: what put an end to that one, or will.
pub async fn after(
    on: impl Into<Conn<'_>>,
    day: Day,
    generation: i32,
) -> Result<Option<Renewal>, Error> {
    sql("SELECT day, generation, ready_at, dropped_at FROM renewals
         WHERE day = $1 AND generation > $2 ORDER BY generation LIMIT 1")
    .bind(day)
    .bind(generation)
    .fetch_optional(on)
    .await
}
