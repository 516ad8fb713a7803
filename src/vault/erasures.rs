//! What was erased: the population, for those who check it.

use csv::{QuoteStyle, Terminator, WriterBuilder};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Error;
use super::{Vault, must};
use crate::index::erasures::{self, Erasure, Wanted};
use crate::model::{
    Caller, Cause, Class, Cursor, Grant, Limit, Page, RecordingId, State, Timestamp,
};

/// How many rows a chunk of a CSV file has.
const CHUNK: i64 = 1000;

/// The columns of the population.
const COLUMNS: [&str; 9] = [
    "recording",
    "class",
    "policy",
    "due_at",
    "cause",
    "case",
    "key_destroyed_at",
    "erased_at",
    "state",
];

/// Which erasures.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErasureFilter {
    /// Verified at or after this.
    pub from: Option<Timestamp>,
    /// Verified before this.
    pub to: Option<Timestamp>,
    /// Of this class.
    pub class: Option<Class>,
    /// For this cause.
    pub cause: Option<Cause>,
    /// After this place in the list.
    pub cursor: Option<Cursor>,
    /// How many.
    pub limit: Option<u32>,
}

/// An erasure, as a tombstone tells of it: nothing personal, and no time that tells of the call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ErasureView {
    /// Of which recording.
    pub id: uuid::Uuid,
    /// Its class.
    #[schema(value_type = String)]
    pub class: Class,
    /// Where it is in its life.
    #[schema(value_type = String)]
    pub state: State,
    /// The policy it was kept under.
    pub policy: String,
    /// The hour by which it had to be gone.
    #[schema(value_type = String, format = DateTime)]
    pub due_at: Timestamp,
    /// Why it was erased.
    #[schema(value_type = Option<String>)]
    pub cause: Option<Cause>,
    /// The opaque reference of the case behind that.
    pub case: Option<String>,
    /// The minute its key was destroyed in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub key_destroyed_at: Option<Timestamp>,
    /// The minute its absence was verified in.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
    /// Whether it was looked for again a day later, and was absent.
    pub looked_again: bool,
}

impl From<&Erasure> for ErasureView {
    fn from(row: &Erasure) -> Self {
        Self {
            id: row.id.0,
            class: row.class,
            state: row.state,
            policy: row.policy.clone(),
            due_at: row.due_at.hour_rounded_up(),
            cause: row.cause,
            case: row.case_id.clone(),
            key_destroyed_at: row.key_destroyed_at.map(Timestamp::minute),
            erased_at: row.erased_at.map(Timestamp::minute),
            looked_again: row.erased_at.is_some() && row.look_again_at.is_none(),
        }
    }
}

impl Vault {
    /// A page of what was erased, the last first.
    pub async fn erasures(
        &self,
        caller: &Caller,
        filter: &ErasureFilter,
    ) -> Result<Page<ErasureView>, Error> {
        let limit = Limit::new(filter.limit);
        let (rows, next) = self.erased_page(caller, filter, limit.rows()).await?;
        let next = next.map(|next| next.to_string());
        Ok(Page { items: rows.iter().map(ErasureView::from).collect(), next })
    }

    /// A chunk of the same as CSV, with a head before the first one, and where the next one begins.
    pub async fn erasures_csv(
        &self,
        caller: &Caller,
        filter: &ErasureFilter,
    ) -> Result<(String, Option<Cursor>), Error> {
        let (rows, next) = self.erased_page(caller, filter, CHUNK).await?;
        let mut chunk = if filter.cursor.is_none() { csv_head() } else { String::new() };
        for row in &rows {
            chunk.push_str(&csv_line(row));
        }
        Ok((chunk, next))
    }

    /// One erasure, finished or under way.
    pub async fn erasure(&self, caller: &Caller, id: RecordingId) -> Result<ErasureView, Error> {
        must(caller, Grant::SeeErasures)?;
        let found = erasures::find(&self.0.index, caller.controller, id).await?;
        found.as_ref().map(ErasureView::from).ok_or(Error::NotFound)
    }

    async fn erased_page(
        &self,
        caller: &Caller,
        filter: &ErasureFilter,
        limit: i64,
    ) -> Result<(Vec<Erasure>, Option<Cursor>), Error> {
        must(caller, Grant::SeeErasures)?;
        let ErasureFilter { from, to, class, cause, cursor, .. } = *filter;
        let wanted = Wanted { controller: caller.controller, from, to, class, cause };
        let rows = erasures::list(&self.0.index, &wanted, cursor, limit).await?;
        let full = rows.len() as u64 == limit.unsigned_abs();
        let next = rows
            .last()
            .filter(|_| full)
            .and_then(|last| Some(Cursor { started_at: last.erased_at?, id: last.id.0 }));
        Ok((rows, next))
    }
}

/// The head of the population as CSV.
#[must_use]
pub fn csv_head() -> String {
    record(COLUMNS.map(str::to_owned))
}

/// A line of it. It says the same before and after the call details went, but for the state.
pub(super) fn csv_line(row: &Erasure) -> String {
    let view = ErasureView::from(row);
    let time = |at: Option<Timestamp>| at.map_or_else(String::new, |at| at.to_string());
    record([
        view.id.to_string(),
        view.class.to_string(),
        view.policy,
        view.due_at.to_string(),
        view.cause.map_or_else(String::new, |cause| cause.to_string()),
        view.case.unwrap_or_default(),
        time(view.key_destroyed_at),
        time(view.erased_at),
        "erased".into(),
    ])
}

fn record(fields: [String; 9]) -> String {
    let mut writer = WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .quote_style(QuoteStyle::Necessary)
        .from_writer(Vec::new());
    // Into memory, and text: neither can fail.
    drop(writer.write_record(fields.map(harmless)));
    writer.into_inner().ok().and_then(|line| String::from_utf8(line).ok()).unwrap_or_default()
}

/// A field that no spreadsheet takes for a formula.
fn harmless(field: String) -> String {
    if field.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        format!("'{field}")
    } else {
        field
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_field_is_a_formula_and_none_breaks_out_of_its_column() {
        let cases = [
            ("=1+1", "'=1+1"),
            ("-A/1", "'-A/1"),
            ("+x", "'+x"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("C-2026/17", "C-2026/17"),
            ("a,b", "\"a,b\""),
            ("a\"b", "\"a\"\"b\""),
            ("", ""),
        ];
        for (field, expected) in cases {
            let mut fields = COLUMNS.map(|_| "x".to_owned());
            fields[1] = field.into();
            assert_eq!(record(fields), format!("x,{expected},x,x,x,x,x,x,x\n"), "{field:?}");
        }
    }
}
