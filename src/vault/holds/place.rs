//! Placing a hold, and catching what comes in under one.

use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::approvals::Ask;
use super::super::early::case_id;
use super::super::error::Error;
use super::super::fields::{Draft, bad};
use super::super::{Vault, ledger, must, numbers};
use super::view::HoldView;
use super::{AGENT, AHEAD, ALONE, LINE, QUEUE, blind, in_days, review};
use crate::index::recordings::{self as rows, Held, Wanted};
use crate::index::{Tx, holds, ledger_entries};
use crate::model::{
    ApprovalKind, Caller, Direction, E164, Event, Grant, Hold, HoldFilter, HoldId, HoldKind,
    Recording, RecordingId, State, Timestamp,
};

/// How many recordings a hold can name.
const MOST: usize = 1000;

/// How many are held in one statement.
const BATCH: usize = 5000;

/// A hold to be placed. Everything is required, and either recordings or a filter.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewHold {
    /// `legal_claim`, `authority_order` or, for customers, `customer`.
    pub kind: Option<String>,
    /// The opaque reference of the case behind it.
    pub case: Option<String>,
    /// The recordings to hold.
    pub recordings: Option<Vec<Uuid>>,
    /// What to look for: recordings that are there, and those that come in until it is released.
    pub filter: Option<HoldWish>,
    /// The day by which somebody looks whether it is still needed. Beyond 30 days it takes a second
    /// person to agree; until then it is 30 days.
    pub review_on: Option<String>,
}

/// What a hold looks for. All that is said must be true of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldWish {
    /// A number that called or was called. Withheld calls are never found by number.
    pub number: Option<String>,
    /// Who answered.
    pub agent: Option<String>,
    /// The queue or group.
    pub queue: Option<String>,
    /// The line or user.
    pub line: Option<String>,
    /// `inbound`, `outbound` or `internal`.
    pub direction: Option<String>,
    /// Calls that began at or after this (RFC 3339).
    pub from: Option<String>,
    /// Calls that began before this (RFC 3339).
    pub to: Option<String>,
}

/// A wish that was understood.
struct Understood {
    number: Option<[u8; 32]>,
    agent: Option<String>,
    queue: Option<String>,
    line: Option<String>,
    direction: Option<Direction>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

enum Target {
    Named(Vec<RecordingId>),
    Looked(Understood),
}

impl Vault {
    /// Places a hold: from now on nothing it keeps is erased (I7).
    pub async fn place_hold(&self, caller: &Caller, new: &NewHold) -> Result<HoldView, Error> {
        must(caller, Grant::PlaceHold)?;
        let kind = required("kind", new.kind.as_deref())?;
        let kind: HoldKind = kind.parse().map_err(|error| said("kind", &error))?;
        if !caller.has_for(Grant::PlaceHold, kind) {
            return Err(Error::Forbidden);
        }
        let case = case_id(required("case", new.case.as_deref())?)?;
        let now = self.0.clock.now();
        // Who may not extend a hold cannot begin with a longer one either.
        let most = if caller.has_for(Grant::ReleaseHold, kind) { AHEAD } else { ALONE };
        let wished = review(required("review_on", new.review_on.as_deref())?, now, most)?;
        let target = self.target_of(caller, new)?;
        let filter = match &target {
            Target::Named(_) => None,
            Target::Looked(wish) => Some(self.filter(caller, wish)?),
        };
        let hold = Hold {
            id: HoldId::random(),
            controller: caller.controller,
            kind,
            case_id: case.to_owned(),
            placed_by: caller.id,
            placed_at: now,
            review_on: wished.min(in_days(now, ALONE)),
            filter,
            released_at: None,
            released_by: None,
            recordings: 0,
        };
        let mut tx = self.change().await?;
        holds::alone(&mut tx, hold.controller).await?;
        holds::insert(&mut tx, &hold).await?;
        let found = self.found(&mut tx, caller, &target).await?;
        self.hold_all(&mut tx, &hold, &found).await?;
        if wished > hold.review_on {
            let ask = Ask {
                kind: ApprovalKind::HoldExtend,
                subject: hold.id.0,
                detail: Some(wished.0.into()),
                besides: None,
            };
            self.ask(&mut tx, caller, &ask).await?;
        }
        between_steps!("hold.placing");
        tx.commit().await?;
        between_steps!("hold.placed");
        // What is past its day already must not wait for the night.
        if found.iter().any(|held| held.key_day <= now.day()) {
            self.move_suspended_on(now).await?;
        }
        self.hold(caller, hold.id).await
    }

    /// Which recordings a new hold keeps, locked: all of those named, or those that match.
    async fn found(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        target: &Target,
    ) -> Result<Vec<Held>, Error> {
        let forgotten = self.0.keys.status().forgotten_before;
        match target {
            Target::Named(ids) => {
                let found = rows::lock(tx, caller.controller, ids).await?;
                let reached =
                    found.iter().filter(|held| caller.reaches_line(held.line.as_deref())).count();
                if reached < ids.len() {
                    return Err(Error::NotFound);
                }
                if let Some(gone) = found.iter().find(|held| !held.can_be_kept(forgotten)) {
                    tracing::warn!(recording = %gone.id, "a hold came after the key was destroyed");
                    return Err(Error::AlreadyErased);
                }
                Ok(found)
            }
            Target::Looked(wish) => {
                let wanted = Wanted {
                    controller: caller.controller,
                    number: wish.number.as_ref(),
                    agent: wish.agent.as_deref(),
                    queue: wish.queue.as_deref(),
                    line: wish.line.as_deref(),
                    direction: wish.direction,
                    from: wish.from,
                    to: wish.to,
                };
                let mut found = rows::matching(tx, &wanted).await?;
                found.retain(|held| held.can_be_kept(forgotten));
                Ok(found)
            }
        }
    }

    /// Holds what was found, calls erasures back that have not destroyed a key yet, and says so.
    async fn hold_all(&self, tx: &mut Tx, hold: &Hold, found: &[Held]) -> Result<(), Error> {
        let now = hold.placed_at;
        for batch in found.chunks(BATCH) {
            let ids: Vec<_> = batch.iter().map(|held| held.id).collect();
            rows::hold(tx, &ids).await?;
            holds::link(tx, hold.id, &ids).await?;
            let erasing: Vec<_> = batch
                .iter()
                .filter(|held| held.state == State::Erasing)
                .map(|held| held.id)
                .collect();
            let called_back = rows::release(tx, &erasing).await?;
            let body = json!({ "hold": hold.id });
            let aborted = called_back
                .iter()
                .map(|id| ledger::about(hold.controller, now, Event::ErasureAborted, *id, &body));
            let held = ids.iter().map(|id| kept(hold.controller, hold.id, *id, now));
            let entries: Vec<_> = aborted.chain(held).collect();
            ledger_entries::append(tx, &entries).await?;
        }
        let body = json!({
            "hold": hold.id, "kind": hold.kind, "case": hold.case_id, "by": hold.placed_by,
            "review": hold.review_on.to_string(), "count": found.len(),
            "filter": hold.filter.is_some(),
        });
        let entry = ledger::general(hold.controller, now, Event::HoldPlaced, &body);
        ledger_entries::append(tx, &[entry]).await?;
        Ok(())
    }

    /// Holds a recording that comes in under a filter, in the transaction that takes it in. What
    /// the ledger is to tell of that goes with its acceptance.
    pub(in crate::vault) async fn caught(
        &self,
        tx: &mut Tx,
        draft: &Draft,
        recording: &mut Recording,
    ) -> Result<Vec<ledger_entries::NewEntry>, Error> {
        let (controller, id) = (recording.controller, recording.id);
        let keys = &self.0.keys;
        let mark = |what, text: &Option<String>| match text {
            Some(text) => blind(keys, controller, what, text).map(Some),
            None => Ok(None),
        };
        let marks =
            [mark(AGENT, &draft.agent)?, mark(QUEUE, &draft.queue)?, mark(LINE, &draft.line)?];
        let by = holds::catch(tx, (controller, id), marks).await?;
        if by.is_empty() {
            return Ok(Vec::new());
        }
        rows::hold(tx, &[id]).await?;
        recording.held = true;
        // No closer than its acceptance is told.
        let at = crate::ledger::told(Event::RecordingAccepted, recording.received_at);
        Ok(by.iter().map(|hold| kept(controller, *hold, id, at)).collect())
    }

    fn target_of(&self, caller: &Caller, new: &NewHold) -> Result<Target, Error> {
        match (&new.recordings, &new.filter) {
            (Some(_), Some(_)) => Err(bad("filter", "goes without recordings: give one of them")),
            (None, None) => Err(bad("recordings", "is required, or a filter")),
            (Some(ids), None) => {
                let mut ids: Vec<_> = ids.iter().map(|id| RecordingId(*id)).collect();
                ids.sort_unstable();
                ids.dedup();
                if ids.is_empty() || ids.len() > MOST {
                    return Err(bad("recordings", "are 1 to 1000; a filter holds any number"));
                }
                Ok(Target::Named(ids))
            }
            (None, Some(wish)) => self.understood(caller, wish).map(Target::Looked),
        }
    }

    fn understood(&self, caller: &Caller, wish: &HoldWish) -> Result<Understood, Error> {
        let number = match &wish.number {
            Some(text) => {
                let number: E164 = text.parse().map_err(|error| said("filter.number", &error))?;
                Some(numbers::blind(&self.0.keys, caller.controller, &number)?)
            }
            None => None,
        };
        let direction = wish.direction.as_deref().map(str::parse).transpose();
        let time = |field, text: &Option<String>| {
            text.as_deref()
                .map(str::parse::<Timestamp>)
                .transpose()
                .map_err(|_| bad(field, "is a time such as 2026-06-01T10:00:00Z"))
        };
        let wish = Understood {
            number,
            agent: named("filter.agent", wish.agent.as_deref())?,
            queue: named("filter.queue", wish.queue.as_deref())?,
            line: named("filter.line", wish.line.as_deref())?,
            direction: direction.map_err(|error| said("filter.direction", &error))?,
            from: time("filter.from", &wish.from)?,
            to: time("filter.to", &wish.to)?,
        };
        let period = wish.from.zip(wish.to);
        if period.is_some_and(|(from, to)| from >= to) {
            return Err(bad("filter.to", "is not after from"));
        }
        let about = [&wish.agent, &wish.queue, &wish.line];
        let narrow = wish.number.is_some() || about.iter().any(|text| text.is_some());
        if !narrow && period.is_none() {
            let problem = "names a number, an agent, a queue, a line, or a period from … to";
            return Err(bad("filter", problem));
        }
        if caller.lines.is_some() && !caller.reaches_line(wish.line.as_deref()) {
            return Err(bad("filter.line", "is one of your lines, and required"));
        }
        Ok(wish)
    }

    /// What is kept of a wish: nothing that tells of a person.
    fn filter(&self, caller: &Caller, wish: &Understood) -> Result<HoldFilter, Error> {
        let mark = |what, text: &Option<String>| match text {
            Some(text) => blind(&self.0.keys, caller.controller, what, text).map(Some),
            None => Ok(None),
        };
        Ok(HoldFilter {
            number: wish.number,
            agent: mark(AGENT, &wish.agent)?,
            queue: mark(QUEUE, &wish.queue)?,
            line: mark(LINE, &wish.line)?,
            direction: wish.direction,
            from: wish.from,
            to: wish.to,
        })
    }
}

/// The entry that a hold keeps a recording.
fn kept(
    controller: crate::model::ControllerId,
    hold: HoldId,
    id: RecordingId,
    at: Timestamp,
) -> ledger_entries::NewEntry {
    ledger::about(controller, at, Event::HoldPlaced, id, &json!({ "hold": hold }))
}

fn required<'a>(field: &'static str, value: Option<&'a str>) -> Result<&'a str, Error> {
    value.ok_or_else(|| bad(field, "is required"))
}

fn named(field: &'static str, text: Option<&str>) -> Result<Option<String>, Error> {
    let Some(text) = text.map(str::trim) else { return Ok(None) };
    if text.is_empty() || text.len() > 256 {
        return Err(bad(field, "is 1 to 256 bytes"));
    }
    Ok(Some(text.to_owned()))
}

fn said(field: &'static str, error: &impl ToString) -> Error {
    bad(field, &error.to_string())
}
