//! What another policy does to a recording that is there already (compliance-reference C.1.7).

use super::policy_calendar::Calendar;
use crate::model::{Term, TimeZone, Timestamp};

/// Between what a customer's terms must lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The shortest term the law allows it.
    pub floor: Option<Term>,
    /// The longest term it may choose.
    pub ceiling: Term,
}

impl Limits {
    /// When a recording of a call that ended at `ended_at` must be gone.
    ///
    /// Days and months compare only on a calendar, so that a term within the limits at one time can
    /// lie a day outside at another: the limits hold for each recording. The floor comes last.
    #[must_use]
    pub fn due(&self, term: Term, ended_at: Timestamp, zone: &TimeZone) -> Timestamp {
        self.on(&mut Calendar::new(zone), term, ended_at).0
    }

    /// The same, and when the floor ends.
    fn on(
        &self,
        calendar: &mut Calendar<'_>,
        term: Term,
        ended_at: Timestamp,
    ) -> (Timestamp, Option<Timestamp>) {
        let wished = calendar.end(term, ended_at).min(calendar.end(self.ceiling, ended_at));
        let floor = self.floor.map(|floor| calendar.end(floor, ended_at));
        (floor.map_or(wished, |floor| wished.max(floor)), floor)
    }

    /// Which of them a term breaks, measured from `now`.
    #[must_use]
    pub fn broken_by(&self, term: Term, now: Timestamp, zone: &TimeZone) -> Option<Limit> {
        let end = |term: Term| term.after(now, zone);
        if self.floor.is_some_and(|floor| end(term) < end(floor)) {
            return Some(Limit::Floor);
        }
        (end(term) > end(self.ceiling)).then_some(Limit::Ceiling)
    }
}

/// One of the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The shortest term.
    Floor,
    /// The longest term.
    Ceiling,
}

/// A recording as far as a policy looks at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// When its call ended.
    pub ended_at: Timestamp,
    /// When it must be gone as things are.
    pub due_at: Timestamp,
    /// Whether a hold or a restriction keeps it, whatever its term.
    pub suspended: bool,
}

/// What a change does to a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// Its term is over as soon as the change is in force.
    ErasedNow,
    /// Its term ends earlier.
    ErasedEarlier,
    /// Its term ends later.
    KeptLonger,
    /// Its term ends earlier, and a hold or a restriction keeps it all the same.
    Held,
    /// Its term would end earlier, and the law behind the floor does not let it.
    Floored,
    /// Its term is over already: nothing brings that back.
    PastDue,
    /// Nothing.
    Unchanged,
}

/// A change of policy: by which limits, when, and whether it lengthens what is there.
#[derive(Debug)]
pub struct Change<'a> {
    /// The customer's limits.
    pub limits: Limits,
    /// Whether recordings that are there are kept longer, too.
    pub apply_to_existing: bool,
    /// Whether it shortens; one that nobody had the time to call back never does.
    pub shortens: bool,
    /// From when on.
    pub effective_at: Timestamp,
    /// What time it is.
    pub now: Timestamp,
    /// The calendar of the terms.
    pub calendar: Calendar<'a>,
}

impl Change<'_> {
    /// What becomes of a recording under this term, and when it must be gone then.
    ///
    /// The new instant is never before the change itself: until then the old one was right.
    pub fn fate(&mut self, kept: &Kept, term: Term) -> (Fate, Timestamp) {
        let stays = |fate| (fate, kept.due_at);
        if kept.due_at <= self.now {
            return stays(Fate::PastDue);
        }
        let (target, floor) = self.limits.on(&mut self.calendar, term, kept.ended_at);
        if target > kept.due_at {
            let longer = self.apply_to_existing;
            return if longer { (Fate::KeptLonger, target) } else { stays(Fate::Unchanged) };
        }
        let wished = self.calendar.end(term, kept.ended_at);
        if target == kept.due_at {
            let floored = floor == Some(target) && wished < target;
            return stays(if floored { Fate::Floored } else { Fate::Unchanged });
        }
        if !self.shortens {
            return stays(Fate::Unchanged);
        }
        let due_at = target.max(self.effective_at);
        if due_at >= kept.due_at {
            // Its own term ends before the change is in force.
            return stays(Fate::Unchanged);
        }
        let fate = match (kept.suspended, due_at <= self.now.max(self.effective_at)) {
            (true, _) => Fate::Held,
            (false, true) => Fate::ErasedNow,
            (false, false) => Fate::ErasedEarlier,
        };
        (fate, due_at)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn term(text: &str) -> Term {
        text.parse().unwrap()
    }

    fn amsterdam() -> TimeZone {
        TimeZone::get("Europe/Amsterdam").unwrap()
    }

    const NOW: &str = "2026-06-01T12:00:00Z";

    fn change<'a>(zone: &'a TimeZone, floor: Option<&str>, longer: bool) -> Change<'a> {
        Change {
            limits: Limits { floor: floor.map(term), ceiling: term("P10Y") },
            apply_to_existing: longer,
            shortens: true,
            effective_at: at("2026-06-02T12:00:00Z"),
            now: at(NOW),
            calendar: Calendar::new(zone),
        }
    }

    #[test]
    fn what_becomes_of_a_recording() {
        let zone = amsterdam();
        let (yes, no) = (true, false);
        // ended, due, held → floor, apply to existing, term → fate, new due
        let cases = [
            (
                ("2026-05-01T00:00:00Z", "2027-05-01T00:00:00Z", no),
                (None, no, "P90D"),
                Fate::ErasedEarlier,
                "2026-07-30T00:00:00Z",
            ),
            (
                ("2025-12-01T00:00:00Z", "2026-12-01T00:00:00Z", no),
                (None, no, "P90D"),
                Fate::ErasedNow,
                "2026-06-02T12:00:00Z",
            ),
            (
                ("2025-12-01T00:00:00Z", "2026-12-01T00:00:00Z", yes),
                (None, no, "P90D"),
                Fate::Held,
                "2026-06-02T12:00:00Z",
            ),
            (
                ("2025-12-01T00:00:00Z", "2026-06-01T12:00:00Z", no),
                (None, no, "P90D"),
                Fate::PastDue,
                "2026-06-01T12:00:00Z",
            ),
            (
                ("2025-12-01T00:00:00Z", "2026-06-01T12:00:00Z", yes),
                (None, yes, "P9Y"),
                Fate::PastDue,
                "2026-06-01T12:00:00Z",
            ),
            // Due by itself before the change is in force.
            (
                ("2025-12-01T00:00:00Z", "2026-06-02T11:00:00Z", no),
                (None, no, "P90D"),
                Fate::Unchanged,
                "2026-06-02T11:00:00Z",
            ),
            (
                ("2026-05-01T00:00:00Z", "2026-07-30T00:00:00Z", no),
                (None, no, "P90D"),
                Fate::Unchanged,
                "2026-07-30T00:00:00Z",
            ),
            (
                ("2026-05-01T10:00:00Z", "2026-07-30T10:00:00Z", no),
                (None, no, "P1Y"),
                Fate::Unchanged,
                "2026-07-30T10:00:00Z",
            ),
            (
                ("2026-05-01T10:00:00Z", "2026-07-30T10:00:00Z", no),
                (None, yes, "P1Y"),
                Fate::KeptLonger,
                "2027-05-01T10:00:00Z",
            ),
            (
                ("2026-05-01T10:00:00Z", "2026-07-30T10:00:00Z", yes),
                (None, yes, "P1Y"),
                Fate::KeptLonger,
                "2027-05-01T10:00:00Z",
            ),
            // Never over the ceiling of ten years.
            (
                ("2026-05-01T10:00:00Z", "2026-07-30T10:00:00Z", no),
                (None, yes, "P11Y"),
                Fate::KeptLonger,
                "2036-05-01T10:00:00Z",
            ),
            // Never below the floor.
            (
                ("2026-05-01T10:00:00Z", "2027-05-01T10:00:00Z", no),
                (Some("P1Y"), no, "P90D"),
                Fate::Floored,
                "2027-05-01T10:00:00Z",
            ),
            (
                ("2026-05-01T10:00:00Z", "2028-05-01T10:00:00Z", no),
                (Some("P1Y"), no, "P90D"),
                Fate::ErasedEarlier,
                "2027-05-01T10:00:00Z",
            ),
            // 365 days are a day less than a year with 29 February in it.
            (
                ("2027-05-01T10:00:00Z", "2028-05-01T10:00:00Z", no),
                (Some("P1Y"), no, "P365D"),
                Fate::Floored,
                "2028-05-01T10:00:00Z",
            ),
        ];
        for ((ended, due, suspended), (floor, longer, wished), fate, new) in cases {
            let kept = Kept { ended_at: at(ended), due_at: at(due), suspended };
            let found = change(&zone, floor, longer).fate(&kept, term(wished));
            assert_eq!(found, (fate, at(new)), "{kept:?} {wished}");
        }
    }

    #[test]
    fn what_nobody_could_call_back_shortens_nothing() {
        let zone = amsterdam();
        let mut change = Change { shortens: false, ..change(&zone, None, true) };
        let (ended_at, due_at) = (at("2026-05-01T00:00:00Z"), at("2027-05-01T00:00:00Z"));
        let kept = Kept { ended_at, due_at, suspended: false };
        assert_eq!(change.fate(&kept, term("P90D")), (Fate::Unchanged, due_at));
        assert_eq!(change.fate(&kept, term("P2Y")).0, Fate::KeptLonger);
    }

    #[test]
    fn a_term_breaks_the_limit_it_lies_beyond() {
        let zone = amsterdam();
        let limits = Limits { floor: Some(term("P5Y")), ceiling: term("P10Y") };
        let cases = [
            ("P90D", Some(Limit::Floor)),
            ("P59M", Some(Limit::Floor)),
            ("P5Y", None),
            ("P10Y", None),
            ("P121M", Some(Limit::Ceiling)),
            ("P99Y", Some(Limit::Ceiling)),
        ];
        for (text, expected) in cases {
            assert_eq!(limits.broken_by(term(text), at(NOW), &zone), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_arithmetic_keeps_its_promises(
            ago in 0..2_000_i64, ahead in -10..2_000_i64, suspended: bool, longer: bool,
            wished in "P[1-9][0-9]?M", floor in prop::option::of("P[1-9]M"),
        ) {
            let zone = amsterdam();
            let day = |days: i64| at(NOW).plus(jiff::SignedDuration::from_hours(24 * days));
            let kept = Kept { ended_at: day(-ago), due_at: day(ahead), suspended };
            let mut change = change(&zone, floor.as_deref(), longer);
            let (fate, due) = change.fate(&kept, term(&wished));
            let moved = due != kept.due_at;
            let moves = matches!(
                fate, Fate::ErasedNow | Fate::ErasedEarlier | Fate::KeptLonger | Fate::Held
            );
            prop_assert_eq!(moved, moves, "exactly these move");
            if moved {
                prop_assert!(kept.due_at > change.now, "never what is past due");
                let limits = change.limits;
                let ends = |term: Term| term.after(kept.ended_at, &zone);
                prop_assert!(due <= ends(limits.ceiling).max(change.effective_at));
                if let Some(floor) = limits.floor {
                    prop_assert!(due >= ends(floor), "never below the floor");
                }
                prop_assert!(due < kept.due_at || longer, "later only when asked (I10)");
                prop_assert!(due >= change.effective_at, "never before the change");
            }
            // Doing it twice is doing it once.
            let again = change.fate(&Kept { due_at: due, ..kept }, term(&wished));
            prop_assert_eq!(again.1, due);
        }
    }
}
