//! What entries of the log say of the erasure of one recording.

use serde::Deserialize;
use uuid::Uuid;

use super::certificate::Erasure;
use crate::model::{Cause, Class, Event, RecordingId, Timestamp};

/// What an entry says, as far as a certificate needs it.
#[derive(Deserialize)]
struct Said {
    at: Timestamp,
    ev: String,
    rec: Option<Uuid>,
    class: Option<Class>,
    due: Option<Timestamp>,
    pol: Option<String>,
    cause: Option<Cause>,
    case: Option<String>,
}

/// Whether a certificate of a recording carries entries of this kind.
#[must_use]
pub const fn is_evidence(event: Event) -> bool {
    matches!(
        event,
        Event::RecordingAccepted
            | Event::RecordingDueChanged
            | Event::ErasureStarted
            | Event::ErasureKeyDestroyed
            | Event::RecordingErased
            | Event::ErasureReverified
            | Event::ErasureReappeared
            | Event::MetadataErased
    )
}

/// What entries about one recording say of its erasure, in their order. `None` when one of them is
/// no entry about it.
#[must_use]
pub fn told<'e>(recording: RecordingId, entries: impl Iterator<Item = &'e str>) -> Option<Erasure> {
    let mut told = Erasure {
        recording,
        class: None,
        policy: None,
        due: None,
        cause: None,
        case: None,
        key_destroyed_at: None,
        absent_at: None,
        lag_s: None,
        still_absent_at: None,
        reappeared_at: None,
        details_erased_at: None,
    };
    for entry in entries {
        let said: Said = serde_json::from_str(entry).ok()?;
        let event: Event = said.ev.parse().ok()?;
        if said.rec != Some(recording.0) || !is_evidence(event) {
            return None;
        }
        told.hear(event, said);
    }
    told.lag_s = told.absent_at.zip(told.due).map(|(at, due)| at.since(due).as_secs());
    Some(told)
}

impl Erasure {
    fn hear(&mut self, event: Event, said: Said) {
        match event {
            Event::ErasureStarted => (self.cause, self.case) = (said.cause, said.case.clone()),
            Event::ErasureKeyDestroyed => self.key_destroyed_at = Some(said.at),
            Event::RecordingErased => {
                self.absent_at = Some(said.at);
                self.case = said.case.clone().or(self.case.take());
            }
            Event::ErasureReverified => {
                (self.still_absent_at, self.reappeared_at) = (Some(said.at), None);
            }
            Event::ErasureReappeared => {
                (self.still_absent_at, self.reappeared_at) = (None, Some(said.at));
            }
            Event::MetadataErased => self.details_erased_at = Some(said.at),
            _ => {}
        }
        self.class = said.class.or(self.class);
        self.due = said.due.or(self.due);
        self.policy = said.pol.or(self.policy.take());
        self.cause = said.cause.or(self.cause);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_tell_an_erasure_and_nothing_else_does() {
        let id: RecordingId = "5f0c0000-0000-4000-8000-000000000001".parse().unwrap();
        let entry = |at: &str, rest: &str| {
            format!(r#"{{"at":"2026-06-01T{at}Z",{rest},"rec":"{id}","v":1}}"#)
        };
        let due = r#""due":"2026-06-01T10:00:00Z""#;
        let mut entries = vec![
            entry("08:00:00", &format!(r#""class":"support",{due},"ev":"recording.accepted""#)),
            entry("09:30:00", &format!(r#""cause":"term",{due},"ev":"erasure.started""#)),
            entry("09:30:01", r#""cause":"term","ev":"erasure.key_destroyed""#),
            entry("10:00:30", &format!(r#""cause":"term",{due},"ev":"recording.erased""#)),
        ];
        let of = |entries: &[String]| told(id, entries.iter().map(String::as_str));
        let erasure = of(&entries).unwrap();
        assert_eq!((erasure.lag_s, erasure.cause), (Some(30), Some(Cause::Term)));
        assert_eq!((erasure.class, erasure.still_absent_at), (Some(Class::Support), None));
        entries.push(entry("12:00:00", r#""ev":"erasure.reappeared""#));
        assert!(of(&entries).unwrap().reappeared_at.is_some());
        entries.push(entry("13:00:00", r#""ev":"erasure.reverified""#));
        assert_eq!(of(&entries).unwrap().reappeared_at, None);
        for wrong in ["", "{}", r#"{"at":"2026-06-01T09:00:00Z","ev":"recording.erased"}"#] {
            assert_eq!(told(id, [wrong].into_iter()), None, "{wrong}");
        }
        assert_eq!(of(&[entry("12:00:00", r#""ev":"access.played""#)]), None);
    }
}
