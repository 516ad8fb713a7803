//! Any stored recording as Ogg Opus for slow lines, of which any part can be had.
//!
//! The bit rate is constant and every packet 20 ms, so every page holds one second and is as long
//! as the others: what a range needs follows from arithmetic. Encoding begins anew every
//! [`STRETCH`] pages, warmed up on the sound before; the first packet that counts refers to none
//! before it. So a page is the same whichever range of it somebody asks for.

use std::ops::{ControlFlow, Range};

use opusic_c::{Application, Bitrate, Channels, Encoder, ErrorCode, SampleRate, Signal};

use super::guard::guarded;
use super::ogg::{self, HEADERS};
use super::resample::Resampler;
use super::seek_index::SeekIndex;
use super::sound::Sound;
use super::source::{Shared, Source};
use super::{Error, to_size};

/// Packets a page, of 20 ms each.
const PACKETS: u64 = 50;
/// Pages that one encoder makes, one after the other.
const STRETCH: u64 = 2;
/// Packets that an encoder makes before those that count.
const WARM_UP: u64 = 10;
/// How far an encoder looks ahead, at 48 kHz: the first samples of a stream that are not played.
const PRE_SKIP: u16 = 312;
/// The samples of a packet at 48 kHz.
const PACKET: u64 = 960;
/// How hard the encoder tries, of ten.
const COMPLEXITY: u8 = 1;
/// How many stretches are computed at once when somebody listens on.
const ONWARD: u64 = 4;

/// A virtual Ogg Opus file: never stored, and the same each time it is computed.
#[derive(Clone, Debug)]
pub struct Light {
    sound: Sound,
    channels: Channels,
    rate: SampleRate,
    resampler: Resampler,
}

impl Light {
    /// The light rendition that an index describes.
    pub fn open(index: &SeekIndex) -> Result<Self, Error> {
        let sound = Sound::open(index)?;
        let shape = sound.shape();
        // One party a channel stays so; more than two channels become one.
        let channels = if shape.channels == 2 { Channels::Stereo } else { Channels::Mono };
        let rate = match shape.sample_rate {
            0..=8_000 => SampleRate::Hz8000,
            8_001..=12_000 => SampleRate::Hz12000,
            12_001..=16_000 => SampleRate::Hz16000,
            16_001..=24_000 => SampleRate::Hz24000,
            _ => SampleRate::Hz48000,
        };
        let resampler = Resampler::new(shape.sample_rate, rate as u32);
        Ok(Self { sound, channels, rate, resampler })
    }

    /// The same with silence of the same length in these parts, in milliseconds.
    #[must_use]
    pub fn muted(self, parts: &[Range<u64>]) -> Self {
        Self { sound: self.sound.muted(parts), ..self }
    }

    /// The bytes of each packet: 24 kbit/s for one channel, 32 for two.
    fn size(&self) -> u64 {
        if self.is_stereo() { 80 } else { 60 }
    }

    fn is_stereo(&self) -> bool {
        self.channels == Channels::Stereo
    }

    /// How many samples are played, at 48 kHz.
    fn played(&self) -> u64 {
        let rate = self.sound.shape().sample_rate;
        Resampler::new(rate, 48_000).count(self.sound.frames())
    }

    fn packets(&self) -> u64 {
        (self.played() + u64::from(PRE_SKIP)).div_ceil(PACKET)
    }

    fn pages(&self) -> u64 {
        self.packets().div_ceil(PACKETS)
    }

    /// Where a page begins; what lies past the last one begins at the end.
    fn page_at(&self, page: u64) -> u64 {
        let packets = page.saturating_mul(PACKETS).min(self.packets());
        let full = ogg::page_len(PACKETS, self.size());
        let rest = match packets % PACKETS {
            0 => 0,
            rest => ogg::page_len(rest, self.size()),
        };
        HEADERS as u64 + packets / PACKETS * full + rest
    }

    /// Which page a place lies in.
    fn page_of(&self, at: u64) -> u64 {
        at.saturating_sub(HEADERS as u64) / ogg::page_len(PACKETS, self.size())
    }

    /// How many bytes there are.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it always has headers")]
    pub fn len(&self) -> u64 {
        self.page_at(self.pages())
    }

    /// Cuts a range into what is best computed at once: little first, so that sound comes at once.
    pub fn windows(&self, range: Range<u64>) -> impl Iterator<Item = Range<u64>> + use<> {
        // The first may end a moment after it begins, so the second is as short.
        let mut sizes = [1, 1, 2].into_iter();
        let (this, mut at) = (self.clone(), range.start);
        std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let stretch = this.page_of(at) / STRETCH;
            let stretches = sizes.next().unwrap_or(ONWARD);
            let edge = this.page_at((stretch + stretches).saturating_mul(STRETCH));
            let window = at..edge.min(range.end);
            at = window.end;
            Some(window)
        })
    }

    /// Hands out the bytes of `range`, in order.
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
        if range.is_empty() {
            return Ok(());
        }
        let source = Shared::new(source, None);
        guarded(|| {
            let headers = self.headers();
            let first = to_size(range.start).min(HEADERS)..to_size(range.end).min(HEADERS);
            let headers = headers.get(first).unwrap_or_default();
            if !headers.is_empty() && out(headers).is_break() {
                return Ok(());
            }
            let end = if range.end > HEADERS as u64 { self.page_of(range.end - 1) + 1 } else { 0 };
            let mut pages = self.page_of(range.start)..end.min(self.pages());
            while !pages.is_empty() {
                // As far as the window in `windows`, so that memory does not grow with the range.
                let edge = (pages.start / STRETCH + ONWARD) * STRETCH;
                let now = pages.start..pages.end.min(edge);
                pages.start = now.end;
                if self.write_pages(&source, now, &range, out)?.is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    fn headers(&self) -> Vec<u8> {
        let channels = if self.is_stereo() { 2 } else { 1 };
        ogg::headers(channels, PRE_SKIP, self.sound.shape().sample_rate)
    }

    /// Encodes some pages and hands out what lies in the range.
    fn write_pages(
        &self,
        source: &Shared,
        pages: Range<u64>,
        range: &Range<u64>,
        out: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let begin = (pages.start / STRETCH * STRETCH * PACKETS).saturating_sub(WARM_UP);
        let end = (pages.end * PACKETS).min(self.packets());
        let input = Input::read(self, source, begin..end)?;
        let mut page = pages.start / STRETCH * STRETCH;
        let mut encoder = None;
        while page < pages.end {
            let packets = self.encode_page(&mut encoder, &input, page)?;
            if page >= pages.start {
                let bytes = self.assemble(page, &packets);
                let at = self.page_at(page);
                let from = to_size(range.start.saturating_sub(at)).min(bytes.len());
                let to = to_size(range.end.saturating_sub(at)).min(bytes.len());
                if let Some(bytes) = bytes.get(from..to).filter(|bytes| !bytes.is_empty())
                    && out(bytes).is_break()
                {
                    return Ok(ControlFlow::Break(()));
                }
            }
            page += 1;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// The packets of a page, made by an encoder that is new at the beginning of a stretch.
    fn encode_page(
        &self,
        encoder: &mut Option<Encoder>,
        input: &Input,
        page: u64,
    ) -> Result<Vec<Vec<u8>>, Error> {
        let packets = page * PACKETS..((page + 1) * PACKETS).min(self.packets());
        let encode = |encoder: &mut Encoder, packet| {
            let mut bytes = vec![0; to_size(self.size())];
            let count = encoder.encode_float_to_slice(input.packet(packet), &mut bytes);
            match count.map_err(|_| Error::Encoder)? {
                count if count == bytes.len() => Ok(bytes),
                _ => Err(Error::Encoder),
            }
        };
        if !page.is_multiple_of(STRETCH)
            && let Some(encoder) = encoder
        {
            return packets.map(|packet| encode(encoder, packet)).collect();
        }
        let encoder = encoder.insert(self.encoder().map_err(|_| Error::Encoder)?);
        for packet in packets.start.saturating_sub(WARM_UP)..packets.start {
            encode(encoder, packet)?;
        }
        let mut made = Vec::with_capacity(to_size(PACKETS));
        for packet in packets.clone() {
            let alone = packet == packets.start;
            encoder.set_prediction_disabled(alone).map_err(|_| Error::Encoder)?;
            made.push(encode(encoder, packet)?);
        }
        Ok(made)
    }

    fn encoder(&self) -> Result<Encoder, ErrorCode> {
        let mut encoder = Encoder::new(self.channels, self.rate, Application::Voip)?;
        let rate = u32::try_from(self.size()).unwrap_or_default() * 8 * 50;
        encoder.set_bitrate(Bitrate::Value(rate))?;
        encoder.set_vbr(false)?;
        encoder.set_signal(Signal::Voice)?;
        encoder.set_complexity(COMPLEXITY)?;
        // Two parties must not cancel each other out where a player makes one channel of both.
        encoder.set_phase_inversion_disabled(true)?;
        Ok(encoder)
    }

    fn assemble(&self, page: u64, packets: &[Vec<u8>]) -> Vec<u8> {
        let last = page + 1 >= self.pages();
        let ended =
            if last { self.played() + u64::from(PRE_SKIP) } else { (page + 1) * PACKETS * PACKET };
        ogg::page(page, ended, last, packets)
    }
}

/// The sound of some packets, as the encoder takes it.
struct Input {
    first: u64,
    len: usize,
    samples: Vec<f32>,
}

impl Input {
    fn read(light: &Light, source: &Shared, packets: Range<u64>) -> Result<Self, Error> {
        let frame = u64::from(light.rate as u32) / 50;
        let wanted = packets.start * frame..packets.end * frame;
        let width = if light.is_stereo() { 2 } else { 1 };
        let resampler = &light.resampler;
        let mut samples = Vec::with_capacity(to_size(wanted.end - wanted.start) * width);
        if resampler.is_needed() {
            let (first, last) = (resampler.place(wanted.start).0, resampler.place(wanted.end).0);
            let reach = resampler.reach();
            let begin = first.saturating_sub(reach);
            let given = mixed(light, source, begin..last + reach + 1)?;
            let total = resampler.count(light.sound.frames());
            for sample in wanted.start..wanted.end.min(total) {
                let (at, part) = resampler.place(sample);
                for channel in 0..width {
                    samples.push(resampler.sample(part, |offset| {
                        let index = at.checked_add_signed(offset)?.checked_sub(begin)?;
                        given.get(to_size(index) * width + channel).copied()
                    }));
                }
            }
        } else {
            samples = mixed(light, source, wanted.clone())?;
        }
        // The sound ends within a packet, and the encoder looks beyond.
        samples.resize(to_size(wanted.end - wanted.start) * width, 0.0);
        Ok(Self { first: packets.start, len: to_size(frame) * width, samples })
    }

    fn packet(&self, packet: u64) -> &[f32] {
        let at = to_size(packet.saturating_sub(self.first)) * self.len;
        self.samples.get(at..at + self.len).unwrap_or_default()
    }
}

/// Some frames in as many channels as the rendition has.
fn mixed(light: &Light, source: &Shared, frames: Range<u64>) -> Result<Vec<f32>, Error> {
    let width = light.sound.shape().width();
    let mut samples = Vec::new();
    let mix = width > 2;
    #[expect(clippy::cast_precision_loss, reason = "at most eight channels")]
    let scale = if mix { 1.0 / (width as f32 * 32_768.0) } else { 1.0 / 32_768.0 };
    let _ = light.sound.read(source, frames, &mut |piece| {
        if mix {
            let sum = |frame: &[i16]| frame.iter().map(|sample| f32::from(*sample)).sum::<f32>();
            samples.extend(piece.chunks_exact(width).map(|frame| sum(frame) * scale));
        } else {
            samples.extend(piece.iter().map(|sample| f32::from(*sample) * scale));
        }
        ControlFlow::Continue(())
    })?;
    Ok(samples)
}
