//! Holds: recordings that are not erased before somebody releases them (I7).
//!
//! - `place`: for recordings by name or by a filter, which catches those to come as well
//! - `release`: releasing and extending, which take two persons
//! - `end`: those that end with the service of a customer
//! - `view`: what is shown of a hold, and the reminders

mod end;
mod place;
mod release;
mod view;

use jiff::SignedDuration;

use super::error::Error;
use super::fields::bad;
use crate::crypto::Keys;
use crate::model::{ControllerId, Day, Timestamp};

pub use place::{HoldWish, NewHold};
pub use release::Step;
pub use view::{HoldView, HoldsWanted};

/// How many days one person can hold alone.
const ALONE: i32 = 30;

/// How many days ahead a review can be at most.
const AHEAD: i32 = 366;

/// A day that is written as `2026-07-01`.
pub(super) fn date(field: &'static str, text: &str) -> Result<Day, Error> {
    let wrong = || bad(field, "is a day such as 2026-07-01");
    let shaped = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    let midnight = format!("{text}T00:00:00Z").parse::<Timestamp>();
    midnight.ok().filter(|_| shaped).map(Timestamp::day).ok_or_else(wrong)
}

/// A day by which somebody looks again: in the future, and not further than `most` days.
pub(super) fn review(text: &str, now: Timestamp, most: i32) -> Result<Day, Error> {
    let day = date("review_on", text)?;
    let today = now.day();
    if day <= today {
        return Err(bad("review_on", "lies in the past: name the day of the next review"));
    }
    if day.0 - today.0 > most {
        return Err(bad("review_on", &format!("is at most {most} days ahead")));
    }
    Ok(day)
}

/// That many days after today.
pub(super) fn in_days(now: Timestamp, days: i32) -> Day {
    now.plus(SignedDuration::from_hours(24 * i64::from(days))).day()
}

/// What a filter keeps of a text it looks for: nobody without the keyring can tell which it is.
fn blind(
    keys: &Keys,
    controller: ControllerId,
    what: &'static str,
    text: &str,
) -> Result<[u8; 32], Error> {
    Ok(keys.blind(controller, what, text.as_bytes())?)
}

/// What the hashes of a filter are bound to, beside whose it is.
const AGENT: &str = "hold.agent";
const QUEUE: &str = "hold.queue";
const LINE: &str = "hold.line";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_lies_ahead_and_not_too_far() {
        let now: Timestamp = "2026-06-01T12:00:00Z".parse().unwrap();
        for text in ["2026-06-02", "2026-07-01", "2027-06-02"] {
            assert_eq!(review(text, now, AHEAD).unwrap().to_string(), text);
        }
        for text in
            ["2026-06-01", "2025-01-01", "2027-06-03", "tomorrow", "2026-6-2", "", "2026-02-30"]
        {
            assert!(review(text, now, AHEAD).is_err(), "{text}");
        }
        assert_eq!(in_days(now, 30).to_string(), "2026-07-01");
    }
}
