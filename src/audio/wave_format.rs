//! The format of a WAV payload: what its `fmt ` chunk means.

use super::fields::{le16, le32};
use super::pcm::Sample;
use super::{Shape, reason};

/// What a payload is coded with, and how to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// Samples as they are.
    Pcm(Sample),
    /// IMA ADPCM in blocks of so many bytes.
    Ima(u32),
    /// Microsoft ADPCM in blocks of so many bytes.
    Ms(u32),
    /// GSM 06.10 frames of 33 bytes.
    Gsm,
    /// GSM 06.10 in blocks of two frames and 65 bytes, as Asterisk's `wav49`.
    GsmMs,
    /// G.722 at 64 kbit/s.
    G722,
    /// MPEG layer III frames.
    Mp3,
    /// Nothing here decodes it: its name and the reason.
    Unknown(&'static str, &'static str),
}

impl Coding {
    /// The name of the codec.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pcm(sample) => sample.name(),
            Self::Ima(_) => "adpcm_ima",
            Self::Ms(_) => "adpcm_ms",
            Self::Gsm => "gsm",
            Self::GsmMs => "gsm_ms",
            Self::G722 => "g722",
            Self::Mp3 => "mp3",
            Self::Unknown(name, _) => name,
        }
    }
}

/// A payload's format: its coding and its shape, which is missing when it makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Format {
    pub(super) coding: Coding,
    pub(super) shape: Option<Shape>,
}

impl Format {
    /// Reads the body of a `fmt ` chunk, or `None` if it is cut short.
    ///
    /// The fields that follow from others (bytes per second, block size of PCM) are not believed.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let channels = le16(body, 2)?;
        let rate = le32(body, 4)?;
        let align = le16(body, 12)?;
        let bits = le16(body, 14).unwrap_or(0);
        let tag = match le16(body, 0)? {
            0xFFFE => le16(body, 24)?,
            tag => tag,
        };
        let coding = coding(tag, channels, align, bits);
        let shape = match coding {
            // Recorders write 8000 or 16000 here; G.722 has only the one.
            Some(Coding::G722) => Shape::new(16_000, channels),
            // Two-channel ADPCM and GSM beyond that exist on paper only.
            _ => Shape::new(rate, channels),
        };
        Some(match coding {
            Some(coding) => Self { coding, shape },
            None => Self { coding: Coding::Unknown("pcm", reason::HEADER), shape: None },
        })
    }
}

/// The coding that a format tag and its companions name; `None` if they contradict each other.
fn coding(tag: u16, channels: u16, align: u16, bits: u16) -> Option<Coding> {
    let adpcm = |coding: fn(u32) -> Coding, preamble: u16| {
        let fits = (1..=2).contains(&channels) && align > preamble * channels;
        fits.then(|| coding(align.into()))
    };
    let mono = |coding| (channels == 1).then_some(coding);
    match tag {
        0x0001 => linear(bits).map(Coding::Pcm),
        0x0003 => match bits {
            32 => Some(Coding::Pcm(Sample::F32Le)),
            64 => Some(Coding::Pcm(Sample::F64Le)),
            _ => None,
        },
        0x0006 => Some(Coding::Pcm(Sample::Alaw)),
        0x0007 => Some(Coding::Pcm(Sample::Ulaw)),
        0x0002 => adpcm(Coding::Ms, 7),
        0x0011 => adpcm(Coding::Ima, 4),
        0x0031 => mono(Coding::GsmMs),
        0x0055 => Some(Coding::Mp3),
        0x0065 | 0x028F => mono(Coding::G722),
        _ => Some(unknown(tag)),
    }
}

/// Linear PCM by its width; odd widths are stored in the next whole byte.
fn linear(bits: u16) -> Option<Sample> {
    match bits {
        1..=8 => Some(Sample::U8),
        9..=16 => Some(Sample::S16Le),
        17..=24 => Some(Sample::S24Le),
        25..=32 => Some(Sample::S32Le),
        _ => None,
    }
}

fn unknown(tag: u16) -> Coding {
    let (name, why) = match tag {
        0x0010 | 0x0012 | 0x0013 | 0x0017 | 0x0020 | 0x0200 => ("adpcm", reason::ADPCM),
        0x0014 | 0x0042 | 0x0059 | 0x0111 | 0xA100 => ("g723_1", reason::G723),
        0x0040 | 0x0045 | 0x0064 | 0x0085 | 0x0140 => ("adpcm_g726", reason::G726),
        0x0083 | 0x0133 | 0x0134 => ("g729", reason::G729),
        0x0057 | 0x0136 | 0x7A21 | 0x7A22 => ("amr", reason::AMR),
        0xA109 => ("speex", reason::SPEEX),
        0x00FF | 0x1600 | 0x1602 => ("aac", reason::CODEC),
        0x0022 => ("truespeech", reason::CODEC),
        0x0161 => ("wma", reason::CODEC),
        _ => ("unknown", reason::CODEC),
    };
    Coding::Unknown(name, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fmt(tag: u16, channels: u16, rate: u32, align: u16, bits: u16) -> Vec<u8> {
        let mut body = Vec::new();
        body.extend(tag.to_le_bytes());
        body.extend(channels.to_le_bytes());
        body.extend(rate.to_le_bytes());
        body.extend([0; 4]);
        body.extend(align.to_le_bytes());
        body.extend(bits.to_le_bytes());
        body
    }

    #[test]
    fn tags_name_their_codings() {
        let cases = [
            (fmt(1, 1, 8_000, 2, 16), Coding::Pcm(Sample::S16Le)),
            (fmt(1, 1, 8_000, 0, 16), Coding::Pcm(Sample::S16Le)),
            (fmt(1, 2, 8_000, 6, 24), Coding::Pcm(Sample::S24Le)),
            (fmt(3, 2, 8_000, 8, 32), Coding::Pcm(Sample::F32Le)),
            (fmt(6, 1, 8_000, 1, 8), Coding::Pcm(Sample::Alaw)),
            (fmt(7, 1, 8_000, 1, 8), Coding::Pcm(Sample::Ulaw)),
            (fmt(2, 1, 8_000, 1024, 4), Coding::Ms(1024)),
            (fmt(0x11, 2, 8_000, 1024, 4), Coding::Ima(1024)),
            (fmt(0x31, 1, 8_000, 65, 0), Coding::GsmMs),
            (fmt(0x65, 1, 8_000, 1, 4), Coding::G722),
            (fmt(0x83, 1, 8_000, 10, 0), Coding::Unknown("g729", reason::G729)),
        ];
        for (body, expected) in cases {
            let format = Format::read(&body).unwrap();
            assert_eq!(format.coding, expected);
            assert!(format.shape.is_some(), "{expected:?}");
        }
    }

    #[test]
    fn nonsense_has_no_shape() {
        for body in [
            fmt(1, 0, 8_000, 2, 16),
            fmt(1, 1, 0, 2, 16),
            fmt(1, 1, 1, 2, 16),
            fmt(1, 1, u32::MAX, 2, 16),
            fmt(1, 1, 8_000, 2, 0),
            fmt(0x11, 1, 8_000, 0, 4),
            fmt(0x11, 1, 8_000, 4, 4),
            fmt(0x31, 2, 8_000, 65, 0),
        ] {
            assert_eq!(Format::read(&body).unwrap().shape, None, "{body:?}");
        }
        assert_eq!(Format::read(&fmt(1, 1, 8_000, 2, 16)[..13]), None);
    }

    #[test]
    fn an_extensible_format_names_its_coding_further_on() {
        let mut body = fmt(0xFFFE, 2, 16_000, 6, 24);
        body.extend([22, 0, 24, 0, 0, 0, 0, 0, 1, 0]);
        assert_eq!(Format::read(&body).unwrap().coding, Coding::Pcm(Sample::S24Le));
        body.truncate(20);
        assert_eq!(Format::read(&body), None);
    }
}
