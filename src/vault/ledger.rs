//! Entries of the ledger: codes, ids and integers, never personal data (I12).

use serde_json::{Value, json};

use crate::index::ledger_entries::NewEntry;
use crate::model::{ControllerId, Event, RecordingId, Timestamp};

/// An entry about one recording.
pub(super) fn about(
    controller: ControllerId,
    at: Timestamp,
    event: Event,
    recording: RecordingId,
    body: &Value,
) -> NewEntry {
    NewEntry { controller, at, event, recording: Some(recording), body: body.to_string() }
}

/// An entry about no recording.
pub(super) fn general(
    controller: ControllerId,
    at: Timestamp,
    event: Event,
    body: &Value,
) -> NewEntry {
    NewEntry { controller, at, event, recording: None, body: body.to_string() }
}

/// The hour by which something was due, as far as the ledger tells it.
pub(super) fn due_hour(due_at: Timestamp) -> Value {
    json!(due_at.hour_rounded_up())
}
