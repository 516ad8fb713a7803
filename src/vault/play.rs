//! Listening: the decision, the entry in the ledger, and then the sound.

use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use sha2::{Digest, Sha256};

use super::content::{self, Computed, Content};
use super::early::case_id;
use super::error::{Error, Gone};
use super::playing::{self, Playing};
use super::{Vault, ledger, mutes};
use crate::audio::{Light, Rendition, SeekIndex, Waveform};
use crate::crypto::open_note;
use crate::index::ledger_entries::NewEntry;
use crate::index::playbacks::{self, Ending, Playback};
use crate::index::{self, tellings};
use crate::model::{
    Caller, Denied, Event, Listening, PrincipalId, Purpose, Recording, RecordingId, Subject,
    Timestamp, listen,
};

/// A refusal that comes again is told again after this.
const REFUSED_AGAIN: SignedDuration = SignedDuration::from_mins(30);

/// What somebody asks to hear.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Which recording.
    pub recording: RecordingId,
    /// What for.
    pub purpose: Option<Purpose>,
    /// The case it serves, if one.
    pub case: Option<String>,
}

/// One listening, as the ledger counts them: who, what, what for, in which case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Occasion {
    pub(super) by: PrincipalId,
    pub(super) recording: RecordingId,
    pub(super) purpose: Purpose,
    pub(super) case: Option<String>,
}

impl Occasion {
    pub(super) fn of(
        by: PrincipalId,
        recording: RecordingId,
        purpose: Purpose,
        case: Option<String>,
    ) -> Self {
        Self { by, recording, purpose, case }
    }
}

/// One refusal, as the ledger counts them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Refused {
    by: PrincipalId,
    recording: RecordingId,
    purpose: Option<Purpose>,
    why: &'static str,
}

/// A recording that the caller may hear now.
pub struct Heard {
    pub(super) recording: Arc<Recording>,
    pub(super) may: Listening,
    pub(super) occasion: Occasion,
    /// When that was decided.
    at: Timestamp,
}

/// The form in which a recording is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// The bytes as they came.
    #[default]
    Original,
    /// A PCM16 WAV, computed as it is read.
    Wav,
    /// Ogg Opus for slow lines, computed as it is read.
    Opus,
}

impl Vault {
    /// Decides whether the caller may hear a recording. Refusals are put into the ledger.
    pub async fn hear(&self, caller: &Caller, wish: &Wish) -> Result<Heard, Error> {
        self.must_be_sound()?;
        let case = wish.case.as_deref().filter(|case| !case.trim().is_empty());
        let case = case.map(case_id).transpose()?;
        let found = self.recent_recording(caller.controller, wish.recording).await?;
        let recording = found.ok_or(Error::NotFound)?;
        let now = self.latest();
        let purpose = wish.purpose;
        let subject = Subject { recording: &recording, purpose, case: case.is_some(), now };
        match listen(caller, subject) {
            Ok(may) => {
                let case = case.map(str::to_owned);
                let occasion = Occasion::of(caller.id, recording.id, may.purpose(), case);
                self.catch_up([&*recording]).await?;
                Ok(Heard { recording, may, occasion, at: now })
            }
            Err(denied) => {
                if !matches!(denied, Denied::Unknown | Denied::PurposeRequired) {
                    let (by, why) = (caller.id, reason(denied));
                    self.tell_refusal(
                        &recording,
                        Refused { by, recording: recording.id, purpose, why },
                    )
                    .await?;
                }
                Err(refusal(denied, &recording))
            }
        }
    }

    /// The bytes of a recording in the form asked for; as it came unless said, or as a WAV where
    /// parts of it are muted for this purpose.
    pub async fn content(&self, heard: &Heard, form: Option<Form>) -> Result<Content, Error> {
        let recording = &heard.recording;
        let purpose = heard.may.purpose();
        let hides = recording.muted > 0 && !purpose.hears_muted();
        let form = match form {
            Some(Form::Original) if hides => return Err(Error::Muted),
            None if hides => Form::Wav,
            None => Form::Original,
            Some(form) => form,
        };
        let opened = self.opened(recording, heard.may)?;
        let silence = self.silence(heard).await?;
        let rendition = match form {
            Form::Original => None,
            Form::Wav => {
                let wav = Rendition::open(&self.seek_index(heard).await?)?;
                Some(Computed::Wav(Arc::new(wav.muted(&silence))))
            }
            Form::Opus => {
                let light = Light::open(&self.seek_index(heard).await?)?;
                Some(Computed::Opus(Arc::new(light.muted(&silence))))
            }
        };
        let size = recording.metadata.size_bytes.and_then(|size| u64::try_from(size).ok());
        let (len, media_type, suffix) = match &rendition {
            Some(Computed::Wav(wav)) => (wav.len(), "audio/wav", "-wav1"),
            Some(Computed::Opus(light)) => (light.len(), "audio/ogg", "-opus1"),
            None => (size.unwrap_or(0), media_type(recording), ""),
        };
        let short = recording.key.commitment.get(..12).unwrap_or_default();
        let silent = mutes::tag(&silence);
        Ok(Content {
            opened,
            len,
            etag: format!("\"{}{suffix}{silent}\"", hex::encode(short)),
            media_type,
            rendition,
            opens_held: purpose.opens_held(),
            mutes: (!purpose.hears_muted()).then_some(recording.mutes_version),
            controller: recording.controller,
            vault: self.clone(),
            playing: None,
        })
    }

    /// Makes the playback durable before the first byte leaves, and counts what of the content is
    /// taken from here on. One playback for all the ranges of it; its entry in the ledger comes when
    /// it ends.
    pub async fn heard(&self, heard: &Heard, content: &mut Content) -> Result<(), Error> {
        content.playing = Some(self.playing(heard).await?);
        Ok(())
    }

    async fn playing(&self, heard: &Heard) -> Result<Arc<Playing>, Error> {
        if let Some(playing) = self.0.players.find(&heard.occasion, heard.at) {
            return Ok(playing);
        }
        let begun = Box::pin(self.begin_playing(heard)).await;
        self.capped(heard, begun).await
    }

    /// Tells of a refusal that came after the decision: of too much in a day.
    pub(super) async fn capped<T>(
        &self,
        heard: &Heard,
        begun: Result<T, Error>,
    ) -> Result<T, Error> {
        if let Err(Error::DailyCap { .. }) = begun {
            let Occasion { by, recording, purpose, .. } = heard.occasion;
            let refused = Refused { by, recording, purpose: Some(purpose), why: "daily_cap" };
            self.tell_refusal(&heard.recording, refused).await?;
        }
        begun
    }

    async fn begin_playing(&self, heard: &Heard) -> Result<Arc<Playing>, Error> {
        let Heard { recording, occasion, .. } = heard;
        let now = self.0.clock.now();
        let row = heard.playback(now);
        let mut tx = self.addition().await?;
        if !playbacks::stored(&mut tx, recording.id).await? {
            return Err(Error::Erased(Box::new(gone(recording))));
        }
        self.within_cap(&mut tx, &row).await?;
        let idle = Ending::Same(&row, now.plus(-playing::IDLE));
        let ended = playbacks::end(&mut tx, idle, now, 1).await?;
        let entries: Vec<_> = ended.iter().map(|row| played(row, now)).collect();
        let id = playbacks::join(&mut tx, &row, &playing::nothing(), self.0.node).await?;
        index::ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        between_steps!("playback.begun");
        let playing = Arc::new(Playing::new(occasion.clone(), Playback { id, ..row }, now));
        self.0.players.add(playing.clone());
        Ok(playing)
    }

    /// Puts a refusal into the ledger: once in a while, not at each try.
    async fn tell_refusal(&self, recording: &Recording, refused: Refused) -> Result<(), Error> {
        let now = self.0.clock.now();
        if self.0.refused.get(&refused).is_some_and(|told| now.since(told) < REFUSED_AGAIN) {
            return Ok(());
        }
        let Refused { by, purpose, why, .. } = &refused;
        let (by, purpose) = (*by, *purpose);
        let body = serde_json::json!({ "by": by, "purpose": purpose, "why": why });
        let told = serde_json::to_vec(&(by, recording.id, purpose, why))
            .expect("ids and words are always JSON");
        let hash = Sha256::digest(&told).into();
        let mut tx = self.addition().await?;
        if tellings::first(&mut tx, &hash, now, REFUSED_AGAIN).await? {
            let of = recording.controller;
            let entry = ledger::about(of, now, Event::AccessDenied, recording.id, &body);
            index::ledger_entries::append(&mut tx, &[entry]).await?;
        }
        tx.commit().await?;
        self.0.refused.insert(refused, now);
        Ok(())
    }

    async fn seek_index(&self, heard: &Heard) -> Result<SeekIndex, Error> {
        if let Some(why) = &heard.recording.metadata.unplayable {
            return Err(Error::Unplayable(why.clone()));
        }
        Ok(SeekIndex::from_bytes(&self.note(heard, "seek").await?)?)
    }

    /// The waveform of a recording.
    pub async fn waveform(&self, heard: &Heard) -> Result<Waveform, Error> {
        if let Some(why) = &heard.recording.metadata.unplayable {
            return Err(Error::Unplayable(why.clone()));
        }
        self.playing(heard).await?;
        let waveform = Waveform::from_bytes(&self.note(heard, "waveform").await?)?;
        Ok(waveform.muted(&self.silence(heard).await?))
    }

    /// Derived data: sealed under the recording's own key, so that it dies with it (I14).
    async fn note(
        &self,
        heard: &Heard,
        label: &'static str,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, Error> {
        let recording = &heard.recording;
        let sealed = index::derived::find(&self.0.index, recording.id, label)
            .await?
            .ok_or(crate::crypto::Error::Open)?;
        let dek = self.dek(recording, heard.may)?;
        Ok(open_note(&dek, content::context(recording), label, &sealed)?)
    }

    /// How long a ticket to a recording lasts: long enough to hear it at leisure, no longer.
    pub(super) fn ticket_life(recording: &Recording) -> Duration {
        let sound = recording.metadata.duration_ms.and_then(|ms| u64::try_from(ms).ok());
        let sound = Duration::from_millis(sound.unwrap_or(0));
        (Duration::from_mins(15) + sound).min(Duration::from_hours(6))
    }
}

/// The entry about a playback that ended: who heard how much of what, and what for.
pub(super) fn played(row: &Playback, now: Timestamp) -> NewEntry {
    let body = serde_json::json!({
        "by": row.principal,
        "purpose": row.purpose,
        "case": Some(&row.case_id).filter(|case| !case.is_empty()),
        "cov": row.coverage,
        "from": crate::ledger::told(Event::AccessPlayed, row.started_at),
        "pb": row.id,
    });
    ledger::about(row.controller, now, Event::AccessPlayed, row.recording, &body)
}

fn refusal(denied: Denied, recording: &Recording) -> Error {
    match denied {
        Denied::Unknown => Error::NotFound,
        Denied::PurposeRequired => Error::PurposeRequired,
        Denied::CaseRequired => Error::CaseRequired,
        Denied::NotAllowed => Error::PurposeNotAllowed,
        Denied::Erased => Error::Erased(Box::new(gone(recording))),
        Denied::Lost => Error::Lost,
        Denied::PastDue => Error::PastDue(recording.due_at),
        Denied::Restricted => Error::Restricted,
    }
}

/// The facts of a tombstone, also while the row still holds more.
pub(super) fn gone(recording: &Recording) -> Gone {
    Gone {
        id: recording.id,
        class: recording.class,
        policy: recording.policy.clone(),
        due_at: recording.due_at.hour_rounded_up(),
        cause: recording.cause,
        key_destroyed_at: recording.key_destroyed_at,
        erased_at: recording.erased_at,
    }
}

const fn reason(denied: Denied) -> &'static str {
    match denied {
        Denied::Unknown => "unknown",
        Denied::PurposeRequired => "purpose_required",
        Denied::CaseRequired => "case_required",
        Denied::NotAllowed => "purpose_not_allowed",
        Denied::Erased => "erased",
        Denied::Lost => "lost",
        Denied::PastDue => "past_due",
        Denied::Restricted => "restricted",
    }
}

/// The extension of a file with the audio as it came.
pub(super) fn extension(recording: &Recording) -> &'static str {
    match media_type(recording) {
        "audio/wav" => "wav",
        "audio/mpeg" => "mp3",
        "audio/ogg" => "ogg",
        "audio/flac" => "flac",
        "audio/webm" => "webm",
        "audio/mp4" => "m4a",
        "audio/aac" => "aac",
        "audio/basic" => "au",
        "audio/amr" => "amr",
        _ => "bin",
    }
}

/// The media type of the audio as it came, by what it was found to be.
fn media_type(recording: &Recording) -> &'static str {
    let codec = recording.metadata.codec.as_deref().unwrap_or("");
    match codec.split('/').next().unwrap_or("") {
        "wav" | "rf64" => "audio/wav",
        "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "webm" | "matroska" | "mkv" => "audio/webm",
        "mp4" | "isomp4" => "audio/mp4",
        "adts" | "aac" => "audio/aac",
        "au" => "audio/basic",
        "amr" => "audio/amr",
        _ => "application/octet-stream",
    }
}
