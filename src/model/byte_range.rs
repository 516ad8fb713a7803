//! Byte ranges of a `Range` header (RFC 9110, section 14).

use std::num::NonZeroUsize;
use std::ops::Range;

use http_range_header::parse_range_header_with_max_ranges;

/// The most ranges one request may ask for.
const MAX_RANGES: NonZeroUsize = NonZeroUsize::new(16).expect("16 is not zero");

/// The parts of something that a request asks for: in its order, none empty, none overlapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteRanges(Vec<Range<u64>>);

/// A `Range` header that cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// It is no byte range. A server may ignore such a header and send the whole.
    #[error("the Range header is no byte range")]
    Malformed,
    /// It names no byte that exists, overlapping parts or too many of them.
    #[error("the range lies outside the content")]
    NotSatisfiable,
}

impl ByteRanges {
    /// Reads the header's value for something of `len` bytes.
    pub fn parse(header: &str, len: u64) -> Result<Self, RangeError> {
        let parsed = parse_range_header_with_max_ranges(header, MAX_RANGES)
            .map_err(|_| RangeError::Malformed)?;
        if len == 0 {
            return Err(RangeError::NotSatisfiable);
        }
        let ranges = parsed.validate(len).map_err(|_| RangeError::NotSatisfiable)?;
        let ranges: Vec<_> =
            ranges.into_iter().map(|range| *range.start()..range.end() + 1).collect();
        if overlap(&ranges) { Err(RangeError::NotSatisfiable) } else { Ok(Self(ranges)) }
    }

    /// The ranges, first and past-the-last byte.
    #[must_use]
    pub fn as_slice(&self) -> &[Range<u64>] {
        &self.0
    }
}

/// Whether any two share a byte: the parser looks only at neighbours.
fn overlap(ranges: &[Range<u64>]) -> bool {
    let mut sorted: Vec<_> = ranges.iter().collect();
    sorted.sort_unstable_by_key(|range| range.start);
    sorted.iter().zip(sorted.iter().skip(1)).any(|(one, next)| one.end > next.start)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn headers_mean_what_the_standard_says() {
        type Outcome = Result<&'static [(u64, u64)], RangeError>;
        let cases: &[(&str, Outcome)] = &[
            ("bytes=0-0", Ok(&[(0, 1)])),
            ("bytes=0-", Ok(&[(0, 100)])),
            ("bytes=90-1000", Ok(&[(90, 100)])),
            ("bytes=-10", Ok(&[(90, 100)])),
            ("bytes=-1000", Ok(&[(0, 100)])),
            ("bytes=0-9,20-29", Ok(&[(0, 10), (20, 30)])),
            ("bytes=20-29,0-9", Ok(&[(20, 30), (0, 10)])),
            ("bytes=0-9,5-14", Err(RangeError::NotSatisfiable)),
            ("bytes=0-1,95-,-3", Err(RangeError::NotSatisfiable)),
            ("bytes=0-9,20-29,0-9", Err(RangeError::NotSatisfiable)),
            ("bytes=100-", Err(RangeError::NotSatisfiable)),
            ("bytes=-0", Err(RangeError::NotSatisfiable)),
            ("bytes=9-3", Err(RangeError::Malformed)),
            ("items=0-1", Err(RangeError::Malformed)),
            ("bytes=", Err(RangeError::Malformed)),
            ("bytes=a-b", Err(RangeError::Malformed)),
            ("bytes=99999999999999999999-", Err(RangeError::NotSatisfiable)),
        ];
        for (header, expected) in cases {
            let found = ByteRanges::parse(header, 100);
            let found = found.as_ref().map(|ranges| {
                ranges.0.iter().map(|range| (range.start, range.end)).collect::<Vec<_>>()
            });
            let found = found.as_ref().map(Vec::as_slice).map_err(|error| **error);
            assert_eq!(found, *expected, "{header}");
        }
    }

    #[test]
    fn a_range_bomb_is_refused() {
        let header =
            format!("bytes={}", (0..200).map(|i| format!("{i}-{i}")).collect::<Vec<_>>().join(","));
        assert_eq!(ByteRanges::parse(&header, 1000), Err(RangeError::Malformed));
    }

    proptest! {
        #[test]
        fn no_header_panics_or_reaches_outside(header in "bytes=[0-9,-]{0,30}", len in 0..5000_u64) {
            if let Ok(ranges) = ByteRanges::parse(&header, len) {
                for range in ranges.as_slice() {
                    prop_assert!(range.start < range.end && range.end <= len);
                }
                let total: u64 = ranges.as_slice().iter().map(|range| range.end - range.start).sum();
                prop_assert!(total <= len, "no byte is sent twice");
            }
        }

        #[test]
        fn a_range_cuts_what_a_slice_would(len in 1..300_u64, first in 0..300_u64, last in 0..300_u64) {
            let found = ByteRanges::parse(&format!("bytes={first}-{last}"), len);
            if first < len && first <= last {
                let ranges = found.unwrap();
                prop_assert_eq!(ranges.as_slice().len(), 1);
                prop_assert_eq!(&ranges.as_slice()[0], &(first..len.min(last + 1)));
            } else {
                prop_assert!(found.is_err());
            }
        }
    }
}
