//! Who heard what, how much of it and what for: playbacks that go on, and what the ledger tells of
//! those that ended. By pseudonyms only.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::compliance::{Told, page};
use super::error::Error;
use super::{Vault, must};
use crate::index::playbacks::{self, Playback};
use crate::index::{erasures, recordings as rows};
use crate::model::{
    Caller, ControllerId, Event, Grant, Limit, Page, RecordingId, Timestamp, is_own_call, knows,
};

/// The cursor after a page that only playbacks that go on had room on: before the last entry.
const FROM_THE_LAST: i64 = i64::MAX;

/// One access to a recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Access {
    /// When it began; of older entries, when it was told.
    #[schema(value_type = String, format = DateTime)]
    pub at: Timestamp,
    /// When it ended; none while it goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub ended_at: Option<Timestamp>,
    /// `access.played`, `access.exported` or `access.denied`.
    pub event: String,
    /// What for.
    pub purpose: Option<String>,
    /// Who, by a pseudonym.
    pub by: Option<String>,
    /// How many percent of the recording's time were heard.
    pub coverage: Option<u64>,
    /// Whether it goes on.
    pub open: bool,
}

impl Vault {
    /// A page of who heard what and what for, the last first: what goes on comes first of all.
    pub async fn accesses(
        &self,
        caller: &Caller,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Page<Told>, Error> {
        must(caller, Grant::SeeCompliance)?;
        let rows = Limit::new(limit).rows();
        let open = self.open_playbacks(caller.controller, None, before, rows).await?;
        let left = left(rows, open.len());
        if left == 0 {
            return Ok(Page { items: open, next: Some(FROM_THE_LAST.to_string()) });
        }
        let found = erasures::accesses(&self.0.index, caller.controller, before, left).await?;
        let Page { items, next } = page(&found, left);
        Ok(Page { items: open.into_iter().chain(items).collect(), next })
    }

    /// A page of who heard one recording: for who decides over it or checks, and for the agent whose
    /// call it is.
    pub async fn accesses_of(
        &self,
        caller: &Caller,
        id: RecordingId,
        before: Option<i64>,
        limit: Option<u32>,
    ) -> Result<Page<Access>, Error> {
        let found = rows::find_for(&self.0.index, caller.controller, id).await?;
        let found = found.filter(|found| knows(caller, found)).ok_or(Error::NotFound)?;
        let checks = caller.has(Grant::SeeAccesses);
        if !checks && !is_own_call(caller, &found) {
            return Err(Error::Forbidden);
        }
        let rows = Limit::new(limit).rows();
        let of = (id, caller.controller);
        let open = self.open_playbacks(caller.controller, Some(id), before, rows).await?;
        let left = left(rows, open.len());
        let (told, next) = if left == 0 {
            (Vec::new(), Some(FROM_THE_LAST.to_string()))
        } else {
            let index = &self.0.index;
            let found = erasures::accesses_of(index, of, checks, before, left).await?;
            let Page { items, next } = page(&found, left);
            (items, next)
        };
        Ok(Page { items: open.iter().chain(&told).map(Access::from).collect(), next })
    }

    /// The playbacks that go on: they are on the first page.
    async fn open_playbacks(
        &self,
        controller: ControllerId,
        recording: Option<RecordingId>,
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<Told>, Error> {
        if before.is_some() {
            return Ok(Vec::new());
        }
        let open = playbacks::open(&self.0.index, controller, recording, limit).await?;
        Ok(open.iter().map(Told::from).collect())
    }
}

fn left(rows: i64, taken: usize) -> i64 {
    i64::try_from(taken).map_or(0, |taken| (rows - taken).max(0))
}

impl From<&Playback> for Told {
    fn from(row: &Playback) -> Self {
        let case = Some(&row.case_id).filter(|case| !case.is_empty());
        let mut details = json!({ "pb": row.id, "case": case });
        if let Some(details) = details.as_object_mut() {
            details.retain(|_, value| !value.is_null());
        }
        Self {
            index: None,
            at: row.started_at,
            event: Event::AccessPlayed.to_string(),
            recording: Some(row.recording.0),
            by: Some(row.principal.to_string()),
            purpose: Some(row.purpose.to_string()),
            coverage: u64::try_from(row.coverage).ok(),
            open: true,
            details,
        }
    }
}

impl From<&Told> for Access {
    fn from(told: &Told) -> Self {
        let began = told.details.get("from").and_then(Value::as_str);
        let began = began.and_then(|began| began.parse().ok());
        Self {
            at: began.unwrap_or(told.at),
            ended_at: (!told.open).then_some(told.at),
            event: told.event.clone(),
            purpose: told.purpose.clone(),
            by: told.by.clone(),
            coverage: told.coverage,
            open: told.open,
        }
    }
}
