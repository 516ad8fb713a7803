//! The scrub: every object is read as a whole once in a while and opened, so that what is lost or
//! damaged is known before somebody asks for it.
//!
//! Nobody hears anything: what opens is dropped. It holds nothing up: objects are read one window
//! after the other, not faster than the set rate, and a store that is away ends the pass.

use std::time::Duration;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::json;

use super::error::Error;
use super::windows::windows;
use super::{Vault, ledger};
use crate::crypto;
use crate::index::{ledger_entries, recordings as rows};
use crate::model::{Event, Recording, State, Timestamp};
use crate::store::Absence;

/// How many recordings one node takes at once.
const BATCH: i64 = 32;

/// This many missing in a batch, and no more found than missing, look like the wrong store.
const TOO_MANY: usize = 4;

/// How often the upkeep looks whose turn it is.
pub(super) const EVERY: Duration = Duration::from_mins(1);

/// How often and how fast every object is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScrubSettings {
    /// Every object once in this time; `None` when never.
    pub every: Option<SignedDuration>,
    /// At most this many bytes a second.
    pub rate: u64,
}

/// What a pass of the scrub found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScrubPass {
    /// Objects read and opened as a whole.
    pub objects: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Recordings whose object is missing: marked as lost.
    pub missing: u64,
    /// Recordings whose object does not open: marked as lost.
    pub damaged: u64,
    /// Recordings that could not be looked at now; a later pass does.
    pub skipped: u64,
    /// Why the pass ended early, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Whole,
    Missing,
    Damaged,
    /// It changed meanwhile, or is being erased.
    Moved,
}

impl Vault {
    /// One pass of the scrub: what has not been read for the set time, or everything that was there
    /// when it began.
    pub async fn scrub(&self, all: bool) -> Result<ScrubPass, Error> {
        let mut pass = ScrubPass::default();
        let now = self.0.clock.now();
        let before = match self.0.settings.scrub.every {
            // What is read in this pass is not read again in it.
            _ if all => now.plus(SignedDuration::from_micros(1)),
            Some(every) => now.plus(-every),
            None => return Ok(pass),
        };
        while pass.stopped.is_none() {
            let mut tx = self.addition().await?;
            let batch = rows::claim_scrub(&mut tx, now, before, BATCH).await?;
            tx.commit().await?;
            if batch.is_empty() {
                break;
            }
            self.scrub_batch(&batch, before, &mut pass).await?;
        }
        Ok(pass)
    }

    async fn scrub_batch(
        &self,
        batch: &[Recording],
        before: Timestamp,
        pass: &mut ScrubPass,
    ) -> Result<(), Error> {
        let mut whole = Vec::new();
        let mut failed: Vec<(&Recording, Found)> = Vec::new();
        let mut left: Vec<_> = batch.iter().map(|row| row.id).collect();
        for row in batch {
            match self.scrub_one(row, pass).await {
                Ok(Found::Whole) => whole.push(row.id),
                Ok(Found::Moved) => continue,
                Ok(found) => failed.push((row, found)),
                Err(error) => {
                    pass.stopped = Some("the store does not answer; a later pass goes on".into());
                    tracing::warn!(error = error.chain(), "the scrub waits");
                    break;
                }
            }
            left.retain(|id| *id != row.id);
        }
        let missing = failed.iter().filter(|(_, found)| *found == Found::Missing).count();
        if missing >= TOO_MANY && missing >= whole.len() {
            pass.stopped = Some(format!(
                "{missing} of {} objects are missing: is this the right store? Nothing was marked; \
                 run callvault reconcile",
                batch.len()
            ));
            tracing::error!(missing, "many objects are missing at once: the scrub stops");
            left.extend(failed.drain(..).map(|(row, _)| row.id));
        }
        pass.objects += whole.len() as u64;
        pass.skipped += left.len() as u64;
        self.mark_failed(&failed, pass).await?;
        let now = self.0.clock.now();
        let mut tx = self.addition().await?;
        // Not before the pass's own limit, or it would take them again.
        rows::scrubbed(&mut tx, &whole, now.max(before)).await?;
        if pass.stopped.is_some() {
            rows::release_scrub(&mut tx, &left).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Lost, in the row and in the ledger.
    async fn mark_failed(
        &self,
        failed: &[(&Recording, Found)],
        pass: &mut ScrubPass,
    ) -> Result<(), Error> {
        if failed.is_empty() {
            return Ok(());
        }
        let now = self.0.clock.now();
        let mut entries = Vec::new();
        let mut tx = self.change().await?;
        for (row, found) in failed {
            // It may have been erased since: then it is not lost.
            if !rows::mark_lost(&mut tx, row.id).await? {
                continue;
            }
            let (why, count) = match found {
                Found::Missing => ("missing", &mut pass.missing),
                _ => ("damaged", &mut pass.damaged),
            };
            *count += 1;
            tracing::error!(recording = %row.id, why, "the object of a recording is lost");
            let body = json!({ "why": why });
            entries.push(ledger::about(row.controller, now, Event::RecordingLost, row.id, &body));
        }
        ledger_entries::append(&mut tx, &entries).await?;
        tx.commit().await?;
        metrics::counter!("callvault_scrub_failures_total").increment(entries.len() as u64);
        Ok(())
    }

    /// Reads and opens one object. An error means that the store did not answer.
    async fn scrub_one(&self, row: &Recording, pass: &mut ScrubPass) -> Result<Found, Error> {
        let mut found = self.read_whole(row, pass).await;
        if found.as_ref().is_err_and(is_of_object) {
            // Once more, with the newest keys: a wrong bit may have come up on the way.
            self.0.keys.refresh().await?;
            found = self.read_whole(row, pass).await;
        }
        match found {
            Ok(()) => Ok(Found::Whole),
            Err(error) if is_of_object(&error) => self.what_is_wrong(row).await,
            Err(error) => Err(error),
        }
    }

    async fn read_whole(&self, row: &Recording, pass: &mut ScrubPass) -> Result<(), Error> {
        let opened = self.opened_for_scrub(row)?;
        let header = self.0.store.read(row.id, 0..crypto::HEADER as u64).await?;
        opened.check_header(&header)?;
        self.throttle(header.len() as u64, pass).await;
        for window in windows(0..opened.len()) {
            let len = window.end - window.start;
            drop(opened.read(window).await?);
            self.throttle(len, pass).await;
        }
        let size = self.0.store.size(row.id).await?;
        let same = size.is_none_or(|size| size == crypto::object_len(opened.len()));
        if same { Ok(()) } else { Err(crypto::Error::Open.into()) }
    }

    /// Waits so long that the set rate is kept.
    async fn throttle(&self, bytes: u64, pass: &mut ScrubPass) {
        pass.bytes += bytes;
        metrics::counter!("callvault_scrub_bytes_total").increment(bytes);
        let rate = self.0.settings.scrub.rate.max(1);
        tokio::time::sleep(Duration::from_micros(bytes.saturating_mul(1_000_000) / rate)).await;
    }

    /// What became of an object that does not open, if its row still says that it should.
    async fn what_is_wrong(&self, row: &Recording) -> Result<Found, Error> {
        let now = rows::find(&self.0.index, row.id).await?;
        let same = now.is_some_and(|now| {
            let kept = now.held || now.restricted || now.due_at > self.0.clock.now();
            now.state == State::Stored && now.key == row.key && kept
        });
        if !same {
            return Ok(Found::Moved);
        }
        let asked = self.0.store.absent(&[row.id]).await;
        let Some((_, absence)) = asked.into_iter().next() else { return Ok(Found::Moved) };
        Ok(match absence? {
            Absence::Present => Found::Damaged,
            Absence::Absent | Absence::VersionsRemain => Found::Missing,
        })
    }

    /// Scrubs by itself, for the upkeep.
    pub(super) async fn scrub_by_itself(&self) {
        match self.scrub(false).await {
            Ok(pass) if pass.objects + pass.missing + pass.damaged > 0 => {
                let (objects, lost) = (pass.objects, pass.missing + pass.damaged);
                tracing::info!(objects, lost, "scrubbed");
            }
            Ok(_) => {}
            Err(error) => tracing::error!(error = error.chain(), "the scrub failed"),
        }
    }

    /// How long ago the stored recording that waits longest was read, or taken in.
    pub(super) async fn measure_scrub(&self, now: Timestamp) -> Result<(), Error> {
        let oldest = rows::oldest_scrub(&self.0.index).await?;
        let age = oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
        metrics::gauge!("callvault_scrub_oldest_seconds").set(age.max(0.0));
        Ok(())
    }
}

/// Whether the object, or its key, is the matter, and not the store as a whole.
fn is_of_object(error: &Error) -> bool {
    matches!(error, Error::Damaged(_) | Error::Crypto(crypto::Error::Open | crypto::Error::NoKey))
}
