//! Taking a recording in: fields and audio in whatever order they come, then one decision.
//!
//! Nothing is acknowledged before object, row and ledger entry are durable (I13). Memory does not
//! grow with the recording: beyond one part the audio is sealed and sent on as it comes.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tracing::Instrument as _;

use super::error::Error;
use super::fields::Fields;
use super::sealing::{self, PART, Sealing};
use super::view::RecordingView;
use super::{Vault, must};
use crate::audio;
use crate::model::{Caller, Grant};

/// What came of an upload.
pub struct Ingested {
    /// The recording.
    pub recording: RecordingView,
    /// Whether this upload made it; otherwise the same upload had come before.
    pub new: bool,
}

/// An upload under way.
pub struct Intake<'c> {
    vault: Vault,
    caller: &'c Caller,
    fields: Fields,
    audio: Audio,
}

/// How far the audio of an upload is.
enum Audio {
    /// None came yet.
    None,
    /// It fits in one part so far.
    Held(Vec<u8>),
    /// The first parts are on their way.
    Sent(Box<Sealing>, Vec<u8>),
}

impl Vault {
    /// Decides about an upload of which all has come.
    async fn decide(
        &self,
        caller: &Caller,
        fields: &Fields,
        audio: Audio,
    ) -> Result<Ingested, Error> {
        let now = self.0.clock.now();
        let draft = match fields.read(&caller.ingest) {
            Ok(draft) => draft,
            Err(error) => {
                if let Audio::Sent(sealing, _) = audio {
                    sealing.abort().await;
                }
                return Err(self.refused(caller, None, now, error).await);
            }
        };
        let result = match audio {
            Audio::None => Err(Error::Malformed("the upload has no audio part")),
            Audio::Held(plain) => self.accept_small(caller, &draft, plain).await,
            Audio::Sent(sealing, rest) => self.accept_large(caller, &draft, *sealing, rest).await,
        };
        match result {
            Ok(ingested) => {
                self.came(caller, Ok(()));
                Ok(ingested)
            }
            Err(error) => Err(self.refused(caller, Some(&draft), now, error).await),
        }
    }

    /// Waits for the uploads whose clients are gone. No more may begin meanwhile.
    pub async fn settle(&self) {
        self.0.running.close();
        self.0.running.wait().await;
    }

    /// Starts an upload.
    pub fn intake<'c>(&self, caller: &'c Caller) -> Result<Intake<'c>, Error> {
        must(caller, Grant::Upload)?;
        let fields = Fields::default();
        Ok(Intake { vault: self.clone(), caller, fields, audio: Audio::None })
    }
}

impl Intake<'_> {
    /// The metadata fields of the upload.
    pub fn fields(&mut self) -> &mut Fields {
        &mut self.fields
    }

    /// Whether audio has come.
    #[must_use]
    pub fn has_audio(&self) -> bool {
        !matches!(self.audio, Audio::None)
    }

    /// Takes the audio. An error of the stream means that the upload broke off.
    pub async fn audio<E>(
        &mut self,
        stream: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), Error> {
        self.vault.must_be_sound()?;
        if self.has_audio() {
            return Err(Error::Malformed("an upload has one audio part; this one has two"));
        }
        match self.take_in(stream).await {
            Ok(()) => Ok(()),
            Err(error) => {
                self.abandon().await;
                let draft = self.fields.read(&self.caller.ingest).ok();
                let now = self.vault.0.clock.now();
                Err(self.vault.refused(self.caller, draft.as_ref(), now, error).await)
            }
        }
    }

    async fn take_in<E>(
        &mut self,
        stream: impl Stream<Item = Result<Bytes, E>>,
    ) -> Result<(), Error> {
        let max = self.vault.0.settings.max_body;
        let mut taken = 0_u64;
        let mut stream = std::pin::pin!(stream);
        self.audio = Audio::Held(Vec::new());
        while let Some(chunk) = stream.next().await {
            let mut chunk = chunk.map_err(|_| Error::Cut)?;
            taken += chunk.len() as u64;
            if taken > max {
                return Err(Error::TooLarge { max });
            }
            while !chunk.is_empty() {
                self.flush_full_part().await?;
                let (Audio::Held(buffer) | Audio::Sent(_, buffer)) = &mut self.audio else {
                    return Err(Error::Malformed("an upload has one audio part"));
                };
                let room = PART - buffer.len();
                buffer.extend_from_slice(&chunk.split_to(room.min(chunk.len())));
            }
        }
        Ok(())
    }

    /// Sends a full part on its way, now that more is known to follow.
    async fn flush_full_part(&mut self) -> Result<(), Error> {
        match std::mem::replace(&mut self.audio, Audio::None) {
            Audio::Held(buffer) if buffer.len() == PART => {
                let sealing = self.begin_sending(&buffer).await?;
                self.audio = Audio::Sent(Box::new(sealing), Vec::new());
                self.send_part(buffer).await
            }
            Audio::Sent(sealing, buffer) if buffer.len() == PART => {
                self.audio = Audio::Sent(sealing, Vec::new());
                self.send_part(buffer).await
            }
            audio => {
                self.audio = audio;
                Ok(())
            }
        }
    }

    async fn send_part(&mut self, part: Vec<u8>) -> Result<(), Error> {
        if let Audio::Sent(sealing, buffer) = &mut self.audio {
            *buffer = sealing.part(part).await?;
            between_steps!("ingest.part_sent");
        }
        Ok(())
    }

    /// Checks what can be checked before a large recording goes to the store.
    async fn begin_sending(&mut self, head: &[u8]) -> Result<Sealing, Error> {
        let draft = self.fields.read(&self.caller.ingest).map_err(|error| match error {
            Error::Field { .. } => Error::Malformed(
                "send the metadata fields before the audio: it is too large to be held back",
            ),
            error => error,
        })?;
        let sniffed = head.get(..64 * 1024).unwrap_or(head);
        audio::sniff(sniffed, None, draft.declared.as_ref())?;
        let target = self.vault.target(self.caller, &draft).await?;
        if let Some(ended_at) = draft.ended_at {
            self.vault.dates(&draft, &target, ended_at)?;
        }
        let place = self.vault.0.large.clone().try_acquire_owned().map_err(|_| Error::Busy)?;
        Sealing::begin(&self.vault.0.store, sealing::context(target.controller), place).await
    }

    /// Decides, and makes the recording durable. Nothing stays of an upload that is refused.
    ///
    /// All of it has come, so nobody needs to wait for it: a client that hangs up now changes
    /// nothing of what becomes of it.
    pub async fn finish(self) -> Result<Ingested, Error> {
        let Self { vault, caller, fields, audio } = self;
        let (running, caller) = (vault.0.running.clone(), caller.clone());
        let deciding = async move { vault.decide(&caller, &fields, audio).await };
        running.spawn(deciding.in_current_span()).await?
    }

    /// Takes back what was already sent.
    async fn abandon(&mut self) {
        if let Audio::Sent(sealing, _) = std::mem::replace(&mut self.audio, Audio::None) {
            sealing.abort().await;
        }
    }
}
