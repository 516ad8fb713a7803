//! Certificates of erasure: what was erased, when, why and how, and what remains of it until when.
//!
//! A certificate is JSON, written in one way only, so that the same facts are the same bytes. Its
//! SHA-256 is signed (C2SP signed-note) and is in the log as `certificate.issued`. What it says of
//! a recording follows from entries of the log, which it carries with their proofs: whoever checks
//! one has to believe the key of the log and nothing else.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::leaf::compose;
use crate::model::{Cause, Class, Event, RecordingId, Timestamp};

pub use crate::model::{ErasureStatus as Status, Remains as What};

/// The version of the certificates written here.
pub const SCHEMA: &str = "callvault.certificate/1";

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// [`SCHEMA`].
    pub schema: String,
    /// The log it is in, by what its checkpoints call it. The key that signs has this name.
    pub log: String,
    /// When it was made, to the second.
    pub issued_at: Timestamp,
    /// Who was responsible: `provider` or an opaque id.
    pub controller: String,
    /// What the operator calls that customer.
    pub customer: Option<String>,
    /// The country the store is in (ISO 3166-1 alpha-2), and what sort of store it is.
    pub store: Place,
    /// What it is about.
    pub subject: Subject,
    /// From when on no backup opens any of it; planned as long as backups are among what remains.
    pub backups_unreadable_from: Option<Timestamp>,
    /// Complete only when nothing remains.
    pub status: Status,
    /// What remains, or is not settled, and until when.
    pub remains: Vec<Remaining>,
}

/// A store, as far as a certificate names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The country.
    pub country: String,
    /// `folder` or `bucket`.
    pub kind: String,
}

/// What a certificate is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// One recording.
    Recording(Box<OfRecording>),
    /// Everything of a controller that was erased in a period.
    Population(Box<OfPopulation>),
}

/// One recording. All of it follows from the entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfRecording {
    /// What the entries say.
    pub erasure: Erasure,
    /// The entries of the log, each with the hashes beside its path to the root.
    pub entries: Vec<Proven>,
    /// The checkpoint they are under: a signed note.
    pub checkpoint: String,
}

/// An entry of the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proven {
    /// Its place.
    pub index: u64,
    /// Its bytes.
    pub entry: String,
    /// The hashes, in Base64.
    pub hashes: Vec<String>,
}

/// What entries say of the erasure of one recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// Which recording.
    pub recording: RecordingId,
    /// Why it was made.
    pub class: Option<Class>,
    /// The policy it was kept under.
    pub policy: Option<String>,
    /// The hour by which it had to be gone.
    pub due: Option<Timestamp>,
    /// Why it was erased.
    pub cause: Option<Cause>,
    /// The case or instruction behind that.
    pub case: Option<String>,
    /// When its key was destroyed.
    pub key_destroyed_at: Option<Timestamp>,
    /// When the store was asked and its object was absent, and every version of it.
    pub absent_at: Option<Timestamp>,
    /// Seconds from the due hour until then: negative when it was in time.
    pub lag_s: Option<i64>,
    /// When it was looked for again and was still absent.
    pub still_absent_at: Option<Timestamp>,
    /// When it was in the store again, unless it was absent later.
    pub reappeared_at: Option<Timestamp>,
    /// When the call details went. They have a term of their own.
    pub details_erased_at: Option<Timestamp>,
}

/// What was erased in a period.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfPopulation {
    /// The class, if only one is meant.
    pub class: Option<Class>,
    /// From this instant.
    pub from: Timestamp,
    /// Until before this one.
    pub to: Timestamp,
    /// How many recordings.
    pub count: u64,
    /// The same by cause.
    pub causes: BTreeMap<Cause, u64>,
    /// Seconds from the due hour to the verified absence of the latest erased by term.
    pub max_lag_s: Option<i64>,
    /// How many of them were later than their due hour.
    pub late: u64,
    /// The SHA-256 over the lines of the population as CSV without its head, sorted by their bytes,
    /// each with its line end.
    pub population_sha256: String,
}

/// Something that remains, or is not settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remaining {
    /// What.
    pub what: What,
    /// Of how many recordings.
    pub count: u64,
    /// Until when, if that is known.
    pub until: Option<Timestamp>,
}

/// How many recordings something is left of, and until when.
pub type Left = BTreeMap<What, (u64, Option<Timestamp>)>;

/// How far an erasure is, by what is left: complete only when nothing is.
#[must_use]
pub fn judge(left: &Left) -> (Status, Vec<Remaining>) {
    let remains: Vec<_> = left
        .iter()
        .filter(|(_, (count, _))| *count > 0)
        .map(|(what, (count, until))| Remaining { what: *what, count: *count, until: *until })
        .collect();
    let is_open =
        |what: What| matches!(what, What::Key | What::Object | What::Versions | What::Unverified);
    let status = if remains.iter().any(|left| is_open(left.what)) {
        Status::Pending
    } else if remains.is_empty() {
        Status::Complete
    } else {
        Status::Partial
    };
    (status, remains)
}

impl Certificate {
    /// Its bytes: the only ones it has.
    #[must_use]
    pub fn to_text(&self) -> String {
        // Structures of text and numbers always become JSON.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The recording it is about, if it is about one.
    #[must_use]
    pub fn recording(&self) -> Option<RecordingId> {
        match &self.subject {
            Subject::Recording(of) => Some(of.erasure.recording),
            Subject::Population(_) => None,
        }
    }

    /// Whether it is about this, whenever it was made and whatever checkpoint it carries.
    #[must_use]
    pub fn facts(&self) -> [u8; 32] {
        let mut facts = self.clone();
        facts.issued_at = Timestamp::from_micros(0).unwrap_or(self.issued_at);
        if let Subject::Recording(of) = &mut facts.subject {
            of.checkpoint.clear();
            for proven in &mut of.entries {
                proven.hashes.clear();
            }
        }
        Sha256::digest(facts.to_text()).into()
    }

    /// The entry that says it was issued.
    #[must_use]
    pub fn leaf(&self, sha256: &[u8; 32]) -> String {
        let body = json!({ "sha": hex::encode(sha256), "status": self.status });
        compose(self.issued_at, Event::CertificateIssued, self.recording(), &body)
    }
}

/// What is signed for a certificate with this SHA-256. No checkpoint begins like this.
#[must_use]
pub fn statement(log: &str, sha256: &[u8; 32]) -> String {
    format!("{SCHEMA}\n{log}\nsha256 {}\n", hex::encode(sha256))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complete_is_only_what_nothing_remains_of() {
        let until: Timestamp = "2026-09-01T00:00:00Z".parse().unwrap();
        let cases: &[(&[(What, u64)], Status)] = &[
            (&[], Status::Complete),
            (&[(What::Key, 0), (What::Backups, 0)], Status::Complete),
            (&[(What::Key, 1)], Status::Pending),
            (&[(What::Object, 1)], Status::Pending),
            (&[(What::Versions, 1)], Status::Pending),
            (&[(What::Unverified, 2)], Status::Pending),
            (&[(What::Reappeared, 1)], Status::Partial),
            (&[(What::NotErased, 1)], Status::Partial),
            (&[(What::Backups, 1)], Status::Partial),
            (&[(What::SecondLook, 9)], Status::Partial),
            (&[(What::HandedOut, 1)], Status::Partial),
            (&[(What::Backups, 1), (What::Versions, 1)], Status::Pending),
            (&[(What::Backups, 0), (What::HandedOut, 1)], Status::Partial),
        ];
        for (left, expected) in cases {
            let left: Left =
                left.iter().map(|(what, count)| (*what, (*count, Some(until)))).collect();
            let (status, remains) = judge(&left);
            assert_eq!(status, *expected, "{left:?}");
            assert_eq!(remains.is_empty(), status == Status::Complete, "{left:?}");
        }
        // Whatever can remain keeps it from being complete.
        for what in What::ALL {
            assert_ne!(judge(&Left::from([(*what, (1, None))])).0, Status::Complete, "{what}");
        }
    }
}
