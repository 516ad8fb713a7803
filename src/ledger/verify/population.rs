//! What a log says of the recordings: which there were, when each was due, and what became of it.
//! Rules that no honest log breaks are checked on the way (I3, I5 to I10).

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::Serialize;
use uuid::Uuid;

use super::super::leaf::Leaf;
use super::Broken;
use crate::model::{Cause, Class, Event, Timestamp};

/// What a leaf rounds a due time up to.
const HOUR: i64 = 3_600_000_000;

/// What became of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// It is there.
    Stored,
    /// Its key is destroyed, its absence is not verified yet.
    Erasing,
    /// It is erased.
    Erased,
    /// It was lost.
    Lost,
}

/// A recording as the log tells of it.
#[derive(Clone, Debug)]
struct Told {
    class: Option<Class>,
    due: Timestamp,
    fate: Fate,
    /// Whether the ledger has the root over its ciphertext.
    rooted: bool,
    ended_at: Option<Timestamp>,
    cause: Option<Cause>,
    /// Whether a case was named for erasing it.
    case: bool,
    restrictions: HashSet<String>,
    holds: HashSet<String>,
}

impl Told {
    fn is_suspended(&self) -> bool {
        !self.restrictions.is_empty() || !self.holds.is_empty()
    }
}

/// Every recording a log tells of.
#[derive(Clone, Debug, Default)]
pub struct Population {
    recordings: HashMap<Uuid, Told>,
    /// What each open hold keeps.
    holds: HashMap<String, Vec<Uuid>>,
    last: Option<Timestamp>,
}

/// What a log says of the recordings, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The time of the last entry: when all this was so.
    pub as_of: Option<Timestamp>,
    /// Recordings that were accepted.
    pub accepted: u64,
    /// Of those: erased, by cause.
    pub erased: BTreeMap<&'static str, u64>,
    /// Being erased: the key is destroyed already.
    pub erasing: u64,
    /// Lost, or gone in a restore.
    pub lost: u64,
    /// Still there.
    pub stored: u64,
    /// Of those: past due and kept by a hold or a restriction.
    pub suspended: u64,
    /// Of those: past due and kept by nothing.
    pub overdue: u64,
}

impl Population {
    /// Takes in what an entry says.
    pub(super) fn hear(&mut self, leaf: &Leaf<'_>) -> Result<(), Broken> {
        self.last = self.last.max(Some(leaf.at));
        let (Some(id), Some(event)) = (leaf.rec, leaf.event()) else {
            return self.hear_hold(leaf);
        };
        if event == Event::RecordingAccepted {
            return self.accept(id, leaf);
        }
        let about_life = matches!(
            event,
            Event::RecordingDueChanged
                | Event::RecordingErased
                | Event::RecordingLost
                | Event::RestrictionSet
                | Event::RestrictionLifted
                | Event::ErasureStarted
                | Event::ErasureKeyDestroyed
                | Event::AccessPlayed
        );
        if !about_life {
            return self.hear_hold(leaf);
        }
        let told = self.recordings.get_mut(&id).ok_or(Broken::NeverAccepted(id))?;
        match event {
            Event::RecordingDueChanged => told.due = leaf.due.unwrap_or(told.due),
            Event::RestrictionSet => {
                let case = leaf.case.as_deref().unwrap_or_default();
                told.restrictions.insert(case.to_owned());
            }
            Event::RestrictionLifted => {
                told.restrictions.remove(leaf.case.as_deref().unwrap_or_default());
            }
            Event::RecordingLost if told.fate == Fate::Stored => told.fate = Fate::Lost,
            Event::ErasureStarted => told.case = leaf.case.is_some(),
            Event::ErasureKeyDestroyed => {
                told.erase(id, leaf)?;
                told.fate = Fate::Erasing;
            }
            Event::RecordingErased => {
                match told.fate {
                    Fate::Erased => return Err(Broken::ErasedTwice(id)),
                    Fate::Erasing => {}
                    Fate::Stored | Fate::Lost => return Err(Broken::KeyThere(id)),
                }
                told.erase(id, leaf)?;
                (told.fate, told.ended_at) = (Fate::Erased, Some(leaf.at));
            }
            Event::AccessPlayed if matches!(told.fate, Fate::Erasing | Fate::Erased) => {
                return Err(Broken::HeardAfter(id));
            }
            _ => {}
        }
        Ok(())
    }

    fn accept(&mut self, id: Uuid, leaf: &Leaf<'_>) -> Result<(), Broken> {
        let due = leaf.due.ok_or(Broken::DueMoved(id))?;
        let class = leaf.class.as_ref().and_then(|class| class.parse().ok());
        let told = Told {
            class,
            due,
            fate: Fate::Stored,
            rooted: leaf.ct_root.is_some(),
            ended_at: None,
            cause: None,
            case: false,
            restrictions: HashSet::new(),
            holds: HashSet::new(),
        };
        match self.recordings.insert(id, told) {
            None => Ok(()),
            Some(_) => Err(Broken::AcceptedTwice(id)),
        }
    }

    /// A hold begins to keep a recording, or is released and keeps nothing any more.
    fn hear_hold(&mut self, leaf: &Leaf<'_>) -> Result<(), Broken> {
        let Some(hold) = leaf.hold.as_deref() else { return Ok(()) };
        match (leaf.event(), leaf.rec) {
            (Some(Event::HoldPlaced), Some(id)) => {
                let told = self.recordings.get_mut(&id).ok_or(Broken::NeverAccepted(id))?;
                told.holds.insert(hold.to_owned());
                self.holds.entry(hold.to_owned()).or_default().push(id);
            }
            (Some(Event::HoldReleased), _) => {
                for id in self.holds.remove(hold).unwrap_or_default() {
                    if let Some(told) = self.recordings.get_mut(&id) {
                        told.holds.remove(hold);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The recordings that are there and whose ciphertext has a root.
    pub(super) fn provable(&self) -> Vec<Uuid> {
        let there = self.recordings.iter().filter(|(_, told)| told.rooted);
        there.filter(|(_, told)| told.fate == Fate::Stored).map(|(id, _)| *id).collect()
    }

    /// Whether the key of a recording is destroyed, or it was lost.
    pub(super) fn is_gone(&self, id: Uuid) -> bool {
        self.recordings.get(&id).is_some_and(|told| told.fate != Fate::Stored)
    }

    /// The numbers.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let mut sum = Summary { as_of: self.last, ..Summary::default() };
        for told in self.recordings.values() {
            sum.accepted += 1;
            match told.fate {
                Fate::Stored => {
                    sum.stored += 1;
                    if self.last.is_some_and(|last| told.due <= last) {
                        let counter =
                            if told.is_suspended() { &mut sum.suspended } else { &mut sum.overdue };
                        *counter += 1;
                    }
                }
                Fate::Erasing => sum.erasing += 1,
                Fate::Lost => sum.lost += 1,
                Fate::Erased => {
                    let cause = told.cause.map_or("unknown", Cause::as_str);
                    *sum.erased.entry(cause).or_default() += 1;
                }
            }
        }
        sum
    }

    /// Every recording as a line of CSV, in the order of when they were due.
    #[must_use]
    pub fn csv(&self) -> Vec<String> {
        let mut all: Vec<_> = self.recordings.iter().collect();
        all.sort_by_key(|(id, told)| (told.due, **id));
        let line = |(id, told): &(&Uuid, &Told)| {
            let fate = match told.fate {
                Fate::Stored if told.is_suspended() => "suspended",
                Fate::Stored => "stored",
                Fate::Erasing => "erasing",
                Fate::Erased => "erased",
                Fate::Lost => "lost",
            };
            let class = told.class.map_or("", Class::as_str);
            let cause = told.cause.map_or("", Cause::as_str);
            let ended = told.ended_at.map_or_else(String::new, |at| at.to_string());
            format!("{id},{class},{},{fate},{ended},{cause}", told.due)
        };
        let head = "recording,class,due,state,erased_at,cause".to_owned();
        std::iter::once(head).chain(all.iter().map(line)).collect()
    }
}

impl Told {
    /// What holds for the destruction of a key and for an erasure.
    fn erase(&mut self, id: Uuid, leaf: &Leaf<'_>) -> Result<(), Broken> {
        let cause = leaf.cause.as_ref().and_then(|cause| cause.parse::<Cause>().ok());
        let cause = cause.ok_or(Broken::NoCause(id))?;
        let has_case = self.case || leaf.case.is_some();
        if cause != Cause::Term && !has_case || self.cause.is_some_and(|known| known != cause) {
            return Err(Broken::NoCause(id));
        }
        if !self.holds.is_empty() {
            return Err(Broken::Held(id));
        }
        if leaf.due.is_some_and(|due| due != self.due) {
            return Err(Broken::DueMoved(id));
        }
        // It was due in the hour before the full one that is told.
        if cause == Cause::Term && leaf.at.micros() <= self.due.micros() - HOUR {
            return Err(Broken::TooEarly(id));
        }
        self.cause = Some(cause);
        Ok(())
    }
}
