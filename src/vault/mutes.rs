//! Mute regions: parts of a recording that are silence for every purpose but evidence and
//! disclosure, in all renditions and in the waveform. The original stays as it came.
//!
//! What a customer takes along when it leaves is its own originals: it gets all it is entitled to.

use std::ops::Range;

use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Error;
use super::fields::bad;
use super::play::{Heard, gone};
use super::restrict::locked;
use super::{Vault, ledger, must};
use crate::index::{Tx, ledger_entries, mutes as rows};
use crate::model::{
    Caller, ControllerId, Event, Grant, Mute, MuteId, MuteReason, Recording, RecordingId, State,
    Timestamp,
};

/// The most parts of one recording.
const MOST: usize = 200;
/// The longest call there is a place in, in seconds.
const LONGEST: f64 = 1e6;

/// A part to be muted, in seconds.
#[derive(Clone, Debug)]
pub struct NewMute {
    /// Where it begins.
    pub from: f64,
    /// Where it ends.
    pub to: f64,
    /// Why: `card_data` or `bystander`.
    pub reason: String,
}

/// A muted part, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MuteView {
    /// Its identifier.
    pub id: Uuid,
    /// Where it begins, in seconds.
    pub from: f64,
    /// Where it ends, in seconds.
    pub to: f64,
    /// `card_data` or `bystander`.
    #[schema(value_type = String)]
    pub reason: MuteReason,
    /// When it was marked.
    #[schema(value_type = String, format = DateTime)]
    pub marked_at: Timestamp,
}

impl From<&Mute> for MuteView {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of a call are far below 2^52")]
    fn from(mute: &Mute) -> Self {
        Self {
            id: mute.id.0,
            from: mute.from_ms as f64 / 1_000.0,
            to: mute.to_ms as f64 / 1_000.0,
            reason: mute.reason,
            marked_at: mute.marked_at,
        }
    }
}

impl Vault {
    /// The muted parts of a recording that the caller may know of.
    pub async fn mutes(&self, caller: &Caller, id: RecordingId) -> Result<Vec<MuteView>, Error> {
        self.get(caller, id).await?;
        let found = rows::list(&self.0.index, caller.controller, id).await?;
        Ok(found.iter().map(MuteView::from).collect())
    }

    /// Mutes a part of a recording.
    pub async fn mute(
        &self,
        caller: &Caller,
        id: RecordingId,
        new: &NewMute,
    ) -> Result<MuteView, Error> {
        must(caller, Grant::Mute)?;
        let (from, to) = (place("from", new.from)?, place("to", new.to)?);
        if to <= from {
            return Err(bad("to", "lies after from, both in seconds"));
        }
        let reason = new.reason.parse();
        let reason = reason.map_err(|_| bad("reason", "is card_data or bystander"))?;
        let recording = self.reached(caller, id).await?;
        if let Some(ms) = recording.metadata.duration_ms
            && to > ms
        {
            return Err(bad("to", "lies beyond the end of the recording"));
        }
        let mut tx = self.change().await?;
        still_stored(&mut tx, caller, &recording).await?;
        let others = rows::list(&mut *tx, caller.controller, id).await?;
        if others.len() >= MOST {
            return Err(Error::Conflict("a recording has at most 200 muted parts; join some"));
        }
        if others.iter().any(|other| from < other.to_ms && other.from_ms < to) {
            return Err(bad("from", "overlaps another muted part; take that away first"));
        }
        let mute = Mute {
            id: MuteId::random(),
            recording: id,
            from_ms: from,
            to_ms: to,
            reason,
            marked_by: Some(caller.id),
            marked_at: self.0.clock.now(),
        };
        rows::insert(&mut tx, &mute).await?;
        rows::counted(&mut tx, id).await?;
        ledger_entries::append(&mut tx, &[set(caller.controller, &mute)]).await?;
        tx.commit().await?;
        Ok(MuteView::from(&mute))
    }

    /// Takes a mark away again.
    pub async fn unmute(
        &self,
        caller: &Caller,
        id: RecordingId,
        mute: MuteId,
    ) -> Result<(), Error> {
        must(caller, Grant::Mute)?;
        let recording = self.reached(caller, id).await?;
        let mut tx = self.change().await?;
        still_stored(&mut tx, caller, &recording).await?;
        if !rows::remove(&mut tx, id, mute).await? {
            return Err(Error::NotFound);
        }
        rows::counted(&mut tx, id).await?;
        let body = json!({ "mute": mute, "by": caller.id });
        let now = self.0.clock.now();
        let entry = ledger::about(caller.controller, now, Event::MuteLifted, id, &body);
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(())
    }

    /// What is silence in this listening, in milliseconds.
    pub(super) async fn silence(&self, heard: &Heard) -> Result<Vec<Range<u64>>, Error> {
        let recording = &heard.recording;
        if recording.muted == 0 || heard.may.purpose().hears_muted() {
            return Ok(Vec::new());
        }
        let found = rows::list(&self.0.index, recording.controller, recording.id).await?;
        let unsigned = |ms: i64| u64::try_from(ms).unwrap_or(0);
        Ok(found.iter().map(|mute| unsigned(mute.from_ms)..unsigned(mute.to_ms)).collect())
    }
}

/// Keeps what an upload says was paused. Returns the entries that go with it.
pub(super) async fn keep_pauses(
    tx: &mut Tx,
    recording: &mut Recording,
    pauses: &[Range<i64>],
) -> Result<Vec<ledger_entries::NewEntry>, Error> {
    let mut entries = Vec::with_capacity(pauses.len());
    for pause in pauses {
        let end = recording.metadata.duration_ms.map_or(pause.end, |ms| ms.min(pause.end));
        let mute = Mute {
            id: MuteId::random(),
            recording: recording.id,
            from_ms: pause.start,
            to_ms: end.max(pause.start + 1),
            reason: MuteReason::CardData,
            marked_by: None,
            marked_at: recording.received_at,
        };
        rows::insert(tx, &mute).await?;
        entries.push(set(recording.controller, &mute));
    }
    if !pauses.is_empty() {
        rows::counted(tx, recording.id).await?;
        recording.muted = i32::try_from(pauses.len()).unwrap_or(i32::MAX);
    }
    Ok(entries)
}

fn set(controller: ControllerId, mute: &Mute) -> ledger_entries::NewEntry {
    let body = json!({
        "mute": mute.id, "from": mute.from_ms, "to": mute.to_ms, "reason": mute.reason,
        "by": mute.marked_by,
    });
    ledger::about(controller, mute.marked_at, Event::MuteSet, mute.recording, &body)
}

/// Only what is stored is marked: afterwards nothing may be known of it.
async fn still_stored(tx: &mut Tx, caller: &Caller, recording: &Recording) -> Result<(), Error> {
    match locked(tx, caller, recording.id).await?.state {
        State::Stored => Ok(()),
        State::Lost => Err(Error::Lost),
        State::Erasing | State::AudioErased | State::Tombstone => {
            Err(Error::Erased(Box::new(gone(recording))))
        }
    }
}

/// A place in a recording, in milliseconds.
#[expect(clippy::cast_possible_truncation, reason = "it lies between 0 and 10^9")]
fn place(field: &'static str, seconds: f64) -> Result<i64, Error> {
    if (0.0..=LONGEST).contains(&seconds) {
        Ok((seconds * 1_000.0).round() as i64)
    } else {
        Err(bad(field, "is a place in the recording, in seconds from its beginning"))
    }
}

/// Reads the field `pause`: `12.5-34,60-75.25`, in seconds.
pub(super) fn pauses(text: &str) -> Result<Vec<Range<i64>>, Error> {
    let malformed = || bad("pause", "is segments of seconds from-to, such as 12.5-34,60-75");
    let read = |text: &str| {
        // Digits and a point: no sign, no exponent, no word for infinity.
        let plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let seconds = text.parse::<f64>().ok().filter(|_| plain).ok_or_else(malformed)?;
        place("pause", seconds)
    };
    let mut pauses = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').ok_or_else(malformed)?;
        let pause = read(from.trim())?..read(to.trim())?;
        if pause.is_empty() {
            return Err(bad("pause", "has a segment that does not end after it begins"));
        }
        pauses.push(pause);
    }
    pauses.sort_by_key(|pause| pause.start);
    if pauses.windows(2).any(|pair| matches!(pair, [a, b] if b.start < a.end)) {
        return Err(bad("pause", "has segments that overlap"));
    }
    if pauses.len() > MOST {
        return Err(bad("pause", "has more than 200 segments"));
    }
    Ok(pauses)
}

/// Refuses pauses that lie where there is no sound.
pub(super) fn fit(pauses: &[Range<i64>], duration_ms: Option<u64>) -> Result<(), Error> {
    let end = duration_ms.and_then(|ms| i64::try_from(ms).ok());
    match (pauses.last(), end) {
        (Some(last), Some(end)) if last.start >= end => {
            Err(bad("pause", "has a segment beyond the end of the recording"))
        }
        _ => Ok(()),
    }
}

/// What the entity tag of a rendition says of what is silence in it.
pub(super) fn tag(silence: &[Range<u64>]) -> String {
    if silence.is_empty() {
        return String::new();
    }
    let mut hash = Sha256::new();
    for part in silence {
        hash.update(part.start.to_le_bytes());
        hash.update(part.end.to_le_bytes());
    }
    format!("-m{}", hex::encode(hash.finalize().get(..8).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_are_segments_in_seconds() {
        let read = pauses("60-75.25, 12.5-34").ok().unwrap();
        assert_eq!(read, [12_500..34_000, 60_000..75_250]);
        assert_eq!(pauses("0-1,1-2").ok().unwrap().len(), 2, "one may begin where one ends");
        for text in [
            "12",
            "a-b",
            "-1-2",
            "1--2",
            "5-5",
            "5-4",
            "1-2,,3-4",
            "1-3,2-4",
            "1e3-2e3",
            "0-inf",
            "0-9999999",
            "1-2;3-4",
            "NaN-1",
            "-",
            "1-",
        ] {
            let error = pauses(text).expect_err(text).to_string();
            assert!(error.starts_with("pause: "), "{text}: {error}");
        }
    }

    #[test]
    fn a_pause_after_the_end_is_refused() {
        let fits = |from: i64, end| fit(&vec![from..9_000; 1], end).is_ok();
        assert!(fits(1_000, Some(5_000)));
        assert!(!fits(5_000, Some(5_000)));
        assert!(fits(5_000, None));
        assert!(fit(&[], Some(0)).is_ok());
    }

    #[test]
    fn other_silence_is_another_tag() {
        let parts = [1..2, 5..9];
        assert_eq!(tag(&[]), "");
        assert_eq!(tag(&parts), tag(&parts.clone()));
        assert_ne!(tag(&parts), tag(&parts[..1]));
    }
}
