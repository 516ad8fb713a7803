//! Streams that are nothing but frames: MP3, bare or in a WAV, and AAC in ADTS.
//!
//! The library's own readers guess the length of such streams and cut them to the guess, and they
//! seek by reading everything before. Frames are found here instead, and each one's place is known.

use std::collections::VecDeque;

use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_AAC, CODEC_ID_MP3};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::decoder::Decoder;
use super::mpeg::{self, Frame, Gapless, HEADER, Kind, MAX_FRAME};
use super::source::{Bytes, Shared, WINDOW, Window};
use super::{Error, Piece, Shape, Stream, to_size};

/// How many frames a decoder gets before its output counts: an MP3 frame can lean on the bytes of
/// some ten before it.
const SETTLING: usize = 16;

/// Where a stream of frames lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frames {
    pub(super) kind: Kind,
    pub(super) offset: u64,
    pub(super) end: u64,
    /// Samples a channel to leave out at the start.
    pub(super) skip: u32,
}

impl Frames {
    /// Looks for the first frame from `offset` on; the gapless facts come with it.
    pub(super) fn find(
        source: &Shared,
        kind: Kind,
        offset: u64,
        end: u64,
    ) -> Option<(Self, Gapless)> {
        let mut frames = Self { kind, offset, end: end.min(source.len()), skip: 0 };
        let mut run = frames.run(source, None, offset);
        let (at, first) = run.seek()?;
        frames.offset = at;
        let bytes = run.window.at(at, first.size).ok()?;
        let Some(gapless) = mpeg::xing(bytes).filter(|_| kind == Kind::Mp3) else {
            return Some((frames, Gapless::default()));
        };
        frames.offset = at + first.size as u64;
        frames.skip = gapless.start;
        Some((frames, gapless))
    }

    /// A stream from the first frame, or from a piece it had before: its place and its lead.
    pub(super) fn open(
        &self,
        source: &Shared,
        shape: Option<Shape>,
        piece: Option<(u64, u32)>,
    ) -> Result<Box<dyn Stream>, Error> {
        let Some((at, lead)) = piece else {
            return Ok(Box::new(self.run(source, shape, self.offset)));
        };
        let mut run = self.run(source, shape, at.saturating_sub(lead.into()).max(self.offset));
        run.skip = 0;
        let mut settled = Vec::new();
        while run.at < at && run.next(&mut settled)?.is_some() {
            settled.clear();
        }
        Ok(Box::new(run))
    }

    fn run(&self, source: &Shared, shape: Option<Shape>, at: u64) -> Run {
        Run {
            source: source.clone(),
            window: Window::new(source),
            kind: self.kind,
            at,
            end: self.end,
            skip: usize::try_from(self.skip).unwrap_or(usize::MAX),
            signature: None,
            recent: VecDeque::with_capacity(SETTLING),
            decoder: None,
            shape,
        }
    }
}

/// A decoding of frames in progress.
struct Run {
    source: Shared,
    window: Window,
    kind: Kind,
    at: u64,
    end: u64,
    skip: usize,
    signature: Option<u32>,
    recent: VecDeque<u64>,
    decoder: Option<Decoder>,
    shape: Option<Shape>,
}

impl Run {
    /// The next whole frame and its place, past whatever is no frame.
    fn seek(&mut self) -> Option<(u64, Frame)> {
        let mut lost = false;
        loop {
            let room = to_size(self.end.checked_sub(self.at)?).min(WINDOW);
            if room < HEADER {
                return None;
            }
            let bytes = self.window.at(self.at, room.min(MAX_FRAME + HEADER)).ok()?;
            if !lost && let Some(frame) = fitting(self.kind, self.signature, bytes) {
                self.signature = Some(frame.signature);
                return Some((self.at, frame));
            }
            let bytes = self.window.at(self.at, room).ok()?;
            let next = (usize::from(!lost)..bytes.len().saturating_sub(HEADER))
                .find(|offset| linked(self.kind, self.signature, bytes, *offset));
            lost = next.is_none();
            // The last bytes may be the beginning of a header.
            let step = next.unwrap_or_else(|| bytes.len().saturating_sub(HEADER)).max(1);
            self.at += step as u64;
        }
    }

    fn decoder(&mut self, frame: &Frame) -> Option<&mut Decoder> {
        if self.decoder.is_none() {
            let mut params = AudioCodecParameters::new();
            params.for_codec(match self.kind {
                Kind::Mp3 => CODEC_ID_MP3,
                Kind::Adts => CODEC_ID_AAC,
            });
            params.with_sample_rate(frame.shape.sample_rate);
            match frame.shape.channels {
                1 => params.with_channels(CHANNEL_LAYOUT_MONO),
                2 => params.with_channels(CHANNEL_LAYOUT_STEREO),
                _ => return None,
            };
            self.decoder = Decoder::new(&params, self.shape);
        }
        self.decoder.as_mut()
    }

    fn ended(&self) -> Result<Option<Piece>, Error> {
        self.source.check().map(|()| None)
    }
}

/// The frame that begins `bytes`, if it is whole and of this stream.
fn fitting(kind: Kind, signature: Option<u32>, bytes: &[u8]) -> Option<Frame> {
    kind.frame(bytes).filter(|frame| {
        frame.size <= bytes.len() && signature.is_none_or(|wanted| wanted == frame.signature)
    })
}

/// Whether a frame of this stream begins here and another follows it, as far as can be seen.
fn linked(kind: Kind, signature: Option<u32>, bytes: &[u8], offset: usize) -> bool {
    let rest = bytes.get(offset..).unwrap_or_default();
    fitting(kind, signature, rest).is_some_and(|frame| {
        let next = rest.get(frame.size..).unwrap_or_default();
        next.len() < HEADER
            || kind.frame(next).is_some_and(|next| next.signature == frame.signature)
    })
}

impl Stream for Run {
    fn next(&mut self, samples: &mut Vec<i16>) -> Result<Option<Piece>, Error> {
        let Some((at, frame)) = self.seek() else { return self.ended() };
        let Ok(bytes) = self.window.at(at, frame.size) else { return self.ended() };
        let data = bytes.get(frame.header..).unwrap_or_default().to_vec();
        self.at = at + frame.size as u64;
        if self.recent.len() == SETTLING {
            self.recent.pop_front();
        }
        self.recent.push_back(at);
        let lead = at - self.recent.front().copied().unwrap_or(at);
        let duration = Duration::new(frame.samples.into());
        let packet = Packet::new(0, Timestamp::ZERO, duration, data);
        let before = samples.len();
        let Some(decoder) = self.decoder(&frame) else { return Ok(None) };
        decoder.decode(&packet, frame.samples.into(), samples);
        self.shape = decoder.shape();
        if let Some(shape) = self.shape {
            let left_out = self.skip.min((samples.len() - before) / shape.width());
            samples.drain(before..before + left_out * shape.width());
            self.skip -= left_out;
        }
        let piece = (i64::try_from(at), u32::try_from(lead));
        Ok(Some(match piece {
            (Ok(at), Ok(lead)) => Piece { at, lead, anchor: true },
            _ => Piece { at: 0, lead: 0, anchor: false },
        }))
    }

    fn shape(&self) -> Option<Shape> {
        self.shape
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// An MP3 of silence: 24 kHz, mono, 16 frames of 120 bytes each a block.
    fn silence(frames: usize) -> Vec<u8> {
        let mut frame = vec![0xFF, 0xF3, 0x54, 0xC0];
        frame.resize(120, 0);
        frame.repeat(frames)
    }

    fn count(bytes: Vec<u8>) -> usize {
        let len = bytes.len() as u64;
        let source = Shared::new(Box::new(Cursor::new(bytes)), None);
        let (frames, _) = Frames::find(&source, Kind::Mp3, 0, len).unwrap();
        let mut stream = frames.open(&source, None, None).unwrap();
        let mut samples = Vec::new();
        while stream.next(&mut samples).unwrap().is_some() {}
        assert_eq!(stream.shape(), Shape::new(24_000, 1));
        samples.len()
    }

    #[test]
    fn frames_are_counted_past_junk_before_between_and_after() {
        let junk = vec![0x5A; 70_000];
        assert_eq!(count(silence(40)), 40 * 576);
        assert_eq!(count([&junk[..], &silence(40)].concat()), 40 * 576);
        assert_eq!(count([&silence(10)[..], &junk, &silence(30)].concat()), 40 * 576);
        assert_eq!(count([&silence(40)[..], &junk].concat()), 40 * 576);
        assert_eq!(count(silence(40)[..40 * 120 - 7].to_vec()), 39 * 576, "the last one is cut");
    }

    #[test]
    fn a_stream_opens_again_at_a_piece_it_had() {
        let bytes = silence(40);
        let len = bytes.len() as u64;
        let source = Shared::new(Box::new(Cursor::new(bytes)), None);
        let (frames, _) = Frames::find(&source, Kind::Mp3, 0, len).unwrap();
        let mut stream = frames.open(&source, None, None).unwrap();
        let mut samples = Vec::new();
        let pieces: Vec<Piece> =
            std::iter::from_fn(|| stream.next(&mut samples).unwrap()).collect();
        let piece = pieces[30];
        assert_eq!((piece.at, piece.lead), (3_600, 15 * 120));
        let mut again = frames.open(&source, stream.shape(), Some((3_600, piece.lead))).unwrap();
        assert_eq!(again.next(&mut samples).unwrap().unwrap().at, 3_600);
    }
}
