//! Any bytes at all, decoded to their end.
#![no_main]

use std::io::Cursor;
use std::time::Duration;

use callvault::audio::{Limits, analyse};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { time: Duration::from_secs(5), samples: 10_000_000, channels: 8 };
    if let Ok(analysis) = analyse(Box::new(Cursor::new(bytes.to_vec())), None, &limits) {
        let samples = analysis.frames * u64::from(analysis.channels);
        assert!(samples <= limits.samples);
        assert_eq!(analysis.unplayable.is_some(), analysis.duration_ms.is_none());
    }
});
