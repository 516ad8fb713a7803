//! Points in time, days of expiry, and the only clock of the vault.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp as Jiff};
use serde::{Deserialize, Serialize};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArgumentsBuffer, SqliteTypeInfo, SqliteValueRef};
use sqlx::{Decode, Encode, Type};

pub use jiff::tz::TimeZone;

/// PostgreSQL's own number for the type. Naming it instead would cost a query per connection.
const TIMESTAMPTZ: Oid = Oid(1184);

/// Microseconds between the Unix epoch and PostgreSQL's epoch, 2000-01-01T00:00:00Z.
const POSTGRES_EPOCH: i64 = 946_684_800_000_000;

/// The earliest time PostgreSQL keeps, from its own epoch: 4713 before Christ. What is asked for
/// before it means since ever.
const POSTGRES_FIRST: i64 = -211_813_488_000_000_000;

const MICROS_PER_DAY: i64 = 86_400_000_000;
const MICROS_PER_HOUR: i64 = 3_600_000_000;

/// A point in time, in whole microseconds: the precision both databases keep.
///
/// SQLite stores it as an `INTEGER`, so that comparing two columns compares two numbers;
/// PostgreSQL stores it as a `TIMESTAMPTZ`. In JSON it is RFC 3339 in UTC.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(Jiff);

impl Timestamp {
    /// The time this many microseconds after the Unix epoch, or `None` outside years −9999 to 9999.
    #[must_use]
    pub fn from_micros(micros: i64) -> Option<Self> {
        Jiff::from_microsecond(micros).ok().map(Self)
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub fn micros(self) -> i64 {
        self.0.as_microsecond()
    }

    /// This time moved by `duration`, held at the ends of the calendar.
    #[must_use]
    pub fn plus(self, duration: SignedDuration) -> Self {
        let moved = self.0.checked_add(duration).unwrap_or(if duration.is_negative() {
            Jiff::MIN
        } else {
            Jiff::MAX
        });
        Self(truncated(moved))
    }

    /// How long after `earlier` this is; negative when it is before it.
    #[must_use]
    pub fn since(self, earlier: Self) -> SignedDuration {
        self.0.duration_since(earlier.0)
    }

    /// The UTC day this falls in.
    #[must_use]
    pub fn day(self) -> Day {
        let days = self.micros().div_euclid(MICROS_PER_DAY);
        Day(i32::try_from(days).expect("years −9999 to 9999 fit in 32 bits of days"))
    }

    /// The first full hour at or after this time: all that a tombstone tells of it (I11).
    #[must_use]
    pub fn hour_rounded_up(self) -> Self {
        let past = self.micros().rem_euclid(MICROS_PER_HOUR);
        let missing = if past == 0 { 0 } else { MICROS_PER_HOUR - past };
        self.plus(SignedDuration::from_micros(missing))
    }

    /// The full minute this falls in: what a tombstone tells of an erasure.
    #[must_use]
    pub fn minute(self) -> Self {
        let past = self.micros().rem_euclid(MICROS_PER_HOUR / 60);
        self.plus(SignedDuration::from_micros(-past))
    }

    /// When the day began that it is in `zone`.
    #[must_use]
    pub fn midnight(self, zone: &TimeZone) -> Self {
        let began = self.in_zone(zone).start_of_day();
        began.map_or(self, |began| Self::from_zoned(&began))
    }

    /// When the next day begins in `zone`.
    #[must_use]
    pub fn next_midnight(self, zone: &TimeZone) -> Self {
        let next = self.in_zone(zone).tomorrow().and_then(|next| next.start_of_day());
        next.map_or(self, |next| Self::from_zoned(&next))
    }

    /// This time on the calendar of `zone`.
    pub(super) fn in_zone(self, zone: &TimeZone) -> jiff::ZonedDateTime {
        self.0.to_zoned_datetime(zone.clone())
    }

    pub(super) fn from_zoned(zoned: &jiff::ZonedDateTime) -> Self {
        Self(truncated(zoned.timestamp()))
    }
}

/// Drops what is finer than a microsecond, so that a stored time reads back equal.
fn truncated(time: Jiff) -> Jiff {
    Jiff::from_microsecond(time.as_microsecond()).unwrap_or(time)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Timestamp {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(|time| Self(truncated(time)))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Jiff::deserialize(deserializer).map(|time| Self(truncated(time)))
    }
}

impl Type<Sqlite> for Timestamp {
    fn type_info() -> SqliteTypeInfo {
        <i64 as Type<Sqlite>>::type_info()
    }
}

impl Encode<'_, Sqlite> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Sqlite>::encode(self.micros(), buffer)
    }
}

impl Decode<'_, Sqlite> for Timestamp {
    fn decode(value: SqliteValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<Sqlite>>::decode(value)?;
        Ok(Self(Jiff::from_microsecond(micros)?))
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = (self.micros() - POSTGRES_EPOCH).max(POSTGRES_FIRST);
        Encode::<Postgres>::encode(micros, buffer)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let time = match value.format() {
            PgValueFormat::Binary => {
                let micros = <i64 as Decode<Postgres>>::decode(value)?;
                Jiff::from_microsecond(micros.saturating_add(POSTGRES_EPOCH))?
            }
            PgValueFormat::Text => value.as_str()?.parse()?,
        };
        Ok(Self(time))
    }
}

/// A day in UTC, in days since 1970-01-01: the grain in which keys expire.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type,
)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Day(pub i32);

impl Day {
    /// The bucket of recordings that are kept whatever their term says (a hold).
    pub const HOLD: Self = Self(i32::MAX);

    /// The instant the day is over, or `None` for [`Day::HOLD`], which has no end.
    #[must_use]
    pub fn end(self) -> Option<Timestamp> {
        Timestamp::from_micros((i64::from(self.0) + 1).checked_mul(MICROS_PER_DAY)?)
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = i64::from(self.0).checked_mul(MICROS_PER_DAY).and_then(Timestamp::from_micros);
        match start {
            Some(start) => {
                let text = start.to_string();
                f.write_str(text.split('T').next().unwrap_or(&text))
            }
            None => f.write_str("hold"),
        }
    }
}

/// Where the vault takes the time from.
///
/// The wall clock is read nowhere else, so that a test about 90 days advances a clock.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    /// The machine's clock.
    System,
    /// Microseconds on the wall, and microseconds that have really passed.
    Manual(Arc<[AtomicI64; 2]>),
}

impl Clock {
    /// The clock of the machine.
    #[must_use]
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that stands still until it is moved.
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self(Source::Manual(Arc::new([AtomicI64::new(start.micros()), AtomicI64::new(0)])))
    }

    /// The time now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => Timestamp(truncated(Jiff::now())),
            Source::Manual(clock) => Timestamp::from_micros(clock[0].load(Ordering::SeqCst))
                .expect("a manual clock is only moved within the calendar"),
        }
    }

    /// Whether this is the clock of the machine, which other machines' clocks can be held against.
    #[must_use]
    pub fn is_machines(&self) -> bool {
        matches!(self.0, Source::System)
    }

    /// How much time has passed since some moment, by a clock that cannot be set and that goes on
    /// while the machine sleeps.
    #[must_use]
    pub fn elapsed(&self) -> SignedDuration {
        match &self.0 {
            Source::System => {
                let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                let nanos = i32::try_from(since.tv_nsec).unwrap_or(0);
                SignedDuration::new(since.tv_sec, nanos)
            }
            Source::Manual(clock) => SignedDuration::from_micros(clock[1].load(Ordering::SeqCst)),
        }
    }

    /// Lets time pass on a manual clock; the clock of the machine stays as it is.
    pub fn advance(&self, by: SignedDuration) {
        self.jump(by);
        if let Source::Manual(clock) = &self.0 {
            let micros = i64::try_from(by.as_micros()).unwrap_or(0);
            clock[1].fetch_add(micros, Ordering::SeqCst);
        }
    }

    /// Sets a manual clock forward without any time passing, as when somebody sets it wrong.
    pub fn jump(&self, by: SignedDuration) {
        if let Source::Manual(clock) = &self.0 {
            clock[0].store(self.now().plus(by).micros(), Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_ends_where_the_next_one_starts() {
        let day = at("2026-05-31T23:59:59.999999Z").day();
        assert_eq!(day.end(), Some(at("2026-06-01T00:00:00Z")));
        assert_eq!(day.to_string(), "2026-05-31");
        assert_eq!(at("1969-12-31T23:00:00Z").day(), Day(-1));
        assert_eq!(Day::HOLD.end(), None);
        assert_eq!(Day::HOLD.to_string(), "hold");
    }

    #[test]
    fn a_day_of_a_zone_begins_at_its_midnight_also_when_clocks_change() {
        let zone = TimeZone::get("Europe/Amsterdam").unwrap();
        let days = |text| (at(text).midnight(&zone), at(text).next_midnight(&zone));
        let summer = (at("2026-05-31T22:00:00Z"), at("2026-06-01T22:00:00Z"));
        assert_eq!(days("2026-06-01T12:00:00Z"), summer);
        assert_eq!(days("2026-06-01T21:59:59.999999Z"), summer);
        assert_eq!(days("2026-05-31T22:00:00Z"), summer);
        let longest = (at("2026-10-24T22:00:00Z"), at("2026-10-25T23:00:00Z"));
        assert_eq!(days("2026-10-25T12:00:00Z"), longest);
    }

    #[test]
    fn an_hour_is_rounded_up_and_a_full_hour_stays() {
        assert_eq!(at("2026-06-01T10:00:00.000001Z").hour_rounded_up(), at("2026-06-01T11:00:00Z"));
        assert_eq!(at("2026-06-01T10:00:00Z").hour_rounded_up(), at("2026-06-01T10:00:00Z"));
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = Clock::manual(at("2026-01-01T00:00:00Z"));
        clock.advance(SignedDuration::from_hours(24));
        assert_eq!(clock.now(), at("2026-01-02T00:00:00Z"));
    }
}
