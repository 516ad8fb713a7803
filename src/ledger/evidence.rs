//! What is in an evidence package: the manifest that is signed, the details and the chain of custody.
//!
//! A package is a ZIP archive of the audio as it came and these files. The manifest is a signed note
//! (C2SP signed-note) by the key of the log over the SHA-256 of every other file; the chain of
//! custody carries the entries of the log about the recording, each with its proof. Who checks it
//! has to believe the key of the log and nothing else.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::certificate::Proven;
use super::error::Error;
use crate::model::{Class, Direction, Purpose, RecordingId, Timestamp};

/// The version of the packages written here.
pub const SCHEMA: &str = "callvault.evidence/1";

/// The names of the files beside the audio.
pub const MANIFEST: &str = "manifest.note";
/// What is known of the call and of the package.
pub const DETAILS: &str = "details.json";
/// The chain of custody.
pub const CUSTODY: &str = "custody.json";
/// The cover sheet.
pub const COVER: &str = "cover.pdf";

/// A file of a package, as its manifest lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name in the archive.
    pub name: String,
    /// How long it is.
    pub size: u64,
    /// The SHA-256 over it, in hexadecimal digits.
    pub sha256: String,
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The log whose key signs.
    pub log: String,
    /// Which package.
    pub package: Uuid,
    /// Of which recording.
    pub recording: RecordingId,
    /// When it was made.
    pub issued_at: Timestamp,
    /// Every other file, in the order of the archive.
    pub files: Vec<Listed>,
}

impl Manifest {
    /// Its text. No checkpoint and no statement about a certificate begins like this.
    #[must_use]
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let mut text = format!(
            "{SCHEMA}\n{}\npackage {}\nrecording {}\nissued {}\n",
            self.log, self.package, self.recording, self.issued_at
        );
        for Listed { name, size, sha256 } in &self.files {
            let _ = writeln!(text, "file {sha256} {size} {name}");
        }
        text
    }

    /// Reads a text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        Self::read(text)
            .filter(|manifest| manifest.text() == text)
            .ok_or(Error::Note("it is no manifest of an evidence package"))
    }

    fn read(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let log = lines.next().filter(|first| *first == SCHEMA).and_then(|_| lines.next())?;
        let package = lines.next()?.strip_prefix("package ")?.parse().ok()?;
        let recording = lines.next()?.strip_prefix("recording ")?.parse().ok()?;
        let issued_at = lines.next()?.strip_prefix("issued ")?.parse().ok()?;
        let file = |line: &str| {
            let mut parts = line.strip_prefix("file ")?.splitn(3, ' ');
            let (sha256, size) = (parts.next()?.to_owned(), parts.next()?.parse().ok()?);
            Some(Listed { name: parts.next()?.to_owned(), size, sha256 })
        };
        let files = lines.map(file).collect::<Option<_>>()?;
        Some(Self { log: log.to_owned(), package, recording, issued_at, files })
    }
}

/// What is known of the call, and what the package is for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Details {
    /// [`SCHEMA`].
    pub schema: String,
    /// Which package.
    pub package: Uuid,
    /// What for.
    pub purpose: Purpose,
    /// The case behind it.
    pub case: String,
    /// Who gets it.
    pub recipient: String,
    /// The day by which the recipient promised to destroy it.
    pub destroy_by: String,
    /// Who asked: a pseudonym.
    pub asked_by: Uuid,
    /// Who agreed: another person.
    pub approved_by: Uuid,
    /// The recording.
    pub recording: Call,
    /// The audio as it came.
    pub audio: Audio,
}

/// What is known of a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of a recording, under the names the API gives them")]
pub struct Call {
    pub id: RecordingId,
    pub class: Class,
    pub policy: String,
    pub source: String,
    pub direction: Option<Direction>,
    pub started_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
    pub received_at: Timestamp,
    pub due_at: Timestamp,
    pub caller: Option<String>,
    pub callee: Option<String>,
    pub withheld: bool,
    pub agent: Option<String>,
    pub queue: Option<String>,
    pub line: Option<String>,
    /// The parts that others hear as silence, in milliseconds.
    pub muted_ms: Vec<(i64, i64)>,
}

/// The audio in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "the fields of a recording, under the names the API gives them")]
pub struct Audio {
    pub file: String,
    pub size: u64,
    pub sha256: String,
    pub codec: Option<String>,
    pub sample_rate: Option<i32>,
    pub channels: Option<i32>,
    pub duration_ms: Option<i64>,
}

/// What the log tells of a recording, from when it came in to when it was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    /// [`SCHEMA`].
    pub schema: String,
    /// Which recording.
    pub recording: RecordingId,
    /// The log.
    pub log: String,
    /// Its entries about the recording, each with the hashes beside its path to the root.
    pub entries: Vec<Proven>,
    /// The checkpoint they are under: a signed note.
    pub checkpoint: String,
}

/// JSON for people and machines, written in one way.
#[must_use]
pub fn to_text(value: &impl Serialize) -> String {
    // Structures of text and numbers always become JSON.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_reads_back_and_nothing_else_is_one() {
        let file = |name: &str| Listed { name: name.into(), size: 9, sha256: "ab".repeat(32) };
        let manifest = Manifest {
            log: "vault.example/1/c/provider".into(),
            package: Uuid::new_v4(),
            recording: RecordingId::random(),
            issued_at: "2026-06-01T12:00:00Z".parse().unwrap(),
            files: vec![file(COVER), file("audio/a b.wav")],
        };
        let text = manifest.text();
        assert_eq!(Manifest::parse(&text).unwrap(), manifest);
        assert!(super::super::Checkpoint::parse(&text).is_err());
        for wrong in ["", "x", &text[1..], &text.replace(" 9 ", " 09 "), &text.replace("file ", "")]
        {
            assert!(Manifest::parse(wrong).is_err(), "{wrong}");
        }
    }
}
