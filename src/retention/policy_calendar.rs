//! When a term ends, for many recordings in the order of their calls.
//!
//! Calendar arithmetic is slow, and within a quarter of an hour it always moves a time by the same
//! amount: the offsets of all zones are whole quarters since 1972. So it is done once a quarter.

use jiff::SignedDuration;

use crate::model::{Term, TimeZone, Timestamp};

const QUARTER: i64 = 15 * 60 * 1_000_000;

/// The first time from when on every zone's offset is whole quarters: 1973.
const REGULAR: i64 = 94_694_400_000_000;

/// The ends of terms in one time zone.
#[derive(Debug)]
pub struct Calendar<'a> {
    zone: &'a TimeZone,
    quarter: i64,
    moved: Vec<(Term, SignedDuration)>,
}

impl<'a> Calendar<'a> {
    /// A calendar of this zone.
    #[must_use]
    pub const fn new(zone: &'a TimeZone) -> Self {
        Self { zone, quarter: i64::MIN, moved: Vec::new() }
    }

    /// The instant at which what began at `start` has lasted for `term`.
    pub fn end(&mut self, term: Term, start: Timestamp) -> Timestamp {
        if start.micros() < REGULAR {
            return term.after(start, self.zone);
        }
        let quarter = start.micros().div_euclid(QUARTER);
        if quarter != self.quarter {
            self.quarter = quarter;
            self.moved.clear();
        }
        if let Some((_, by)) = self.moved.iter().find(|(of, _)| *of == term) {
            return start.plus(*by);
        }
        let end = term.after(start, self.zone);
        self.moved.push((term, end.since(start)));
        end
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_tells_what_the_term_itself_tells(
            starts in prop::collection::vec(-1_000_000_000_000_000..4_000_000_000_000_000_i64, 1..8),
            steps in prop::collection::vec(0..1_000_000_000_i64, 1..30),
            terms in prop::collection::vec("P[1-9][0-9]?[DMY]", 1..4),
            zone in prop::sample::select(&[
                "Europe/Amsterdam", "Asia/Kathmandu", "Australia/Lord_Howe", "America/St_Johns", "UTC",
            ][..]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let mut calendar = Calendar::new(&zone);
            for mut at in starts {
                for step in &steps {
                    at += step;
                    let start = Timestamp::from_micros(at).unwrap();
                    for term in &terms {
                        let term: Term = term.parse().unwrap();
                        prop_assert_eq!(calendar.end(term, start), term.after(start, &zone));
                    }
                }
            }
        }
    }

    #[test]
    fn it_tells_so_around_every_change_of_the_clocks() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let mut calendar = Calendar::new(&zone);
        let month: Term = "P1M".parse().unwrap();
        let first: Timestamp = "2026-02-20T00:00:00Z".parse().unwrap();
        // Eleven minutes never divide a quarter evenly: each quarter is met at another place.
        for step in 0..40_000 {
            let start = first.plus(SignedDuration::from_mins(11 * step));
            assert_eq!(calendar.end(month, start), month.after(start, &zone), "{start}");
        }
    }
}
