//! Payloads in blocks of a fixed size, whose every place is a matter of arithmetic.

use std::io;

use audio_codec::g722::G722Decoder;
use oxideav_gsm::UnpackedFrame;
use oxideav_gsm::decoder::DecoderState;
use symphonia::core::audio::layouts::{CHANNEL_LAYOUT_MONO, CHANNEL_LAYOUT_STEREO};
use symphonia::core::codecs::audio::AudioCodecParameters;
use symphonia::core::codecs::audio::well_known::{CODEC_ID_ADPCM_IMA_WAV, CODEC_ID_ADPCM_MS};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::decoder::Decoder;
use super::source::Shared;
use super::wave_format::Coding;
use super::{Error, Piece, Shape, Stream, to_size};

/// About how many bytes are decoded at a time.
const CHUNK: u64 = 16 * 1024;
/// How long a decoder with a memory runs before its output counts, in seconds.
const SETTLING: u64 = 2;
/// How long the parts are that such a decoder is started anew for, in seconds.
const CELL: u64 = 5;

/// Where a payload lies and how its blocks are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blocks {
    pub(super) coding: Coding,
    pub(super) shape: Shape,
    pub(super) offset: u64,
    pub(super) len: u64,
}

impl Blocks {
    /// The blocks of a payload, or `None` if its coding has none.
    pub(super) fn new(coding: Coding, shape: Shape, offset: u64, len: u64) -> Option<Self> {
        let blocks = Self { coding, shape, offset, len };
        let sized = blocks.block_bytes() > 0 && blocks.block_frames() > 0;
        sized.then_some(blocks)
    }

    /// How many frames the payload decodes to.
    pub(super) fn frames(&self) -> u64 {
        let whole = self.len / self.block_bytes();
        whole.saturating_mul(self.block_frames()) + self.frames_of(self.len % self.block_bytes())
    }

    /// The part that is decoded as one, and that holds the given frame: first and past the last.
    pub(super) fn cell(&self, frame: u64) -> (u64, u64) {
        if !self.remembers() {
            let start = frame - frame % self.block_frames();
            return (start, self.frames());
        }
        let rate = u64::from(self.shape.sample_rate);
        let size = (CELL * rate).next_multiple_of(self.block_frames());
        let start = frame - frame % size;
        (start, start.saturating_add(size).min(self.frames()))
    }

    /// A stream from the given frame on, which begins a cell.
    pub(super) fn open(&self, source: &Shared, frame: u64) -> Option<Box<dyn Stream>> {
        let block = frame / self.block_frames();
        let settling = (SETTLING * u64::from(self.shape.sample_rate)).div_ceil(self.block_frames());
        let first = if self.remembers() { block.saturating_sub(settling) } else { block };
        let mut stream = Run {
            source: source.clone(),
            blocks: *self,
            at: first * self.block_bytes(),
            engine: self.engine()?,
            bytes: Vec::new(),
        };
        let mut settled = Vec::new();
        while stream.at < block * self.block_bytes() {
            settled.clear();
            let left = block * self.block_bytes() - stream.at;
            stream.advance(left, &mut settled).ok()?;
        }
        Some(Box::new(stream))
    }

    /// Whether a block decodes differently after another one.
    fn remembers(&self) -> bool {
        matches!(self.coding, Coding::Gsm | Coding::GsmMs | Coding::G722)
    }

    fn width(&self) -> u64 {
        u64::from(self.shape.channels)
    }

    fn block_bytes(&self) -> u64 {
        match self.coding {
            Coding::Pcm(sample) => sample.size() as u64 * self.width(),
            Coding::Ima(size) | Coding::Ms(size) => size.into(),
            Coding::Gsm => 33,
            Coding::GsmMs => 65,
            Coding::G722 => 1,
            Coding::Mp3 | Coding::Unknown(..) => 0,
        }
    }

    fn block_frames(&self) -> u64 {
        self.frames_of(self.block_bytes())
    }

    /// How many frames a block of so many bytes holds; only ADPCM has shorter last blocks.
    fn frames_of(&self, bytes: u64) -> u64 {
        let whole = |size: u64, frames: u64| if bytes == size { frames } else { 0 };
        match self.coding {
            Coding::Pcm(_) => whole(self.block_bytes(), 1),
            Coding::Gsm => whole(33, 160),
            Coding::GsmMs => whole(65, 320),
            Coding::G722 => whole(1, 2),
            Coding::Ima(_) => match bytes.checked_sub(4 * self.width()) {
                Some(rest) if self.width() == 1 => rest * 2 + 1,
                Some(rest) => rest / 8 * 8 + 1,
                None => 0,
            },
            Coding::Ms(_) => match bytes.checked_sub(7 * self.width()) {
                Some(rest) => rest * 2 / self.width() + 2,
                None => 0,
            },
            Coding::Mp3 | Coding::Unknown(..) => 0,
        }
    }

    fn engine(&self) -> Option<Engine> {
        Some(match self.coding {
            Coding::Pcm(_) => Engine::Convert,
            Coding::Gsm | Coding::GsmMs => Engine::Gsm(DecoderState::new()),
            Coding::G722 => Engine::G722(G722Decoder::new()),
            Coding::Ima(_) | Coding::Ms(_) => Engine::Adpcm(self.adpcm()?),
            Coding::Mp3 | Coding::Unknown(..) => return None,
        })
    }

    fn adpcm(&self) -> Option<Decoder> {
        let mut params = AudioCodecParameters::new();
        let (codec, layout) = match (self.coding, self.shape.channels) {
            (Coding::Ima(_), 1) => (CODEC_ID_ADPCM_IMA_WAV, CHANNEL_LAYOUT_MONO),
            (Coding::Ima(_), 2) => (CODEC_ID_ADPCM_IMA_WAV, CHANNEL_LAYOUT_STEREO),
            (Coding::Ms(_), 1) => (CODEC_ID_ADPCM_MS, CHANNEL_LAYOUT_MONO),
            (Coding::Ms(_), 2) => (CODEC_ID_ADPCM_MS, CHANNEL_LAYOUT_STEREO),
            _ => return None,
        };
        params
            .for_codec(codec)
            .with_channels(layout)
            .with_sample_rate(self.shape.sample_rate)
            .with_max_frames_per_packet(self.block_frames())
            .with_frames_per_block(self.block_frames());
        Decoder::new(&params, Some(self.shape))
    }
}

/// What turns blocks into samples.
enum Engine {
    Convert,
    Gsm(DecoderState),
    G722(G722Decoder),
    Adpcm(Decoder),
}

/// A decoding of blocks in progress; `at` counts from the start of the payload.
struct Run {
    source: Shared,
    blocks: Blocks,
    at: u64,
    engine: Engine,
    bytes: Vec<u8>,
}

impl Run {
    /// Decodes the next blocks, of at most `limit` bytes together.
    fn advance(&mut self, limit: u64, samples: &mut Vec<i16>) -> io::Result<bool> {
        let block = self.blocks.block_bytes();
        let left = self.blocks.len.saturating_sub(self.at);
        let size = (CHUNK / block).max(1).saturating_mul(block).min(left).min(limit);
        self.bytes.resize(to_size(size), 0);
        let filled = self.source.fill_at(self.blocks.offset + self.at, &mut self.bytes)?;
        self.bytes.truncate(filled);
        self.at += filled as u64;
        let mut bytes = std::mem::take(&mut self.bytes);
        for block in bytes.chunks_mut(self.unit()) {
            self.decode(block, samples);
        }
        self.bytes = bytes;
        Ok(filled > 0)
    }

    /// How many bytes go to the decoder at once.
    fn unit(&self) -> usize {
        match self.blocks.coding {
            Coding::Pcm(_) | Coding::G722 => to_size(CHUNK),
            _ => to_size(self.blocks.block_bytes()),
        }
        .max(1)
    }

    fn decode(&mut self, block: &[u8], samples: &mut Vec<i16>) {
        match (&mut self.engine, self.blocks.coding) {
            (Engine::Convert, Coding::Pcm(sample)) => {
                let whole = block.len() - block.len() % to_size(self.blocks.block_bytes()).max(1);
                sample.convert(block.get(..whole).unwrap_or_default(), samples);
            }
            (Engine::Gsm(state), Coding::GsmMs) => {
                if let Ok((first, second)) = UnpackedFrame::pair_from_msgsm_block(block) {
                    samples.extend(state.decode_frame(&first));
                    samples.extend(state.decode_frame(&second));
                }
            }
            (Engine::Gsm(state), _) if block.len() == 33 => {
                match UnpackedFrame::from_gsm_byte_frame(block) {
                    Ok(frame) => samples.extend(state.decode_frame(&frame)),
                    Err(_) => samples.extend([0; 160]),
                }
            }
            (Engine::G722(decoder), _) => {
                let before = samples.len();
                samples.resize(before + 2 * block.len(), 0);
                let room = samples.get_mut(before..).unwrap_or_default();
                // There is room for two samples a byte, which is all it asks for.
                let _ = decoder.decode_frame_into(block, room);
            }
            (Engine::Adpcm(decoder), _) => {
                let frames = self.blocks.frames_of(block.len() as u64);
                let before = samples.len();
                adpcm(decoder, &self.blocks, block, samples);
                samples.resize(before + to_size(frames) * self.blocks.shape.width(), 0);
            }
            _ => {}
        }
    }
}

/// Decodes one block of ADPCM, a shorter one as if zeros followed.
fn adpcm(decoder: &mut Decoder, blocks: &Blocks, block: &[u8], samples: &mut Vec<i16>) {
    let mut whole = block.to_vec();
    whole.resize(to_size(blocks.block_bytes()), 0);
    let frames = blocks.block_frames();
    let packet = Packet::new(0, Timestamp::ZERO, Duration::new(frames), whole);
    decoder.decode(&packet, to_size(frames), samples);
}

impl Stream for Run {
    fn next(&mut self, samples: &mut Vec<i16>) -> Result<Option<Piece>, Error> {
        let at = i64::try_from(self.at).unwrap_or(i64::MAX);
        match self.advance(u64::MAX, samples) {
            Ok(true) => Ok(Some(Piece { at, lead: 0, anchor: false })),
            Ok(false) | Err(_) => self.source.check().map(|()| None),
        }
    }

    fn shape(&self) -> Option<Shape> {
        Some(self.blocks.shape)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::pcm::Sample;
    use super::*;

    fn noise(len: usize) -> Vec<u8> {
        (0..len as u64).map(|i| i.wrapping_mul(2_654_435_761).to_le_bytes()[3]).collect()
    }

    fn decoded(blocks: &Blocks, bytes: &[u8], frame: u64) -> Vec<i16> {
        let source = Shared::new(Box::new(Cursor::new(bytes.to_vec())), None);
        let mut stream = blocks.open(&source, frame).unwrap();
        let mut samples = Vec::new();
        while stream.next(&mut samples).unwrap().is_some() {}
        samples
    }

    #[test]
    fn every_coding_decodes_to_as_many_frames_as_it_says() {
        let cases = [
            (Coding::Pcm(Sample::S24Le), 2, 6_007),
            (Coding::Pcm(Sample::Alaw), 1, 40_001),
            (Coding::Gsm, 1, 3_310),
            (Coding::GsmMs, 1, 6_540),
            (Coding::G722, 1, 40_001),
            (Coding::Ima(256), 1, 2_600),
            (Coding::Ima(512), 2, 5_200),
            (Coding::Ms(256), 1, 2_600),
            (Coding::Ms(512), 2, 5_200),
        ];
        for (coding, channels, len) in cases {
            let shape = Shape { sample_rate: 8_000, channels };
            let blocks = Blocks::new(coding, shape, 10, len).unwrap();
            // Predictors within what the standard allows, so that no block is refused.
            let bytes: Vec<u8> = noise(10 + to_size(len)).iter().map(|byte| byte & 3).collect();
            let samples = decoded(&blocks, &bytes, 0);
            assert_eq!(samples.len() as u64, blocks.frames() * u64::from(channels), "{coding:?}");
        }
    }

    #[test]
    fn a_block_without_memory_decodes_the_same_from_anywhere() {
        let shape = Shape { sample_rate: 8_000, channels: 2 };
        let bytes = noise(80_000);
        let blocks = Blocks::new(Coding::Pcm(Sample::S16Le), shape, 44, 79_956).unwrap();
        let whole = decoded(&blocks, &bytes, 0);
        for frame in [1, 5, 4_096, 9_999] {
            let (start, end) = blocks.cell(frame);
            assert_eq!((start, end), (frame, blocks.frames()));
            assert_eq!(decoded(&blocks, &bytes, start), whole[to_size(start * 2)..]);
        }
    }

    #[test]
    fn cells_follow_each_other_without_a_gap() {
        for coding in [Coding::Gsm, Coding::GsmMs, Coding::G722] {
            let shape = Shape { sample_rate: 8_000, channels: 1 };
            let blocks = Blocks::new(coding, shape, 0, 70_000).unwrap();
            let mut at = 0;
            while at < blocks.frames() {
                let (start, end) = blocks.cell(at);
                assert_eq!(start, at, "{coding:?}");
                assert_eq!(blocks.cell(end - 1), (start, end), "{coding:?}");
                at = end;
            }
        }
    }
}
