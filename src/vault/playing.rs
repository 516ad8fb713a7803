//! What is heard while it is heard: which parts of a recording were served, in memory, for all the
//! ranges of one playback; written down every few seconds, never for a range.
//!
//! A part is a 1024th of the recording's time. A range counts for every part that it touches, so
//! that no choice of ranges hears a part that is not counted; in the forms whose bytes are not in
//! even proportion to time (variable rates) it is the proportion of the bytes. Marking a range takes
//! no lock: thousands of them come in a second.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use jiff::SignedDuration;
use moka::sync::Cache;

use super::error::Error;
use super::play::Occasion;
use crate::index::playbacks::{Playback, Progress};
use crate::model::{PlaybackId, Timestamp};

/// In how many parts a recording is counted.
const PARTS: u64 = 1024;

/// How many words hold a bit for each part.
const WORDS: usize = 16;

/// After how long without a range a playback has ended.
pub(super) const IDLE: SignedDuration = SignedDuration::from_mins(10);

/// How long this node goes on with a playback in memory. Shorter than [`IDLE`], which another node
/// counts from what this one wrote down: nobody ends what this one takes for going on.
const FRESH: SignedDuration = SignedDuration::from_mins(9);

/// How often it is written down that a playback goes on, also when nothing new is heard in it or its
/// reader pauses.
const HEARTBEAT: SignedDuration = SignedDuration::from_mins(1);

/// The playbacks that this node serves.
pub(super) struct Players {
    /// By what they are, for each range.
    by_occasion: Cache<Occasion, Arc<Playing>>,
    /// All of them, for writing down: what drops out of the cache is still in here.
    all: Mutex<Vec<Arc<Playing>>>,
}

impl Default for Players {
    fn default() -> Self {
        let by_occasion = Cache::builder().max_capacity(100_000).build();
        Self { by_occasion, all: Mutex::default() }
    }
}

impl Players {
    /// The playback of this occasion that goes on, for one more range.
    pub(super) fn find(&self, occasion: &Occasion, now: Timestamp) -> Option<Arc<Playing>> {
        let playing = self.by_occasion.get(occasion)?;
        playing.touch(now).then_some(playing)
    }

    pub(super) fn add(&self, playing: Arc<Playing>) {
        self.by_occasion.insert(playing.occasion.clone(), playing.clone());
        self.list().push(playing);
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<Arc<Playing>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those of which something is to be written down.
    pub(super) fn to_write(&self, now: Timestamp) -> Vec<Arc<Playing>> {
        self.list().iter().filter(|one| one.is_to_write(now)).cloned().collect()
    }

    /// Drops those that ended, and those that nobody goes on with and nothing is to be written of.
    pub(super) fn sweep(&self, ended: &[PlaybackId], now: Timestamp) {
        self.list().retain(|playing| {
            let over = ended.contains(&playing.id()) || playing.is_over(now);
            if over {
                playing.is_at_its_end();
                self.by_occasion.invalidate(&playing.occasion);
            }
            !over
        });
    }
}

/// One playback, as this node serves it.
pub(super) struct Playing {
    occasion: Occasion,
    row: Mutex<Playback>,
    parts: [AtomicU64; WORDS],
    /// When something of it was served last, in microseconds.
    active_at: AtomicI64,
    /// When it was written down last.
    written_at: AtomicI64,
    /// Whether parts were served that are not written down.
    news: AtomicBool,
    /// How many answers are under way.
    streams: AtomicUsize,
    over: AtomicBool,
}

impl Playing {
    pub(super) fn new(occasion: Occasion, row: Playback, now: Timestamp) -> Self {
        Self {
            occasion,
            row: Mutex::new(row),
            parts: Default::default(),
            active_at: now.micros().into(),
            written_at: now.micros().into(),
            news: false.into(),
            streams: 0.into(),
            over: false.into(),
        }
    }

    pub(super) fn id(&self) -> PlaybackId {
        self.row().id
    }

    pub(super) fn row(&self) -> Playback {
        self.row.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Goes on with it, unless it may have ended meanwhile.
    fn touch(&self, now: Timestamp) -> bool {
        let fresh = since(&self.active_at, now) < FRESH || self.is_streaming();
        if !fresh || self.over.load(Ordering::Relaxed) {
            return false;
        }
        self.active_at.store(now.micros(), Ordering::Relaxed);
        true
    }

    fn is_over(&self, now: Timestamp) -> bool {
        let quiet = !self.news.load(Ordering::Relaxed) && !self.is_streaming();
        quiet && since(&self.active_at, now) >= IDLE
    }

    /// Whether there is something to write down.
    fn is_to_write(&self, now: Timestamp) -> bool {
        let written_at = self.written_at.load(Ordering::Relaxed);
        let goes_on = self.is_streaming() || self.active_at.load(Ordering::Relaxed) > written_at;
        self.news.load(Ordering::Relaxed) || (goes_on && since(&self.written_at, now) >= HEARTBEAT)
    }

    fn is_streaming(&self) -> bool {
        self.streams.load(Ordering::Relaxed) > 0
    }

    /// Counts a range of `len` bytes as served.
    fn mark(&self, range: &Range<u64>, len: u64) {
        if range.is_empty() || range.end > len {
            return;
        }
        let first = range.start.saturating_mul(PARTS) / len;
        let last = range.end.saturating_mul(PARTS).div_ceil(len) - 1;
        let mut new = false;
        for (word, bits) in self.parts.iter().zip((0_u64..).step_by(64)) {
            let (from, to) = (first.max(bits), last.min(bits + 63));
            if from <= to {
                let mask = (u64::MAX >> (63 - (to - from))) << (from - bits);
                // Most ranges of a player that seeks back were heard before.
                if word.load(Ordering::Relaxed) & mask != mask {
                    word.fetch_or(mask, Ordering::Relaxed);
                    new = true;
                }
            }
        }
        if new {
            self.news.store(true, Ordering::Release);
        }
    }

    /// Counts what of a range a client takes.
    pub(super) fn follow(
        self: &Arc<Self>,
        windows: BoxStream<'static, Result<Vec<Bytes>, Error>>,
        range: Range<u64>,
        len: u64,
    ) -> BoxStream<'static, Result<Vec<Bytes>, Error>> {
        let stream = Stream::of(self.clone());
        let mut at = range.start;
        let taken = move |window: &Result<Vec<Bytes>, Error>| {
            if let Ok(pieces) = window {
                let end = at + pieces.iter().map(|piece| piece.len() as u64).sum::<u64>();
                stream.0.mark(&(at..end), len);
                at = end;
            }
        };
        windows.inspect(taken).boxed()
    }

    /// What goes into its row now: the parts heard so far, here and by what the row says, and when
    /// something of it was served last.
    pub(super) fn progress(&self, row: &[u8], now: Timestamp) -> Progress {
        let bits = merged(row, &self.bits());
        let active_at = Timestamp::from_micros(self.active_at.load(Ordering::Relaxed));
        let active_at = active_at.filter(|_| !self.is_streaming()).unwrap_or(now);
        Progress { id: self.id(), heard: to_row(&bits), coverage: percent(&bits), active_at }
    }

    /// Takes what was served until now for written down, or for not written after all.
    pub(super) fn is_written(&self, at: Option<Timestamp>) {
        match at {
            Some(at) => self.written_at.store(at.micros(), Ordering::Relaxed),
            None => self.news.store(true, Ordering::Release),
        }
    }

    /// It is going to be written down what was served until now.
    pub(super) fn writes(&self) {
        self.news.store(false, Ordering::Release);
    }

    /// It goes on as another row.
    pub(super) fn becomes(&self, row: Playback) {
        *self.row.lock().unwrap_or_else(PoisonError::into_inner) = row;
    }

    /// Nothing more of it is served.
    pub(super) fn is_at_its_end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn bits(&self) -> [u64; WORDS] {
        std::array::from_fn(|at| self.parts.get(at).map_or(0, |w| w.load(Ordering::Acquire)))
    }
}

fn since(moment: &AtomicI64, now: Timestamp) -> SignedDuration {
    SignedDuration::from_micros(now.micros() - moment.load(Ordering::Relaxed))
}

/// An answer under way.
struct Stream(Arc<Playing>);

impl Stream {
    fn of(playing: Arc<Playing>) -> Self {
        playing.streams.fetch_add(1, Ordering::Relaxed);
        Self(playing)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The parts as a row holds them.
fn to_row(bits: &[u64; WORDS]) -> Vec<u8> {
    bits.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// The parts of a row and these.
fn merged(row: &[u8], bits: &[u64; WORDS]) -> [u64; WORDS] {
    let mut merged = *bits;
    for (word, bytes) in merged.iter_mut().zip(row.as_chunks::<8>().0) {
        *word |= u64::from_be_bytes(*bytes);
    }
    merged
}

/// How many percent of the parts: 0 only for none, 100 only for all.
fn percent(bits: &[u64; WORDS]) -> i32 {
    let parts: u64 = bits.iter().map(|word| u64::from(word.count_ones())).sum();
    let percent = match parts {
        0 => 0,
        PARTS => 100,
        parts => (parts * 100 / PARTS).clamp(1, 99),
    };
    i32::try_from(percent).unwrap_or(100)
}

/// The parts of a playback of which nothing was served yet.
pub(super) fn nothing() -> Vec<u8> {
    to_row(&[0; WORDS])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{ControllerId, PrincipalId, Purpose, RecordingId};

    fn playing() -> Playing {
        let now = Timestamp::from_micros(0).unwrap();
        let row = Playback {
            id: PlaybackId::random(),
            controller: ControllerId::random(),
            recording: RecordingId::random(),
            principal: PrincipalId::random(),
            purpose: Purpose::Training,
            case_id: String::new(),
            started_at: now,
            coverage: 0,
        };
        let occasion = Occasion::of(row.principal, row.recording, row.purpose, None);
        Playing::new(occasion, row, now)
    }

    #[test]
    fn a_playback_that_is_quiet_is_left_before_another_node_ends_it() {
        let playing = playing();
        let at = |minutes: i64| Timestamp::from_micros(minutes * 60_000_000).unwrap();
        assert!(playing.touch(at(8)) && playing.touch(at(16)));
        assert!(!playing.touch(at(25)) && !playing.is_over(at(25)));
        assert!(playing.is_over(at(26)));
        playing.streams.store(1, Ordering::Relaxed);
        assert!(playing.touch(at(60)), "an answer is under way");
    }

    proptest! {
        /// Beside a naive count: which parts do the bytes of the ranges lie in?
        #[test]
        fn coverage_is_every_part_that_a_range_touches(
            len in 1..5_000_u64,
            ranges in proptest::collection::vec((0..5_000_u64, 0..5_000_u64), 0..6),
        ) {
            let playing = playing();
            let mut parts = std::collections::BTreeSet::new();
            for (start, size) in ranges {
                let range = start.min(len)..(start + size).min(len);
                parts.extend(range.clone().flat_map(|byte| {
                    byte * PARTS / len..((byte + 1) * PARTS).div_ceil(len)
                }));
                playing.mark(&range, len);
            }
            let bits = playing.bits();
            prop_assert_eq!(bits.iter().map(|word| word.count_ones()).sum::<u32>() as usize, parts.len());
            prop_assert_eq!(merged(&to_row(&bits), &[0; WORDS]), bits);
            prop_assert_eq!(playing.news.load(Ordering::Relaxed), !parts.is_empty());
            let percent = percent(&bits);
            prop_assert_eq!(percent == 0, parts.is_empty());
            prop_assert_eq!(percent == 100, parts.len() as u64 == PARTS);
        }
    }
}
