//! Listening: the decision, the entry in the ledger, and then the sound.

use std::sync::Arc;
use std::time::Duration;

use super::content::{self, Computed, Content};
use super::early::case_id;
use super::error::{Error, Gone};
use super::{Vault, ledger, mutes};
use crate::audio::{Light, Rendition, SeekIndex, Waveform};
use crate::crypto::open_note;
use crate::index;
use crate::model::{
    Caller, Denied, Event, Listening, PrincipalId, Purpose, Recording, RecordingId, Subject, listen,
};

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

/// One listening, as the ledger counts them: who, what, what for, in which case, and whether it was
/// refused.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Occasion {
    by: PrincipalId,
    recording: RecordingId,
    purpose: Option<Purpose>,
    case: Option<String>,
    denied: Option<Denied>,
}

/// A recording that the caller may hear now.
pub struct Heard {
    pub(super) recording: Arc<Recording>,
    pub(super) may: Listening,
    occasion: Occasion,
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
        let occasion = |denied| Occasion {
            by: caller.id,
            recording: recording.id,
            purpose,
            case: case.map(str::to_owned),
            denied,
        };
        match listen(caller, subject) {
            Ok(may) => {
                let occasion = occasion(None);
                self.catch_up([&*recording]).await?;
                Ok(Heard { recording, may, occasion })
            }
            Err(denied) => {
                if !matches!(denied, Denied::Unknown | Denied::PurposeRequired) {
                    let occasion = occasion(Some(denied));
                    self.once(&recording, Event::AccessDenied, occasion).await?;
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
        })
    }

    /// Puts the listening into the ledger, before the first byte leaves. Once for all the ranges
    /// of one playback.
    pub async fn heard(&self, heard: &Heard) -> Result<(), Error> {
        self.once(&heard.recording, Event::AccessPlayed, heard.occasion.clone()).await
    }

    async fn once(
        &self,
        recording: &Recording,
        event: Event,
        occasion: Occasion,
    ) -> Result<(), Error> {
        if self.0.listening.contains_key(&occasion) {
            return Ok(());
        }
        let body = serde_json::json!({
            "by": occasion.by,
            "purpose": occasion.purpose,
            "case": occasion.case,
            "why": occasion.denied.map(reason),
        });
        let now = self.0.clock.now();
        let entry = ledger::about(recording.controller, now, event, recording.id, &body);
        self.record(&[entry]).await?;
        self.0.listening.insert(occasion, ());
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
        self.heard(heard).await?;
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
