//! What trainers work with: notes and tags at recordings, and sets of them. None of it opens
//! anything: every reading passes the gates of the recording again, and all of it goes with it.
//!
//! - [`notes`]: texts at places; `tags`: words to find recordings by; `sets`: ordered references

mod notes;
mod people;
mod sets;
mod tags;

pub use notes::{NewNote, NoteChange, NoteView};
pub use people::Person;
pub use sets::{ItemView, NewItem, SetChange, SetView};

use super::error::Error;
use super::fields::bad;
use super::play::{Heard, Wish};
use super::{Vault, must};
use crate::model::{
    Caller, Grant, Listening, Purpose, Recording, RecordingId, Subject, listen, personal_number,
};

/// The longest place in a recording that is believed: a day.
const LONGEST_MS: i64 = 24 * 3_600_000;

impl Vault {
    /// The recording, if the caller may hear it for what notes and sets serve; refusals are told.
    async fn to_train_with(&self, caller: &Caller, id: RecordingId) -> Result<Heard, Error> {
        must(caller, Grant::Annotate)?;
        let purpose = Some(self.training_purpose(caller));
        self.hear(caller, &Wish { recording: id, purpose, case: None }).await
    }

    /// Whether the caller may see what is written about a recording, as of now.
    pub(super) fn may_read_notes(
        &self,
        caller: &Caller,
        recording: &Recording,
    ) -> Option<Listening> {
        let purpose = Some(self.training_purpose(caller));
        let subject = Subject { recording, purpose, case: false, now: self.latest() };
        listen(caller, subject).ok().filter(|_| caller.has(Grant::Annotate))
    }

    /// The provider's people train; a customer's use their own.
    fn training_purpose(&self, caller: &Caller) -> Purpose {
        if caller.controller == self.0.provider { Purpose::Training } else { Purpose::OwnUse }
    }
}

/// Free text of at most so many characters, without anything that tells who somebody is.
fn free_text(field: &'static str, text: &str, most: usize) -> Result<String, Error> {
    let text = text.trim();
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.is_empty() || text.chars().count() > most || text.chars().any(control) {
        return Err(bad(field, &format!("is 1 to {most} characters of text")));
    }
    match personal_number(text) {
        Some(what) => Err(Error::PersonalNumber { field, what }),
        None => Ok(text.to_owned()),
    }
}

/// Seconds as milliseconds, within a recording.
#[expect(clippy::cast_possible_truncation, reason = "it is held within a day")]
fn place(field: &'static str, seconds: f64, recording: &Recording) -> Result<i64, Error> {
    let last = recording.metadata.duration_ms.unwrap_or(LONGEST_MS);
    // A player's last position is past the last millisecond by what it rounds.
    let ms = (seconds * 1000.0).round();
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a call are far below 2^52")]
    let within = ms >= 0.0 && ms <= (last + 1000) as f64;
    if within {
        Ok((ms as i64).min(last))
    } else {
        Err(bad(field, "is seconds within the recording"))
    }
}

/// A part of a recording: where it begins and ends.
fn part(
    (from_field, from): (&'static str, Option<f64>),
    (to_field, to): (&'static str, Option<f64>),
    recording: &Recording,
) -> Result<(Option<i64>, Option<i64>), Error> {
    let from = from.map(|from| place(from_field, from, recording)).transpose()?;
    let to = to.map(|to| place(to_field, to, recording)).transpose()?;
    if to.is_some_and(|to| to <= from.unwrap_or(0)) {
        return Err(bad(to_field, "lies after where it begins"));
    }
    Ok((from, to))
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a call are far below 2^52")]
fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
