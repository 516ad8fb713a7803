//! Entries of the ledger: codes, ids and integers, never personal data (I12).

use serde_json::{Value, json};

use crate::index::ledger_entries::NewEntry;
use crate::ledger::{compose, told};
use crate::model::{ControllerId, Event, RecordingId, Timestamp};

/// An entry about one recording.
pub(super) fn about(
    controller: ControllerId,
    at: Timestamp,
    event: Event,
    recording: RecordingId,
    body: &Value,
) -> NewEntry {
    entry(controller, at, event, Some(recording), body)
}

/// An entry about no recording.
pub(super) fn general(
    controller: ControllerId,
    at: Timestamp,
    event: Event,
    body: &Value,
) -> NewEntry {
    entry(controller, at, event, None, body)
}

fn entry(
    controller: ControllerId,
    at: Timestamp,
    event: Event,
    recording: Option<RecordingId>,
    body: &Value,
) -> NewEntry {
    let leaf = compose(at, event, recording, body);
    NewEntry { controller, at: told(event, at), event, recording, body: leaf }
}

/// The hour by which something was due, as far as the ledger tells it.
pub(super) fn due_hour(due_at: Timestamp) -> Value {
    json!(due_at.hour_rounded_up())
}

/// About how large something is, as far as the ledger tells it: the power of two it fits in.
pub(super) fn size_bucket(len: u64) -> u64 {
    len.checked_next_power_of_two().unwrap_or(u64::MAX)
}
