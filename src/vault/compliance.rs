//! The figures of somebody who checks, and what the ledger tells of accesses and of terms.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::error::Error;
use super::{Vault, must};
use crate::index::compliance::{self, Counted, Lag};
use crate::index::{controllers, erasures, facts, ledger_tiles};
use crate::model::{
    Caller, Cause, Class, ControllerId, Entry, Grant, Limit, Page, State, Timestamp,
};

/// Over which erasures the lag is told: those of the last 90 days.
const LAG_OVER: SignedDuration = SignedDuration::from_hours(-24 * 90);

/// The fact under which the index remembers what reconciling found last.
pub(super) const RECONCILED: &str = "reconciled";

/// The figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Compliance {
    /// When all this was so.
    #[schema(value_type = String, format = DateTime)]
    pub as_of: Option<Timestamp>,
    /// Recordings that were accepted, ever.
    pub accepted: u64,
    /// Whose audio is there.
    pub stored: u64,
    /// Being erased.
    pub erasing: u64,
    /// Lost.
    pub lost: u64,
    /// Erased, by cause.
    pub erased: BTreeMap<String, u64>,
    /// Of those: by another cause than the term.
    pub early: BTreeMap<String, u64>,
    /// Past due, not verifiably gone, and kept by nothing.
    pub overdue: u64,
    /// When the first of them was due.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub overdue_since: Option<Timestamp>,
    /// Past their point of no return and not verifiably gone, by why: the store still has the
    /// object (`present`) or versions of it (`versions_remain`), or does not say (`unknown`).
    pub unverified: BTreeMap<String, u64>,
    /// Of those: how many keep failing.
    pub stuck: u64,
    /// Erased recordings whose object was in the store again and not absent since.
    pub reappeared: u64,
    /// How old the oldest support recording is, in seconds since its call ended.
    pub oldest_support_s: Option<i64>,
    /// How long after their due time recordings were verifiably gone.
    pub erasure_lag: LagView,
    /// How many become due in 24 hours.
    pub due_24h: u64,
    /// In 7 days.
    pub due_7d: u64,
    /// In 30 days.
    pub due_30d: u64,
    /// Past due and kept, by ground.
    pub suspended: BTreeMap<String, u64>,
    /// Objects in the store without a recording, when it was last compared; of all controllers.
    pub orphans: Option<u64>,
    /// Recordings without an object, when that was; of all controllers.
    pub missing: Option<u64>,
    /// When store and index were last compared.
    pub reconciled_at: Option<String>,
    /// Call details past their term.
    pub metadata_overdue: u64,
    /// How often somebody heard far more recordings than the others on a day, in the last 30 days.
    pub listening_outliers_30d: u64,
    /// The day of the last forgetting.
    pub last_forgetting: Option<String>,
    /// How many entries the ledger has.
    pub ledger_size: u64,
    /// How many of them are under its checkpoint.
    pub ledger_signed: u64,
    /// How old that is, in seconds.
    pub checkpoint_age_s: Option<i64>,
}

/// Seconds from due to gone, of the erasures by term of the last 90 days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LagView {
    /// How many erasures.
    pub count: u64,
    /// The median.
    pub p50_s: Option<i64>,
    /// What 95 in 100 stay within.
    pub p95_s: Option<i64>,
    /// What 99 in 100 stay within.
    pub p99_s: Option<i64>,
    /// The longest.
    pub max_s: Option<i64>,
}

/// What an entry of the ledger tells.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Told {
    /// Its place in the ledger; none of a playback that goes on.
    pub index: Option<u64>,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// What.
    pub event: String,
    /// About which recording, if one.
    pub recording: Option<uuid::Uuid>,
    /// Who, by a pseudonym.
    pub by: Option<String>,
    /// What for.
    pub purpose: Option<String>,
    /// How many percent of the recording's time were heard in a playback.
    pub coverage: Option<u64>,
    /// Whether it goes on: its entry in the ledger comes when it ends.
    pub open: bool,
    /// The rest: codes, ids and numbers.
    #[schema(value_type = Object)]
    pub details: Value,
}

impl Vault {
    /// The figures of the caller's controller.
    pub async fn compliance(&self, caller: &Caller) -> Result<Compliance, Error> {
        must(caller, Grant::SeeCompliance)?;
        let (index, of, now) = (&self.0.index, caller.controller, self.0.clock.now());
        let overdue = compliance::overdue(index, of, now).await?;
        let days = |days: i64| now.plus(SignedDuration::from_hours(24 * days));
        let due = compliance::due_until(index, of, now, [days(1), days(7), days(30)]).await?;
        let oldest = compliance::oldest(index, of, Class::Support).await?;
        let lags = compliance::lags(index, of, now.plus(LAG_OVER)).await?;
        let suspended = compliance::suspended(index, of, now).await?;
        let (unverified, reappeared) = compliance::of_the_store(index, of).await?;
        let reconciled = facts::find(index, RECONCILED).await?;
        let reconciled: Value =
            reconciled.and_then(|found| serde_json::from_str(&found).ok()).unwrap_or_default();
        let log = ledger_tiles::log(index, of).await?;
        let signed_at = log.as_ref().and_then(|log| log.signed_at);
        let figures = Compliance {
            as_of: Some(now),
            overdue: overdue.count.unsigned_abs(),
            overdue_since: overdue.oldest_due,
            stuck: unverified.iter().map(|(.., stuck)| stuck.unsigned_abs()).sum(),
            unverified: unverified
                .into_iter()
                .map(|(why, count, _)| (why, count.unsigned_abs()))
                .collect(),
            reappeared: reappeared.unsigned_abs(),
            oldest_support_s: oldest.map(|ended| now.since(ended).as_secs()),
            erasure_lag: LagView::of(&lags),
            due_24h: due.0.unsigned_abs(),
            due_7d: due.1.unsigned_abs(),
            due_30d: due.2.unsigned_abs(),
            suspended: suspended
                .into_iter()
                .map(|(ground, n)| (ground, n.unsigned_abs()))
                .collect(),
            orphans: reconciled["orphans"].as_u64(),
            missing: reconciled["missing"].as_u64(),
            reconciled_at: reconciled["at"].as_str().map(str::to_owned),
            metadata_overdue: compliance::metadata_overdue(index, of, now).await?.unsigned_abs(),
            listening_outliers_30d: compliance::outliers(index, of, days(-30))
                .await?
                .unsigned_abs(),
            last_forgetting: self.last_forgetting().await?.map(|day| day.to_string()),
            ledger_size: log.as_ref().map_or(0, |log| log.size.unsigned_abs()),
            ledger_signed: log.as_ref().map_or(0, |log| log.signed.unsigned_abs()),
            checkpoint_age_s: signed_at.map(|at| now.since(at).as_secs()),
            ..Compliance::default()
        };
        Ok(figures.with(&compliance::counts(index, of).await?))
    }

    /// A page of how terms were changed, the last first.
    pub async fn policy_changes(
        &self,
        caller: &Caller,
        customer: Option<&str>,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Page<Told>, Error> {
        must(caller, Grant::SeeCompliance)?;
        let of = match customer {
            None => caller.controller,
            Some(customer) => self.changes_of(caller, customer).await?,
        };
        let rows = Limit::new(limit).rows();
        let found = erasures::policy_changes(&self.0.index, of, before, rows).await?;
        Ok(page(&found, rows))
    }
}

impl Vault {
    /// The customer whose changes of terms somebody wants to see: the provider's compliance sees how
    /// long every customer keeps, as [`Vault::policy_history`] has it; anybody else the own.
    async fn changes_of(&self, caller: &Caller, customer: &str) -> Result<ControllerId, Error> {
        let reference = customer.parse().map_err(|_| Error::NotFound)?;
        let found = controllers::find_customer(&self.0.index, &reference).await?;
        let all = caller.controller == self.0.provider && caller.has(Grant::SeePolicies);
        let reached = found.filter(|found| all || found.id == caller.controller);
        reached.map(|customer| customer.id).ok_or(Error::NotFound)
    }
}

impl Compliance {
    fn with(mut self, counts: &[Counted]) -> Self {
        for row in counts {
            let count = row.count.unsigned_abs();
            self.accepted += count;
            match row.state {
                State::Stored => self.stored += count,
                State::Erasing => self.erasing += count,
                State::Lost => self.lost += count,
                State::AudioErased | State::Tombstone => {
                    let cause = row.cause.map_or("unknown", Cause::as_str);
                    *self.erased.entry(cause.into()).or_default() += count;
                    if row.cause != Some(Cause::Term) {
                        *self.early.entry(cause.into()).or_default() += count;
                    }
                }
            }
        }
        self
    }
}

impl LagView {
    fn of(lags: &[Lag]) -> Self {
        let total = lags.first().map_or(0, |lag| lag.total);
        let at = |place: i64| {
            let found = lags.iter().find(|lag| lag.place == place);
            // Up to the next second: what is late is never told to be in time.
            found.map(|lag| lag.lag.div_euclid(1_000_000) + i64::from(lag.lag % 1_000_000 != 0))
        };
        let percent = |percent: i64| at((total * percent + 99) / 100);
        Self {
            count: total.unsigned_abs(),
            p50_s: percent(50),
            p95_s: percent(95),
            p99_s: percent(99),
            max_s: at(total),
        }
    }
}

pub(super) fn page(found: &[Entry], rows: i64) -> Page<Told> {
    let full = found.len() as u64 == rows.unsigned_abs();
    let next = found.last().filter(|_| full).map(|last| last.seq.to_string());
    Page { items: found.iter().map(Told::from).collect(), next }
}

impl From<&Entry> for Told {
    fn from(entry: &Entry) -> Self {
        let mut details = match serde_json::from_str(&entry.body) {
            Ok(Value::Object(details)) => details,
            _ => serde_json::Map::new(),
        };
        let mut word = |key: &str| match details.remove(key) {
            Some(Value::String(word)) => Some(word),
            _ => None,
        };
        let (by, purpose) = (word("by"), word("purpose"));
        let coverage = details.remove("cov").and_then(|percent| percent.as_u64());
        for known in ["v", "at", "ev", "rec"] {
            details.remove(known);
        }
        Self {
            index: Some(entry.seq.unsigned_abs()),
            at: entry.at,
            event: entry.event.to_string(),
            recording: entry.recording.map(|id| id.0),
            by,
            purpose,
            coverage,
            open: false,
            details: Value::Object(details),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_nearest_rank() {
        let lag = |place, lag| Lag { place, total: 200, lag };
        let lags = [lag(100, 1_000_000), lag(190, 1_500_000), lag(198, -500_000), lag(200, 9)];
        let view = LagView::of(&lags);
        let told = [view.p50_s, view.p95_s, view.p99_s, view.max_s];
        assert_eq!(told, [Some(1), Some(2), Some(0), Some(1)]);
        assert_eq!(LagView::of(&[]), LagView::default());
        let one = LagView::of(&[Lag { place: 1, total: 1, lag: 5_000_000 }]);
        assert_eq!((one.count, one.p50_s, one.max_s), (1, Some(5), Some(5)));
    }
}
