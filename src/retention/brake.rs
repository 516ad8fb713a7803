//! The brake on mass erasure: what is irreversible and unusual waits for a person.

/// A run of at most this many is never braked.
pub const BRAKE_FLOOR: u64 = 50;

/// How many recordings one run may erase without being asked, after what the last days erased.
///
/// `max(50, 3 × median of the daily counts)`. The caller applies it only to runs that a policy
/// change or a clock jump set off: ordinary expiry is never braked.
#[must_use]
pub fn brake(daily_counts: &[u64]) -> u64 {
    let mut counts = daily_counts.to_vec();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
    median.saturating_mul(3).max(BRAKE_FLOOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_times_the_usual_day_passes_and_never_less_than_fifty() {
        let cases: &[(&[u64], u64)] = &[
            (&[], 50),
            (&[1, 2, 3], 50),
            (&[100, 10_000, 90], 300),
            (&[100, 100, 100, 1_000_000], 300),
            (&[u64::MAX], u64::MAX),
        ];
        for (counts, expected) in cases {
            assert_eq!(brake(counts), *expected, "{counts:?}");
        }
    }
}
