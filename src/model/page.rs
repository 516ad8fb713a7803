//! Pages of a list, by keyset: a cursor names the last row seen, not how many were skipped.

use std::str::FromStr;

use serde::Serialize;
use uuid::Uuid;

use super::time::Timestamp;

/// How many items a page holds: 1 to 200, 50 unless told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(u8);

impl Limit {
    /// The limit asked for, held within 1 to 200.
    #[must_use]
    pub fn new(wanted: Option<u32>) -> Self {
        let wanted = wanted.unwrap_or(50).clamp(1, 200);
        Self(u8::try_from(wanted).unwrap_or(200))
    }

    /// The limit as a row count.
    #[must_use]
    pub const fn rows(self) -> i64 {
        self.0 as i64
    }
}

/// Where a page of recordings ended: the next one starts after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// When the last recording of the page began.
    pub started_at: Timestamp,
    /// Which one it was.
    pub id: Uuid,
}

/// A cursor this vault did not give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one this vault gave; start again without it")]
pub struct CursorError;

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{}", self.started_at.micros(), self.id.simple())
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let (micros, id) = text.split_once('-').ok_or(CursorError)?;
        let micros = i64::from_str_radix(micros, 16).map_err(|_| CursorError)?;
        let started_at = Timestamp::from_micros(micros).ok_or(CursorError)?;
        Ok(Self { started_at, id: id.parse().map_err(|_| CursorError)? })
    }
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Page<T> {
    /// The items, in the order of the list.
    pub items: Vec<T>,
    /// The cursor of the next page; `null` on the last one.
    pub next: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nonsense_does_not() {
        let cursor = Cursor {
            started_at: "2026-05-01T10:00:00.000001Z".parse().unwrap(),
            id: Uuid::new_v4(),
        };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for text in ["", "-", "zz-1", "1-", "ffffffffffffffffff-0"] {
            assert_eq!(text.parse::<Cursor>(), Err(CursorError), "{text}");
        }
    }

    #[test]
    fn a_limit_is_held_within_bounds() {
        let rows = |wanted| Limit::new(wanted).rows();
        assert_eq!([rows(None), rows(Some(0)), rows(Some(77)), rows(Some(9999))], [50, 1, 77, 200]);
    }
}
