//! What is shown of holds, and the reminders of those that nobody looked at in time.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::approvals::ApprovalView;
use super::super::error::Error;
use super::super::{Vault, must};
use crate::index::{approvals, holds, restrictions};
use crate::model::{
    Approval, Caller, Cursor, Day, Direction, Grant, Hold, HoldFilter, HoldId, HoldKind, Limit,
    Page, Timestamp,
};

/// A hold, as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct HoldView {
    /// Its identifier.
    pub id: Uuid,
    /// `legal_claim`, `authority_order` or `customer`.
    #[schema(value_type = String)]
    pub kind: HoldKind,
    /// The case behind it.
    pub case: String,
    /// Who placed it: a pseudonym.
    pub placed_by: Uuid,
    /// When.
    #[schema(value_type = String, format = DateTime)]
    pub placed_at: Timestamp,
    /// The day by which somebody looks whether it is still needed.
    pub review_on: String,
    /// Whether that day has passed.
    pub overdue: bool,
    /// How many recordings it keeps, or kept.
    pub recordings: i64,
    /// What it looks for, as far as that is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filter: Option<FilterView>,
    /// When it was released.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub released_at: Option<Timestamp>,
    /// What waits for a second person.
    pub pending: Vec<ApprovalView>,
}

/// What a hold looks for. Numbers and names are kept as keyed hashes only, so that they are not
/// told here.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FilterView {
    /// Which of `number`, `agent`, `queue` and `line` it names.
    pub by: Vec<&'static str>,
    /// Which way.
    #[schema(value_type = Option<String>)]
    pub direction: Option<Direction>,
    /// Calls that began at or after this.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Calls that began before this.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
}

/// Which holds are listed.
#[derive(Clone, Copy, Debug, Default)]
pub struct HoldsWanted {
    /// Only open ones, or only released ones.
    pub open: Option<bool>,
    /// Only those whose review is overdue.
    pub overdue: bool,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
    /// How many.
    pub limit: Option<u32>,
}

impl Vault {
    /// A page of holds, the newest first.
    pub async fn holds(
        &self,
        caller: &Caller,
        wanted: HoldsWanted,
    ) -> Result<Page<HoldView>, Error> {
        must(caller, Grant::SeeHolds)?;
        let limit = Limit::new(wanted.limit);
        let listing = holds::Listing {
            controller: caller.controller,
            open: wanted.open,
            overdue: wanted.overdue.then(|| self.0.clock.now().day()),
            after: wanted.cursor,
        };
        let found = holds::list(&self.0.index, &listing, limit).await?;
        let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
        let next = found
            .last()
            .filter(|_| full)
            .map(|last| Cursor { started_at: last.placed_at, id: last.id.0 }.to_string());
        Ok(Page { items: self.shown(&found).await?, next })
    }

    /// One hold.
    pub async fn hold(&self, caller: &Caller, id: HoldId) -> Result<HoldView, Error> {
        must(caller, Grant::SeeHolds)?;
        let found = holds::find(&self.0.index, caller.controller, id).await?;
        let hold = found.ok_or(Error::NotFound)?;
        self.shown(&[hold]).await?.pop().ok_or(Error::NotFound)
    }

    async fn shown(&self, found: &[Hold]) -> Result<Vec<HoldView>, Error> {
        let now = self.0.clock.now();
        let ids = found.iter().map(|hold| hold.id.0).collect();
        let pending = approvals::open_about(&self.0.index, ids, now).await?;
        Ok(found.iter().map(|hold| view(hold, &pending, now.day())).collect())
    }

    /// Says once a night, and in two gauges, what nobody looked at in time.
    pub(in crate::vault) async fn remind(&self) -> Result<(), Error> {
        let [held, restricted] = self.reviews_overdue().await?;
        if held > 0 {
            tracing::warn!(holds = held, "holds are past their review; review or release them");
        }
        if restricted > 0 {
            tracing::warn!(restrictions = restricted, "restrictions are past their review");
        }
        Ok(())
    }

    /// How many open holds, and how many open restrictions, are past their review.
    pub(in crate::vault) async fn reviews_overdue(&self) -> Result<[i64; 2], Error> {
        let today = self.0.clock.now().day();
        Ok([
            holds::count_overdue(&self.0.index, today).await?,
            restrictions::count_overdue(&self.0.index, today).await?,
        ])
    }
}

fn view(hold: &Hold, pending: &[Approval], today: Day) -> HoldView {
    HoldView {
        id: hold.id.0,
        kind: hold.kind,
        case: hold.case_id.clone(),
        placed_by: hold.placed_by.0,
        placed_at: hold.placed_at,
        review_on: hold.review_on.to_string(),
        overdue: hold.released_at.is_none() && hold.review_on < today,
        recordings: hold.recordings,
        filter: hold.filter.as_ref().map(filter),
        released_at: hold.released_at,
        pending: pending
            .iter()
            .filter(|approval| approval.subject == hold.id.0)
            .map(ApprovalView::from)
            .collect(),
    }
}

fn filter(filter: &HoldFilter) -> FilterView {
    let named = [
        ("number", filter.number.is_some()),
        ("agent", filter.agent.is_some()),
        ("queue", filter.queue.is_some()),
        ("line", filter.line.is_some()),
    ];
    FilterView {
        by: named.into_iter().filter(|(_, named)| *named).map(|(name, _)| name).collect(),
        direction: filter.direction,
        from: filter.from,
        to: filter.to,
    }
}
