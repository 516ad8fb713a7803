//! A leaf: what happened, as the bytes that are hashed, stored and handed out.
//!
//! One JSON object without spaces, its keys in the order of their bytes, in ASCII, without
//! fractions, of at most [`super::MAX_ENTRY`] bytes:
//!
//! - `v` 1; `at` when, to the second; `ev` what ([`Event`]); `rec` about which recording, if one
//! - codes, ids and integers that go with the event; never personal data, never free text (I12)
//!
//! Who verifies hashes the bytes as they are and never has to write them again.

use std::borrow::Cow;

use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use crate::model::{Event, RecordingId, Timestamp};

/// The version of the leaves written here.
const VERSION: u8 = 1;

/// What one entry says, as the bytes of its leaf. Keys of `body` without a value are left out.
#[must_use]
pub fn compose(
    at: Timestamp,
    event: Event,
    recording: Option<RecordingId>,
    body: &Value,
) -> String {
    let mut leaf = match body {
        Value::Object(body) => body.clone(),
        _ => serde_json::Map::new(),
    };
    leaf.retain(|_, value| !value.is_null());
    leaf.insert("v".into(), json!(VERSION));
    leaf.insert("at".into(), json!(told(event, at).to_string()));
    leaf.insert("ev".into(), json!(event));
    if let Some(recording) = recording {
        leaf.insert("rec".into(), json!(recording));
    }
    // A map of this kind keeps its keys in order.
    ascii(&Value::Object(leaf).to_string())
}

/// The time a leaf tells: the second, and of an upload, which comes when a call ends, the hour.
#[must_use]
pub fn told(event: Event, at: Timestamp) -> Timestamp {
    let grain = match event {
        Event::RecordingAccepted | Event::IngestRefused => 3_600_000_000,
        _ => 1_000_000,
    };
    at.plus(SignedDuration::from_micros(-at.micros().rem_euclid(grain)))
}

/// JSON with everything that is not ASCII escaped.
fn ascii(text: &str) -> String {
    use std::fmt::Write as _;
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_ascii() {
            plain.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(plain, "\\u{unit:04x}");
            }
        }
    }
    plain
}

/// A leaf as who replays a log reads it. What is not here is not needed for that.
#[derive(Debug, Deserialize)]
pub struct Leaf<'a> {
    /// The version of the leaf.
    pub v: u64,
    /// When.
    pub at: Timestamp,
    /// What. A word that is not known is no error: the log may be newer.
    #[serde(borrow)]
    pub ev: Cow<'a, str>,
    /// About which recording.
    pub rec: Option<Uuid>,
    /// The class of a recording.
    #[serde(borrow, default)]
    pub class: Option<Cow<'a, str>>,
    /// The hour by which its audio has to be gone.
    #[serde(default)]
    pub due: Option<Timestamp>,
    /// Why it was erased.
    #[serde(borrow, default)]
    pub cause: Option<Cow<'a, str>>,
    /// The case or instruction behind that.
    #[serde(borrow, default)]
    pub case: Option<Cow<'a, str>>,
    /// The hold that it is about.
    #[serde(borrow, default)]
    pub hold: Option<Cow<'a, str>>,
    /// Which log a checkpoint in the top log is of.
    #[serde(borrow, default)]
    pub log: Option<Cow<'a, str>>,
    /// The size in it.
    #[serde(default)]
    pub size: Option<u64>,
    /// The root in it.
    #[serde(borrow, default)]
    pub root: Option<Cow<'a, str>>,
    /// The origin of the log, in its first leaf.
    #[serde(borrow, default)]
    pub origin: Option<Cow<'a, str>>,
    /// The root over the ciphertext of a recording that is accepted.
    #[serde(borrow, default)]
    pub ct_root: Option<Cow<'a, str>>,
    /// The commitment to how many chunks that has.
    #[serde(borrow, default)]
    pub ct_chunks: Option<Cow<'a, str>>,
}

impl<'a> Leaf<'a> {
    /// Reads a leaf.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let wrong = Error::Leaf;
        if bytes.len() > super::MAX_ENTRY {
            return Err(wrong("is longer than a leaf may be"));
        }
        let leaf: Self =
            serde_json::from_slice(bytes).map_err(|_| wrong("is no leaf that can be read"))?;
        if leaf.v == u64::from(VERSION) {
            Ok(leaf)
        } else {
            Err(wrong("is of a version that is not known here"))
        }
    }

    /// The event, if it is one that is known here.
    #[must_use]
    pub fn event(&self) -> Option<Event> {
        self.ev.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_compact_ordered_and_ascii() {
        let at: Timestamp = "2026-06-01T10:59:11.123456Z".parse().unwrap();
        let id: RecordingId = "5f0c0000-0000-4000-8000-000000000001".parse().unwrap();
        let body = json!({ "pol": "support/é", "cause": "term", "case": null, "gen": 3 });
        assert_eq!(
            compose(at, Event::RecordingErased, Some(id), &body),
            r#"{"at":"2026-06-01T10:59:11Z","cause":"term","ev":"recording.erased","gen":3,"pol":"support/\u00e9","rec":"5f0c0000-0000-4000-8000-000000000001","v":1}"#
        );
        let accepted = compose(at, Event::RecordingAccepted, Some(id), &json!({}));
        assert!(accepted.contains(r#""at":"2026-06-01T10:00:00Z""#), "{accepted}");
    }

    #[test]
    fn a_leaf_reads_back_and_what_is_none_is_refused() {
        let at: Timestamp = "2026-06-01T10:59:11Z".parse().unwrap();
        let leaf = compose(at, Event::KekDestroyed, None, &json!({ "size": 3 }));
        let read = Leaf::parse(leaf.as_bytes()).unwrap();
        assert_eq!((read.event(), read.at, read.rec), (Some(Event::KekDestroyed), at, None));
        for wrong in ["", "[]", r#"{"v":1}"#, r#"{"at":"2026-06-01T10:00:00Z","ev":"x","v":2}"#] {
            assert!(Leaf::parse(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }
}
