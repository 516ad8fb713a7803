//! Watching over time and health: the clock guard, and the figures that operators alarm on.

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::SignedDuration;

use super::erase::ErasePass;
use super::error::Error;
use super::{Vault, ledger};
use crate::index::{guards, ledger_entries, recordings as rows};
use crate::model::{Cause, Class, Clock, Day, Event, Ground, Timestamp};
use crate::retention::{Anomaly, Sighting, brake, guard};

/// A gap between looks at the clock after which a run counts as set off by the clock.
const LONG_GAP: SignedDuration = SignedDuration::from_hours(48);

/// How long an answer about readiness counts.
const READY: SignedDuration = SignedDuration::from_secs(2);

/// How many days back the usual number of erasures is taken from.
const TRAILING_DAYS: i64 = 14;

/// Why an erasure is not verified: the object is there, versions are, or nobody knows.
pub(super) const UNVERIFIED: &[&str] = &["present", "versions_remain", "unknown"];

/// What the vault stands on, by name, and whether it answers.
type Ready = [(&'static str, bool); 4];

/// What this process remembers of its own looks at the clock.
#[derive(Default)]
pub(super) struct Watch {
    previous: Mutex<Option<(Timestamp, SignedDuration)>>,
    /// When it was last asked whether everything answers, and what came of it.
    ready: tokio::sync::Mutex<Option<(SignedDuration, Ready)>>,
    /// The latest time that any node has seen, in microseconds, as the index said last; 0 when no
    /// node has seen any.
    latest: AtomicI64,
}

impl Watch {
    /// The last look at the wall clock, and how long ago that was by a clock that cannot be set.
    fn look(&self, clock: &Clock, now: Timestamp) -> Option<(Timestamp, SignedDuration)> {
        let mut previous = self.previous.lock().ok()?;
        let elapsed = clock.elapsed();
        let (wall, before) = previous.replace((now, elapsed))?;
        Some((wall, elapsed - before))
    }

    /// Keeps the latest time that any node has seen. It can go back when somebody confirms a clock.
    pub(super) fn remember(&self, seen: Option<Timestamp>) {
        self.latest.store(seen.map_or(0, Timestamp::micros), Ordering::Relaxed);
    }
}

/// Counts what a pass of the eraser did.
pub(super) fn count_pass(pass: &ErasePass) {
    metrics::counter!("callvault_reappeared_total").increment(pass.reappeared);
    metrics::gauge!("callvault_eraser_paused").set(f64::from(u8::from(pass.paused.is_some())));
}

/// Counts a verified erasure and, when its term was why, how late it was. What is erased early is
/// never late: its lag would only hide that of others.
pub(super) fn count_erased(cause: Cause, lag: SignedDuration) {
    metrics::counter!("callvault_erased_total").increment(1);
    if cause == Cause::Term {
        metrics::histogram!("callvault_erasure_lag_seconds").record(lag.as_secs_f64());
    }
}

/// Counts erasures of which the store did not do its part.
pub(super) fn count_unverified(why: &'static str, count: u64) {
    metrics::counter!("callvault_erasure_attempts_failed_total", "why" => why).increment(count);
}

/// Counts an error of the store.
pub(super) fn count_store_error(operation: &'static str) {
    metrics::counter!("callvault_store_errors_total", "operation" => operation).increment(1);
}

impl Vault {
    /// The time by which a term has ended: this node's, or a later one that another node has seen.
    /// A clock that runs behind must not play what is past due (I1).
    pub(super) fn latest(&self) -> Timestamp {
        let seen = Timestamp::from_micros(self.0.watch.latest.load(Ordering::Relaxed));
        let now = self.0.clock.now();
        seen.map_or(now, |seen| seen.max(now))
    }

    /// Asks what time the other nodes have seen.
    pub async fn follow_clocks(&self) -> Result<(), Error> {
        self.0.watch.remember(guards::guard(&self.0.index).await?.last_seen);
        Ok(())
    }

    /// Whether new erasures may start at `now`; if not, why not and what to do.
    ///
    /// The clock can delay an erasure but never advance one: a clock that runs ahead, and a run
    /// after a long silence that would erase far more than usual, wait for a person (I17).
    pub(super) async fn may_erase(&self, now: Timestamp) -> Result<Option<String>, Error> {
        let state = guards::guard(&self.0.index).await?;
        self.0.watch.remember(state.last_seen);
        if let Some(reason) = state.paused_reason {
            return Ok(Some(reason));
        }
        let sighting = Sighting {
            now,
            last_seen: state.last_seen,
            previous: self.0.watch.look(&self.0.clock, now),
            reference: self.reference_time().await?,
        };
        match guard(&sighting) {
            Some(Anomaly::Ahead) => {
                let reason = "the clock jumped ahead: check it, then run callvault erase --confirm";
                return self.pause(reason, now).await.map(Some);
            }
            Some(Anomaly::Behind) => {
                tracing::warn!("the clock is behind what it was; erasures may come late");
            }
            None => {}
        }
        let silent_since = state.last_seen.filter(|seen| now.since(*seen) > LONG_GAP);
        if let Some(seen) = silent_since {
            let unproven = sighting.previous.is_none() && sighting.reference.is_none();
            if let Some(reason) = self.too_much_after(seen, unproven, now).await? {
                return self.pause(&reason, now).await.map(Some);
            }
        }
        let mut tx = self.addition().await?;
        guards::see_clock(&mut tx, now).await?;
        tx.commit().await?;
        self.0.watch.remember(state.last_seen.max(Some(now)));
        Ok(None)
    }

    /// Whether a run after a long silence must wait, and why.
    ///
    /// A clock that nothing vouches for could have been set ahead meanwhile: then what would fall
    /// due by it alone waits. Otherwise only an unusual number does.
    async fn too_much_after(
        &self,
        seen: Timestamp,
        unproven: bool,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let due = rows::count_due(&self.0.index, now).await?.unsigned_abs();
        let sure = rows::count_due(&self.0.index, seen.plus(LONG_GAP)).await?.unsigned_abs();
        let usual = self.usual(now).await?;
        let why = if due > usual {
            format!("{due} recordings are due at once, more than the usual {usual}")
        } else if unproven && due > sure {
            format!("{due} recordings are due and no other clock vouches for this one")
        } else {
            return Ok(None);
        };
        Ok(Some(format!(
            "after a long silence {why}: check the clock, then run callvault erase --confirm"
        )))
    }

    /// What another machine's clock says, if there is one to ask.
    pub(super) async fn reference_time(&self) -> Result<Option<Timestamp>, Error> {
        if self.0.clock.is_machines() { Ok(self.0.index.server_time().await?) } else { Ok(None) }
    }

    /// Lets erasing go on after somebody looked.
    pub async fn confirm_erasing(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let body = serde_json::json!({ "confirmed": true });
        let entry = ledger::general(self.0.provider, now, Event::EraserBraked, &body);
        let mut tx = self.addition().await?;
        guards::confirm(&mut tx, now).await?;
        self.confirm_braked(&mut tx, now).await?;
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        self.0.watch.remember(Some(now));
        Ok(())
    }

    async fn pause(&self, reason: &str, now: Timestamp) -> Result<String, Error> {
        tracing::error!(reason, "erasing is paused");
        let body = serde_json::json!({ "paused": true });
        let entry = ledger::general(self.0.provider, now, Event::ClockAnomaly, &body);
        let mut tx = self.addition().await?;
        guards::pause(&mut tx, reason, now).await?;
        ledger_entries::append(&mut tx, &[entry]).await?;
        tx.commit().await?;
        Ok(reason.to_owned())
    }

    /// How many recordings a run may erase without being asked.
    pub(super) async fn usual(&self, now: Timestamp) -> Result<u64, Error> {
        let since = now.plus(SignedDuration::from_hours(-24 * TRAILING_DAYS));
        let counts = rows::daily_erasures(&self.0.index, since).await?;
        let counts: Vec<_> = counts.into_iter().map(|(_, count)| count.unsigned_abs()).collect();
        Ok(brake(&counts))
    }

    /// Sets the gauges that are read from the index, at most one query each.
    pub async fn measure(&self) -> Result<(), Error> {
        let now = self.0.clock.now();
        let overdue = rows::overdue(&self.0.index, now).await?;
        metrics::gauge!("callvault_overdue").set(count(overdue.count));
        let oldest = overdue.oldest_due.map_or(0.0, |due| now.since(due).as_secs_f64());
        metrics::gauge!("callvault_overdue_oldest_seconds").set(oldest);
        for class in Class::ALL {
            let oldest = rows::oldest_stored(&self.0.index, *class).await?;
            let age = oldest.map_or(0.0, |ended| now.since(ended).as_secs_f64());
            metrics::gauge!("callvault_oldest_seconds", "class" => class.as_str()).set(age);
        }
        let unverified = rows::unverified(&self.0.index).await?;
        for why in UNVERIFIED {
            let found = unverified.iter().find(|(word, _)| word == why).map_or(0, |found| found.1);
            metrics::gauge!("callvault_erasures_unverified", "why" => *why).set(count(found));
        }
        self.measure_kept(now).await?;
        let forgotten = self.last_forgetting().await?;
        let keys = self.0.keys.status();
        // Before the first night the oldest day whose key is still there counts.
        let since = forgotten.or(keys.oldest_day);
        let age = since.and_then(Day::end).map_or(0.0, |end| now.since(end).as_secs_f64());
        metrics::gauge!("callvault_forgetting_age_seconds").set(age.max(0.0));
        self.measure_scrub(now).await?;
        self.measure_webhooks().await
    }

    /// Sets the gauges of what is kept past its term, which is suspended and not overdue.
    async fn measure_kept(&self, now: Timestamp) -> Result<(), Error> {
        let kept = rows::suspended_past_due(&self.0.index, now).await?;
        let grounds = Ground::ALL.iter().map(|ground| ground.as_str());
        for ground in grounds.chain(["hold"]) {
            let found = kept.iter().find(|(of, _)| of == ground).map_or(0, |(_, count)| *count);
            metrics::gauge!("callvault_suspended", "ground" => ground).set(count(found));
        }
        let [held, restricted] = self.reviews_overdue().await?;
        metrics::gauge!("callvault_holds_review_overdue").set(count(held));
        metrics::gauge!("callvault_restrictions_review_overdue").set(count(restricted));
        Ok(())
    }

    /// Sets the gauges of the keyring as this node holds it.
    pub(super) fn measure_keys(&self) {
        let keys = self.0.keys.status();
        metrics::gauge!("callvault_keyring_days").set(count(keys.days));
        metrics::gauge!("callvault_keyring_epoch").set(count(keys.epoch));
        metrics::gauge!("callvault_keyring_unfinished").set(f64::from(u8::from(keys.unfinished)));
    }

    /// Whether everything the vault stands on answers: index, store and keyring.
    ///
    /// Asking costs the store a write: however often this is called, it is asked once in two seconds.
    pub async fn ready(&self) -> Ready {
        let mut known = self.0.watch.ready.lock().await;
        let now = self.0.clock.elapsed();
        if let Some((at, parts)) = known.as_ref()
            && now - *at < READY
        {
            return *parts;
        }
        let index = self.0.index.ping().await.is_ok();
        let store = self.0.store.probe().await.is_ok();
        let keyring = self.0.keys.refresh().await.is_ok();
        let ledger = self.must_be_sound().is_ok();
        let parts = [("index", index), ("store", store), ("keyring", keyring), ("ledger", ledger)];
        *known = Some((now, parts));
        parts
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge of a count needs no more than 52 bits")]
pub(super) fn count(value: impl TryInto<i64>) -> f64 {
    value.try_into().map_or(0.0, |value: i64| value as f64)
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn every_erasure_counts_and_only_those_by_term_can_be_late() {
        let recorder = PrometheusBuilder::new().build_recorder();
        metrics::with_local_recorder(&recorder, || {
            count_erased(Cause::Request, SignedDuration::from_hours(-2000));
            count_erased(Cause::Term, SignedDuration::from_secs(30));
        });
        let text = recorder.handle().render();
        for line in
            ["callvault_erased_total 2", "callvault_erasure_lag_seconds_sum 30", "_seconds_count 1"]
        {
            assert!(text.contains(line), "{line} in\n{text}");
        }
    }
}
