//! A packet decoder that always answers in 16-bit samples of one shape.

use std::sync::LazyLock;

use symphonia::core::audio::GenericAudioBufferRef;
use symphonia::core::codecs::audio::well_known::CODEC_ID_OPUS;
use symphonia::core::codecs::audio::{
    AudioCodecId, AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
};
use symphonia::core::codecs::registry::CodecRegistry;
use symphonia::core::packet::Packet;
use symphonia::default::register_enabled_codecs;
use symphonia_adapter_libopus::OpusDecoder;

use super::Shape;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut registry = CodecRegistry::new();
    register_enabled_codecs(&mut registry);
    registry.register_audio_decoder::<OpusDecoder>();
    registry
});

/// The short name of a codec.
pub(super) fn codec_name(codec: AudioCodecId) -> &'static str {
    CODECS.get_audio_decoder(codec).map_or("unknown", |decoder| decoder.codec.info.short_name)
}

/// One of the library's decoders, with what it decoded so far remembered.
pub(super) struct Decoder {
    inner: Box<dyn AudioDecoder>,
    shape: Option<Shape>,
    last: usize,
    scratch: Vec<i16>,
}

impl Decoder {
    /// A decoder whose output has the given shape, or that of the first packet that decodes.
    pub(super) fn new(params: &AudioCodecParameters, shape: Option<Shape>) -> Option<Self> {
        let mut params = params.clone();
        if params.codec == CODEC_ID_OPUS {
            // A container may name the rate of the original sound, which need not be one of Opus.
            params.sample_rate = Some(48_000);
        }
        let inner = CODECS.make_audio_decoder(&params, &AudioDecoderOptions::default()).ok()?;
        Some(Self { inner, shape, last: 0, scratch: Vec::new() })
    }

    pub(super) fn shape(&self) -> Option<Shape> {
        self.shape
    }

    /// Decodes a packet and appends its samples.
    ///
    /// A packet that fails, or whose shape is another, becomes `nominal` frames of silence, or as
    /// many as the packet before it had, so that what follows keeps its place in time.
    pub(super) fn decode(&mut self, packet: &Packet, nominal: usize, samples: &mut Vec<i16>) {
        let Ok(decoded) = self.inner.decode(packet) else { return self.silence(nominal, samples) };
        let Some(found) = shape_of(&decoded) else { return self.silence(nominal, samples) };
        let shape = *self.shape.get_or_insert(found);
        if found.sample_rate != shape.sample_rate {
            return self.silence(nominal, samples);
        }
        decoded.copy_to_vec_interleaved(&mut self.scratch);
        self.last = decoded.frames();
        if found.channels == shape.channels {
            samples.extend_from_slice(&self.scratch);
        } else {
            // A stream that changes between mono and stereo: the nearest channel stands in.
            for frame in self.scratch.chunks_exact(found.width()) {
                let last = frame.last().copied().unwrap_or_default();
                let wanted = 0..shape.width();
                samples.extend(wanted.map(|channel| frame.get(channel).copied().unwrap_or(last)));
            }
        }
    }

    fn silence(&self, nominal: usize, samples: &mut Vec<i16>) {
        let frames = if nominal == 0 { self.last } else { nominal };
        let width = self.shape.map_or(0, Shape::width);
        samples.resize(samples.len() + frames * width, 0);
    }
}

fn shape_of(buffer: &GenericAudioBufferRef<'_>) -> Option<Shape> {
    let spec = buffer.spec();
    Shape::new(spec.rate(), u16::try_from(spec.channels().count()).ok()?)
}
