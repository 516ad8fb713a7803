//! The certificate of everything that was erased on a day or in a period.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::super::error::Error;
use super::super::fields::bad;
use super::super::{Vault, must};
use super::Issued;
use super::left::{Remains, unfinished};
use crate::index::erasures::{self, Erasure, Wanted};
use crate::ledger::certificate::{OfPopulation, Subject, What};
use crate::model::{Caller, Cause, Class, Grant, RecordingId, Timestamp};
use crate::vault::erasures::{csv_head, csv_line};

/// How many rows are read at once.
const PAGE: i64 = 2000;

/// As many are read and sorted at once.
const FEW: i64 = 10_000;

/// Where a walk over a population goes on.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The first byte of the ids.
    folder: u8,
    /// After this one.
    after: Option<RecordingId>,
}

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

    /// A chunk of the lines of the population of a span, sorted, with a head before the first one:
    /// what its hash is over; and where the next chunk begins.
    pub async fn population_csv(
        &self,
        caller: &Caller,
        span: Span,
        from: Option<Place>,
    ) -> Result<(String, Option<Place>), Error> {
        let wanted = self.wanted(caller, span)?;
        let mut chunk = if from.is_none() { csv_head() } else { String::new() };
        let (rows, next) = self.chunk(&wanted, from).await?;
        for row in &rows {
            chunk.push_str(&csv_line(row));
        }
        Ok((chunk, next))
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
        let first = erasures::first_day(&self.0.index, wanted).await?;
        let forgettings = self.forgettings(wanted.controller, first).await?;
        let mut remains = Remains::default();
        let mut hash = Sha256::new();
        let mut of = OfPopulation {
            class: span.class,
            from: span.from,
            to: span.to,
            count: 0,
            causes: BTreeMap::new(),
            max_lag_s: None,
            late: 0,
            population_sha256: String::new(),
        };
        let mut place = None;
        loop {
            let (rows, next) = self.chunk(wanted, place).await?;
            for row in &rows {
                hash.update(csv_line(row));
                remains.count(row, &forgettings);
                count(&mut of, row);
            }
            place = next;
            if place.is_none() {
                break;
            }
        }
        of.population_sha256 = hex::encode(hash.finalize());
        Ok((of, remains))
    }

    /// The next rows in the order of their ids, and where it goes on. The lines begin with the ids,
    /// so this is the order of the lines; few rows are sorted here, many are walked over.
    async fn chunk(
        &self,
        wanted: &Wanted,
        from: Option<Place>,
    ) -> Result<(Vec<Erasure>, Option<Place>), Error> {
        let index = &self.0.index;
        let Place { folder, after } = match from {
            Some(place) => place,
            None if erasures::count(index, wanted).await? <= FEW => {
                let mut rows = erasures::list(index, wanted, None, FEW).await?;
                rows.sort_unstable_by_key(|row| row.id);
                return Ok((rows, None));
            }
            None => Place { folder: 0, after: None },
        };
        let rows = erasures::walk(index, wanted, folder, after, PAGE).await?;
        let more = rows.len() as u64 == PAGE.unsigned_abs();
        let next = match rows.last() {
            Some(last) if more => Some(Place { folder, after: Some(last.id) }),
            _ => folder.checked_add(1).map(|folder| Place { folder, after: None }),
        };
        Ok((rows, next))
    }
}

fn count(of: &mut OfPopulation, row: &Erasure) {
    of.count += 1;
    if let Some(cause) = row.cause {
        *of.causes.entry(cause).or_default() += 1;
    }
    if row.cause == Some(Cause::Term)
        && let Some(erased_at) = row.erased_at
    {
        let lag = erased_at.minute().since(row.due_at.hour_rounded_up()).as_secs();
        of.max_lag_s = of.max_lag_s.max(Some(lag));
        of.late += u64::from(lag > 0);
    }
}
