//! Takes a recording in: decodes it once, to its end, keeping nothing but facts.

use std::time::{Duration, Instant};

use super::declared::Declared;
use super::guard::guarded;
use super::identify::{Found, identify};
use super::plan::{Checkpoint, Plan};
use super::seek_index::{Playable, SeekIndex, Trail};
use super::source::{Shared, Source};
use super::waveform::{Pen, Waveform};
use super::{Error, Shape, reason};

/// How much work a recording may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long it may take to decode.
    pub time: Duration,
    /// How many samples it may decode to, all channels together.
    pub samples: u64,
    /// How many channels it may have.
    pub channels: u16,
}

/// Five minutes, eight channels, and two thousand million samples: 69 hours of a telephone line,
/// 5 hours and 47 minutes of stereo at 48 kHz. A FLAC of 200 kB can hold more.
impl Default for Limits {
    fn default() -> Self {
        Self { time: Duration::from_mins(5), samples: 2_000_000_000, channels: 8 }
    }
}

/// What a recording turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub struct Analysis {
    /// The container and the codec in it, such as `wav/pcm_mulaw`.
    pub codec: String,
    /// Samples a second; 0 when nobody can tell.
    pub sample_rate: u32,
    /// The number of channels; 0 when nobody can tell.
    pub channels: u16,
    /// How many samples a channel it decodes to.
    pub frames: u64,
    /// How long it lasts, if it could be decoded.
    pub duration_ms: Option<u64>,
    /// Why it cannot be played, if it cannot.
    pub unplayable: Option<&'static str>,
    /// Its picture; empty when it cannot be played.
    pub waveform: Waveform,
    /// How to play any part of it; empty when it cannot be played.
    pub index: SeekIndex,
}

/// Decodes a recording to its end and tells what it is.
///
/// Audio that cannot be decoded, or only beyond the limits, is audio all the same: the answer then
/// says why it cannot be played. A panic in a decoder is one of those reasons.
pub fn analyse(
    source: Box<dyn Source>,
    declared: Option<&Declared>,
    limits: &Limits,
) -> Result<Analysis, Error> {
    let source = Shared::new(source, Instant::now().checked_add(limits.time));
    let mut known = Found::unknown();
    let outcome = guarded(|| {
        known = identify(&source, declared)?;
        match &known.plan {
            Ok(_) if known.promised > limits.samples => Ok(Err(reason::TOO_LARGE)),
            Ok(plan) => measure(&source, plan, known.tail, limits),
            Err(why) => Ok(Err(*why)),
        }
    });
    match outcome {
        Ok(Ok((playable, waveform))) => Ok(known.playable(playable, waveform)),
        Ok(Err(why)) => Ok(known.kept(why)),
        Err(Error::Decoder) => Ok(known.kept(reason::DECODER)),
        Err(Error::Unplayable) => Ok(known.kept(reason::CODEC)),
        // The source is fine; it was read for too long.
        Err(Error::Io(_)) if source.expired() => Ok(known.kept(reason::SLOW)),
        Err(error) => Err(error),
    }
}

impl Found {
    /// What is known of audio whose headers made a reader panic.
    fn unknown() -> Self {
        let codec = "unknown/unknown".to_owned();
        Self { codec, shape: None, tail: 0, promised: 0, plan: Err(reason::HEADER) }
    }

    fn playable(self, playable: Playable, waveform: Waveform) -> Analysis {
        let Playable { shape, frames, .. } = playable;
        let Some(index) = SeekIndex::new(playable) else {
            return self.kept(reason::TOO_LARGE);
        };
        Analysis {
            codec: self.codec,
            sample_rate: shape.sample_rate,
            channels: shape.channels,
            frames,
            duration_ms: Some(frames.saturating_mul(1_000) / u64::from(shape.sample_rate)),
            unplayable: None,
            waveform,
            index,
        }
    }

    fn kept(self, why: &'static str) -> Analysis {
        Analysis {
            codec: self.codec,
            sample_rate: self.shape.map_or(0, |shape| shape.sample_rate),
            channels: self.shape.map_or(0, |shape| shape.channels),
            frames: 0,
            duration_ms: None,
            unplayable: Some(why),
            waveform: Waveform::default(),
            index: SeekIndex::default(),
        }
    }
}

/// Everything that is counted while a recording decodes.
struct Tally {
    shape: Shape,
    frames: u64,
    pen: Pen,
    trail: Trail,
}

/// Decodes to the end; the inner error is the reason why not.
fn measure(
    source: &Shared,
    plan: &Plan,
    tail: u32,
    limits: &Limits,
) -> Result<Result<(Playable, Waveform), &'static str>, Error> {
    let mut stream = plan.begin(source)?;
    let mut samples = Vec::new();
    let mut tally: Option<Tally> = None;
    while let Some(piece) = stream.next(&mut samples)? {
        let Some(shape) = stream.shape() else {
            if source.expired() {
                return Ok(Err(reason::SLOW));
            }
            samples.clear();
            continue;
        };
        let tally = tally.get_or_insert_with(|| Tally::new(shape));
        if let Ok(at) = u64::try_from(piece.at)
            && piece.anchor
        {
            tally.trail.pass(Checkpoint { frame: tally.frames, at, lead: piece.lead });
        }
        tally.pen.draw(&samples);
        tally.frames += (samples.len() / shape.width()) as u64;
        samples.clear();
        if let Some(why) = tally.over(limits) {
            return Ok(Err(why));
        }
        if source.expired() {
            return Ok(Err(reason::SLOW));
        }
    }
    if source.expired() {
        return Ok(Err(reason::SLOW));
    }
    let Some(Tally { shape, frames, pen, trail }) = tally else { return Ok(Err(reason::EMPTY)) };
    let frames = frames.saturating_sub(tail.into());
    if frames == 0 {
        return Ok(Err(reason::EMPTY));
    }
    let checkpoints = trail.finish(frames);
    Ok(Ok((Playable { plan: *plan, shape, frames, checkpoints }, pen.finish())))
}

impl Tally {
    fn new(shape: Shape) -> Self {
        let trail = Trail::new(shape.sample_rate);
        Self { shape, frames: 0, pen: Pen::new(shape), trail }
    }

    fn over(&self, limits: &Limits) -> Option<&'static str> {
        if self.shape.channels > limits.channels {
            return Some(reason::CHANNELS);
        }
        let samples = self.frames.saturating_mul(self.shape.channels.into());
        (samples > limits.samples).then_some(reason::TOO_LARGE)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Cursor, ErrorKind, Read, Seek, SeekFrom};

    use proptest::prelude::*;

    use super::*;

    fn wav(tag: u16, channels: u16, align: u16, bits: u16, payload: &[u8]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
        file.extend([tag, channels].iter().flat_map(|field| field.to_le_bytes()));
        file.extend([8_000_u32, 16_000].iter().flat_map(|field| field.to_le_bytes()));
        file.extend([align, bits].iter().flat_map(|field| field.to_le_bytes()));
        file.extend(b"data\0\0\0\0");
        file.extend(payload);
        file
    }

    fn analysed(bytes: &[u8], limits: &Limits) -> Result<Analysis, Error> {
        analyse(Box::new(Cursor::new(bytes.to_vec())), None, limits)
    }

    #[test]
    fn a_recording_is_told_by_its_bytes() {
        let cases = [
            (wav(1, 1, 2, 16, &[0; 16_000]), "wav/pcm_s16le", 1_000),
            (wav(7, 2, 2, 8, &[0xFF; 16_000]), "wav/pcm_mulaw", 1_000),
            (wav(0x31, 1, 65, 0, &[0; 650]), "wav/gsm_ms", 400),
            (wav(0x11, 1, 256, 4, &[0; 2_560]), "wav/adpcm_ima", 631),
        ];
        for (bytes, codec, duration) in cases {
            let analysis = analysed(&bytes, &Limits::default()).unwrap();
            assert_eq!((analysis.codec.as_str(), analysis.unplayable), (codec, None));
            assert_eq!(analysis.duration_ms, Some(duration), "{codec}");
        }
    }

    #[test]
    fn what_exceeds_a_limit_is_kept_unplayed() {
        let bytes = wav(0x31, 1, 65, 0, &[0; 6_500]);
        let cases = [
            (Limits { samples: 31_999, ..Limits::default() }, reason::TOO_LARGE),
            (Limits { channels: 0, ..Limits::default() }, reason::CHANNELS),
            (Limits { time: Duration::ZERO, ..Limits::default() }, reason::SLOW),
        ];
        for (limits, why) in cases {
            let analysis = analysed(&bytes, &limits).unwrap();
            assert_eq!(analysis.unplayable, Some(why));
            assert_eq!((analysis.duration_ms, analysis.frames), (None, 0));
            assert_eq!(analysis.index, SeekIndex::default());
        }
        let enough = Limits { samples: 32_000, ..Limits::default() };
        assert_eq!(analysed(&bytes, &enough).unwrap().unplayable, None);
    }

    #[test]
    fn a_store_that_fails_is_no_damaged_recording() {
        struct Failing(Cursor<Vec<u8>>);
        impl Read for Failing {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.0.position() > 70_000 {
                    return Err(ErrorKind::ConnectionReset.into());
                }
                self.0.read(buffer)
            }
        }
        impl Seek for Failing {
            fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
                self.0.seek(to)
            }
        }
        impl Source for Failing {
            fn len(&self) -> u64 {
                self.0.get_ref().len() as u64
            }
        }
        let source = Box::new(Failing(Cursor::new(wav(1, 1, 2, 16, &vec![0; 200_000]))));
        let outcome = analyse(source, None, &Limits::default());
        assert!(
            matches!(outcome, Err(Error::Io(error)) if error.kind() == ErrorKind::ConnectionReset)
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn no_bytes_make_it_panic_or_run_away(
            start in prop::sample::select(vec![
                &b"RIFF\0\0\0\0WAVEfmt "[..], b"RF64\xFF\xFF\xFF\xFFWAVEds64\x1C\0\0\0", b".snd\0\0\0\x18",
                b"fLaC\0\0\0\x22", b"OggS\0\x02", b"\0\0\0\x18ftypM4A ", b"caff\0\x01\0\0desc",
                b"\x1A\x45\xDF\xA3\x9F\x42\x82\x84webm", b"ID3\x04\0\0\0\0\0\x05", b"\xFF\xFB\x90\x00", b"",
            ]),
            rest in prop::collection::vec(any::<u8>(), 0..2_000),
        ) {
            let bytes = [start, &rest].concat();
            let limits = Limits { samples: 1_000_000, ..Limits::default() };
            if let Ok(analysis) = analysed(&bytes, &limits) {
                let samples = analysis.frames * u64::from(analysis.channels);
                prop_assert!(samples <= limits.samples);
                prop_assert_eq!(analysis.unplayable.is_some(), analysis.duration_ms.is_none());
                let stored = SeekIndex::from_bytes(&analysis.index.to_bytes()).unwrap();
                prop_assert_eq!(stored, analysis.index);
            }
        }
    }
}
