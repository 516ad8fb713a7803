//! When a recording must be gone, and whether it may come in at all (design.md 4).

use jiff::SignedDuration;

use crate::model::{Class, Direction, Term, TimeZone, Timestamp};

/// How far the end of a call may lie in the future: clocks of PBXs differ.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The terms the provider published, and the zone its calendar is in.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// How long support recordings are kept. From the privacy statement, not from the API.
    pub support_term: Term,
    /// How long the call details of support recordings are kept.
    pub support_metadata_term: Term,
    /// Where months and years are counted.
    pub zone: TimeZone,
}

/// When the two lives of a recording end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dates {
    /// The instant the audio must be gone.
    pub due_at: Timestamp,
    /// The instant the call details must be gone: never before the audio.
    pub metadata_due_at: Timestamp,
}

/// Why a recording may not come in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The support class covers calls to the provider only.
    #[error("support recordings are of calls to the provider; this direction is not covered")]
    NotCovered,
    /// The call ends in the future.
    #[error("the call ends in the future: check the clock of the PBX")]
    Clock,
    /// Its term has already ended.
    #[error("the retention term of this call has already ended; nothing was stored")]
    PastDue,
}

impl Schedule {
    /// When a recording of a call that ended at `ended_at` must be gone.
    ///
    /// `term` is the customer's; support recordings have the provider's own. A customer's call
    /// details live and die with the audio (I11).
    #[must_use]
    pub fn dates(&self, class: Class, ended_at: Timestamp, term: Option<Term>) -> Dates {
        match (class, term) {
            (Class::Customer, Some(term)) => {
                let due_at = term.after(ended_at, &self.zone);
                Dates { due_at, metadata_due_at: due_at }
            }
            (Class::Support, _) | (Class::Customer, None) => {
                let due_at = self.support_term.after(ended_at, &self.zone);
                let metadata = self.support_metadata_term.after(ended_at, &self.zone);
                Dates { due_at, metadata_due_at: metadata.max(due_at) }
            }
        }
    }

    /// Whether a call of this kind may come in now.
    pub fn check(
        class: Class,
        direction: Option<Direction>,
        ended_at: Timestamp,
        dates: Dates,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let covered = matches!(direction, None | Some(Direction::Inbound));
        if class == Class::Support && !covered {
            return Err(Refusal::NotCovered);
        }
        if ended_at > now.plus(CLOCK_TOLERANCE) {
            return Err(Refusal::Clock);
        }
        if dates.due_at <= now {
            return Err(Refusal::PastDue);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn schedule() -> Schedule {
        Schedule {
            support_term: Term::days(90),
            support_metadata_term: Term::months(6),
            zone: TimeZone::get("Europe/Amsterdam").unwrap(),
        }
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn support_audio_dies_at_90_days_and_its_details_at_six_months() {
        let dates = schedule().dates(Class::Support, at("2026-08-31T10:00:00Z"), None);
        assert_eq!(dates.due_at, at("2026-11-29T10:00:00Z"));
        assert_eq!(dates.metadata_due_at, at("2027-02-28T11:00:00Z"));
    }

    #[test]
    fn a_customers_details_die_with_the_audio() {
        let term = "P1Y".parse().ok();
        let dates = schedule().dates(Class::Customer, at("2026-01-01T00:00:00Z"), term);
        assert_eq!(dates.due_at, at("2027-01-01T00:00:00Z"));
        assert_eq!(dates.metadata_due_at, dates.due_at);
    }

    #[test]
    fn what_may_come_in_is_decided_by_class_direction_and_time() {
        let now = at("2026-06-01T12:00:00Z");
        let support = Class::Support;
        let cases = [
            (support, Some(Direction::Inbound), "2026-06-01T11:00:00Z", Ok(())),
            (support, None, "2026-06-01T11:00:00Z", Ok(())),
            (support, Some(Direction::Outbound), "2026-06-01T11:00:00Z", Err(Refusal::NotCovered)),
            (support, Some(Direction::Internal), "2026-06-01T11:00:00Z", Err(Refusal::NotCovered)),
            (Class::Customer, Some(Direction::Outbound), "2026-06-01T11:00:00Z", Ok(())),
            (support, None, "2026-06-01T12:05:00Z", Ok(())),
            (support, None, "2026-06-01T12:05:01Z", Err(Refusal::Clock)),
            (support, None, "2026-03-03T12:00:01Z", Ok(())),
            (support, None, "2026-03-03T12:00:00Z", Err(Refusal::PastDue)),
        ];
        for (class, direction, ended, expected) in cases {
            let dates = schedule().dates(class, at(ended), Some(Term::days(90)));
            let found = Schedule::check(class, direction, at(ended), dates, now);
            assert_eq!(found, expected, "{class} {direction:?} {ended}");
        }
    }

    proptest! {
        #[test]
        fn details_never_die_before_the_audio(ended in 0..4_000_000_000_i64, days in 1..2000_u16) {
            let ended = Timestamp::from_micros(ended * 1_000_000).unwrap();
            let schedule = Schedule { support_term: Term::days(days), ..schedule() };
            let dates = schedule.dates(Class::Support, ended, None);
            prop_assert!(ended < dates.due_at && dates.due_at <= dates.metadata_due_at);
        }
    }
}
