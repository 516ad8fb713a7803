//! Holding recordings past their term, many at a time.

use crate::model::{ControllerId, Day, Direction, RecordingId, State, Timestamp};

use super::super::db::Tx;
use super::super::error::Error;
use super::super::sql::sql;

/// Takes rows for this transaction, in the order of their ids. SQLite has one writer at a time.
const LOCKED: &str = " ORDER BY id FOR NO KEY UPDATE";

/// A recording that is about to be held.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Held {
    /// Which one.
    pub id: RecordingId,
    /// Where it is in its life.
    pub state: State,
    /// The line it belongs to.
    pub line: Option<String>,
    /// The day whose key wraps its own.
    pub key_day: Day,
    /// When its audio must be gone.
    pub due_at: Timestamp,
    /// Since when its key is destroyed.
    pub key_destroyed_at: Option<Timestamp>,
}

impl Held {
    /// Whether it can still be kept: its key is there.
    #[must_use]
    pub fn can_be_kept(&self, forgotten_before: Day) -> bool {
        matches!(self.state, State::Stored | State::Lost | State::Erasing)
            && self.key_destroyed_at.is_none()
            && self.key_day >= forgotten_before
    }
}

const HELD: &str = "SELECT id, state, line, key_day, due_at, key_destroyed_at FROM recordings";

/// Which recordings a hold looks for among those that are there.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Whose.
    pub controller: ControllerId,
    /// With this number on either side, by its blind index. Never finds withheld calls.
    pub number: Option<&'a [u8; 32]>,
    /// Answered by this agent.
    pub agent: Option<&'a str>,
    /// Through this queue.
    pub queue: Option<&'a str>,
    /// Of this line.
    pub line: Option<&'a str>,
    /// In this direction.
    pub direction: Option<Direction>,
    /// Begun at or after this.
    pub from: Option<Timestamp>,
    /// Begun before this.
    pub to: Option<Timestamp>,
}

/// Those of these recordings that are this controller's, locked.
pub async fn lock(
    tx: &mut Tx,
    controller: ControllerId,
    ids: &[RecordingId],
) -> Result<Vec<Held>, Error> {
    sql(HELD)
        .push(" WHERE controller_id = ")
        .push_bind(controller)
        .push(" AND id ")
        .push_in(ids)
        .push_each("", LOCKED)
        .fetch_all(&mut *tx)
        .await
}

/// The recordings wanted whose audio is there, locked.
pub async fn matching(tx: &mut Tx, wanted: &Wanted<'_>) -> Result<Vec<Held>, Error> {
    let mut query = sql(HELD)
        .push(" WHERE controller_id = ")
        .push_bind(wanted.controller)
        .push(" AND state IN ('stored', 'lost', 'erasing') AND key_destroyed_at IS NULL");
    if let Some(number) = wanted.number {
        query = query.push(" AND NOT withheld AND (caller_blind = ").push_bind(number.as_slice());
        query = query.push(" OR callee_blind = ").push_bind(number.as_slice()).push(")");
    }
    if let Some(agent) = wanted.agent {
        query = query.push(" AND agent = ").push_bind(agent);
    }
    if let Some(queue) = wanted.queue {
        query = query.push(" AND queue = ").push_bind(queue);
    }
    if let Some(line) = wanted.line {
        query = query.push(" AND line = ").push_bind(line);
    }
    if let Some(direction) = wanted.direction {
        query = query.push(" AND direction = ").push_bind(direction);
    }
    if let Some(from) = wanted.from {
        query = query.push(" AND started_at >= ").push_bind(from);
    }
    if let Some(to) = wanted.to {
        query = query.push(" AND started_at < ").push_bind(to);
    }
    query.push_each(" ORDER BY id", LOCKED).fetch_all(&mut *tx).await
}

/// Holds recordings whose key is there. Returns how many.
pub async fn hold(tx: &mut Tx, ids: &[RecordingId]) -> Result<u64, Error> {
    sql("UPDATE recordings SET held = TRUE
         WHERE state IN ('stored', 'lost', 'erasing') AND key_destroyed_at IS NULL AND id ")
    .push_in(ids)
    .execute(&mut *tx)
    .await
}

/// Lets go of the recordings of a hold that no other open hold keeps. Returns how many.
pub async fn free(tx: &mut Tx, hold: crate::model::HoldId) -> Result<u64, Error> {
    sql("WITH freed AS (SELECT id FROM recordings
         WHERE held AND id IN (SELECT recording_id FROM hold_recordings WHERE hold_id = $1)
             AND NOT EXISTS (SELECT 1 FROM hold_recordings AS other
                 JOIN holds ON holds.id = other.hold_id
                 WHERE other.recording_id = recordings.id AND other.hold_id <> $1
                     AND holds.released_at IS NULL)")
    .bind(hold)
    .push_each("", LOCKED)
    .push(") UPDATE recordings SET held = FALSE WHERE id IN (SELECT id FROM freed)")
    .execute(&mut *tx)
    .await
}

/// Lets go of the recordings of a controller that no open hold keeps and a released one kept.
/// Returns how many.
pub async fn free_released(tx: &mut Tx, controller: ControllerId) -> Result<u64, Error> {
    sql("WITH freed AS (SELECT id FROM recordings
         WHERE held AND controller_id = $1
             AND id IN (SELECT recording_id FROM hold_recordings)
             AND NOT EXISTS (SELECT 1 FROM hold_recordings
                 JOIN holds ON holds.id = hold_recordings.hold_id
                 WHERE recording_id = recordings.id AND released_at IS NULL)")
    .bind(controller)
    .push_each("", LOCKED)
    .push(") UPDATE recordings SET held = FALSE WHERE id IN (SELECT id FROM freed)")
    .execute(&mut *tx)
    .await
}
