//! Whether the clock can be trusted to erase by: it may delay an erasure, never advance one (I17).

use jiff::SignedDuration;

use crate::model::Timestamp;

/// How far two clocks may differ before one of them is wrong.
pub const TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// What is known of the time at one look at the clock.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// What the wall clock says.
    pub now: Timestamp,
    /// What any node's wall clock said last, as the index remembers.
    pub last_seen: Option<Timestamp>,
    /// What the wall clock said at this process's previous look, and how long ago that was by a
    /// clock that cannot be set.
    pub previous: Option<(Timestamp, SignedDuration)>,
    /// What the clock of the database server says, where there is one.
    pub reference: Option<Timestamp>,
}

/// What is wrong with the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// It is ahead of where it should be: erasing by it could erase early.
    Ahead,
    /// It is behind: nothing is erased early, so this is only reported.
    Behind,
}

/// Judges a look at the clock.
#[must_use]
pub fn guard(sighting: &Sighting) -> Option<Anomaly> {
    let Sighting { now, last_seen, previous, reference } = *sighting;
    let drifts = [
        previous.map(|(wall, elapsed)| now.since(wall.plus(elapsed))),
        reference.map(|reference| now.since(reference)),
    ];
    if drifts.iter().flatten().any(|drift| *drift > TOLERANCE) {
        return Some(Anomaly::Ahead);
    }
    let went_back = last_seen.is_some_and(|seen| seen.since(now) > TOLERANCE);
    let behind = drifts.iter().flatten().any(|drift| *drift < -TOLERANCE);
    (went_back || behind).then_some(Anomaly::Behind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute(minutes: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + minutes * 60_000_000).unwrap()
    }

    #[test]
    fn only_a_clock_that_runs_ahead_stops_erasing() {
        let mins = SignedDuration::from_mins;
        // now, last seen, previous look (wall, elapsed), reference → judgement
        let cases = [
            (100, None, None, None, None),
            (100, Some(99), Some((99, 1)), Some(100), None),
            (100, Some(40), Some((40, 1)), None, Some(Anomaly::Ahead)),
            (100, Some(99), None, Some(90), Some(Anomaly::Ahead)),
            (100, Some(99), None, Some(95), None),
            (100, Some(200), None, None, Some(Anomaly::Behind)),
            (100, Some(99), Some((120, 1)), None, Some(Anomaly::Behind)),
            (100, Some(99), None, Some(110), Some(Anomaly::Behind)),
            // After a week switched off nothing is wrong with the clock itself.
            (100, Some(100 - 7 * 24 * 60), None, None, None),
        ];
        for (now, last_seen, previous, reference, expected) in cases {
            let sighting = Sighting {
                now: minute(now),
                last_seen: last_seen.map(minute),
                previous: previous.map(|(wall, elapsed)| (minute(wall), mins(elapsed))),
                reference: reference.map(minute),
            };
            assert_eq!(guard(&sighting), expected, "{sighting:?}");
        }
    }
}
