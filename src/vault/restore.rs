//! After an index backup was put back: the journal says what became of the wraps since. What the
//! ledger says comes first (`replay`).
//!
//! The newest entry about a recording counts, whether or not an older one would still open: what
//! was shortened or erased meanwhile must not come back. Safe to stop anywhere and to run again.

use std::collections::{HashMap, HashSet};

use futures_util::TryStreamExt;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use super::content::facts;
use super::error::Error;
use super::{Vault, ledger, numbers};
use crate::crypto::{JournalEntry, Last};
use crate::index::recordings::{self as rows, Mended};
use crate::index::{facts as remembered, ledger_entries, replayed};
use crate::model::{Cause, Class, Event, Recording, RecordingId, State, Timestamp};

/// How many rows, or entries, at once.
const BATCH: usize = 1000;

/// The case of an erasure that is done again: the first one's is in the index that was lost.
const AGAIN: &str = "restored";

/// What restoring did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Restored {
    /// Entries of the journal.
    pub entries: u64,
    /// Objects of the journal that do not open.
    pub damaged: u64,
    /// Recordings looked at.
    pub recordings: u64,
    /// Recordings that open again with a wrap of the journal.
    pub mended: u64,
    /// Recordings whose numbers are lost: they were sealed under a key that is gone.
    pub numbers_lost: u64,
    /// Recordings that something kept past their term when the index was lost, and the backup does
    /// not know what: restricted, until somebody looks.
    pub restricted: u64,
    /// Recordings erased since the backup, and now erased again.
    pub erased_again: u64,
    /// Recordings whose key is gone and that are due: the eraser finishes them.
    pub due: u64,
    /// Recordings whose key is gone before they are due: marked as lost.
    pub lost: u64,
    /// Recordings the journal can open and the index does not know: taken in after the backup.
    pub unindexed: u64,
}

/// What is to be done with a row.
enum Verdict {
    Well,
    Mend(Box<Mended>),
    EraseAgain(Cause),
    Due,
    Lost,
}

impl Vault {
    /// Brings a restored index up to date with the journal.
    pub async fn restore(&self) -> Result<Restored, Error> {
        let mut done = Restored::default();
        // First what the ledger says: entries made now would take the places of missing ones.
        if self.must_be_sound().is_err() {
            self.settle_ledger().await?;
            self.must_be_sound()?;
        }
        self.0.keys.refresh().await?;
        self.replay_journal(&mut done).await?;
        between_steps!("restore.replayed");
        let mut after = None;
        loop {
            let batch = rows::openable_after(&self.0.index, after, 1000).await?;
            let Some(last) = batch.last() else { break };
            after = Some(last.id);
            done.recordings += batch.len() as u64;
            self.restore_batch(&batch, &mut done).await?;
            between_steps!("restore.batch");
        }
        done.unindexed = self.count_unindexed().await?;
        let now = self.0.clock.now();
        let body = json!({
            "mended": done.mended, "restricted": done.restricted, "erased": done.erased_again, "lost": done.lost,
            "unindexed": done.unindexed,
        });
        let entry = ledger::general(self.0.provider, now, Event::IndexRestored, &body);
        let mut tx = self.addition().await?;
        replayed::clear(&mut tx).await?;
        remembered::set(&mut tx, "last_restore", &now.to_string()).await?;
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Reads the whole journal and keeps the newest entry about each recording.
    async fn replay_journal(&self, done: &mut Restored) -> Result<(), Error> {
        let mut tx = self.addition().await?;
        replayed::clear(&mut tx).await?;
        tx.commit().await?;
        let mut seen = HashSet::new();
        loop {
            // Again until nothing is new: another node may be writing small objects together.
            let objects = self.new_journal_objects(&mut seen).await?;
            if objects.is_empty() {
                return Ok(());
            }
            for object in objects {
                match self.read_journal(object).await {
                    Ok(entries) => {
                        let entries = entries.unwrap_or_default();
                        done.entries += entries.len() as u64;
                        self.keep_newest(&entries).await?;
                    }
                    Err(Error::Crypto(error)) => {
                        done.damaged += 1;
                        tracing::error!(%object, %error, "a journal object does not open");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
    }

    async fn keep_newest(&self, entries: &[JournalEntry]) -> Result<(), Error> {
        let mut newest: HashMap<RecordingId, &JournalEntry> = HashMap::new();
        for entry in entries {
            let known = newest.entry(entry.facts.recording).or_insert(entry);
            if known.seq < entry.seq {
                *known = entry;
            }
        }
        let newest: Vec<_> = newest
            .into_iter()
            .map(|(recording, entry)| replayed::Replayed {
                recording,
                seq: entry.seq,
                entry: entry.to_bytes(),
            })
            .collect();
        for batch in newest.chunks(BATCH) {
            let mut tx = self.addition().await?;
            replayed::add(&mut tx, batch).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    async fn restore_batch(&self, batch: &[Recording], done: &mut Restored) -> Result<(), Error> {
        let ids: Vec<_> = batch.iter().map(|row| row.id).collect();
        let known = replayed::find_many(&self.0.index, &ids).await?;
        let known: HashMap<_, _> = known
            .iter()
            .filter_map(|found| Some((found.recording, JournalEntry::from_bytes(&found.entry)?)))
            .collect();
        let (mut mended, mut again, mut lost) = (Vec::new(), Vec::new(), Vec::new());
        for row in batch {
            match self.verdict(row, known.get(&row.id)) {
                Verdict::Well => {}
                Verdict::Mend(mend) => {
                    let had_numbers = row.metadata.numbers.is_some();
                    done.numbers_lost += u64::from(had_numbers && mend.numbers.is_none());
                    done.restricted += u64::from(mend.restrict);
                    mended.push(*mend);
                }
                Verdict::EraseAgain(cause) => again.push((row, cause)),
                Verdict::Due => done.due += 1,
                Verdict::Lost => lost.push(row),
            }
        }
        let wraps =
            |one: &&Mended| batch.iter().any(|row| row.id == one.id && row.key.wrap != one.wrap);
        done.mended += mended.iter().filter(wraps).count() as u64;
        let mut tx = self.change().await?;
        rows::mend(&mut tx, &mended).await?;
        let now = self.0.clock.now();
        let mut entries = Vec::new();
        for row in lost {
            if rows::mark_lost(&mut tx, row.id).await? {
                let body = json!({ "why": "key" });
                entries.push(ledger::about(
                    row.controller,
                    now,
                    Event::RecordingLost,
                    row.id,
                    &body,
                ));
                done.lost += 1;
            }
        }
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        self.erase_again(&again, now, done).await
    }

    /// Erases again what was erased early after the backup was made.
    async fn erase_again(
        &self,
        again: &[(&Recording, Cause)],
        now: Timestamp,
        done: &mut Restored,
    ) -> Result<(), Error> {
        if again.is_empty() {
            return Ok(());
        }
        let mut claimed = Vec::with_capacity(again.len());
        let mut entries = Vec::with_capacity(again.len());
        let mut tx = self.change().await?;
        for (row, cause) in again {
            let case = (*cause != Cause::Term).then_some(AGAIN);
            // A hold that the backup knows came before the erasure, and was released for it.
            rows::set_held(&mut tx, row.id, false).await?;
            let Some(claim) = rows::claim_one(&mut tx, row.id, *cause, case, now).await? else {
                continue;
            };
            let body = json!({ "cause": cause, "case": case });
            let event = Event::ErasureStarted;
            entries.push(ledger::about(row.controller, now, event, row.id, &body));
            claimed.push(claim);
        }
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        done.erased_again += claimed.len() as u64;
        self.carry_on(claimed).await.map(drop)
    }

    fn verdict(&self, row: &Recording, entry: Option<&JournalEntry>) -> Verdict {
        let wrapped = match entry.map(|entry| entry.last) {
            Some(Last::Gone(cause)) if matches!(row.state, State::Stored | State::Lost) => {
                return Verdict::EraseAgain(cause);
            }
            Some(Last::Wrapped(wrap)) => Some(wrap),
            Some(Last::Gone(_)) | None => None,
        };
        let mut mend = Mended {
            id: row.id,
            wrap: row.key.wrap.clone(),
            day: row.key.day,
            generation: row.key.generation,
            due_at: row.due_at,
            restrict: false,
            numbers: None,
        };
        if row.key.wrap.is_some() {
            if let Some((wrap, entry)) = wrapped.zip(entry) {
                mend.wrap = Some(wrap.to_vec());
                (mend.day, mend.generation) = (entry.facts.day, entry.facts.generation);
                mend.due_at = due_at(row, entry);
            }
            if !self.opens(row, &mend, entry) {
                let now = self.0.clock.now();
                return match row.state {
                    State::Stored if row.due_at.min(mend.due_at) <= now => Verdict::Due,
                    State::Stored => Verdict::Lost,
                    _ => Verdict::Well,
                };
            }
        }
        // A key of a day after the term: something kept it, which the backup does not know of.
        mend.restrict = row.state == State::Stored
            && mend.day > mend.due_at.day()
            && !(row.held || row.restricted);
        mend.numbers = self.numbers_for(row, &mend);
        let same_key = (row.key.day, row.key.generation) == (mend.day, mend.generation);
        if same_key && row.due_at == mend.due_at && !mend.restrict {
            // Another wrap under the same key is no better than this one.
            mend.wrap.clone_from(&row.key.wrap);
            if mend.numbers == row.metadata.numbers {
                return Verdict::Well;
            }
        }
        Verdict::Mend(Box::new(mend))
    }

    fn opens(&self, row: &Recording, mend: &Mended, entry: Option<&JournalEntry>) -> bool {
        let Ok(known) = facts(row) else { return false };
        let (day, generation) = (mend.day, mend.generation);
        let facts = crate::crypto::WrapFacts { day, generation, ..known };
        // A class that changed is bound into the wrap and not into the row of the backup.
        let same = entry.is_none_or(|entry| entry.facts.class == known.class);
        let wrap = mend.wrap.as_deref().unwrap_or_default();
        same && self.0.keys.unwrap(wrap, &facts).is_ok()
    }

    /// The numbers of a row as far as they open, under the key the row will have.
    fn numbers_for(&self, row: &Recording, mend: &Mended) -> Option<Vec<u8>> {
        let sealed = row.metadata.numbers.as_ref()?;
        let keys = &self.0.keys;
        let numbers = numbers::open(keys, row).ok()?;
        let stays = row.class == Class::Support || row.key.day == mend.day;
        if stays && numbers::generation(row) == Some(keys.generation(numbers::day(row))) {
            return Some(sealed.clone());
        }
        let day = if stays { numbers::day(row) } else { mend.day };
        numbers::seal(keys, row.controller, row.id, day, &numbers).ok()?
    }

    /// How many recordings the journal opens that the index does not know.
    async fn count_unindexed(&self) -> Result<u64, Error> {
        let (mut count, mut after) = (0, None);
        loop {
            let batch = replayed::unindexed_after(&self.0.index, after, 1000).await?;
            let Some(last) = batch.last() else { return Ok(count) };
            after = Some(last.recording);
            let entries = batch.iter().filter_map(|one| JournalEntry::from_bytes(&one.entry));
            count += entries.filter(|entry| self.entry_opens(entry)).count() as u64;
        }
    }

    fn entry_opens(&self, entry: &JournalEntry) -> bool {
        let Last::Wrapped(wrap) = entry.last else { return false };
        self.0.keys.unwrap(&wrap, &entry.facts).is_ok()
    }

    /// Which of these, unknown to the index, the journal can open. All of them when some of the
    /// journal does not open: nothing is known of those then.
    pub(super) async fn in_journal(
        &self,
        ids: &HashSet<RecordingId>,
    ) -> Result<HashSet<RecordingId>, Error> {
        let mut newest: HashMap<RecordingId, JournalEntry> = HashMap::new();
        if ids.is_empty() {
            return Ok(HashSet::new());
        }
        let objects: Vec<_> = self.0.store.list_journal().try_collect().await?;
        for object in objects {
            let entries = match self.read_journal(object.name).await {
                Ok(entries) => entries.unwrap_or_default(),
                Err(Error::Crypto(_)) => return Ok(ids.clone()),
                Err(error) => return Err(error),
            };
            for entry in entries.into_iter().filter(|entry| ids.contains(&entry.facts.recording)) {
                let known = newest.entry(entry.facts.recording).or_insert(entry);
                if known.seq < entry.seq {
                    *known = entry;
                }
            }
        }
        let open = newest.into_values().filter(|entry| self.entry_opens(entry));
        Ok(open.map(|entry| entry.facts.recording).collect())
    }
}

/// When a recording is due by an entry, which tells the hour: terms are whole hours, so minutes and
/// seconds stay what they were.
fn due_at(row: &Recording, entry: &JournalEntry) -> Timestamp {
    if row.due_at.hour_rounded_up() == entry.due_at {
        return row.due_at;
    }
    let past = row.due_at.hour_rounded_up().since(row.due_at);
    entry.due_at.plus(SignedDuration::ZERO - past)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_stay_what_they_were_when_the_hour_moves() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let due = at("2026-06-01T10:20:30Z");
        assert_eq!(due.hour_rounded_up(), at("2026-06-01T11:00:00Z"));
        let past = due.hour_rounded_up().since(due);
        assert_eq!(at("2026-07-01T09:00:00Z").plus(-past), at("2026-07-01T08:20:30Z"));
    }
}
