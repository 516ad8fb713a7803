//! The wrap journal: every wrap goes to the store as well, so that any old index can be brought up
//! to date ([`Vault::restore`]).
//!
//! Of two entries about a recording the later one counts. Its first wrap, from when it was taken in,
//! has number 0 and follows within a minute: the row says whether the journal has it, and any node
//! may bring it there. A later wrap is in the journal before its row changes, with the time as its
//! number ([`Vault::journal_wraps`]). That a recording is gone has the highest number. So an old index that is served again before it is restored adds nothing that counts.

use std::collections::HashSet;
use std::time::Duration;

use futures_util::TryStreamExt;
use uuid::Uuid;

use super::Vault;
use super::content::facts;
use super::error::Error;
use crate::crypto::{JOURNAL_HEADER, JournalEntry, Kind, Last, WrapFacts, journal_until};
use crate::index::recordings as rows;
use crate::model::{Day, Recording, Timestamp};
use crate::store;

/// How often what came in since goes to the journal.
pub(super) const EVERY: Duration = Duration::from_mins(1);

/// How many rows are brought to the journal at once.
const BATCH: i64 = 5000;

/// How many entries an object has at most: 10 MB.
const MOST: usize = 50_000;

/// An object smaller than this is written together with others some day.
const SMALL: u64 = 1 << 20;

/// From this many small objects on they are.
const MANY: usize = 64;

/// The number of a first wrap, and that of the end.
const FIRST: i64 = 0;
const GONE: i64 = i64::MAX;

/// A wrap that is about to be written into its row.
#[derive(Clone, Debug)]
pub struct Rewrapped {
    /// What the new wrap is bound to.
    pub facts: WrapFacts,
    /// The new wrap.
    pub wrap: Vec<u8>,
    /// When the audio must be gone from then on.
    pub due_at: Timestamp,
}

impl Rewrapped {
    /// The wrap of `recording` under a generation of a day.
    pub fn of(
        recording: &Recording,
        wrap: &[u8],
        (day, generation): (Day, i32),
        due_at: Timestamp,
    ) -> Result<Self, Error> {
        let facts = WrapFacts { day, generation, ..facts(recording)? };
        Ok(Self { facts, wrap: wrap.to_vec(), due_at })
    }
}

impl Vault {
    /// Puts wraps into the journal, durably. Every re-wrap must call this before it commits its rows.
    ///
    /// One object a call, up to 50,000 wraps; a failed transaction after it does no harm.
    pub async fn journal_wraps(&self, rewrapped: &[Rewrapped]) -> Result<(), Error> {
        let seq = self.0.clock.now().micros();
        let entry = |rewrapped: &Rewrapped| {
            let wrap = rewrapped.wrap.as_slice().try_into();
            let wrap = wrap.map_err(|_| crate::crypto::Error::Open)?;
            let (due_at, facts) = (rewrapped.due_at, rewrapped.facts);
            Ok::<_, crate::crypto::Error>(JournalEntry {
                seq,
                due_at,
                facts,
                last: Last::Wrapped(wrap),
            })
        };
        let entries = rewrapped.iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        self.append_journal(&entries).await
    }

    async fn append_journal(&self, entries: &[JournalEntry]) -> Result<(), Error> {
        for entries in entries.chunks(MOST) {
            let object = self.0.keys.seal_journal(self.0.provider, entries)?;
            self.0.store.append_journal(object).await?;
            metrics::counter!("callvault_journal_wraps_total").increment(entries.len() as u64);
        }
        Ok(())
    }

    /// Brings to the journal what it does not have yet. How many recordings that were.
    pub async fn flush_journal(&self) -> Result<u64, Error> {
        let mut flushed = 0;
        loop {
            let behind = rows::unjournaled(&self.0.index, BATCH).await?;
            let gone = rows::unjournaled_gone(&self.0.index, BATCH).await?;
            if behind.is_empty() && gone.is_empty() {
                return Ok(flushed);
            }
            let wrapped = behind.iter().filter_map(wrapped);
            let entries: Vec<_> = wrapped.chain(gone.iter().map(departed)).collect();
            self.append_journal(&entries).await?;
            between_steps!("journal.appended");
            let ids: Vec<_> = behind.iter().map(|row| row.id).collect();
            let gone: Vec<_> = gone.iter().map(|row| row.id).collect();
            // No gate looks at what this changes.
            let mut tx = self.addition().await?;
            rows::set_journaled(&mut tx, &ids).await?;
            rows::set_journaled_gone(&mut tx, &gone).await?;
            between_steps!("journal.marking");
            tx.commit().await?;
            flushed += (ids.len() + gone.len()) as u64;
        }
    }

    /// The entries of an object of the journal. None when it is gone: others hold its entries then.
    pub(super) async fn read_journal(
        &self,
        object: Uuid,
    ) -> Result<Option<Vec<JournalEntry>>, Error> {
        match self.0.store.read_journal(object).await {
            Ok(bytes) => Ok(Some(self.0.keys.open_journal(self.0.provider, &bytes)?)),
            Err(store::Error::NotFound(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The objects of the journal that were not seen before.
    pub(super) async fn new_journal_objects(
        &self,
        seen: &mut HashSet<Uuid>,
    ) -> Result<Vec<Uuid>, Error> {
        let listed: Vec<_> = self.0.store.list_journal().try_collect().await?;
        Ok(listed.into_iter().map(|object| object.name).filter(|name| seen.insert(*name)).collect())
    }

    /// Keeps the journal small: many small objects become one, and what opens nothing any more
    /// goes. Safe to stop anywhere: the same entry twice is the same as once.
    pub async fn compact_journal(&self) -> Result<(), Error> {
        let live = self.0.keys.status().forgotten_before;
        let listed: Vec<_> = self.0.store.list_journal().try_collect().await?;
        let mut small = Vec::new();
        for object in listed {
            if object.size < SMALL {
                small.push(object.name);
                continue;
            }
            let head = self.0.store.read_journal_head(object.name, JOURNAL_HEADER as u64).await?;
            if journal_until(&head).is_some_and(|until| until < live) {
                self.0.store.drop_journal(object.name).await?;
            }
        }
        if small.len() < MANY {
            return Ok(());
        }
        let (mut merged, mut done) = (Vec::new(), Vec::new());
        for name in small {
            match self.read_journal(name).await {
                Ok(entries) => {
                    let entries = entries.unwrap_or_default().into_iter();
                    merged.extend(entries.filter(|entry| entry.facts.day >= live));
                    done.push(name);
                }
                // What does not open is left for somebody to look at.
                Err(Error::Crypto(error)) => tracing::error!(%error, "a journal object is damaged"),
                Err(error) => return Err(error),
            }
            if merged.len() >= MOST {
                self.replace_journal(&std::mem::take(&mut merged), &std::mem::take(&mut done))
                    .await?;
            }
        }
        self.replace_journal(&merged, &done).await
    }

    async fn replace_journal(&self, merged: &[JournalEntry], old: &[Uuid]) -> Result<(), Error> {
        self.append_journal(merged).await?;
        between_steps!("journal.compacting");
        for name in old {
            self.0.store.drop_journal(*name).await?;
        }
        Ok(())
    }
}

/// What the journal says of a row that has a wrap.
fn wrapped(row: &Recording) -> Option<JournalEntry> {
    let wrap = row.key.wrap.as_deref()?.try_into().ok()?;
    let facts = facts(row).ok()?;
    Some(JournalEntry { seq: FIRST, due_at: row.due_at, facts, last: Last::Wrapped(wrap) })
}

/// What it says of one that is gone.
fn departed(row: &rows::Departed) -> JournalEntry {
    let facts = WrapFacts {
        controller: row.controller,
        recording: row.id,
        kind: Kind::Audio,
        class: row.class,
        day: row.key_day,
        generation: row.key_generation,
        plain_len: 0,
        salt: [0; 32],
        commitment: [0; 32],
    };
    JournalEntry { seq: GONE, due_at: row.due_at, facts, last: Last::Gone(row.cause) }
}
