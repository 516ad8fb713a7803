//! Asking for proof that recordings are still there, without hearing any: which pieces of which
//! recordings are due follows from the auditor's nonce and the checkpoint, so nobody can choose.
//!
//! ```text
//! seed   = SHA-256("callvault challenge v1\n" ‖ origin ‖ "\n" ‖ size ‖ "\n" ‖ root ‖ "\n" ‖ nonce)
//!          size in decimal, root in Base64, as in the checkpoint
//! ticket = SHA-256(seed ‖ recording(16) ‖ be32(round))
//! ```
//!
//! The recordings that take part are those whose `recording.accepted` with a `ct_root` is in the
//! tree of that size, without an `erasure.key_destroyed`, `recording.erased` or `recording.lost`
//! beside it. With `k` asked for and `n` taking part each has `max(1, ceil(k / n))` tickets,
//! rounds 0, 1, …; the `k` lowest tickets are due, in their order. Of a recording of `c` chunks the
//! chunk `be64(ticket[24..32]) mod c` is due.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use crate::model::Timestamp;

/// The version of the answer.
pub const SCHEMA: &str = "callvault.challenge/1";

/// The most that is asked for at once: 300 find a loss of 1 % with 95 %.
pub const MOST: usize = 300;

/// A piece of a recording that is due.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket {
    hash: [u8; 32],
    /// Of which recording.
    pub recording: Uuid,
    /// The how-manieth piece of it.
    pub round: u32,
}

impl Ticket {
    /// Which of its chunks is due.
    #[must_use]
    pub fn chunk(&self, chunks: u64) -> u64 {
        let last = self.hash.last_chunk::<8>().map_or(0, |last| u64::from_be_bytes(*last));
        last.checked_rem(chunks).unwrap_or(0)
    }
}

/// What the tickets are drawn from.
#[derive(Clone, Copy)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a nonce and a checkpoint.
    #[must_use]
    pub fn new(checkpoint: &Checkpoint, nonce: &str) -> Self {
        let text = format!("callvault challenge v1\n{}{nonce}", checkpoint.text());
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// One ticket.
    #[must_use]
    pub fn ticket(&self, recording: Uuid, round: u32) -> Ticket {
        let hash = Sha256::new_with_prefix(self.0).chain_update(recording.as_bytes());
        let hash = hash.chain_update(round.to_be_bytes()).finalize().into();
        Ticket { hash, recording, round }
    }

    /// The tickets that are due of these recordings, in their order.
    #[must_use]
    pub fn draw(&self, live: &[Uuid], asked: usize) -> Vec<Ticket> {
        if live.is_empty() || asked == 0 {
            return Vec::new();
        }
        let rounds = u32::try_from(asked.div_ceil(live.len())).unwrap_or(u32::MAX);
        let tickets = live.iter().flat_map(|id| (0..rounds).map(|round| self.ticket(*id, round)));
        let mut lowest: Vec<Ticket> = Vec::new();
        for ticket in tickets {
            // Sorted now and then: far cheaper than keeping each in its place.
            lowest.push(ticket);
            if lowest.len() >= 4 * MOST.max(asked) {
                lowest.sort_unstable();
                lowest.truncate(asked);
            }
        }
        lowest.sort_unstable();
        lowest.truncate(asked);
        lowest
    }
}

/// Whether this can be a nonce: 16 to 128 letters, digits, `-` and `_`.
#[must_use]
pub fn is_nonce(text: &str) -> bool {
    (16..=128).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

/// The answer of a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// [`SCHEMA`].
    pub schema: String,
    /// The origin of the log.
    pub log: String,
    /// The nonce that was sent.
    pub nonce: String,
    /// How many samples were asked for.
    pub asked: usize,
    /// When it was answered.
    pub answered_at: Timestamp,
    /// The checkpoint it is about: a signed note.
    pub checkpoint: String,
    /// How many recordings take part.
    pub live: u64,
    /// How many more there are that were accepted before roots were written down: nothing can be
    /// proven of them.
    pub without_root: u64,
    /// The samples, in the order of their tickets.
    pub samples: Vec<Sample>,
}

/// What the vault shows of one sample.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sample {
    /// Which recording.
    pub recording: Uuid,
    /// The how-manieth sample of it, from 0.
    pub round: u32,
    /// Where in the log it was accepted.
    pub leaf: u64,
    /// That entry.
    pub entry: String,
    /// Its inclusion in the tree of the checkpoint.
    pub proof: Vec<String>,
    /// What became of looking.
    pub status: Status,
    /// What is shown of the object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<Shown>,
}

/// A chunk of an object, as the store has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shown {
    /// Which chunk.
    pub chunk: u64,
    /// Of how many.
    pub chunks: u64,
    /// The salt of the commitment to that number, in Base64.
    pub salt: String,
    /// Its bytes, in Base64.
    pub bytes: String,
    /// Its path to the `ct_root` of the entry.
    pub path: Vec<String>,
}

/// What became of looking for a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It is there, as it was accepted.
    Held,
    /// The store has no such object.
    Missing,
    /// The object is not what was accepted.
    Altered,
    /// The store did not answer.
    Unavailable,
    /// It was erased after the checkpoint.
    ErasedSince,
}

impl Status {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Missing => "missing",
            Self::Altered => "altered",
            Self::Unavailable => "unavailable",
            Self::ErasedSince => "erased_since",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tree::Hash;
    use super::*;

    fn seed(nonce: &str) -> Seed {
        let origin = "example/1/c/provider".to_owned();
        Seed::new(&Checkpoint { origin, size: 7, root: Hash::of_leaf(b"root") }, nonce)
    }

    fn ids(count: u128) -> Vec<Uuid> {
        (0..count).map(Uuid::from_u128).collect()
    }

    #[test]
    fn the_lowest_tickets_are_due_in_whatever_order_the_recordings_come() {
        let (seed, mut live) = (seed("a-nonce-of-some-length"), ids(5000));
        let mut all: Vec<_> = live.iter().map(|id| seed.ticket(*id, 0)).collect();
        all.sort();
        let drawn = seed.draw(&live, 300);
        assert_eq!(drawn, all[..300]);
        live.reverse();
        assert_eq!(seed.draw(&live, 300), drawn);
        assert_ne!(super::tests::seed("another-nonce-entirely").draw(&live, 300), drawn);
    }

    #[test]
    fn few_recordings_are_asked_about_more_than_once() {
        let seed = seed("a-nonce-of-some-length");
        let drawn = seed.draw(&ids(7), 20);
        assert_eq!(drawn.len(), 20);
        let mut once = drawn.clone();
        once.dedup();
        assert_eq!(once.len(), 20);
        assert!(drawn.iter().all(|ticket| ticket.round < 3 && ticket.chunk(9) < 9));
        assert_eq!((seed.draw(&[], 20), drawn[0].chunk(0)), (Vec::new(), 0));
    }

    #[test]
    fn a_nonce_is_a_word_of_some_length() {
        for (nonce, is) in [
            ("0123456789abcdef", true),
            ("0123456789abcde", false),
            ("0123456789abcde\n", false),
            ("Abc-_0123456789Z", true),
        ] {
            assert_eq!(is_nonce(nonce), is, "{nonce}");
        }
        assert!(is_nonce(&"a".repeat(128)) && !is_nonce(&"a".repeat(129)));
    }
}
