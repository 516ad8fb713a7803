//! The headers that are read here and not by a library: RIFF, RF64, W64, AU, CAF, MP4 boxes.
#![no_main]

use std::io::Cursor;
use std::ops::ControlFlow;
use std::time::Duration;

use callvault::audio::{Limits, Rendition, analyse, sniff};
use libfuzzer_sys::fuzz_target;

const STARTS: [&[u8]; 5] = [
    b"RIFF\0\0\0\0WAVEfmt ",
    b"RF64\xFF\xFF\xFF\xFFWAVEds64",
    b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\0\0",
    b".snd\0\0\0\x18",
    b"caff\0\x01\0\0desc",
];

fuzz_target!(|input: &[u8]| {
    let Some((first, rest)) = input.split_first() else { return };
    let bytes = [STARTS[usize::from(*first) % STARTS.len()], rest].concat();
    let _ = sniff(&bytes, Some(bytes.len() as u64), None);
    let limits = Limits { time: Duration::from_secs(5), samples: 1_000_000, channels: 8 };
    let Ok(analysis) = analyse(Box::new(Cursor::new(bytes.clone())), None, &limits) else { return };
    if let Ok(rendition) = Rendition::open(&analysis.index) {
        let mut count = 0;
        let mut out = |piece: &[u8]| {
            count += piece.len() as u64;
            ControlFlow::Continue(())
        };
        let written = rendition.write(Box::new(Cursor::new(bytes)), 0..rendition.len(), &mut out);
        assert!(written.is_err() || count == rendition.len());
    }
});
