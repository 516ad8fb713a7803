//! What a change of policy would do, counted exactly and without doing any of it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Decider, PolicyWish, limits};
use crate::index::recordings::{Glimpse, Names, glimpse};
use crate::model::{
    Call, Caller, Customer, CustomerRef, Grant, Place, Policy, Scope, Term, Timestamp,
};
use crate::retention::{Calendar, Change, Fate, Kept};
use crate::vault::Vault;
use crate::vault::error::Error;

/// How many recordings are looked at in one go: so many are in memory at once.
const PAGE: i64 = 8192;

/// Some recordings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// How big they are together.
    pub bytes: u64,
    /// When the oldest of the calls ended.
    pub oldest: Option<Timestamp>,
}

impl Tally {
    fn add(&mut self, bytes: u64, ended_at: Timestamp) {
        self.count += 1;
        self.bytes += bytes;
        self.oldest = Some(self.oldest.map_or(ended_at, |oldest| oldest.min(ended_at)));
    }
}

/// What a change does to the recordings of one scope, or to all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Share {
    /// Those whose term is over as soon as the change is in force.
    pub erased_now: Tally,
    /// Those whose term ends earlier.
    pub erased_earlier: Tally,
    /// Those whose term ends later.
    pub kept_longer: Tally,
    /// Those whose term ends earlier and that a hold or a restriction keeps all the same.
    pub held: Tally,
    /// Those that the law behind the floor keeps.
    pub floored: Tally,
    /// Those whose term is over already.
    pub past_due: Tally,
    /// Those that stay as they are.
    pub unchanged: Tally,
}

impl Share {
    fn of(&mut self, fate: Fate) -> &mut Tally {
        match fate {
            Fate::ErasedNow => &mut self.erased_now,
            Fate::ErasedEarlier => &mut self.erased_earlier,
            Fate::KeptLonger => &mut self.kept_longer,
            Fate::Held => &mut self.held,
            Fate::Floored => &mut self.floored,
            Fate::PastDue => &mut self.past_due,
            Fate::Unchanged => &mut self.unchanged,
        }
    }

    /// Whether the term of any recording gets shorter.
    #[must_use]
    pub fn shortens(&self) -> bool {
        self.erased_now.count + self.erased_earlier.count + self.held.count > 0
    }

    /// How many recordings would be erased before their time, held ones when they are let go.
    #[must_use]
    pub fn early(&self) -> u64 {
        self.erased_now.count + self.erased_earlier.count + self.held.count
    }
}

/// What a change of policy would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// The version in force that it would replace; 0 for none.
    pub replaces: i32,
    /// When it would be in force.
    pub effective_at: Timestamp,
    /// To all recordings.
    pub total: Share,
    /// By the rule that counts for them; without a scope: those that no rule covers.
    pub scopes: Vec<(Option<Scope>, Term, Share)>,
    /// What a change to this policy has to come with.
    pub token: String,
}

impl Vault {
    /// What another policy would do, at this moment. Changes nothing.
    pub async fn preview_policy(
        &self,
        caller: &Caller,
        reference: &CustomerRef,
        wish: &PolicyWish,
    ) -> Result<Preview, Error> {
        self.preview_policy_by(Decider::Caller(caller), reference, wish).await
    }

    /// The same, also for whoever can run commands on the machine.
    pub async fn preview_policy_by(
        &self,
        by: Decider<'_>,
        reference: &CustomerRef,
        wish: &PolicyWish,
    ) -> Result<Preview, Error> {
        let customer = self.customer_of_policy(by, Grant::SetPolicies, reference).await?;
        let policy = self.wished(&customer, wish).await?;
        let counted = self.count(&customer, &policy, wish.apply_to_existing).await?;
        let mut shares = counted.shares;
        let scopes = policy.terms().map(|(place, term)| {
            let scope = place.and_then(|at| policy.rules().get(at)).map(|rule| rule.scope.clone());
            (scope, term, shares.remove(&place).unwrap_or_default())
        });
        Ok(Preview {
            replaces: customer.policy_version,
            effective_at: counted.effective_at,
            scopes: scopes.collect(),
            token: self.preview_token(&customer, &policy, wish, counted.total.early())?,
            total: counted.total,
        })
    }

    /// Counts what a policy would do.
    ///
    /// A shorter term is in force only after the cooling-off, so that is what is counted for; when
    /// it turns out to shorten nothing it is in force at once.
    pub(super) async fn count(
        &self,
        customer: &Customer,
        policy: &Policy,
        apply_to_existing: bool,
    ) -> Result<Counted, Error> {
        let now = self.0.clock.now();
        let cooled = now.plus(self.0.settings.cooling_off);
        let zone = self.0.settings.schedule.zone.clone();
        let kinds = policy.kinds();
        let names = Names {
            line: kinds.contains("line"),
            agent: kinds.contains("agent"),
            queue: kinds.contains("queue"),
            direction: kinds.contains("direction"),
        };
        let mut change = Change {
            limits: limits(customer),
            apply_to_existing,
            shortens: true,
            effective_at: cooled,
            now,
            calendar: Calendar::new(&zone),
        };
        let mut counted = Counted::default();
        let page = async |after| glimpse(&self.0.index, customer.id, after, names, PAGE).await;
        let mut rows = page(None).await?;
        while let Some(last) = rows.last() {
            // The next ones are read while these are counted.
            let after = Some((last.ended_at, last.id));
            let next = page(after);
            let count = async {
                for row in &rows {
                    counted.add(row, policy, &mut change);
                }
            };
            let (next, ()) = tokio::join!(next, count);
            rows = next?;
        }
        counted.effective_at = if counted.total.shortens() { cooled } else { now };
        Ok(counted)
    }
}

/// What was counted.
pub(super) struct Counted {
    pub(super) effective_at: Timestamp,
    pub(super) total: Share,
    pub(super) shares: BTreeMap<Place, Share>,
}

impl Default for Counted {
    fn default() -> Self {
        let effective_at = Timestamp::from_micros(0).expect("the epoch is a time");
        Self { effective_at, total: Share::default(), shares: BTreeMap::new() }
    }
}

impl Counted {
    fn add(&mut self, row: &Glimpse, policy: &Policy, change: &mut Change<'_>) {
        let call = Call {
            line: row.line.as_deref(),
            agent: row.agent.as_deref(),
            queue: row.queue.as_deref(),
            direction: row.direction,
        };
        let place = policy.place(&call);
        let kept = Kept { ended_at: row.ended_at, due_at: row.due_at, suspended: row.suspended };
        let (fate, _) = change.fate(&kept, policy.term(place));
        self.total.of(fate).add(row.size_bytes, row.ended_at);
        self.shares.entry(place).or_default().of(fate).add(row.size_bytes, row.ended_at);
    }
}
