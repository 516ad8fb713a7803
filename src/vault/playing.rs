//! What is heard while it is heard: which parts of a recording were served, in memory, for all the
//! ranges of one playback; written down every few seconds, never for a range.
//!
//! A part is a 1024th of the recording's time. A range counts for every part that it touches, so
//! that no choice of ranges hears a part that is not counted; in the forms whose bytes are not in
//! even proportion to time (variable rates) it is the proportion of the bytes. Marking a range takes
//! no lock: thousands of them come in a second.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt, stream::BoxStream};
use jiff::SignedDuration;
use moka::sync::Cache;

use super::Vault;
use super::error::Error;
use super::play::Occasion;
use crate::index::playbacks::{self, Ending, Playback, Progress};
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

/// How often an open stream is told of, also when its reader does not go on for a while.
const HEARTBEAT: SignedDuration = SignedDuration::from_mins(1);

/// How many playbacks are written down in one transaction.
const BATCH: usize = 500;

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

    /// Drops those that ended, and those that nobody goes on with and nothing is to be written of.
    fn sweep(&self, ended: &[PlaybackId], now: Timestamp) {
        self.list().retain(|playing| {
            let over = ended.contains(&playing.id()) || playing.is_over(now);
            if over {
                playing.over.store(true, Ordering::Relaxed);
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

    fn id(&self) -> PlaybackId {
        self.row().id
    }

    fn row(&self) -> Playback {
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
        self.news.load(Ordering::Relaxed)
            || (self.is_streaming() && since(&self.written_at, now) >= HEARTBEAT)
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

impl Vault {
    /// Writes down what was heard, and ends the playbacks in which nothing is heard any more: this
    /// node's, and those of nodes that are gone.
    pub async fn keep_playbacks(&self) -> Result<(), Error> {
        self.write_playbacks().await?;
        let now = self.0.clock.now();
        let ended = self.end_playbacks(Ending::Idle(now.plus(-IDLE))).await?;
        self.0.players.sweep(&ended, now);
        Ok(())
    }

    /// Ends the playbacks that this node served last: it stops.
    pub async fn end_own_playbacks(&self) -> Result<(), Error> {
        self.write_playbacks().await?;
        let ended = self.end_playbacks(Ending::Node(self.0.node)).await?;
        self.0.players.sweep(&ended, self.0.clock.now());
        Ok(())
    }

    async fn end_playbacks(&self, ending: Ending<'_>) -> Result<Vec<PlaybackId>, Error> {
        let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
        let mut all = Vec::new();
        loop {
            let now = self.0.clock.now();
            let mut tx = self.addition().await?;
            let ended = playbacks::end(&mut tx, ending, now, limit).await?;
            let entries: Vec<_> = ended.iter().map(|row| super::play::played(row, now)).collect();
            crate::index::ledger_entries::append(&mut tx, &entries).await?;
            tx.commit().await?;
            all.extend(ended.iter().map(|row| row.id));
            if ended.len() < BATCH {
                return Ok(all);
            }
        }
    }

    /// Writes down what was heard since it was written down last.
    pub(super) async fn write_playbacks(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let all: Vec<_> =
            self.0.players.list().iter().filter(|one| one.is_to_write(now)).cloned().collect();
        for batch in all.chunks(BATCH) {
            for playing in batch {
                playing.news.store(false, Ordering::Release);
            }
            let written = self.write_batch(batch, now).await;
            for playing in batch {
                match written {
                    Ok(()) => playing.written_at.store(now.micros(), Ordering::Relaxed),
                    Err(_) => playing.news.store(true, Ordering::Release),
                }
            }
            written?;
        }
        Ok(())
    }

    async fn write_batch(&self, batch: &[Arc<Playing>], now: Timestamp) -> Result<(), Error> {
        let ids: Vec<_> = batch.iter().map(|playing| playing.id()).collect();
        let mut tx = self.addition().await?;
        let heard: HashMap<_, _> = playbacks::heard(&mut tx, &ids).await?.into_iter().collect();
        let (mut all, mut again) = (HashMap::new(), Vec::new());
        for playing in batch {
            let id = playing.id();
            let Some(row) = heard.get(&id) else {
                again.push(playing);
                continue;
            };
            let active = Timestamp::from_micros(playing.active_at.load(Ordering::Relaxed));
            let active = active.filter(|_| !playing.is_streaming());
            // Two of this node can be of one row.
            let before = all.get(&id).map_or(row, |one: &Progress| &one.heard);
            let bits = merged(before, &playing.bits());
            let (heard, coverage) = (to_row(&bits), percent(&bits));
            let active_at = active.unwrap_or(now);
            all.insert(id, Progress { id, heard, coverage, active_at });
        }
        let all: Vec<_> = all.into_values().collect();
        playbacks::progress(&mut tx, self.0.node, &all).await?;
        let mut renamed = Vec::new();
        for playing in again {
            if let Some(row) = self.begin_again(&mut tx, playing, now).await? {
                renamed.push((playing, row));
            }
        }
        tx.commit().await?;
        for (playing, row) in renamed {
            *playing.row.lock().unwrap_or_else(PoisonError::into_inner) = row;
        }
        Ok(())
    }

    /// Another node ended it while something was still served here: that is a playback of its own.
    async fn begin_again(
        &self,
        tx: &mut crate::index::Tx,
        playing: &Playing,
        now: Timestamp,
    ) -> Result<Option<Playback>, Error> {
        let before = playing.row();
        if !playbacks::stored(tx, before.recording).await? {
            playing.over.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let bits = playing.bits();
        let coverage = percent(&bits);
        let row = Playback { id: PlaybackId::random(), started_at: now, coverage, ..before };
        let id = playbacks::join(tx, &row, &to_row(&bits), self.0.node).await?;
        Ok(Some(Playback { id, ..row }))
    }
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
