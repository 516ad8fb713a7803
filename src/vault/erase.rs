//! Erasing: claim, destroy the key, delete, look, finish; then look again, then bury.
//!
//! Every step is idempotent and safe to crash after: a row left in `erasing` is taken up again by
//! whichever node finds it (design.md 6, I16). One batch is one transaction a step, whatever its
//! size.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::play::played;
use super::{Vault, ledger, watch};
use crate::index::playbacks::{self, Ending};
use crate::index::recordings::{self as rows, Claimed, Erased};
use crate::index::{self, ledger_entries, policies};
use crate::model::{Cause, Class, ControllerId, Event, RecordingId, Timestamp};
use crate::store::Absence;

/// How many recordings a batch erases.
pub(super) const BATCH: i64 = 1000;

/// How many batches are on their way at once.
const ABREAST: usize = 3;

/// After how long a claim counts as that of a node that died.
const STALE: SignedDuration = SignedDuration::from_mins(5);

/// When an erased object is looked for once more.
pub(super) const LOOK_AGAIN: SignedDuration = SignedDuration::from_hours(24);

/// What one pass of the eraser did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ErasePass {
    /// Recordings whose audio was erased, verified.
    pub erased: u64,
    /// Recordings that stay in `erasing`: the store did not do its part yet.
    pub unfinished: u64,
    /// Erased recordings looked for again, still absent.
    pub looked_again: u64,
    /// Erased recordings whose object was there again: an incident each.
    pub reappeared: u64,
    /// Recordings whose metadata went too.
    pub buried: u64,
    /// Why nothing new was erased, or not all that a shorter term made due, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<String>,
}

/// What became of a batch.
#[derive(Clone, Copy, Default)]
pub(super) struct Carried {
    pub(super) erased: u64,
    pub(super) unfinished: u64,
}

impl ErasePass {
    const fn add(&mut self, carried: Carried) {
        self.erased += carried.erased;
        self.unfinished += carried.unfinished;
    }
}

impl Vault {
    /// How many recordings are due now. Changes nothing.
    pub async fn count_due(&self) -> Result<u64, Error> {
        let due = rows::count_due(&self.0.index, self.0.clock.now()).await?;
        Ok(due.unsigned_abs())
    }

    /// One pass of the eraser: everything that is due now, and what earlier passes left.
    pub async fn erase_due(&self) -> Result<ErasePass, Error> {
        let mut pass = ErasePass::default();
        // What is past its point of no return goes on whatever the clock says.
        while let Some(batch) = self.claim_stale().await? {
            pass.add(self.carry_on(batch).await?);
        }
        let now = self.0.clock.now();
        pass.paused = self.may_erase(now).await?;
        if pass.paused.is_none() {
            // Whatever becomes of a change of policy, everything else goes on time.
            if let Err(error) = self.apply_policies(now).await {
                tracing::error!(error = error.chain(), "a change of policy is not applied yet");
            }
            pass.paused = self.brake_policies(now).await?;
            // By the time that was judged: a clock that jumps during the pass ends nothing in it.
            self.erase_abreast(now, &mut pass).await?;
            self.erase_lost(now, &mut pass).await?;
            self.look_again(&mut pass).await?;
            self.bury_due(now, &mut pass).await?;
        }
        watch::count_pass(&pass);
        Ok(pass)
    }

    /// All that is due by then, some batches at once: while the store deletes one, the index writes
    /// another. The first failure ends the claiming; what is claimed is carried on all the same.
    async fn erase_abreast(&self, now: Timestamp, pass: &mut ErasePass) -> Result<(), Error> {
        let failed = AtomicBool::new(false);
        let lanes = join_all((0..ABREAST).map(|_| self.erase_lane(now, &failed))).await;
        let mut outcome = Ok(());
        for (carried, result) in lanes {
            pass.add(carried);
            outcome = outcome.and(result);
        }
        outcome
    }

    async fn erase_lane(
        &self,
        now: Timestamp,
        failed: &AtomicBool,
    ) -> (Carried, Result<(), Error>) {
        let mut all = Carried::default();
        let mut floored = Vec::new();
        let result = async {
            while !failed.load(Ordering::Relaxed)
                && let Some(batch) = self.claim_due(now, &mut floored).await?
            {
                let carried = self.carry_on(batch).await?;
                all.erased += carried.erased;
                all.unfinished += carried.unfinished;
            }
            Ok(())
        }
        .await;
        failed.fetch_or(result.is_err(), Ordering::Relaxed);
        (all, result)
    }

    /// Ends what was lost when its term does: nothing of it is left to keep.
    async fn erase_lost(&self, now: Timestamp, pass: &mut ErasePass) -> Result<(), Error> {
        let lost = rows::lost_due(&self.0.index, now, BATCH).await?;
        if lost.is_empty() {
            return Ok(());
        }
        let mut claimed = Vec::with_capacity(lost.len());
        let mut tx = self.change().await?;
        for id in lost {
            claimed.extend(rows::claim_one(&mut tx, id, Cause::Term, None, now).await?);
        }
        let entries: Vec<_> = claimed.iter().map(|row| started(row, now)).collect();
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        if !claimed.is_empty() {
            pass.add(self.carry_on(claimed).await?);
        }
        Ok(())
    }

    /// Step 1 for what a node that died, or a store that was away, left behind.
    async fn claim_stale(&self) -> Result<Option<Vec<Claimed>>, Error> {
        let now = self.0.clock.now();
        let mut tx = self.change().await?;
        let before = now.plus(-STALE);
        let claimed = rows::claim_stale(&mut tx, now, before, BATCH).await?;
        tx.commit().await?;
        Ok((!claimed.is_empty()).then_some(claimed))
    }

    /// Steps 2 to 5.
    pub(super) async fn carry_on(&self, batch: Vec<Claimed>) -> Result<Carried, Error> {
        let ids = self.destroy_wraps(&batch).await?;
        between_steps!("erase.key_destroyed");
        let absent = self.delete_and_look(&ids).await?;
        between_steps!("erase.deleted");
        let erased = self.finish(&absent).await?;
        between_steps!("erase.finished");
        Ok(Carried { erased: erased.len() as u64, unfinished: (ids.len() - absent.len()) as u64 })
    }

    /// Step 2: the point of no return. Which are past it, now or since an earlier try.
    ///
    /// What a hold or a restriction came to in the meantime is stored again instead.
    async fn destroy_wraps(&self, batch: &[Claimed]) -> Result<Vec<RecordingId>, Error> {
        let now = self.0.clock.now();
        let ids: Vec<_> = batch.iter().map(|row| row.id).collect();
        // What was heard of them so far is told before they are gone.
        self.write_playbacks().await?;
        let mut tx = self.change().await?;
        let destroyed = rows::destroy_wraps(&mut tx, &ids, now).await?;
        let ended = playbacks::end(&mut tx, Ending::Recordings(&destroyed), now, i64::MAX).await?;
        let played: Vec<_> = ended.iter().map(|row| played(row, now)).collect();
        ledger_entries::append(&mut tx, &played).await?;
        let destroyed: HashSet<_> = destroyed.into_iter().collect();
        let released: std::collections::HashSet<_> =
            rows::release(&mut tx, &ids).await?.into_iter().collect();
        let entries: Vec<_> = batch
            .iter()
            .filter_map(|row| {
                let event = match (destroyed.contains(&row.id), released.contains(&row.id)) {
                    (true, _) => Event::ErasureKeyDestroyed,
                    (false, true) => Event::ErasureAborted,
                    (false, false) => return None,
                };
                let body = json!({ "cause": row.cause, "gen": row.claims });
                Some(ledger::about(row.controller, now, event, row.id, &body))
            })
            .collect();
        ledger_entries::append(&mut tx, &entries).await?;
        for ((controller, version), count) in shortened(batch, &destroyed) {
            policies::count_erased(&mut tx, controller, version, count).await?;
        }
        between_steps!("erase.destroying");
        tx.commit().await?;
        let past = |row: &&Claimed| destroyed.contains(&row.id) || row.key_destroyed_at.is_some();
        Ok(batch.iter().filter(past).map(|row| row.id).collect())
    }

    /// Steps 3 and 4: delete, then ask again. Which are verified absent.
    async fn delete_and_look(&self, ids: &[RecordingId]) -> Result<Vec<RecordingId>, Error> {
        for (_, result) in self.0.store.delete(ids).await {
            if let Err(error) = result {
                // What counts is whether it is there afterwards; this only says why it might be.
                tracing::warn!(%error, "the store did not delete an object");
                watch::count_store_error("delete");
            }
        }
        let mut absent = Vec::with_capacity(ids.len());
        let mut failed = Vec::new();
        for (id, result) in self.0.store.absent(ids).await {
            match result {
                Ok(Absence::Absent) => absent.push(id),
                Ok(Absence::Present) => failed.push((id, "present")),
                Ok(Absence::VersionsRemain) => failed.push((id, "versions_remain")),
                Err(error) => {
                    tracing::warn!(%error, "the store did not say whether an object is absent");
                    watch::count_store_error("verify");
                    failed.push((id, "unknown"));
                }
            }
        }
        if !failed.is_empty() {
            let now = self.0.clock.now();
            let mut tx = self.change().await?;
            for reason in watch::UNVERIFIED {
                let ids: Vec<_> =
                    failed.iter().filter(|(_, why)| why == reason).map(|(id, _)| *id).collect();
                let stuck = rows::fail_attempt(&mut tx, &ids, reason, now).await?;
                watch::count_unverified(reason, ids.len() as u64);
                for (recording, _) in &stuck {
                    tracing::error!(%recording, reason, "an erasure keeps failing: see the store");
                }
                let body = json!({ "r": reason, "n": rows::STUCK_AFTER });
                let entry = |(id, of): &_| ledger::about(*of, now, Event::ErasureStuck, *id, &body);
                let entries: Vec<_> = stuck.iter().map(entry).collect();
                ledger_entries::append(&mut tx, &entries).await?;
            }
            tx.commit().await?;
        }
        Ok(absent)
    }

    /// Step 5: erased, once, in the ledger and in the row. A customer's details go with the audio.
    async fn finish(&self, ids: &[RecordingId]) -> Result<Vec<Erased>, Error> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.0.clock.now();
        let mut tx = self.change().await?;
        let erased = rows::finish_erased(&mut tx, ids, now, now.plus(LOOK_AGAIN)).await?;
        let mut entries: Vec<_> = erased.iter().map(|row| erased_entry(row, now)).collect();
        let dead: Vec<_> = erased.iter().filter(|row| row.class == Class::Customer).collect();
        let ids: Vec<_> = dead.iter().map(|row| row.id).collect();
        rows::bury(&mut tx, &ids).await?;
        entries.extend(dead.iter().map(|row| {
            ledger::about(row.controller, now, Event::MetadataErased, row.id, &json!({}))
        }));
        ledger_entries::append(&mut tx, &entries).await?;
        between_steps!("erase.finishing");
        tx.commit().await?;
        for row in &erased {
            watch::count_erased(row.cause, now.since(row.due_at));
        }
        Ok(erased)
    }

    /// Step 6: a day later, is it still gone?
    async fn look_again(&self, pass: &mut ErasePass) -> Result<(), Error> {
        loop {
            let now = self.0.clock.now();
            let mut tx = self.change().await?;
            let due = rows::look_again(&mut tx, now, BATCH).await?;
            tx.commit().await?;
            if due.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = due.iter().map(|row| row.id).collect();
            let looked = self.0.store.absent(&ids).await;
            let (mut entries, mut done, mut back) = (Vec::new(), Vec::new(), Vec::new());
            for (id, result) in looked {
                let Some(row) = due.iter().find(|row| row.id == id) else { continue };
                let event = match result {
                    Ok(Absence::Absent) => Event::ErasureReverified,
                    Ok(_) => Event::ErasureReappeared,
                    Err(_) => continue,
                };
                if event == Event::ErasureReappeared {
                    tracing::error!(recording = %id, "an erased object is in the store again");
                    back.push(id);
                } else {
                    done.push(id);
                }
                entries.push(ledger::about(row.controller, now, event, id, &json!({})));
            }
            pass.looked_again += done.len() as u64;
            pass.reappeared += back.len() as u64;
            // It is looked for once more after this, until it stays away.
            self.0.store.delete(&back).await;
            let mut tx = self.change().await?;
            rows::looked(&mut tx, &done).await?;
            ledger_entries::append(&mut tx, &entries).await?;
            tx.commit().await?;
            if done.len() < ids.len() {
                // Not all of them are known to be absent: a later pass asks again.
                return Ok(());
            }
        }
    }

    /// Step 7: metadata past its own term.
    async fn bury_due(&self, now: Timestamp, pass: &mut ErasePass) -> Result<(), Error> {
        loop {
            let mut tx = self.change().await?;
            let due = rows::metadata_due(&mut tx, now, BATCH).await?;
            if due.is_empty() {
                return Ok(());
            }
            let ids: Vec<_> = due.iter().map(|(id, _)| *id).collect();
            rows::bury(&mut tx, &ids).await?;
            let entries: Vec<_> = due
                .iter()
                .map(|(id, of)| ledger::about(*of, now, Event::MetadataErased, *id, &json!({})))
                .collect();
            ledger_entries::append(&mut tx, &entries).await?;
            between_steps!("erase.burying");
            tx.commit().await?;
            pass.buried += ids.len() as u64;
        }
    }
}

/// How many went because of which version of whose policy.
fn shortened(
    batch: &[Claimed],
    destroyed: &HashSet<RecordingId>,
) -> BTreeMap<(ControllerId, i32), i64> {
    let mut counts = BTreeMap::new();
    for row in batch.iter().filter(|row| destroyed.contains(&row.id)) {
        let version = row.case_id.as_deref().and_then(|case| case.strip_prefix("policy/"));
        if row.cause == Cause::PolicyShortened
            && let Some(version) = version.and_then(|version| version.parse().ok())
        {
            *counts.entry((row.controller, version)).or_default() += 1;
        }
    }
    counts
}

pub(super) fn started(row: &Claimed, now: Timestamp) -> index::ledger_entries::NewEntry {
    let body = json!({
        "cause": row.cause, "case": row.case_id, "due": ledger::due_hour(row.due_at),
        "gen": row.claims,
    });
    ledger::about(row.controller, now, Event::ErasureStarted, row.id, &body)
}

fn erased_entry(row: &Erased, now: Timestamp) -> index::ledger_entries::NewEntry {
    let body = json!({
        "cause": row.cause,
        "case": row.case_id,
        "due": ledger::due_hour(row.due_at),
        "pol": row.policy,
        "m": ["key", "object"],
        "r": "absent",
        "key_day": row.key_day,
    });
    ledger::about(row.controller, now, Event::RecordingErased, row.id, &body)
}
