//! How a range is cut into what is read or computed at once.

use std::ops::Range;

use crate::crypto::SEGMENT;

/// The first window is small, so that playing starts at once; the others are large.
pub(super) const FIRST_WINDOW: u64 = 4 * SEGMENT as u64;
pub(super) const WINDOW: u64 = 32 * SEGMENT as u64;

/// The first window of what is computed: four seconds of a telephone line.
const FIRST_COMPUTED: u64 = 64 * 1024;

/// The others of it. Small, so that nobody waits long behind what somebody else may never hear.
const COMPUTED: u64 = 4 * FIRST_COMPUTED;

/// Cuts a range into windows, of which the first is smaller: what is computed takes time, and a player
/// waits for the first of it.
pub(super) fn computed(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let (mut at, mut size) = (range.start, FIRST_COMPUTED);
    std::iter::from_fn(move || {
        let window = at..range.end.min(at.saturating_add(size));
        (at, size) = (window.end, COMPUTED);
        (!window.is_empty()).then_some(window)
    })
}

/// Cuts a range into windows that end at segment edges.
pub(super) fn windows(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    let mut size = FIRST_WINDOW;
    std::iter::from_fn(move || {
        if at >= range.end {
            return None;
        }
        let edge = (at / SEGMENT as u64) * SEGMENT as u64 + size;
        let window = at..edge.min(range.end);
        (at, size) = (window.end, WINDOW);
        Some(window)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_cover_a_range_once_and_end_at_segment_edges(
            start in 0..20_000_000_u64, len in 0..20_000_000_u64,
        ) {
            let mut at = start;
            for window in windows(start..start + len) {
                prop_assert_eq!(window.start, at);
                prop_assert!(window.start < window.end && window.end - window.start <= WINDOW);
                prop_assert!(window.end == start + len || window.end % SEGMENT as u64 == 0);
                at = window.end;
            }
            prop_assert_eq!(at, start + len);
        }

        #[test]
        fn computed_windows_cover_a_range_once(start in 0..10_000_000_u64, len in 0..20_000_000_u64) {
            let mut at = start;
            for window in computed(start..start + len) {
                prop_assert_eq!(window.start, at);
                prop_assert!(window.start < window.end && window.end - window.start <= WINDOW);
                at = window.end;
            }
            prop_assert_eq!(at, start + len);
        }
    }
}
