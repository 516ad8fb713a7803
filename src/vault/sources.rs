//! What comes from each PBX: counted in memory as it comes, written down now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use utoipa::ToSchema;

use super::error::Error;
use super::{Vault, must};
use crate::index::source_days::{self as rows, Came};
use crate::index::tokens;
use crate::model::{Caller, Class, CustomerRef, Day, Grant, Timestamp};
use crate::retention::Refusal;

/// How many days it is remembered.
const DAYS: i32 = 90;

/// How many days the longer figures are over.
const WEEK: i32 = 7;

/// What came since it was written down last.
#[derive(Default)]
pub(super) struct Sources(Mutex<BTreeMap<(String, Day), Came>>);

/// A source, as an operator sees it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceView {
    /// What it is called.
    pub source: String,
    /// How many of its tokens count.
    pub tokens: usize,
    /// The only class it may send, if it is bound to one.
    #[schema(value_type = Option<String>)]
    pub class: Option<Class>,
    /// The reference of the only customer it may send for, if it is bound to one.
    #[schema(value_type = Option<String>)]
    pub customer: Option<CustomerRef>,
    /// The only lines it may send for, if it is bound to some.
    pub lines: Option<BTreeSet<String>>,
    /// How many recordings came today (UTC).
    pub received_today: i64,
    /// How many came in seven days, today included.
    pub received_week: i64,
    /// How many uploads were refused in seven days.
    pub refused_week: i64,
    /// When the last recording came, within ninety days.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_received_at: Option<Timestamp>,
    /// When an upload was refused last, within ninety days.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_refused_at: Option<Timestamp>,
    /// Why: the code of the problem it was answered with.
    pub last_refusal: Option<String>,
}

impl Vault {
    /// Notes what became of an upload.
    pub(super) fn came(&self, caller: &Caller, outcome: Result<(), &Error>) {
        let now = self.0.clock.now();
        let key = (caller.ingest.source.clone(), now.day());
        let mut all = self.0.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
        let came = all.entry(key).or_default();
        match outcome {
            Ok(()) => {
                came.received += 1;
                came.received_at = Some(now);
            }
            Err(error) => {
                came.refused += 1;
                came.refused_at = Some(now);
                came.refused_code = Some(why(error));
            }
        }
    }

    /// Writes down what came since the last time.
    pub(super) async fn note_sources(&self) -> Result<(), Error> {
        let all = {
            let mut held = self.0.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *held)
        };
        if all.is_empty() {
            return Ok(());
        }
        let written = self.write_sources(&all).await;
        if written.is_err() {
            let mut held = self.0.sources.0.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, came) in all {
                let later = held.remove(&key);
                held.insert(key, joined(came, later));
            }
        }
        written
    }

    async fn write_sources(&self, all: &BTreeMap<(String, Day), Came>) -> Result<(), Error> {
        let oldest = Day(self.0.clock.now().day().0 - DAYS);
        let mut tx = self.addition().await?;
        for ((source, day), came) in all {
            rows::add(&mut tx, source, *day, came).await?;
        }
        rows::purge(&mut tx, oldest).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Every source that has a token, or sent something in ninety days. What another node took in a
    /// moment ago is not in it yet.
    pub async fn sources(&self, caller: &Caller) -> Result<Vec<SourceView>, Error> {
        must(caller, Grant::ManageTokens)?;
        self.note_sources().await?;
        let (db, now) = (&self.0.index, self.0.clock.now());
        let mut views = BTreeMap::<String, SourceView>::new();
        for (token, customer) in tokens::sources(db).await? {
            let Some(source) = token.source.clone() else { continue };
            let counts = token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end);
            let view = views.entry(source.clone()).or_insert_with(|| SourceView {
                class: token.class,
                customer: customer.clone(),
                lines: token.lines.clone(),
                ..blank(source)
            });
            if counts {
                view.tokens += 1;
                (view.class, view.customer, view.lines) = (token.class, customer, token.lines);
            }
        }
        let today = now.day();
        for sum in rows::since(db, Day(today.0 - DAYS)).await? {
            let view = views.entry(sum.source.clone()).or_insert_with(|| blank(sum.source));
            (view.last_received_at, view.last_refused_at) = (sum.received_at, sum.refused_at);
        }
        for sum in rows::since(db, Day(today.0 - WEEK + 1)).await? {
            if let Some(view) = views.get_mut(&sum.source) {
                (view.received_week, view.refused_week) = (sum.received, sum.refused);
            }
        }
        for sum in rows::since(db, today).await? {
            if let Some(view) = views.get_mut(&sum.source) {
                view.received_today = sum.received;
            }
        }
        for (source, code) in rows::last_refusals(db).await? {
            if let Some(view) = views.get_mut(&source) {
                view.last_refusal = Some(code);
            }
        }
        Ok(views.into_values().collect())
    }
}

fn blank(source: String) -> SourceView {
    SourceView {
        source,
        tokens: 0,
        class: None,
        customer: None,
        lines: None,
        received_today: 0,
        received_week: 0,
        refused_week: 0,
        last_received_at: None,
        last_refused_at: None,
        last_refusal: None,
    }
}

fn joined(earlier: Came, later: Option<Came>) -> Came {
    let Some(later) = later else { return earlier };
    Came {
        received: earlier.received + later.received,
        refused: earlier.refused + later.refused,
        received_at: later.received_at.or(earlier.received_at),
        refused_at: later.refused_at.or(earlier.refused_at),
        refused_code: later.refused_code.or(earlier.refused_code),
    }
}

/// Why an upload was refused, as the API says it.
fn why(error: &Error) -> &'static str {
    match error {
        Error::Refused(Refusal::NotCovered) => "not_covered",
        Error::Refused(Refusal::Clock) => "clock",
        Error::Refused(Refusal::PastDue) => "past_due",
        Error::EmergencyCall => "emergency_call",
        Error::NotSubscribed => "not_subscribed",
        Error::NoPolicy => "no_policy",
        Error::NotAudio => "not_audio",
        Error::TooLarge { .. } => "too_large",
        Error::Cut => "cut",
        Error::Conflict(_) => "conflict",
        Error::UnknownField(_) => "unknown_field",
        Error::Field { .. } => "invalid_field",
        Error::Malformed(_) => "malformed",
        Error::Full(_) => "full",
        _ => "failed",
    }
}
