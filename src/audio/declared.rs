//! What a source says about audio that has no header to say it.

use std::str::FromStr;

use super::pcm::Sample;
use super::wave_format::Coding;
use super::{Shape, reason};

/// The format of headerless audio, as the source that sends it was set up to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The codec.
    pub codec: DeclaredCodec,
    /// Samples a second.
    pub sample_rate: u32,
    /// The number of channels, interleaved.
    pub channels: u16,
}

/// A codec that comes without a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeclaredCodec {
    /// Signed linear, 16 bits, little-endian: Asterisk's `sln` family.
    Sln,
    /// G.711 µ-law.
    Ulaw,
    /// G.711 A-law.
    Alaw,
    /// GSM 06.10 full rate, 33 bytes a frame.
    Gsm,
    /// G.722 at 64 kbit/s.
    G722,
    /// G.729, kept but not decoded.
    G729,
    /// G.723.1, kept but not decoded.
    G7231,
    /// G.726 with so many bits a sample, kept but not decoded.
    G726(u8),
}

/// A name that stands for no headerless codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not the name of a headerless codec")]
pub struct UnknownCodec;

impl Declared {
    /// How its payload is coded.
    pub(super) fn coding(self) -> Coding {
        match self.codec {
            DeclaredCodec::Sln => Coding::Pcm(Sample::S16Le),
            DeclaredCodec::Ulaw => Coding::Pcm(Sample::Ulaw),
            DeclaredCodec::Alaw => Coding::Pcm(Sample::Alaw),
            DeclaredCodec::Gsm => Coding::Gsm,
            DeclaredCodec::G722 => Coding::G722,
            DeclaredCodec::G729 => Coding::Unknown("g729", reason::G729),
            DeclaredCodec::G7231 => Coding::Unknown("g723_1", reason::G723),
            DeclaredCodec::G726(_) => Coding::Unknown("adpcm_g726", reason::G726),
        }
    }

    /// Its shape, unless it makes no sense for the codec.
    pub(super) fn shape(self) -> Option<Shape> {
        match self.codec {
            DeclaredCodec::G722 => Shape::new(16_000, self.channels),
            _ => Shape::new(self.sample_rate, self.channels),
        }
        .filter(|shape| {
            shape.channels == 1 || matches!(self.coding(), Coding::Pcm(_) | Coding::Unknown(..))
        })
    }
}

/// Reads the names that Asterisk and ffmpeg give these codecs, mono: `sln16`, `ulaw`, `g726-32`.
///
/// `sln` alone is 8 kHz, `sln16` 16 kHz, and so on. `:2` at the end means two channels.
impl FromStr for Declared {
    type Err = UnknownCodec;

    fn from_str(name: &str) -> Result<Self, UnknownCodec> {
        let (name, channels) = match name.split_once(':') {
            Some((name, channels)) => (name, channels.parse().map_err(|_| UnknownCodec)?),
            None => (name, 1),
        };
        let (codec, sample_rate) = match name {
            "ulaw" | "pcmu" | "mulaw" => (DeclaredCodec::Ulaw, 8_000),
            "alaw" | "pcma" => (DeclaredCodec::Alaw, 8_000),
            "ulaw16" => (DeclaredCodec::Ulaw, 16_000),
            "alaw16" => (DeclaredCodec::Alaw, 16_000),
            "gsm" => (DeclaredCodec::Gsm, 8_000),
            "g722" => (DeclaredCodec::G722, 16_000),
            "g729" => (DeclaredCodec::G729, 8_000),
            "g723" | "g723.1" => (DeclaredCodec::G7231, 8_000),
            "g726-16" => (DeclaredCodec::G726(2), 8_000),
            "g726-24" => (DeclaredCodec::G726(3), 8_000),
            "g726" | "g726-32" => (DeclaredCodec::G726(4), 8_000),
            "g726-40" => (DeclaredCodec::G726(5), 8_000),
            "sln" => (DeclaredCodec::Sln, 8_000),
            _ => (DeclaredCodec::Sln, sln_rate(name).ok_or(UnknownCodec)?),
        };
        let declared = Self { codec, sample_rate, channels };
        declared.shape().map(|_| declared).ok_or(UnknownCodec)
    }
}

fn sln_rate(name: &str) -> Option<u32> {
    match name.strip_prefix("sln")? {
        "44" => Some(44_100),
        kilohertz @ ("8" | "12" | "16" | "24" | "32" | "48" | "96" | "192") => {
            kilohertz.parse::<u32>().ok().map(|rate| rate * 1_000)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_the_pbx_means_them() {
        let cases = [
            ("sln", DeclaredCodec::Sln, 8_000, 1),
            ("sln16", DeclaredCodec::Sln, 16_000, 1),
            ("sln44", DeclaredCodec::Sln, 44_100, 1),
            ("sln:2", DeclaredCodec::Sln, 8_000, 2),
            ("ulaw", DeclaredCodec::Ulaw, 8_000, 1),
            ("alaw:2", DeclaredCodec::Alaw, 8_000, 2),
            ("gsm", DeclaredCodec::Gsm, 8_000, 1),
            ("g722", DeclaredCodec::G722, 16_000, 1),
            ("g723", DeclaredCodec::G7231, 8_000, 1),
            ("g726-32", DeclaredCodec::G726(4), 8_000, 1),
        ];
        for (name, codec, sample_rate, channels) in cases {
            assert_eq!(name.parse(), Ok(Declared { codec, sample_rate, channels }), "{name}");
        }
        for name in ["", "wav", "sln7", "sln-", "ulaw:0", "gsm:2", "g722:2", "ulaw:x", "SLN"] {
            assert_eq!(name.parse::<Declared>(), Err(UnknownCodec), "{name}");
        }
    }
}
