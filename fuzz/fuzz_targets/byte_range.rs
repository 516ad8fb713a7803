//! `Range` headers, against recordings of any length.
#![no_main]

use callvault::model::ByteRanges;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((len, header)) = input.split_first_chunk::<8>() else { return };
    let len = u64::from_le_bytes(*len);
    let Ok(header) = std::str::from_utf8(header) else { return };
    if let Ok(ranges) = ByteRanges::parse(header, len) {
        let mut ranges = ranges.as_slice().to_vec();
        ranges.sort_by_key(|range| range.start);
        assert!(ranges.iter().all(|range| range.start < range.end && range.end <= len));
        assert!(ranges.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
});
