//! What missing entries say of holds, restrictions and objections, done again: what was kept when the
//! index was lost is kept, and what was let go is let go.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use super::error::Error;
use crate::index::restrictions::{self, Ending, NewRestriction};
use crate::index::{Tx, holds, mutes, recordings as rows};
use crate::model::{
    ControllerId, Day, Event, Ground, Hold, HoldId, Mute, MuteId, Outcome, PlaybackId, PrincipalId,
    RecordingId, Timestamp,
};

/// How many recordings of a hold at once.
const BATCH: usize = 1000;

/// What a leaf about one of these says.
#[derive(Deserialize)]
struct Said {
    at: Timestamp,
    hold: Option<HoldId>,
    kind: Option<String>,
    case: Option<String>,
    by: Option<PrincipalId>,
    agreed: Option<PrincipalId>,
    review: Option<String>,
    ground: Option<String>,
    outcome: Option<String>,
    informed: Option<String>,
    mute: Option<MuteId>,
    from: Option<i64>,
    to: Option<i64>,
    reason: Option<String>,
}

/// Which playback a leaf about one tells of.
pub(super) fn playback(leaf: &[u8]) -> Option<PlaybackId> {
    #[derive(Deserialize)]
    struct Played {
        pb: Option<PlaybackId>,
    }
    serde_json::from_slice::<Played>(leaf).ok()?.pb
}

/// What the missing entries say of these, in their order.
#[derive(Default)]
pub(super) struct Keeping(Vec<(Event, Option<RecordingId>, Said)>);

impl Keeping {
    /// Takes in what a leaf says, if it is about one of these.
    pub(super) fn hear(&mut self, event: Event, recording: Option<RecordingId>, leaf: &[u8]) {
        let about_these = matches!(
            event,
            Event::HoldPlaced
                | Event::HoldReviewed
                | Event::HoldReleased
                | Event::RestrictionSet
                | Event::RestrictionLifted
                | Event::ObjectionMade
                | Event::ObjectionDecided
                | Event::MuteSet
                | Event::MuteLifted
        );
        if about_these && let Ok(said) = serde_json::from_slice(leaf) {
            self.0.push((event, recording, said));
        }
    }

    /// The recordings it tells of.
    pub(super) fn recordings(&self) -> Vec<RecordingId> {
        let ids: HashSet<_> = self.0.iter().filter_map(|(_, id, _)| *id).collect();
        ids.into_iter().collect()
    }

    /// Does it again, to those recordings that are `there`.
    pub(super) async fn apply(
        &self,
        tx: &mut Tx,
        of: ControllerId,
        there: &HashSet<RecordingId>,
    ) -> Result<(), Error> {
        let mut kept: BTreeMap<HoldId, Vec<RecordingId>> = BTreeMap::new();
        for (event, recording, said) in &self.0 {
            match (event, recording, said.hold) {
                (Event::HoldPlaced, Some(id), Some(hold)) if there.contains(id) => {
                    kept.entry(hold).or_default().push(*id);
                }
                (Event::HoldPlaced, Some(_), _) => {}
                (_, None, Some(hold)) => {
                    said.about_hold(tx, of, *event, hold, &mut kept).await?;
                }
                (_, Some(id), _) if there.contains(id) => {
                    said.about_recording(tx, of, *event, *id).await?;
                }
                _ => {}
            }
        }
        for (hold, ids) in kept {
            keep(tx, of, hold, &ids).await?;
        }
        Ok(())
    }
}

impl Said {
    async fn about_hold(
        &self,
        tx: &mut Tx,
        of: ControllerId,
        event: Event,
        hold: HoldId,
        kept: &mut BTreeMap<HoldId, Vec<RecordingId>>,
    ) -> Result<(), Error> {
        if event == Event::HoldPlaced && holds::find(&mut *tx, of, hold).await?.is_none() {
            let (Some(kind), Some(case), Some(by)) = (&self.kind, &self.case, self.by) else {
                return Ok(());
            };
            let Ok(kind) = kind.parse() else { return Ok(()) };
            // What it looked for is told to nobody and is lost; what it kept by then, it keeps.
            let new = Hold {
                id: hold,
                controller: of,
                kind,
                case_id: case.clone(),
                placed_by: by,
                placed_at: self.at,
                review_on: self.review.as_deref().and_then(day).unwrap_or_else(|| self.at.day()),
                filter: None,
                released_at: None,
                released_by: None,
                recordings: 0,
            };
            holds::insert(tx, &new).await?;
        }
        keep(tx, of, hold, &kept.remove(&hold).unwrap_or_default()).await?;
        if event == Event::HoldReviewed
            && let Some(review) = self.review.as_deref().and_then(day)
        {
            holds::set_review(tx, hold, review).await?;
        }
        if event == Event::HoldReleased
            && let Some(by) = self.agreed.or(self.by)
        {
            holds::release(tx, hold, by, self.at).await?;
            rows::free(tx, hold).await?;
        }
        Ok(())
    }

    async fn about_recording(
        &self,
        tx: &mut Tx,
        of: ControllerId,
        event: Event,
        id: RecordingId,
    ) -> Result<(), Error> {
        if let Some(mute) = self.mute {
            return self.about_mute(tx, of, event, id, mute).await;
        }
        let (Some(case), Some(by)) = (self.case.as_deref(), self.by) else { return Ok(()) };
        let ending = self.outcome.as_deref().and_then(|word| word.parse::<Outcome>().ok());
        let informed_on = self.informed.as_deref().and_then(day);
        let ending = ending.map(|outcome| Ending { by, at: self.at, outcome, informed_on });
        let open = restrictions::open(&mut *tx, id).await?;
        let objections = restrictions::objections(&mut *tx, id).await?;
        match (event, ending) {
            (Event::RestrictionSet, _) if !open.iter().any(|(other, _)| other == case) => {
                let ground = self.ground.as_deref().and_then(|word| word.parse().ok());
                let new = NewRestriction {
                    recording: id,
                    controller: of,
                    ground: ground.unwrap_or(Ground::Accuracy),
                    case_id: case,
                    owner: by,
                    at: self.at,
                    review_on: self.review.as_deref().and_then(day).unwrap_or(self.at.day()),
                };
                restrictions::insert(tx, &new).await?;
            }
            (Event::RestrictionLifted, Some(ending)) => {
                restrictions::lift(tx, id, case, &ending).await?;
            }
            (Event::ObjectionMade, _) if !objections.iter().any(|other| other == case) => {
                restrictions::object(tx, (id, of), case, by, self.at).await?;
            }
            (Event::ObjectionDecided, Some(ending)) => {
                restrictions::decide(tx, id, case, &ending).await?;
            }
            _ => return Ok(()),
        }
        if matches!(event, Event::RestrictionSet | Event::RestrictionLifted) {
            let open = restrictions::open(&mut *tx, id).await?;
            let left = Ground::strongest(open.iter().map(|(_, ground)| *ground));
            rows::set_restricted(tx, id, left).await?;
        } else {
            let left = restrictions::objections(&mut *tx, id).await?;
            rows::set_objected(tx, id, !left.is_empty()).await?;
        }
        Ok(())
    }
}

impl Said {
    async fn about_mute(
        &self,
        tx: &mut Tx,
        of: ControllerId,
        event: Event,
        recording: RecordingId,
        id: MuteId,
    ) -> Result<(), Error> {
        if event == Event::MuteLifted {
            mutes::remove(tx, recording, id).await?;
            return Ok(mutes::counted(tx, recording).await?);
        }
        let there = mutes::list(&mut *tx, of, recording).await?;
        let reason = self.reason.as_deref().and_then(|word| word.parse().ok());
        if let (Some(from_ms), Some(to_ms), Some(reason)) = (self.from, self.to, reason)
            && !there.iter().any(|mute| mute.id == id)
        {
            let (marked_by, marked_at) = (self.by, self.at);
            let mute = Mute { id, recording, from_ms, to_ms, reason, marked_by, marked_at };
            mutes::insert(tx, &mute).await?;
            mutes::counted(tx, recording).await?;
        }
        Ok(())
    }
}

/// Has a hold keep recordings, if there is such a hold.
async fn keep(
    tx: &mut Tx,
    of: ControllerId,
    hold: HoldId,
    ids: &[RecordingId],
) -> Result<(), Error> {
    if ids.is_empty() {
        return Ok(());
    }
    let Some(found) = holds::find(&mut *tx, of, hold).await? else { return Ok(()) };
    for ids in ids.chunks(BATCH) {
        holds::link(tx, hold, ids).await?;
        if found.released_at.is_none() {
            rows::hold(tx, ids).await?;
        }
    }
    Ok(())
}

/// A day as leaves tell it.
fn day(text: &str) -> Option<Day> {
    format!("{text}T00:00:00Z").parse::<Timestamp>().ok().map(Timestamp::day)
}
