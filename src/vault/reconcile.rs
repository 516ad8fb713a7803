//! Store against index, both ways: objects nobody expects, recordings without an object (I9).

use std::collections::{BTreeSet, HashSet};

use futures_util::StreamExt;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::{Vault, ledger};
use crate::index::{facts, ledger_entries, recordings as rows};
use crate::model::{ControllerId, Event, RecordingId, State, Timestamp};
use crate::retention::{BRAKE_FLOOR, StoredObject, orphans};
use crate::store::{Absence, Listed};

/// How many objects or rows are compared at once.
const BATCH: usize = 1000;
const BATCH_ROWS: i64 = 1000;

/// How to reconcile.
#[derive(Clone, Copy, Debug)]
pub struct ReconcileOptions {
    /// Only look.
    pub dry_run: bool,
    /// Act even when there is more to act on than is usual.
    pub confirm: bool,
    /// How old an object must be to count as left behind.
    pub grace: SignedDuration,
}

/// What reconciling found, and did unless it was a dry run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Reconciled {
    /// Objects in the store.
    pub objects: u64,
    /// Recordings in the index that should have one.
    pub recordings: u64,
    /// Objects without a recording: uploads that died.
    pub orphans: u64,
    /// Objects of recordings that the wrap journal knows and the index does not: an older index was
    /// put back. They are kept.
    pub unindexed: u64,
    /// Of those: objects of recordings that were erased, verified. An incident each.
    pub reappeared: u64,
    /// Orphans taken out of the store.
    pub orphans_removed: u64,
    /// Recordings whose object is not there.
    pub missing: u64,
    /// Recordings marked as lost.
    pub marked_lost: u64,
    /// Unfinished uploads taken back.
    pub unfinished_removed: u64,
    /// Objects with a name the vault never gives: left alone.
    pub foreign: u64,
    /// Why nothing was changed, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

impl Vault {
    /// Compares store and index and sets right what differs.
    ///
    /// More than a few differences look like the wrong bucket or an old index rather than like
    /// accidents: then nothing is touched until somebody confirms.
    pub async fn reconcile(&self, options: ReconcileOptions) -> Result<Reconciled, Error> {
        let mut found = Reconciled::default();
        let (orphans, missing) = self.compare(options, &mut found).await?;
        let (orphans, unindexed) = self.known_to_journal(orphans).await?;
        found.unindexed = unindexed;
        found.orphans = orphans.len() as u64;
        found.missing = missing.len() as u64;
        let usual = BRAKE_FLOOR.max(found.objects / 100);
        if options.dry_run {
            found.stopped = Some("dry run: nothing was changed".into());
        } else if found.orphans.max(found.missing) > usual && !options.confirm {
            found.stopped = Some(format!(
                "more than {usual} differences: is this the right bucket and the newest index? \
                 Run again with --confirm to act on them"
            ));
        } else {
            self.set_right(options, &orphans, &missing, &mut found).await?;
        }
        Ok(found)
    }

    /// Goes through the list of the store once, a folder at a time: every store lists what one
    /// folder holds together, and a folder holds a 256th of everything.
    async fn compare(
        &self,
        options: ReconcileOptions,
        found: &mut Reconciled,
    ) -> Result<(Vec<RecordingId>, Vec<rows::Live>), Error> {
        let settled_before = self.0.clock.now().plus(-options.grace);
        let (mut orphans, mut missing) = (Vec::new(), Vec::new());
        let mut unseen: BTreeSet<u8> = (0..=u8::MAX).collect();
        let mut folder = Vec::new();
        let mut list = self.0.store.list();
        loop {
            let listed = list.next().await.transpose()?;
            let object = match &listed {
                None => None,
                Some(Listed { id: Some(id), modified, .. }) => {
                    Some(StoredObject { id: *id, written_at: *modified })
                }
                Some(_) => {
                    found.foreign += 1;
                    continue;
                }
            };
            let ends = object.is_none_or(|next| name(&folder) != Some(first_byte(next.id)));
            if let Some(name) = name(&folder).filter(|_| ends) {
                found.objects += folder.len() as u64;
                orphans.extend(self.orphans_among(&folder, settled_before).await?);
                // A store that comes back to a folder tells of no row that was not looked for.
                if unseen.remove(&name) {
                    let known = folder.iter().map(|object| object.id).collect();
                    missing.extend(self.missing_in(name, &known, found).await?);
                }
                folder.clear();
            }
            let Some(object) = object else { break };
            folder.push(object);
        }
        for name in unseen {
            missing.extend(self.missing_in(name, &HashSet::new(), found).await?);
        }
        Ok((orphans, missing))
    }

    async fn orphans_among(
        &self,
        folder: &[StoredObject],
        settled_before: Timestamp,
    ) -> Result<Vec<RecordingId>, Error> {
        let mut all = Vec::new();
        for objects in folder.chunks(BATCH) {
            let ids: Vec<_> = objects.iter().map(|object| object.id).collect();
            let expected = rows::exists_many(&self.0.index, &ids).await?;
            // A lost object that turns up again is left for somebody to look at.
            let expected: HashSet<_> = expected
                .into_iter()
                .filter(|known| known.may_have_object() || known.state == State::Lost)
                .map(|known| known.id)
                .collect();
            all.extend(orphans(objects, &expected, settled_before));
        }
        Ok(all)
    }

    /// Takes out of the orphans what the journal can open. How many those were.
    async fn known_to_journal(
        &self,
        orphans: Vec<RecordingId>,
    ) -> Result<(Vec<RecordingId>, u64), Error> {
        // What the index knows was erased: the journal has no say in it.
        let known = rows::exists_many(&self.0.index, &orphans).await?;
        let known: HashSet<_> = known.into_iter().map(|known| known.id).collect();
        let unknown = orphans.iter().copied().filter(|id| !known.contains(id)).collect();
        let kept = self.in_journal(&unknown).await?;
        let all = orphans.len();
        let rest: Vec<_> = orphans.into_iter().filter(|id| !kept.contains(id)).collect();
        let unindexed = (all - rest.len()) as u64;
        Ok((rest, unindexed))
    }

    /// The recordings of a folder whose object the list did not name and the store does not have.
    async fn missing_in(
        &self,
        folder: u8,
        known: &HashSet<RecordingId>,
        found: &mut Reconciled,
    ) -> Result<Vec<rows::Live>, Error> {
        let mut missing = Vec::new();
        let mut after = None;
        loop {
            let live = rows::live_in(&self.0.index, folder, after, BATCH_ROWS).await?;
            let Some(last) = live.last() else { return Ok(missing) };
            after = Some(last.id);
            found.recordings += live.len() as u64;
            // The list may be older than the row: only the store itself says that it has nothing.
            let suspects: Vec<_> =
                live.iter().map(|row| row.id).filter(|id| !known.contains(id)).collect();
            for (id, result) in self.0.store.absent(&suspects).await {
                if result? != Absence::Present {
                    missing.extend(live.iter().find(|row| row.id == id));
                }
            }
        }
    }

    async fn set_right(
        &self,
        options: ReconcileOptions,
        orphans: &[RecordingId],
        missing: &[rows::Live],
        found: &mut Reconciled,
    ) -> Result<(), Error> {
        for batch in orphans.chunks(BATCH) {
            // Asked again: what was an upload under way may be a recording by now.
            let known = rows::exists_many(&self.0.index, batch).await?;
            let batch: Vec<_> = batch
                .iter()
                .copied()
                .filter(|id| !known.iter().any(|known| known.id == *id && known.may_have_object()))
                .collect();
            found.reappeared += self.seen_again(&batch).await?;
            let results = self.0.store.delete(&batch).await;
            found.orphans_removed +=
                results.iter().filter(|(_, result)| result.is_ok()).count() as u64;
        }
        let now = self.0.clock.now();
        for row in missing {
            let mut tx = self.change().await?;
            // It may have been erased since it was looked for: then it is not lost.
            if rows::mark_lost(&mut tx, row.id).await? {
                let lost = Event::RecordingLost;
                let entry = ledger::about(row.controller, now, lost, row.id, &json!({}));
                ledger_entries::append(&mut tx, &[entry]).await?;
                found.marked_lost += 1;
                tracing::error!(recording = %row.id, "the object of a recording is missing");
            }
            tx.commit().await?;
        }
        let before = now.plus(-options.grace);
        found.unfinished_removed = self.0.store.sweep_unfinished(before).await?;
        let mut tx = self.addition().await?;
        facts::set(&mut tx, "last_reconcile", &now.to_string()).await?;
        let told = json!({ "at": now, "missing": found.missing, "orphans": found.orphans });
        facts::set(&mut tx, super::compliance::RECONCILED, &told.to_string()).await?;
        tx.commit().await?;
        Ok(())
    }
}

impl Vault {
    /// Writes down which of these were erased and are there all the same. No certificate of them is
    /// complete until they were looked for again.
    async fn seen_again(&self, orphans: &[RecordingId]) -> Result<u64, Error> {
        let now = self.0.clock.now();
        let mut tx = self.change().await?;
        let back = rows::look_from_now(&mut tx, orphans, now).await?;
        let entry = |(id, of): &(RecordingId, ControllerId)| {
            tracing::error!(recording = %id, "an erased object is in the store again");
            ledger::about(*of, now, Event::ErasureReappeared, *id, &json!({}))
        };
        let entries: Vec<_> = back.iter().map(entry).collect();
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        let count = back.len() as u64;
        metrics::counter!("callvault_reappeared_total").increment(count);
        Ok(count)
    }
}

/// The folder that an object lies in.
fn first_byte(id: RecordingId) -> u8 {
    let [first, ..] = id.as_bytes();
    *first
}

/// The folder that these objects lie in, if there are any.
fn name(objects: &[StoredObject]) -> Option<u8> {
    objects.first().map(|first| first_byte(first.id))
}
