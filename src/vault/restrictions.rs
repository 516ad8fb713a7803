//! What is open: restrictions and objections that nobody lifted or decided yet.

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::error::Error;
use super::{Vault, must};
use crate::index::restrictions::{self, Open};
use crate::model::{Caller, Cursor, Grant, Ground, Limit, Page, Timestamp};

/// A restriction or an objection that is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct OpenRestriction {
    /// Of which recording.
    pub recording: Uuid,
    /// `restriction` or `objection`.
    pub kind: String,
    /// Why: `accuracy`, `unlawful`, `claim` or `objection_pending`; of an objection nothing.
    #[schema(value_type = Option<String>)]
    pub ground: Option<Ground>,
    /// The opaque reference of the case behind it.
    pub case: String,
    /// Who noted it, by a pseudonym.
    pub by: Uuid,
    /// Since when.
    #[schema(value_type = String, format = DateTime)]
    pub since: Timestamp,
    /// The day by which somebody looks again, of a restriction.
    pub review_on: Option<String>,
}

impl From<Open> for OpenRestriction {
    fn from(row: Open) -> Self {
        Self {
            recording: row.recording_id.0,
            kind: row.kind,
            ground: row.ground,
            case: row.case_id,
            by: row.owner.0,
            since: row.since,
            review_on: row.review_on.map(|day| day.to_string()),
        }
    }
}

impl Vault {
    /// A page of what is open of the caller's controller, the longest open first.
    pub async fn restrictions(
        &self,
        caller: &Caller,
        after: Option<Cursor>,
        limit: Option<u32>,
    ) -> Result<Page<OpenRestriction>, Error> {
        must(caller, Grant::SeeErasures)?;
        let rows = Limit::new(limit).rows();
        let found = restrictions::list_open(&self.0.index, caller.controller, after, rows).await?;
        let full = found.len() as u64 == rows.unsigned_abs();
        let next = found.last().filter(|_| full);
        let next = next.map(|last| Cursor { started_at: last.since, id: last.id }.to_string());
        Ok(Page { items: found.into_iter().map(OpenRestriction::from).collect(), next })
    }
}
