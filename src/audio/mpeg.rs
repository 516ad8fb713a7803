//! Frame headers of MPEG layer III and of AAC in ADTS, and the search for them.
//!
//! A header is 11 or 12 set bits and little else, so one alone proves nothing: a stream begins
//! where several in a row agree and follow each other exactly.

use super::Shape;
use super::fields::{be16, be32, field};

/// The kinds of stream that are nothing but frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Mp3,
    Adts,
}

/// A frame as its header describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// Its whole length in bytes.
    pub(super) size: usize,
    /// The bytes before what the decoder gets.
    pub(super) header: usize,
    /// How many samples a channel it decodes to.
    pub(super) samples: u16,
    pub(super) shape: Shape,
    /// What all frames of a stream agree on: version, layer, sample rate.
    pub(super) signature: u32,
}

/// The longest header.
pub(super) const HEADER: usize = 7;
/// The longest frame either kind can have.
pub(super) const MAX_FRAME: usize = 8 * 1024;
/// How many frames in a row make a stream.
const PROOF: usize = 4;

const MP3_KBITS: [[u16; 15]; 2] = [
    [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
    [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];
const MP3_RATES: [u32; 3] = [44_100, 48_000, 32_000];
const ADTS_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

impl Kind {
    /// Reads the header at the beginning of `bytes`.
    pub(super) fn frame(self, bytes: &[u8]) -> Option<Frame> {
        match self {
            Self::Mp3 => mp3(be32(bytes, 0)?),
            Self::Adts => adts(field(bytes, 0)?),
        }
    }

    /// Whether a stream begins exactly here: frames follow each other, to `end` or to proof.
    ///
    /// `whole` says that the bytes are all there are, so that a short recording is one too.
    pub(super) fn begins(self, bytes: &[u8], whole: bool) -> bool {
        let Some(first) = self.frame(bytes) else { return false };
        let mut at = first.size;
        for count in 1..PROOF {
            let rest = bytes.get(at..).unwrap_or_default();
            if rest.len() < HEADER {
                return whole && count > 1 && at <= bytes.len();
            }
            match self.frame(rest) {
                Some(frame) if frame.signature == first.signature => at += frame.size,
                _ => return false,
            }
        }
        true
    }

    /// Where in `bytes` a stream begins, within the first `within` bytes.
    pub(super) fn find(self, bytes: &[u8], within: usize, whole: bool) -> Option<usize> {
        (0..bytes.len().min(within.saturating_add(1)))
            .find(|at| bytes.get(*at..).is_some_and(|rest| self.begins(rest, whole)))
    }
}

fn mp3(header: u32) -> Option<Frame> {
    let bits = |shift: u32, mask: u32| usize::try_from((header >> shift) & mask).ok();
    let version = bits(19, 3)?;
    if header >> 21 != 0x7FF || version == 1 || bits(17, 3)? != 1 || bits(0, 3)? == 2 {
        return None;
    }
    let full = version == 3;
    let kbits = u32::from(*MP3_KBITS.get(usize::from(!full))?.get(bits(12, 15)?)?);
    let divisor = if full {
        1
    } else if version == 2 {
        2
    } else {
        4
    };
    let sample_rate = MP3_RATES.get(bits(10, 3)?)? / divisor;
    let padding = bits(9, 1)?;
    let unit = if full { 144_000 } else { 72_000 };
    // Bit rate 0 is "free format": no recorder writes it and its length is anybody's guess.
    let size = usize::try_from(unit * kbits / sample_rate).ok().filter(|size| *size > 0)?;
    let channels = if bits(6, 3)? == 3 { 1 } else { 2 };
    Some(Frame {
        size: size + padding,
        header: 0,
        samples: if full { 1_152 } else { 576 },
        shape: Shape::new(sample_rate, channels)?,
        signature: header & 0xFFFE_0C00,
    })
}

fn adts(bytes: [u8; HEADER]) -> Option<Frame> {
    let word = u32::from(be16(&bytes, 0)?);
    if word & 0xFFF6 != 0xFFF0 {
        return None;
    }
    let [_, _, third, fourth, fifth, sixth, seventh] = bytes;
    let sample_rate = *ADTS_RATES.get(usize::from(third >> 2 & 0x0F))?;
    let channels = u16::from((third & 1) << 2 | fourth >> 6);
    let size = usize::from(fourth & 3) << 11 | usize::from(fifth) << 3 | usize::from(sixth >> 5);
    let header = if word & 1 == 1 { 7 } else { 9 };
    let blocks = u16::from(seventh & 3) + 1;
    (size > header).then_some(Frame {
        size,
        header,
        samples: 1_024 * blocks,
        shape: Shape::new(sample_rate, channels)?,
        signature: word << 16 | u32::from(third & 0xFC) << 8,
    })
}

/// What the first frame of an MP3 says when it holds no sound but a table: samples too many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Gapless {
    /// Samples a channel to leave out at the start.
    pub(super) start: u32,
    /// Samples a channel to leave out at the end.
    pub(super) end: u32,
}

/// Reads the Xing or Info table out of a frame; `None` if the frame is an ordinary one.
pub(super) fn xing(frame: &[u8]) -> Option<Gapless> {
    let header = be32(frame, 0)?;
    let mono = header >> 6 & 3 == 3;
    let side = match (header >> 19 & 3 == 3, mono) {
        (true, false) => 32,
        (false, true) => 9,
        _ => 17,
    };
    let at = 4 + side;
    if !matches!(&field::<4>(frame, at)?, b"Xing" | b"Info") {
        return None;
    }
    let flags = be32(frame, at + 4)?;
    let parts = [(1, 4), (2, 4), (4, 100), (8, 4)];
    let tag =
        parts.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, size)| size).sum::<usize>();
    // The encoder's name, then, 21 bytes on, twice 12 bits.
    let Some([first, second, third]) = field(frame, at + 8 + tag + 21) else {
        return Some(Gapless::default());
    };
    let delay = u32::from(first) << 4 | u32::from(second >> 4);
    let padding = u32::from(second & 0x0F) << 8 | u32::from(third);
    if delay == 0 {
        return Some(Gapless::default());
    }
    // A decoder adds 529 samples of its own to what the encoder put in front.
    Some(Gapless { start: delay + 529, end: padding.saturating_sub(529) })
}

/// The length of an `ID3v2` tag at the beginning of `head`, with its header.
pub(super) fn id3_len(head: &[u8]) -> Option<u64> {
    let [b'I', b'D', b'3', version, _, flags, rest @ ..] = field::<10>(head, 0)? else {
        return None;
    };
    let sevens = rest.iter().all(|byte| byte & 0x80 == 0);
    let size = rest.iter().fold(0, |size, byte| size << 7 | u64::from(*byte));
    let footer = if flags & 0x10 == 0 { 0 } else { 10 };
    (sevens && version < 0xFF).then_some(10 + size + footer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_how_long_their_frames_are() {
        type Case<'a> = (Kind, &'a [u8], usize, u16, u32, u16);
        let cases: [Case<'_>; 4] = [
            (Kind::Mp3, &[0xFF, 0xFB, 0x90, 0x00], 417, 1_152, 44_100, 2),
            (Kind::Mp3, &[0xFF, 0xF3, 0x54, 0xC0], 120, 576, 24_000, 1),
            (Kind::Mp3, &[0xFF, 0xE3, 0x28, 0xC0], 144, 576, 8_000, 1),
            (Kind::Adts, &[0xFF, 0xF1, 0x6C, 0x40, 0x20, 0x1F, 0xFC], 256, 1_024, 8_000, 1),
        ];
        for (kind, bytes, size, samples, sample_rate, channels) in cases {
            let frame = kind.frame(bytes).unwrap();
            assert_eq!((frame.size, frame.samples), (size, samples), "{bytes:?}");
            assert_eq!(frame.shape, Shape { sample_rate, channels }, "{bytes:?}");
        }
    }

    #[test]
    fn what_no_encoder_writes_is_no_header() {
        for bytes in [
            [0xFF, 0xF3, 0x00, 0xC0], // free format
            [0xFF, 0xEB, 0x90, 0x00], // reserved version
            [0xFF, 0xFD, 0x90, 0x00], // layer II
            [0xFF, 0xFB, 0xF0, 0x00], // bit rate 15
            [0xFF, 0xFB, 0x9C, 0x00], // sample rate 3
            [0x00, 0x00, 0x00, 0x00],
        ] {
            assert_eq!(Kind::Mp3.frame(&bytes), None, "{bytes:?}");
        }
        assert_eq!(Kind::Adts.frame(&[0xFF, 0xF1, 0x7C, 0x40, 0x20, 0x1F, 0xFC]), None);
        assert_eq!(Kind::Adts.frame(&[0xFF, 0xF1]), None);
    }

    #[test]
    fn a_stream_is_several_frames_in_a_row() {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
        frame.resize(417, 0);
        let stream = frame.repeat(5);
        assert!(Kind::Mp3.begins(&stream, false));
        assert!(!Kind::Mp3.begins(&stream[..2 * 417], false), "two prove nothing");
        assert!(Kind::Mp3.begins(&stream[..2 * 417], true), "unless there is no more");
        assert!(!Kind::Mp3.begins(&stream[1..], false));
        let junk: Vec<u8> = [7; 100].into_iter().chain(stream).collect();
        assert_eq!(Kind::Mp3.find(&junk, 100, false), Some(100));
        assert_eq!(Kind::Mp3.find(&junk, 99, false), None);
    }

    #[test]
    fn the_gapless_facts_are_read() {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
        frame.resize(36, 0);
        frame.extend(b"Info\0\0\0\x0F");
        frame.resize(36 + 8 + 112, 0);
        frame.extend(b"LAME3.100");
        frame.resize(36 + 8 + 112 + 21, 0);
        frame.extend([0x24, 0x04, 0x50]);
        assert_eq!(xing(&frame), Some(Gapless { start: 576 + 529, end: 0x450 - 529 }));
        assert_eq!(xing(&frame[..60]), Some(Gapless::default()));
        assert_eq!(xing(&[0; 400]), None);
    }

    #[test]
    fn a_tag_before_the_sound_has_a_length() {
        assert_eq!(id3_len(b"ID3\x04\0\0\0\0\x02\x01rest"), Some(10 + 257));
        assert_eq!(id3_len(b"ID3\x04\0\0\0\0\x80\x01"), None);
        assert_eq!(id3_len(b"ID3"), None);
    }
}
