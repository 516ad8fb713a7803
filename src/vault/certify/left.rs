//! What is left of what was erased, and until when.

use std::collections::HashMap;

use super::super::Vault;
use super::super::error::Error;
use super::second_look;
use crate::index::departures;
use crate::index::erasures::{self, Erasure};
use crate::ledger::certificate::{Left, What};
use crate::model::{ControllerId, Day, Timestamp};

/// What is left.
#[derive(Default)]
pub(super) struct Remains {
    pub(super) left: Left,
    /// From when on no backup opens any of it.
    pub(super) unreadable_from: Option<Timestamp>,
    /// Whether that is not known: a key that has no end yet.
    endless: bool,
}

/// Which days' keys were forgotten, and when.
pub(super) struct Forgettings {
    /// When the key of the controller was destroyed: without it no day's key opens anything.
    tenant: Option<Timestamp>,
    last: Option<Day>,
    at: HashMap<String, Timestamp>,
}

impl Forgettings {
    /// When the key of this day was destroyed, if it was.
    fn of(&self, day: Day, dropped_at: Option<Timestamp>) -> Option<Timestamp> {
        let forgotten = self.last.is_some_and(|last| last > day);
        let told = || self.at.get(&day.to_string()).copied().or_else(|| day.end());
        let forgotten_at = if forgotten { told() } else { None };
        dropped_at.into_iter().chain(forgotten_at).chain(self.tenant).min()
    }
}

impl Vault {
    /// What was forgotten of a controller's keys, of days from this one on.
    pub(super) async fn forgettings(
        &self,
        controller: ControllerId,
        first: Option<Day>,
    ) -> Result<Forgettings, Error> {
        let departure = departures::find(&self.0.index, controller).await?;
        let tenant = departure.and_then(|departure| departure.ended_at);
        let last = self.last_forgetting().await?;
        let mut at = HashMap::new();
        let since = first.and_then(Day::end);
        if let Some(since) = since.filter(|_| last.is_some()) {
            let provider = self.0.provider;
            for entry in erasures::forgettings(&self.0.index, provider, since).await? {
                let body: Body = serde_json::from_str(&entry.body).unwrap_or_default();
                for day in body.days {
                    at.entry(day).or_insert(entry.at);
                }
            }
        }
        Ok(Forgettings { tenant, last, at })
    }
}

#[derive(Default, serde::Deserialize)]
struct Body {
    #[serde(default)]
    days: Vec<String>,
}

/// The days whose keys a recording had.
pub(super) fn days(row: &Erasure) -> impl Iterator<Item = (Day, Option<Timestamp>)> {
    let former = row.former_key_day.map(|day| (day, row.former_dropped_at));
    [(row.key_day, row.key_dropped_at)].into_iter().chain(former)
}

impl Remains {
    /// So many more of something, until then.
    pub(super) fn add(&mut self, what: What, count: u64, until: Option<Timestamp>) {
        let entry = self.left.entry(what).or_insert((0, until));
        // Of what ends at different times, or has no known end, the worst counts.
        entry.1 = if entry.0 == 0 { until } else { entry.1.zip(until).map(|(a, b)| a.max(b)) };
        entry.0 += count;
    }

    /// What is left of one erasure.
    pub(super) fn count(&mut self, row: &Erasure, forgettings: &Forgettings) {
        match (row.erased_at, row.key_destroyed_at) {
            (None, None) => self.add(What::Key, 1, None),
            (None, Some(_)) => self.add(unfinished(row.error_code.as_deref()), 1, None),
            (Some(erased_at), _) if row.look_again_at.is_some() => {
                self.add(What::SecondLook, 1, Some(second_look(erased_at.minute())));
            }
            (Some(_), _) => {}
        }
        let (mut readable, mut from, mut endless) = (false, None, false);
        for (day, dropped_at) in days(row) {
            let gone_at = forgettings.of(day, dropped_at);
            readable |= gone_at.is_none();
            let end = gone_at.or_else(|| day.end());
            endless |= end.is_none();
            from = from.max(end);
        }
        if readable {
            self.add(What::Backups, 1, from.filter(|_| !endless));
        }
        self.endless |= endless;
        self.unreadable_from = self.unreadable_from.max(from).filter(|_| !self.endless);
    }
}

/// What it means that erasing is not finished, by the word of the last try.
pub(super) fn unfinished(error_code: Option<&str>) -> What {
    match error_code {
        Some("present") => What::Object,
        Some("versions_remain") => What::Versions,
        _ => What::Unverified,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_of_what_is_left_is_told() {
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let (soon, late) = (at("2026-06-02T00:00:00Z"), at("2026-09-01T00:00:00Z"));
        let mut remains = Remains::default();
        remains.add(What::Backups, 1, soon);
        remains.add(What::Backups, 2, late);
        assert_eq!(remains.left[&What::Backups], (3, late));
        remains.add(What::Backups, 1, None);
        remains.add(What::Backups, 1, soon);
        assert_eq!(remains.left[&What::Backups], (5, None));
    }

    #[test]
    fn a_key_is_gone_when_its_day_was_forgotten_or_it_was_renewed() {
        let at: Timestamp = "2026-06-02T00:00:10Z".parse().unwrap();
        let day = at.plus(jiff::SignedDuration::from_hours(-24)).day();
        let told = HashMap::from([(day.to_string(), at)]);
        let known = Forgettings { tenant: None, last: Some(at.day()), at: told };
        assert_eq!(known.of(day, None), Some(at));
        assert_eq!(known.of(at.day(), None), None);
        assert_eq!(known.of(at.day(), Some(at)), Some(at));
        assert_eq!(known.of(Day::HOLD, None), None);
        let untold = Forgettings { tenant: None, last: Some(at.day()), at: HashMap::new() };
        assert_eq!(untold.of(day, None), day.end());
        // Without the key of its customer nothing opens, whatever its day.
        let ended = Forgettings { tenant: Some(at), last: None, at: HashMap::new() };
        let later = at.plus(jiff::SignedDuration::from_hours(24 * 90)).day();
        assert_eq!((ended.of(later, None), ended.of(Day::HOLD, None)), (Some(at), Some(at)));
    }
}
