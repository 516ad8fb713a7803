//! Reading what is in the store: windows of an object, opened as they come.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt, stream, stream::BoxStream};

use super::Vault;
use super::error::Error;
use super::play::gone;
use super::playing::Playing;
use super::sealing::Sealed;
use super::source::StoreSource;
use super::windows::{computed, windows};
use crate::audio::{self, Light, Rendition};
use crate::crypto::{self, Context, Dek, Kind, Opener, WrapFacts};
use crate::model::{ControllerId, Listening, Recording, RecordingId, State};
use crate::store::{Buffer, Store};

/// How many windows are read ahead.
const AHEAD: usize = 2;

/// An object that can be read: made only with proof that somebody may ([`Listening`]), or by the
/// vault for its own work on what it just took in.
#[derive(Clone)]
pub(super) struct Opened {
    store: Store,
    id: RecordingId,
    opener: Arc<Opener>,
    len: u64,
}

impl Opened {
    /// How many bytes of plaintext there are.
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Refuses a header that is not this object's.
    pub(super) fn check_header(&self, header: &[u8]) -> Result<(), Error> {
        Ok(self.opener.check_header(header)?)
    }

    /// Reads and opens a range of the plaintext; the pieces of it come in order.
    pub(super) async fn read(&self, range: Range<u64>) -> Result<Vec<Bytes>, Error> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let span = self.opener.span(range.clone())?;
        let (opener, segments) = (self.opener.clone(), span.clone());
        let open = move |mut sealed: Buffer| {
            let texts = opener.open_apart(&segments, &mut sealed)?;
            let opened = Bytes::from_owner(sealed);
            Ok::<_, crypto::Error>(texts.into_iter().map(|text| opened.slice(text)).collect())
        };
        let plain: Vec<Bytes> = self.store.read_with(self.id, span.object.clone(), open).await??;
        cut(plain, span.plain.start, &range).ok_or_else(|| crypto::Error::Open.into())
    }
}

/// Cuts pieces, the first of which begins at `start`, to a range; nothing when they do not reach.
fn cut(pieces: Vec<Bytes>, start: u64, range: &Range<u64>) -> Option<Vec<Bytes>> {
    let mut at = start;
    let mut cut = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let len = piece.len() as u64;
        let wanted = range.start.clamp(at, at + len)..range.end.clamp(at, at + len);
        if !wanted.is_empty() {
            let offset = |to: u64| usize::try_from(to - at).ok();
            cut.push(piece.slice(offset(wanted.start)?..offset(wanted.end)?));
        }
        at += len;
    }
    (start <= range.start && range.end <= at).then_some(cut)
}

/// The facts that a recording's wrap is bound to.
pub(super) fn facts(recording: &Recording) -> Result<WrapFacts, Error> {
    let array = |bytes: &[u8]| <[u8; 32]>::try_from(bytes).map_err(|_| crypto::Error::Open);
    let len = recording.metadata.size_bytes.and_then(|len| u64::try_from(len).ok());
    Ok(WrapFacts {
        controller: recording.controller,
        recording: recording.id,
        kind: Kind::Audio,
        class: recording.class,
        day: recording.key.day,
        generation: recording.key.generation,
        plain_len: len.ok_or(crypto::Error::Open)?,
        salt: array(&recording.key.salt)?,
        commitment: array(&recording.key.commitment)?,
    })
}

/// The context that a recording's object is sealed in.
pub(super) fn context(recording: &Recording) -> Context {
    Context { controller: recording.controller, recording: recording.id, kind: Kind::Audio }
}

/// What the vault just took in, to be analysed.
pub(super) fn source(store: &Store, sealed: &Sealed) -> Result<StoreSource, Error> {
    let opener =
        Opener::new(sealed.dek(), sealed.context, sealed.salt(), sealed.commitment(), sealed.len)?;
    let id = sealed.context.recording;
    let opened = Opened { store: store.clone(), id, opener: Arc::new(opener), len: sealed.len };
    Ok(StoreSource::new(opened))
}

impl Vault {
    /// The key of a recording that somebody may hear.
    pub(super) fn dek(&self, recording: &Recording, _may: Listening) -> Result<Dek, Error> {
        let wrap = recording.key.wrap.as_deref().ok_or(crypto::Error::Open)?;
        Ok(self.0.keys.unwrap(wrap, &facts(recording)?)?)
    }

    /// Opens a recording to look whether it is whole. Key work: nobody hears it.
    pub(super) fn opened_for_scrub(&self, recording: &Recording) -> Result<Opened, Error> {
        let wrap = recording.key.wrap.as_deref().ok_or(crate::crypto::Error::Open)?;
        let facts = facts(recording)?;
        let dek = self.0.keys.unwrap(wrap, &facts)?;
        let (context, len) = (context(recording), facts.plain_len);
        let opener = Opener::new(&dek, context, &facts.salt, &facts.commitment, len)?;
        let store = self.0.store.clone();
        Ok(Opened { store, id: recording.id, opener: Arc::new(opener), len })
    }

    /// Opens a recording that somebody may hear.
    pub(super) fn opened(&self, recording: &Recording, may: Listening) -> Result<Opened, Error> {
        let dek = self.dek(recording, may)?;
        let facts = facts(recording)?;
        let key = &recording.key;
        let (context, len) = (context(recording), facts.plain_len);
        let opener = Opener::new(&dek, context, &key.salt, &key.commitment, len)?;
        let store = self.0.store.clone();
        Ok(Opened { store, id: recording.id, opener: Arc::new(opener), len })
    }
}

/// What is computed from a recording as somebody reads it.
#[derive(Clone)]
pub(super) enum Computed {
    Wav(Arc<Rendition>),
    Opus(Arc<Light>),
}

impl Computed {
    /// Cuts a range into what is computed at once.
    fn windows(&self, range: Range<u64>) -> BoxStream<'static, Range<u64>> {
        match self {
            Self::Wav(_) => stream::iter(computed(range)).boxed(),
            Self::Opus(light) => stream::iter(light.windows(range)).boxed(),
        }
    }

    fn write(&self, source: StoreSource, window: Range<u64>) -> Result<Bytes, audio::Error> {
        let len = usize::try_from(window.end - window.start).unwrap_or(0);
        let source = Box::new(source);
        let mut piece = Vec::with_capacity(len);
        let mut keep = |bytes: &[u8]| {
            piece.extend_from_slice(bytes);
            ControlFlow::Continue(())
        };
        audio::guarded(|| match self {
            Self::Wav(wav) => wav.write(source, window, &mut keep),
            Self::Opus(light) => light.write(source, window, &mut keep),
        })?;
        Ok(piece.into())
    }
}

/// The bytes of a recording, in the form asked for. Made by [`Vault::content`].
pub struct Content {
    pub(super) opened: Opened,
    pub(super) rendition: Option<Computed>,
    pub(super) len: u64,
    pub(super) etag: String,
    pub(super) media_type: &'static str,
    /// Whether a hold lets it be read past its term: otherwise a stream that is still running then
    /// breaks off (I1).
    pub(super) opens_held: bool,
    /// How often its muted parts had changed, where they are silence: another count ends it.
    pub(super) mutes: Option<i32>,
    pub(super) controller: ControllerId,
    pub(super) vault: Vault,
    /// What counts how much of it is heard, if somebody hears it.
    pub(super) playing: Option<Arc<Playing>>,
}

impl Content {
    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A strong entity tag: the same for the same bytes, for ever.
    #[must_use]
    pub fn etag(&self) -> &str {
        &self.etag
    }

    /// The media type.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The bytes of a range, as a stream of windows; the pieces of each come in order.
    #[must_use]
    pub fn windows(&self, range: Range<u64>) -> BoxStream<'static, Result<Vec<Bytes>, Error>> {
        metrics::counter!("callvault_playback_bytes_total").increment(range.end - range.start);
        let windows = match &self.rendition {
            None => self.stored(range.clone()),
            Some(rendition) => self.rendered(rendition.clone(), range.clone()),
        };
        match &self.playing {
            None => windows,
            Some(playing) => playing.follow(windows, range, self.len),
        }
    }

    fn stored(&self, range: Range<u64>) -> BoxStream<'static, Result<Vec<Bytes>, Error>> {
        let opened = self.opened.clone();
        let gate = self.gate();
        stream::iter(windows(range))
            .map(move |window| {
                let (opened, gate) = (opened.clone(), gate.clone());
                async move {
                    gate.check().await?;
                    opened.read(window).await
                }
            })
            .buffered(AHEAD)
            .boxed()
    }

    fn rendered(
        &self,
        rendition: Computed,
        range: Range<u64>,
    ) -> BoxStream<'static, Result<Vec<Bytes>, Error>> {
        let (vault, opened, gate) = (self.vault.clone(), self.opened.clone(), self.gate());
        rendition
            .windows(range)
            .map(move |window| {
                let (gate, rendition) = (gate.clone(), rendition.clone());
                let job = render(vault.clone(), opened.clone(), rendition, window);
                async move {
                    gate.check().await?;
                    // A task of its own goes on when nobody reads: a player that is paused keeps
                    // neither a decoder nor a place in the queue for one.
                    Ok(vec![tokio::spawn(job).await??])
                }
            })
            .buffered(AHEAD)
            .boxed()
    }

    fn gate(&self) -> Gate {
        Gate {
            vault: self.vault.clone(),
            controller: self.controller,
            id: self.opened.id,
            opens_held: self.opens_held,
            mutes: self.mutes,
        }
    }
}

/// What is asked again for every window, so that a stream that is still running ends when the
/// recording may no longer be heard (I1, I2).
#[derive(Clone)]
pub(super) struct Gate {
    pub(super) vault: Vault,
    pub(super) controller: ControllerId,
    pub(super) id: RecordingId,
    /// Whether a hold opens it past its term: for evidence and disclosure.
    pub(super) opens_held: bool,
    /// How often its muted parts had changed, where they are silence.
    pub(super) mutes: Option<i32>,
}

impl Gate {
    pub(super) async fn check(&self) -> Result<(), Error> {
        let row = self.vault.recent_recording(self.controller, self.id).await?;
        let row = row.ok_or(Error::NotFound)?;
        match row.state {
            State::Stored if row.restricted => Err(Error::Restricted),
            State::Stored
                if self.vault.latest() >= row.due_at && !(row.held && self.opens_held) =>
            {
                Err(Error::PastDue(row.due_at))
            }
            State::Stored if self.mutes.is_some_and(|version| version != row.mutes_version) => {
                Err(Error::Conflict("its muted parts changed; ask again"))
            }
            State::Stored => Ok(()),
            State::Lost => Err(Error::Lost),
            State::Erasing | State::AudioErased | State::Tombstone => {
                Err(Error::Erased(Box::new(gone(&row))))
            }
        }
    }
}

/// Computes a window of a rendition, off the async threads, and lets the decoder go.
async fn render(
    vault: Vault,
    opened: Opened,
    rendition: Computed,
    window: Range<u64>,
) -> Result<Bytes, Error> {
    let permit = vault.decoder().await?;
    let source = StoreSource::new(opened);
    let job = tokio::task::spawn_blocking(move || {
        let _permit = permit;
        rendition.write(source, window)
    });
    Ok(job.await??)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn pieces_are_cut_to_exactly_the_range_or_not_at_all(
            sizes in proptest::collection::vec(0..9_usize, 0..6),
            begin in 0..20_u64, from in 0..50_u64, len in 1..30_u64,
        ) {
            let total: usize = sizes.iter().sum();
            let all: Vec<u8> = (0..total).map(|at| u8::try_from(at).unwrap()).collect();
            let mut rest = Bytes::from(all.clone());
            let pieces = sizes.iter().map(|size| rest.split_to(*size)).collect();
            let cut = cut(pieces, begin, &(from..from + len)).map(|pieces| pieces.concat());
            let first = from.checked_sub(begin).map(|first| usize::try_from(first).unwrap());
            let wanted = first.and_then(|first| all.get(first..first + usize::try_from(len).unwrap()));
            prop_assert_eq!(cut.as_deref(), wanted);
        }
    }
}
