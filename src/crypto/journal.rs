//! The wrap journal as bytes: every wrap that was ever written, in objects beside the audio.
//!
//! ```text
//! object = header(64) ‖ AES-256-GCM(key, nonce = 0x00*12, entries, aad = header) ‖ tag(16)
//! header = magic "CVWRAPS\n" ‖ version 1 ‖ 7 zero bytes ‖ latest day(4) ‖ count(4)
//!          ‖ 8 zero bytes ‖ salt(32, random per object)
//! key    = HKDF-SHA-256(ikm = TenantKey of the provider, salt, "cvault v1 journal"), used once
//! entry  = seq(8) ‖ due(8) ‖ what(1) ‖ recording(16) ‖ controller(16) ‖ kind(1) ‖ class(1)
//!          ‖ day(4) ‖ generation(4) ‖ plain_len(8) ‖ salt(32) ‖ commitment(32) ‖ wrap(60)
//! ```
//!
//! A wrap proves itself: nobody without the keyring can make one that opens. What it does not
//! prove is which wrap of a recording is the newest and when it is due; whoever can write to the
//! store could exchange those. So the whole is sealed, under a key that lives as long as the vault.

use uuid::Uuid;

use super::cipher::{Cipher, NONCE, Small};
use super::error::Error;
use super::keys::Keys;
use super::object::{Kind, TAG};
use super::secret::random_public;
use super::wrap::WrapFacts;
use crate::model::{Cause, Class, ControllerId, Day, RecordingId, Timestamp};

const MAGIC: &[u8; 8] = b"CVWRAPS\n";
const VERSION: u8 = 1;

/// Bytes of the header of a journal object.
pub const JOURNAL_HEADER: usize = 64;

/// Bytes of an entry.
pub(super) const JOURNAL_ENTRY: usize = 191;

const WRAP: usize = 60;

/// Every object has a key of its own, so the nonce has nothing to tell apart.
const ONLY_NONCE: [u8; NONCE] = [0; NONCE];

/// What became of a recording's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Last {
    /// It was wrapped; this is the wrap.
    Wrapped([u8; WRAP]),
    /// It was destroyed, for this cause.
    Gone(Cause),
}

/// One entry of the journal. Everything that is needed to open an object; nothing about the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalEntry {
    /// Of two entries about a recording the one with the higher number counts.
    pub seq: i64,
    /// The hour by which the audio must be gone.
    pub due_at: Timestamp,
    /// What the wrap is bound to.
    pub facts: WrapFacts,
    /// The wrap, or that there is none any more.
    pub last: Last,
}

impl JournalEntry {
    /// The entry as bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let facts = &self.facts;
        let (what, wrap) = match self.last {
            Last::Wrapped(wrap) => (0, wrap),
            Last::Gone(cause) => (1 + place(Cause::ALL, &cause), [0; WRAP]),
        };
        [
            self.seq.to_be_bytes().as_slice(),
            &self.due_at.hour_rounded_up().micros().to_be_bytes(),
            &[what],
            facts.recording.as_bytes(),
            facts.controller.as_bytes(),
            &[facts.kind.byte(), place(Class::ALL, &facts.class)],
            &facts.day.0.to_be_bytes(),
            &facts.generation.to_be_bytes(),
            &facts.plain_len.to_be_bytes(),
            &facts.salt,
            &facts.commitment,
            &wrap,
        ]
        .concat()
    }

    /// Reads an entry.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut rest = Rest(bytes);
        let seq = i64::from_be_bytes(rest.take()?);
        let due_at = Timestamp::from_micros(i64::from_be_bytes(rest.take()?))?;
        let [what] = rest.take()?;
        let recording = RecordingId(Uuid::from_bytes(rest.take()?));
        let controller = ControllerId(Uuid::from_bytes(rest.take()?));
        let [kind, class] = rest.take()?;
        let facts = WrapFacts {
            controller,
            recording,
            kind: [Kind::Audio, Kind::Waveform].into_iter().find(|known| known.byte() == kind)?,
            class: *Class::ALL.get(usize::from(class))?,
            day: Day(i32::from_be_bytes(rest.take()?)),
            generation: i32::from_be_bytes(rest.take()?),
            plain_len: u64::from_be_bytes(rest.take()?),
            salt: rest.take()?,
            commitment: rest.take()?,
        };
        let wrap = rest.take()?;
        let last = match what.checked_sub(1) {
            None => Last::Wrapped(wrap),
            Some(cause) => Last::Gone(*Cause::ALL.get(usize::from(cause))?),
        };
        rest.0.is_empty().then_some(Self { seq, due_at, facts, last })
    }
}

/// Where a word stands in its list. The lists only ever grow at their end.
fn place<T: PartialEq>(all: &[T], word: &T) -> u8 {
    all.iter().position(|one| one == word).and_then(|at| u8::try_from(at).ok()).unwrap_or(u8::MAX)
}

struct Rest<'b>(&'b [u8]);

impl Rest<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }
}

/// The last day that an object of the journal has a wrap for, as its header says it. Only opening
/// the object proves that.
#[must_use]
pub fn journal_until(header: &[u8]) -> Option<Day> {
    let mut rest = Rest(header);
    (rest.take()? == *MAGIC && rest.take()? == [VERSION, 0, 0, 0, 0, 0, 0, 0])
        .then(|| rest.take())?
        .map(|day| Day(i32::from_be_bytes(day)))
}

impl Keys {
    /// Seals entries into one object of the journal. `of` is the provider.
    pub fn seal_journal(
        &self,
        of: ControllerId,
        entries: &[JournalEntry],
    ) -> Result<Vec<u8>, Error> {
        let salt: [u8; 32] = random_public()?;
        let key = self.live().journal_key(of, &salt).ok_or(Error::NoKey)?;
        let count = u32::try_from(entries.len()).map_err(|_| Error::TooLong)?;
        let until = entries.iter().map(|entry| entry.facts.day).max().unwrap_or(Day(i32::MIN));
        let header = [
            MAGIC.as_slice(),
            &[VERSION, 0, 0, 0, 0, 0, 0, 0],
            &until.0.to_be_bytes(),
            &count.to_be_bytes(),
            &[0; 8],
            &salt,
        ]
        .concat();
        let mut content: Vec<u8> = entries.iter().flat_map(JournalEntry::to_bytes).collect();
        let tag = Small::new(key.bytes()).seal(ONLY_NONCE, &header, &mut content)?;
        Ok([header, content, tag.to_vec()].concat())
    }

    /// Opens an object of the journal.
    pub fn open_journal(
        &self,
        of: ControllerId,
        object: &[u8],
    ) -> Result<Vec<JournalEntry>, Error> {
        let (header, rest) = object.split_first_chunk::<JOURNAL_HEADER>().ok_or(Error::Open)?;
        let (content, tag) = rest.split_last_chunk::<TAG>().ok_or(Error::Open)?;
        journal_until(header).ok_or(Error::Open)?;
        let salt = header.last_chunk::<32>().ok_or(Error::Open)?;
        let key = self.live().journal_key(of, salt).ok_or(Error::NoKey)?;
        let mut content = content.to_vec();
        Small::new(key.bytes()).open(ONLY_NONCE, header, &mut content, tag)?;
        let entries = content.chunks(JOURNAL_ENTRY).map(JournalEntry::from_bytes);
        entries.collect::<Option<Vec<_>>>().ok_or(Error::Open)
    }
}
