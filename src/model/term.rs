//! How long something is kept: an ISO 8601 duration of days, or of months and years.

use std::fmt;
use std::str::FromStr;

use jiff::{SignedDuration, Span};
use serde::{Deserialize, Serialize};

use super::time::{TimeZone, Timestamp};

/// The longest term there is: nothing is kept for ever.
const MAX_DAYS: i64 = 36_525;
const MAX_MONTHS: i64 = 1_200;

/// A retention term.
///
/// Days and weeks are exact: a day is 24 hours. Months and years are calendar months in a time
/// zone, held at the end of a shorter month. The two kinds do not mix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Term(Length);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Length {
    Days(i64),
    Months(i64),
}

/// A term that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// It is no ISO 8601 duration of whole days, weeks, months or years.
    #[error("a term is an ISO 8601 duration such as P90D, P18M or P7Y")]
    Malformed,
    /// It is zero or negative.
    #[error("a term is longer than nothing")]
    NotPositive,
    /// It mixes days with months or years.
    #[error("a term is in days or in months and years, not both")]
    Mixed,
    /// It is longer than a hundred years.
    #[error("a term is at most P100Y")]
    TooLong,
}

impl Term {
    /// A term of this many days of 24 hours.
    #[must_use]
    pub const fn days(days: u16) -> Self {
        Self(Length::Days(days as i64))
    }

    /// A term of this many calendar months.
    #[must_use]
    pub const fn months(months: u8) -> Self {
        Self(Length::Months(months as i64))
    }

    /// The instant `start` is this term ago: when what started then must be gone.
    #[must_use]
    pub fn after(self, start: Timestamp, zone: &TimeZone) -> Timestamp {
        match self.0 {
            Length::Days(days) => start.plus(SignedDuration::from_hours(days * 24)),
            Length::Months(months) => {
                let span = Span::new().months(months);
                match start.in_zone(zone).checked_add(span) {
                    Ok(end) => Timestamp::from_zoned(&end),
                    Err(_) => start.plus(SignedDuration::MAX),
                }
            }
        }
    }
}

impl FromStr for Term {
    type Err = TermError;

    fn from_str(text: &str) -> Result<Self, TermError> {
        if text.starts_with('+') {
            return Err(TermError::Malformed);
        }
        let span: Span = text.parse().map_err(|_| TermError::Malformed)?;
        if !text.starts_with(['P', '-', '+']) || text.contains(['T', 't', '.', ',']) {
            return Err(TermError::Malformed);
        }
        if span.is_negative() || span.is_zero() {
            return Err(TermError::NotPositive);
        }
        let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
        let months = i64::from(span.get_years()) * 12 + i64::from(span.get_months());
        match (days, months) {
            (days, 0) if days > MAX_DAYS => Err(TermError::TooLong),
            (days, 0) => Ok(Self(Length::Days(days))),
            (0, months) if months > MAX_MONTHS => Err(TermError::TooLong),
            (0, months) => Ok(Self(Length::Months(months))),
            _ => Err(TermError::Mixed),
        }
    }
}

impl TryFrom<String> for Term {
    type Error = TermError;

    fn try_from(text: String) -> Result<Self, TermError> {
        text.parse()
    }
}

impl From<Term> for String {
    fn from(term: Term) -> Self {
        term.to_string()
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Length::Days(days) => write!(f, "P{days}D"),
            Length::Months(months) if months % 12 == 0 => write!(f, "P{}Y", months / 12),
            Length::Months(months) => write!(f, "P{months}M"),
        }
    }
}

impl sqlx::Type<sqlx::Sqlite> for Term {
    fn type_info() -> sqlx::sqlite::SqliteTypeInfo {
        <str as sqlx::Type<sqlx::Sqlite>>::type_info()
    }
}

impl sqlx::Type<sqlx::Postgres> for Term {
    fn type_info() -> sqlx::postgres::PgTypeInfo {
        <str as sqlx::Type<sqlx::Postgres>>::type_info()
    }

    fn compatible(info: &sqlx::postgres::PgTypeInfo) -> bool {
        <str as sqlx::Type<sqlx::Postgres>>::compatible(info)
    }
}

impl<DB: sqlx::Database> sqlx::Encode<'_, DB> for Term
where
    for<'a> String: sqlx::Encode<'a, DB>,
{
    fn encode_by_ref(
        &self,
        buffer: &mut DB::ArgumentBuffer,
    ) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        <String as sqlx::Encode<DB>>::encode(self.to_string(), buffer)
    }
}

impl<'r, DB: sqlx::Database> sqlx::Decode<'r, DB> for Term
where
    &'r str: sqlx::Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, sqlx::error::BoxDynError> {
        Ok(<&str as sqlx::Decode<'r, DB>>::decode(value)?.parse()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn amsterdam() -> TimeZone {
        TimeZone::get("Europe/Amsterdam").unwrap()
    }

    #[test]
    fn terms_end_when_the_statement_says() {
        let cases = [
            // 90 × 24 h, whatever the clocks do in between (summer time starts 29 March 2026).
            ("P90D", "2026-03-01T12:00:00Z", "2026-05-30T12:00:00Z"),
            ("P2W", "2026-03-20T12:00:00Z", "2026-04-03T12:00:00Z"),
            // Calendar months keep the hour on the wall in Amsterdam across the change.
            ("P1M", "2026-03-01T12:00:00Z", "2026-04-01T11:00:00Z"),
            ("P6M", "2026-03-01T12:00:00Z", "2026-09-01T11:00:00Z"),
            // Held at the end of a shorter month; 31 August + 6 months.
            ("P6M", "2026-08-31T10:00:00Z", "2027-02-28T11:00:00Z"),
            ("P6M", "2027-08-31T10:00:00Z", "2028-02-29T11:00:00Z"),
            ("P1Y", "2028-02-29T12:00:00Z", "2029-02-28T12:00:00Z"),
            // The local date counts: 23:30 UTC is already the 31st in Amsterdam.
            ("P1M", "2026-01-30T23:30:00Z", "2026-02-27T23:30:00Z"),
            // An hour that does not exist on the day the clocks go forward moves on.
            ("P1M", "2026-02-28T01:30:00Z", "2026-03-28T01:30:00Z"),
            ("P7Y", "2026-06-01T00:00:00Z", "2033-06-01T00:00:00Z"),
        ];
        for (term, start, end) in cases {
            let term: Term = term.parse().unwrap();
            let end: Timestamp = end.parse().unwrap();
            assert_eq!(
                term.after(start.parse().unwrap(), &amsterdam()),
                end,
                "{term} after {start}"
            );
        }
    }

    #[test]
    fn what_is_no_term_is_refused() {
        let cases = [
            ("P0D", TermError::NotPositive),
            ("-P3D", TermError::NotPositive),
            ("+P1Y", TermError::Malformed),
            ("P101Y", TermError::TooLong),
            ("P36526D", TermError::TooLong),
            ("P1Y2D", TermError::Mixed),
            ("forever", TermError::Malformed),
            ("PT24H", TermError::Malformed),
            ("P1DT1H", TermError::Malformed),
            ("P1.5D", TermError::Malformed),
            ("90 days", TermError::Malformed),
            ("", TermError::Malformed),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<Term>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_term_reads_back_as_it_was_written(days in 1..36_525_i64, months in 1..1_200_i64) {
            for term in [Term(Length::Days(days)), Term(Length::Months(months))] {
                prop_assert_eq!(term.to_string().parse(), Ok(term));
            }
        }

        #[test]
        fn a_later_start_never_ends_earlier(
            start in 0..4_000_000_000_i64, gap in 0..10_000_000_i64, months in 1..240_i64,
        ) {
            let term = Term(Length::Months(months));
            let from = |s: i64| Timestamp::from_micros(s * 1_000_000).unwrap();
            let zone = amsterdam();
            // Wall clocks repeat an hour in autumn, so calendar terms may lose up to that hour.
            let slack = SignedDuration::from_hours(1);
            prop_assert!(term.after(from(start), &zone) <= term.after(from(start + gap), &zone).plus(slack));
        }
    }
}
