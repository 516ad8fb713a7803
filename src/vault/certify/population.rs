//! The certificate of everything that was erased on a day or in a period.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::super::error::Error;
use super::super::fields::bad;
use super::super::{Vault, must};
use super::Issued;
use super::left::{Remains, days, unfinished};
use crate::index::erasures::{self, Erasure, Wanted};
use crate::ledger::certificate::{OfPopulation, Subject, What};
use crate::model::{Caller, Cause, Class, Cursor, Grant, Timestamp};
use crate::vault::erasures::csv_line;

/// How many rows are read at once.
const PAGE: i64 = 2000;

/// Which erasures a certificate is about.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Only of this class.
    pub class: Option<Class>,
    /// From this instant.
    pub from: Timestamp,
    /// Until before this one.
    pub to: Timestamp,
}

impl Vault {
    /// The certificate of everything of the caller's controller that was erased in a span of time.
    pub async fn certificate_of(&self, caller: &Caller, span: Span) -> Result<Issued, Error> {
        let wanted = self.wanted(caller, span)?;
        let (of, mut remains) = self.population(&wanted, span).await?;
        let index = &self.0.index;
        let (handed_out, reappeared) = erasures::open_ends(index, &wanted).await?;
        let mut more = |what, count: i64| {
            if count > 0 {
                remains.add(what, count.unsigned_abs(), None);
            }
        };
        more(What::HandedOut, handed_out);
        more(What::Reappeared, reappeared);
        for (code, count) in erasures::unfinished(index, &wanted).await? {
            more(unfinished(code.as_deref()), count);
        }
        more(What::NotErased, erasures::not_erased(index, &wanted).await?);
        let class = span.class.map_or("all", Class::as_str);
        let about = format!("population/{class}/{}/{}", span.from, span.to);
        let subject = Subject::Population(Box::new(of));
        let draft = self.draft(caller.controller, subject, &remains).await?;
        self.issue(caller.controller, &about, draft).await
    }

    /// The lines of the population of a span, without a head, sorted: what its hash is over.
    pub async fn population_csv(&self, caller: &Caller, span: Span) -> Result<String, Error> {
        let wanted = self.wanted(caller, span)?;
        let mut lines = BTreeSet::new();
        self.each(&wanted, |row| lines.extend([csv_line(row)])).await?;
        Ok(lines.into_iter().collect())
    }

    fn wanted(&self, caller: &Caller, span: Span) -> Result<Wanted, Error> {
        must(caller, Grant::SeeErasures)?;
        if span.from >= span.to {
            return Err(bad("to", "is not after from"));
        }
        if span.to > self.0.clock.now() {
            return Err(bad("to", "is not over yet: a certificate is about what was"));
        }
        let Span { class, from, to } = span;
        let (from, to) = (Some(from), Some(to));
        Ok(Wanted { controller: caller.controller, from, to, class, cause: None })
    }

    async fn population(
        &self,
        wanted: &Wanted,
        span: Span,
    ) -> Result<(OfPopulation, Remains), Error> {
        let mut rows = BTreeMap::new();
        self.each(wanted, |row| rows.extend([(row.id, row.clone())])).await?;
        let known: BTreeSet<_> = rows.values().flat_map(days).map(|(day, _)| day).collect();
        let known: Vec<_> = known.into_iter().collect();
        let forgettings = self.forgettings(&known).await?;
        let mut remains = Remains::default();
        let mut hash = Sha256::new();
        let mut of = OfPopulation {
            class: span.class,
            from: span.from,
            to: span.to,
            count: rows.len() as u64,
            causes: BTreeMap::new(),
            max_lag_s: None,
            late: 0,
            population_sha256: String::new(),
        };
        // By their ids: the lines begin with them, so this is the order of the lines.
        for row in rows.values() {
            hash.update(csv_line(row));
            remains.count(row, &forgettings);
            if let Some(cause) = row.cause {
                *of.causes.entry(cause).or_default() += 1;
            }
            let due = row.due_at.hour_rounded_up();
            if row.cause == Some(Cause::Term)
                && let Some(erased_at) = row.erased_at
            {
                let lag = erased_at.minute().since(due).as_secs();
                of.max_lag_s = of.max_lag_s.max(Some(lag));
                of.late += u64::from(lag > 0);
            }
        }
        of.population_sha256 = hex::encode(hash.finalize());
        Ok((of, remains))
    }

    async fn each(&self, wanted: &Wanted, mut take: impl FnMut(&Erasure)) -> Result<(), Error> {
        let mut after = None;
        loop {
            let page = erasures::list(&self.0.index, wanted, after, PAGE).await?;
            page.iter().for_each(&mut take);
            let Some(last) = page.last().filter(|_| page.len() as u64 == PAGE.unsigned_abs())
            else {
                return Ok(());
            };
            let at = last.erased_at.unwrap_or(last.due_at);
            after = Some(Cursor { started_at: at, id: last.id.0 });
        }
    }
}
