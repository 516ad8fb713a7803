//! Any stored recording as a WAV of 16-bit samples, of which any part can be had.

use std::ops::{ControlFlow, Range};

use super::guard::guarded;
use super::seek_index::SeekIndex;
use super::sound::Sound;
use super::source::{Shared, Source};
use super::{Error, to_size};

/// The bytes before the samples.
const HEADER: usize = 44;
/// The most bytes handed out at once.
const PIECE: usize = 64 * 1024;

/// A virtual WAV: never stored, and the same to the last bit each time it is computed.
#[derive(Clone, Debug)]
pub struct Rendition {
    sound: Sound,
}

impl Rendition {
    /// The rendition that an index describes.
    pub fn open(index: &SeekIndex) -> Result<Self, Error> {
        Ok(Self { sound: Sound::open(index)? })
    }

    /// The same with silence of the same length in these parts, in milliseconds.
    #[must_use]
    pub fn muted(self, parts: &[Range<u64>]) -> Self {
        Self { sound: self.sound.muted(parts) }
    }

    /// How many bytes the WAV has, header included.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it always has a header")]
    pub fn len(&self) -> u64 {
        HEADER as u64 + self.sound.bytes()
    }

    /// Hands out the bytes of `range`, in order and in pieces of at most 64 KiB.
    ///
    /// `out` answers whether to go on. `source` is the recording that the index was made of.
    pub fn write(
        &self,
        source: Box<dyn Source>,
        range: Range<u64>,
        out: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), Error> {
        if range.end > self.len() {
            return Err(Error::OutOfRange);
        }
        let source = Shared::new(source, None);
        let mut pieces = Pieces { out, held: Vec::with_capacity(PIECE), skip: 0, left: u64::MAX };
        guarded(|| {
            if let ControlFlow::Continue(()) = self.write_header(&range, &mut pieces)
                && let ControlFlow::Continue(()) =
                    self.write_samples(&source, &range, &mut pieces)?
            {
                let _ = pieces.flush();
            }
            Ok(())
        })
    }

    fn write_header(&self, range: &Range<u64>, pieces: &mut Pieces<'_>) -> ControlFlow<()> {
        let first = to_size(range.start).min(HEADER);
        let last = to_size(range.end).min(HEADER);
        let header = self.header();
        pieces.push(header.get(first..last).unwrap_or_default())
    }

    fn header(&self) -> [u8; HEADER] {
        let shape = self.sound.shape();
        // `SeekIndex` holds nothing longer than these lengths can say.
        let size = u32::try_from(self.sound.bytes()).unwrap_or(u32::MAX - 36);
        let align = shape.channels.saturating_mul(2);
        let rate = shape.sample_rate.saturating_mul(align.into());
        let mut header = [0; HEADER];
        let fields: [&[u8]; 13] = [
            b"RIFF",
            &(size + 36).to_le_bytes(),
            b"WAVE",
            b"fmt ",
            &16_u32.to_le_bytes(),
            &1_u16.to_le_bytes(),
            &shape.channels.to_le_bytes(),
            &shape.sample_rate.to_le_bytes(),
            &rate.to_le_bytes(),
            &align.to_le_bytes(),
            &16_u16.to_le_bytes(),
            b"data",
            &size.to_le_bytes(),
        ];
        for (place, byte) in header.iter_mut().zip(fields.concat()) {
            *place = byte;
        }
        header
    }

    fn write_samples(
        &self,
        source: &Shared,
        range: &Range<u64>,
        pieces: &mut Pieces<'_>,
    ) -> Result<ControlFlow<()>, Error> {
        let size = 2 * u64::from(self.sound.shape().channels);
        let first = range.start.saturating_sub(HEADER as u64);
        let last = range.end.saturating_sub(HEADER as u64);
        if first >= last {
            return Ok(ControlFlow::Continue(()));
        }
        // The range may begin and end in the middle of a sample: whole frames are cut to it.
        (pieces.skip, pieces.left) = (to_size(first % size), last - first);
        self.sound.read(source, first / size..last.div_ceil(size), &mut |samples| {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            pieces.push(&bytes)
        })
    }
}

/// Bytes on their way out.
struct Pieces<'a> {
    out: &'a mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    held: Vec<u8>,
    /// How many bytes to leave out next.
    skip: usize,
    /// How many bytes there still are to hand out.
    left: u64,
}

impl Pieces<'_> {
    fn push(&mut self, bytes: &[u8]) -> ControlFlow<()> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        let bytes = bytes.get(skipped..).unwrap_or_default();
        let mut bytes = bytes.get(..to_size(self.left)).unwrap_or(bytes);
        self.left -= bytes.len() as u64;
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(PIECE - self.held.len()));
            self.held.extend_from_slice(now);
            bytes = later;
            if self.held.len() == PIECE {
                self.flush()?;
            }
        }
        ControlFlow::Continue(())
    }

    fn flush(&mut self) -> ControlFlow<()> {
        if self.held.is_empty() {
            return ControlFlow::Continue(());
        }
        let answer = (self.out)(&self.held);
        self.held.clear();
        answer
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::super::{Declared, Limits, analyse};
    use super::*;

    fn rendition(bytes: &[u8], declared: &str) -> Rendition {
        let declared: Declared = declared.parse().unwrap();
        let source = Box::new(Cursor::new(bytes.to_vec()));
        let analysis = analyse(source, Some(&declared), &Limits::default()).unwrap();
        assert_eq!(analysis.unplayable, None);
        Rendition::open(&SeekIndex::from_bytes(&analysis.index.to_bytes()).unwrap()).unwrap()
    }

    fn part(rendition: &Rendition, bytes: &[u8], range: Range<u64>) -> Vec<u8> {
        let mut part = Vec::new();
        let source = Box::new(Cursor::new(bytes.to_vec()));
        rendition
            .write(source, range, &mut |piece| {
                assert!(!piece.is_empty() && piece.len() <= PIECE);
                part.extend_from_slice(piece);
                ControlFlow::Continue(())
            })
            .unwrap();
        part
    }

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
    }

    fn gsm(frames: usize) -> Vec<u8> {
        let mut bytes = noise(33 * frames);
        bytes.chunks_mut(33).for_each(|frame| frame[0] = 0xD0 | frame[0] & 0x0F);
        bytes
    }

    #[test]
    fn a_linear_recording_renders_as_it_is() {
        let bytes = noise(2_000);
        let rendition = rendition(&bytes, "sln16:2");
        let wav = part(&rendition, &bytes, 0..rendition.len());
        assert_eq!(wav.len(), 2_044);
        assert_eq!(wav[44..], bytes);
        assert_eq!(wav[..12], *b"RIFF\xF4\x07\0\0WAVE");
        assert_eq!(wav[20..36], [1, 0, 2, 0, 0x80, 0x3E, 0, 0, 0, 0xFA, 0, 0, 4, 0, 16, 0]);
    }

    #[test]
    fn what_is_muted_is_silence_of_the_same_length_in_every_channel() {
        let bytes = noise(64_000);
        let plain = rendition(&bytes, "sln:2");
        let muted = plain.clone().muted(&[100..150, 1_500..1_501]);
        let wav = part(&muted, &bytes, 0..muted.len());
        assert_eq!(muted.len(), plain.len());
        // 8 kHz, two channels of two bytes: 32 bytes a millisecond.
        let mut expected = bytes.clone();
        expected[3_200..4_800].fill(0);
        expected[48_000..48_032].fill(0);
        assert!(wav[44..] == expected);
        assert!(part(&muted, &bytes, 4_000..5_000) == wav[4_000..5_000]);
    }

    #[test]
    fn a_listener_who_leaves_is_not_decoded_for() {
        let bytes = noise(1_000_000);
        let rendition = rendition(&bytes, "sln");
        let mut calls = 0;
        let mut leave = |_: &[u8]| {
            calls += 1;
            ControlFlow::Break(())
        };
        rendition.write(Box::new(Cursor::new(bytes)), 0..rendition.len(), &mut leave).unwrap();
        assert_eq!(calls, 1);
    }

    #[test]
    fn what_lies_outside_is_refused() {
        let bytes = noise(100);
        let rendition = rendition(&bytes, "ulaw");
        let source = Box::new(Cursor::new(bytes));
        let outcome = rendition.write(source, 0..245, &mut |_| ControlFlow::Continue(()));
        assert!(matches!(outcome, Err(Error::OutOfRange)));
        assert!(matches!(Rendition::open(&SeekIndex::default()), Err(Error::Unplayable)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn any_range_is_that_slice_of_the_whole(
            codec in 0..4_usize,
            first in 0..700_000_u64,
            len in 0..200_000_u64,
        ) {
            let (name, bytes) = match codec {
                0 => ("sln:2", noise(400_000)),
                1 => ("alaw", noise(300_000)),
                // 44 and 20 seconds: several cells.
                2 => ("gsm", gsm(2_200)),
                _ => ("g722", noise(320_000)),
            };
            let rendition = rendition(&bytes, name);
            let whole = part(&rendition, &bytes, 0..rendition.len());
            prop_assert_eq!(whole.len() as u64, rendition.len());
            let first = first.min(rendition.len());
            let last = (first + len).min(rendition.len());
            let expected = &whole[to_size(first)..to_size(last)];
            prop_assert!(part(&rendition, &bytes, first..last) == expected);
        }
    }
}
