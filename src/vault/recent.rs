//! What was read from the index a moment ago, so that the many requests of one playback need not
//! all ask for the same two rows.
//!
//! A gate that looks at a row of this must not be late. On this node it never is: whatever changes
//! a row does so in a [`Change`], and a change empties all of it, before the change is answered. A
//! read that was under way meanwhile is not kept. Other nodes, and commands, are at most [`KEPT`]
//! ahead. No key is ever in it, and terms are compared with the clock at every request.

use std::collections::HashMap;
use std::hash::Hash;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;

use super::Vault;
use super::error::Error;
use crate::index::accounts::Account;
use crate::index::sessions::Session;
use crate::index::tokens::Token;
use crate::index::{self, Tx, recordings as rows};
use crate::model::{ControllerId, Recording, RecordingId};

/// How long something read is taken for fresh. What another node changed is noticed within this.
pub(super) const KEPT: SignedDuration = SignedDuration::from_millis(500);

/// How many rows are kept of each sort.
const MOST: usize = 10_000;

/// What was read a moment ago.
#[derive(Default)]
pub(super) struct Recent {
    tokens: Shelf<[u8; 32], Arc<Token>>,
    sessions: Shelf<[u8; 32], Arc<(Session, Account)>>,
    recordings: Shelf<(ControllerId, RecordingId), Arc<Recording>>,
}

impl Recent {
    /// Forgets everything, also what is being read at this moment.
    fn empty(&self) {
        self.tokens.empty();
        self.sessions.empty();
        self.recordings.empty();
    }

    /// Drops what is too old to be used: a row that nobody asks for again must not linger.
    pub(super) fn sweep(&self, now: SignedDuration) {
        self.tokens.sweep(now);
        self.sessions.sweep(now);
        self.recordings.sweep(now);
    }
}

/// Rows of one sort, and when they were read.
struct Shelf<K, V>(Mutex<Kept<K, V>>);

struct Kept<K, V> {
    /// Counts how often it was emptied.
    changes: u64,
    rows: HashMap<K, (SignedDuration, V)>,
}

/// Leave to keep a row that is being read: worth nothing after a change.
struct Leave {
    changes: u64,
    asked_at: SignedDuration,
}

impl<K, V> Default for Shelf<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Kept { changes: 0, rows: HashMap::new() }))
    }
}

impl<K: Eq + Hash, V: Clone> Shelf<K, V> {
    fn kept(&self) -> MutexGuard<'_, Kept<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The row, if it was read a moment ago; otherwise leave to keep it once it is read.
    fn find(&self, key: &K, now: SignedDuration) -> Result<V, Leave> {
        let kept = self.kept();
        match kept.rows.get(key) {
            Some((asked_at, row)) if fresh(*asked_at, now) => Ok(row.clone()),
            _ => Err(Leave { changes: kept.changes, asked_at: now }),
        }
    }

    fn keep(&self, leave: &Leave, key: K, row: V) {
        let mut kept = self.kept();
        if kept.changes != leave.changes {
            return;
        }
        if kept.rows.len() >= MOST {
            kept.rows.clear();
        }
        kept.rows.insert(key, (leave.asked_at, row));
    }

    fn empty(&self) {
        let mut kept = self.kept();
        kept.changes += 1;
        kept.rows.clear();
    }

    fn sweep(&self, now: SignedDuration) {
        self.kept().rows.retain(|_, (asked_at, _)| fresh(*asked_at, now));
    }
}

fn fresh(asked_at: SignedDuration, now: SignedDuration) -> bool {
    now - asked_at < KEPT
}

/// A transaction that changes what is there already. Whatever becomes of it, nothing that was read
/// before its end is used after it.
pub(super) struct Change {
    // Dropped in this order: the transaction is over before the rows are forgotten.
    tx: Tx,
    forgets: Forgets,
}

struct Forgets(Vault);

impl Drop for Forgets {
    fn drop(&mut self) {
        self.0.0.recent.empty();
    }
}

impl Change {
    /// Makes every change of the transaction durable, and seen by every request from now on.
    pub(super) async fn commit(self) -> Result<(), index::Error> {
        let Self { tx, forgets } = self;
        let done = tx.commit().await;
        drop(forgets);
        done
    }
}

impl Deref for Change {
    type Target = Tx;

    fn deref(&self) -> &Tx {
        &self.tx
    }
}

impl DerefMut for Change {
    fn deref_mut(&mut self) -> &mut Tx {
        &mut self.tx
    }
}

impl Vault {
    /// Starts a transaction that changes rows.
    pub(super) async fn change(&self) -> Result<Change, Error> {
        self.must_be_sound()?;
        self.restoration().await
    }

    /// Starts a transaction that puts back what is missing: the only one that quarantine lets by.
    pub(super) async fn restoration(&self) -> Result<Change, Error> {
        let tx = self.begin().await?;
        Ok(Change { tx, forgets: Forgets(self.clone()) })
    }

    /// Starts a transaction that only adds rows, or changes ones that no gate looks at.
    pub(super) async fn addition(&self) -> Result<Tx, Error> {
        self.must_be_sound()?;
        self.begin().await
    }

    async fn begin(&self) -> Result<Tx, Error> {
        match self.0.index.begin().await {
            Err(index::Error::Other(_)) if self.0.index.heal().await => {
                tracing::warn!("the index could not write; it goes on with a new connection");
                Ok(self.0.index.begin().await?)
            }
            begun => Ok(begun?),
        }
    }

    /// The token with this hash, expired and revoked ones included.
    pub(super) async fn recent_token(&self, hash: [u8; 32]) -> Result<Option<Arc<Token>>, Error> {
        let shelf = &self.0.recent.tokens;
        let leave = match shelf.find(&hash, self.0.clock.elapsed()) {
            Ok(token) => return Ok(Some(token)),
            Err(leave) => leave,
        };
        let found = index::tokens::find_by_hash(&self.0.index, &hash).await?.map(Arc::new);
        if let Some(token) = &found {
            shelf.keep(&leave, hash, token.clone());
        }
        Ok(found)
    }

    /// The session with this hash and its account, expired and disabled ones included.
    pub(super) async fn recent_session(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<Arc<(Session, Account)>>, Error> {
        let shelf = &self.0.recent.sessions;
        let leave = match shelf.find(&hash, self.0.clock.elapsed()) {
            Ok(found) => return Ok(Some(found)),
            Err(leave) => leave,
        };
        let db = &self.0.index;
        let Some(session) = index::sessions::find_by_hash(db, &hash).await? else {
            return Ok(None);
        };
        let Some(account) = index::accounts::find(db, session.account).await? else {
            return Ok(None);
        };
        let found = Arc::new((session, account));
        shelf.keep(&leave, hash, found.clone());
        Ok(Some(found))
    }

    /// The recording with this id, if it is this controller's.
    pub(super) async fn recent_recording(
        &self,
        controller: ControllerId,
        id: RecordingId,
    ) -> Result<Option<Arc<Recording>>, Error> {
        let shelf = &self.0.recent.recordings;
        let leave = match shelf.find(&(controller, id), self.0.clock.elapsed()) {
            Ok(recording) => return Ok(Some(recording)),
            Err(leave) => leave,
        };
        let found = rows::find_for(&self.0.index, controller, id).await?.map(Arc::new);
        if let Some(recording) = &found {
            shelf.keep(&leave, (controller, id), recording.clone());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(ms: i64) -> SignedDuration {
        SignedDuration::from_millis(ms)
    }

    fn read(shelf: &Shelf<u8, char>, key: u8, now: SignedDuration) -> Option<char> {
        shelf.find(&key, now).ok()
    }

    fn keep(shelf: &Shelf<u8, char>, key: u8, now: SignedDuration, row: char) {
        let leave = shelf.find(&key, now).expect_err("it is not there yet");
        shelf.keep(&leave, key, row);
    }

    #[test]
    fn a_row_is_used_for_half_a_second_from_when_it_was_asked_for() {
        let shelf = Shelf::default();
        let leave = shelf.find(&1, at(100)).expect_err("it is not there yet");
        shelf.keep(&leave, 1, 'a');
        assert_eq!(read(&shelf, 1, at(599)), Some('a'));
        assert_eq!(read(&shelf, 1, at(600)), None);
        assert_eq!(read(&shelf, 2, at(100)), None);
    }

    #[test]
    fn a_change_empties_it_and_what_was_being_read_meanwhile_is_not_kept() {
        let shelf = Shelf::default();
        keep(&shelf, 1, at(0), 'a');
        let leave = shelf.find(&2, at(0)).expect_err("it is not there yet");
        shelf.empty();
        shelf.keep(&leave, 2, 'b');
        assert_eq!(read(&shelf, 1, at(1)), None);
        assert_eq!(read(&shelf, 2, at(1)), None);
        keep(&shelf, 2, at(2), 'c');
        assert_eq!(read(&shelf, 2, at(3)), Some('c'));
    }

    #[test]
    fn what_is_too_old_is_swept_out_and_what_is_not_stays() {
        let shelf = Shelf::default();
        keep(&shelf, 1, at(0), 'a');
        keep(&shelf, 2, at(300), 'b');
        shelf.sweep(at(500));
        assert_eq!(shelf.kept().rows.keys().copied().collect::<Vec<_>>(), [2]);
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let shelf = Shelf::default();
        for key in 0..=MOST * 2 {
            shelf.keep(&Leave { changes: 0, asked_at: at(0) }, key, ());
        }
        assert_eq!(shelf.kept().rows.len(), 1);
    }
}
