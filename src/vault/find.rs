//! Finding recordings: only what the caller may know of.

use std::collections::HashSet;

use super::error::Error;
use super::fields::bad;
use super::view::RecordingView;
use super::{Vault, must, numbers};
use crate::index::{self, recordings::Search};
use crate::model::{
    Caller, Class, Cursor, Direction, E164, Grant, Limit, Page, Recording, RecordingId, Role,
    State, Timestamp, knows,
};

/// What to look for. Everything is optional.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The class.
    pub class: Option<Class>,
    /// Calls that began at or after this.
    pub from: Option<Timestamp>,
    /// Calls that began before this.
    pub to: Option<Timestamp>,
    /// A number that called or was called, in any dialable form.
    pub number: Option<String>,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue.
    pub queue: Option<String>,
    /// Which way.
    pub direction: Option<Direction>,
    /// At least this many seconds of sound.
    pub min_duration: Option<f64>,
    /// At most this many seconds of sound.
    pub max_duration: Option<f64>,
    /// Where in its life; live recordings unless said.
    pub state: Option<State>,
    /// With this tag.
    pub tag: Option<String>,
    /// A number or an agent; for those who train, also what tags and notes hold.
    pub q: Option<String>,
    /// Where the last page ended.
    pub cursor: Option<Cursor>,
    /// How many.
    pub limit: Option<u32>,
}

/// How many pages of recordings are looked through for a text at once.
const BATCHES: usize = 5;

impl Vault {
    /// A page of the recordings that the caller may know of, newest first.
    ///
    /// Searching a number never finds a call whose caller withheld it: that number is not there.
    pub async fn find(
        &self,
        caller: &Caller,
        filter: &Filter,
    ) -> Result<Page<RecordingView>, Error> {
        must(caller, Grant::Find)?;
        if filter.state == Some(State::Tombstone) {
            must(caller, Grant::SeeErasures)?;
        }
        let limit = Limit::new(filter.limit);
        if self.0.keys.is_behind(caller.controller, &[]) {
            self.0.keys.refresh().await?;
        }
        let blind = self.number_sought(caller, filter)?;
        let lines: Option<Vec<String>> =
            caller.lines.as_ref().map(|lines| lines.iter().cloned().collect());
        let tag = match &filter.tag {
            Some(tag) => {
                must(caller, Grant::Annotate)?;
                Some(self.blind_tag(caller.controller, tag)?)
            }
            None => None,
        };
        let search = Search {
            tag: tag.as_ref(),
            ..search(caller, filter, blind.as_ref(), lines.as_deref())
        };
        let (found, next) = if let Some(sought) = search.named_or_annotated {
            self.look_through(caller, &search, sought, limit).await?
        } else {
            let found = index::recordings::search(&self.0.index, &search, limit).await?;
            let full = i64::try_from(found.len()).is_ok_and(|count| count >= limit.rows());
            let last = found.last().filter(|_| full).map(index::recordings::position);
            (found, last)
        };
        let next = next.map(|next| next.to_string());
        Ok(Page { items: self.views(caller, &found).await?, next })
    }

    /// What an agent of this name answered, and what has it in a tag or a note, newest first.
    ///
    /// Notes are opened for it, so a page looks through so many recordings and no more: it can hold
    /// fewer than there is room for, and the next one goes on from there.
    async fn look_through(
        &self,
        caller: &Caller,
        search: &Search<'_>,
        sought: &str,
        limit: Limit,
    ) -> Result<(Vec<Recording>, Option<Cursor>), Error> {
        let (batch, mut search) = (Limit::new(Some(200)), *search);
        let mut found = Vec::new();
        for _ in 0..BATCHES {
            let among = index::recordings::search(&self.0.index, &search, batch).await?;
            self.catch_up(&among).await?;
            let noted: HashSet<_> = self.noted(caller, &among, sought).await?.into_iter().collect();
            search.after = among.last().map(index::recordings::position);
            let last = among.len() as u64 <= batch.rows().unsigned_abs().saturating_sub(1);
            for recording in among {
                let theirs = recording.metadata.agent.as_deref() == Some(sought);
                if theirs || noted.contains(&recording.id) {
                    found.push(recording);
                }
                if found.len() as u64 == limit.rows().unsigned_abs() {
                    let next = found.last().map(index::recordings::position);
                    return Ok((found, next));
                }
            }
            if last {
                return Ok((found, None));
            }
        }
        Ok((found, search.after))
    }

    /// One recording that the caller may know of.
    pub async fn get(&self, caller: &Caller, id: RecordingId) -> Result<RecordingView, Error> {
        let asks = caller.has(Grant::Find) || caller.is(Role::Legal);
        if !asks {
            return Err(Error::Forbidden);
        }
        let found = index::recordings::find_for(&self.0.index, caller.controller, id).await?;
        let recording = found.filter(|found| knows(caller, found)).ok_or(Error::NotFound)?;
        self.views(caller, &[recording]).await?.pop().ok_or(Error::NotFound)
    }

    /// What the number looked for is found by, if one is.
    fn number_sought(&self, caller: &Caller, filter: &Filter) -> Result<Option<[u8; 32]>, Error> {
        let number = match &filter.number {
            Some(text) => {
                Some(text.parse::<E164>().map_err(|error| bad("number", &error.to_string()))?)
            }
            None => sought(filter).and_then(|q| q.parse::<E164>().ok()),
        };
        let blind = |number| numbers::blind(&self.0.keys, caller.controller, &number);
        number.map(blind).transpose()
    }
}

/// The free text of a filter, if it holds any.
fn sought(filter: &Filter) -> Option<&str> {
    filter.q.as_deref().map(str::trim).filter(|q| !q.is_empty())
}

fn search<'a>(
    caller: &'a Caller,
    filter: &'a Filter,
    number: Option<&'a [u8; 32]>,
    lines: Option<&'a [String]>,
) -> Search<'a> {
    let named = sought(filter).filter(|q| q.parse::<E164>().is_err());
    Search {
        controller: caller.controller,
        class: filter.class,
        from: filter.from,
        to: filter.to,
        number,
        agent: filter.agent.as_deref().or(named.filter(|_| !caller.has(Grant::Annotate))),
        named_or_annotated: named.filter(|_| caller.has(Grant::Annotate)),
        tag: None,
        queue: filter.queue.as_deref(),
        lines,
        unobjected: caller.only_trains(),
        only_agent: caller.own_calls_only.then_some(caller.agent.as_deref().unwrap_or_default()),
        sampled: caller.only_trains().then_some(caller.agent.as_deref()),
        direction: filter.direction,
        min_duration_ms: filter.min_duration.map(millis),
        max_duration_ms: filter.max_duration.map(millis),
        state: filter.state,
        after: filter.cursor,
    }
}

/// Seconds as whole milliseconds, held within what a row can hold.
#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` holds a float within the integer's range"
)]
fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).round() as i64
}
