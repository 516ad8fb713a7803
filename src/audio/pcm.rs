//! Samples that need no decoder: linear PCM of every width, and G.711.

/// How one sample is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sample {
    U8,
    S8,
    S16Le,
    S16Be,
    S24Le,
    S24Be,
    S32Le,
    S32Be,
    F32Le,
    F32Be,
    F64Le,
    F64Be,
    Ulaw,
    Alaw,
}

/// Every kind, in the order of its number in a seek index.
const ALL: [Sample; 14] = [
    Sample::U8,
    Sample::S8,
    Sample::S16Le,
    Sample::S16Be,
    Sample::S24Le,
    Sample::S24Be,
    Sample::S32Le,
    Sample::S32Be,
    Sample::F32Le,
    Sample::F32Be,
    Sample::F64Le,
    Sample::F64Be,
    Sample::Ulaw,
    Sample::Alaw,
];

impl Sample {
    /// The number that stands for it in a seek index.
    pub(super) fn code(self) -> u8 {
        let place = ALL.iter().position(|sample| *sample == self).unwrap_or_default();
        u8::try_from(place).unwrap_or_default()
    }

    /// The kind a number stands for.
    pub(super) fn from_code(code: u8) -> Option<Self> {
        ALL.get(usize::from(code)).copied()
    }

    /// How many bytes one sample takes.
    pub(super) fn size(self) -> usize {
        match self {
            Self::U8 | Self::S8 | Self::Ulaw | Self::Alaw => 1,
            Self::S16Le | Self::S16Be => 2,
            Self::S24Le | Self::S24Be => 3,
            Self::S32Le | Self::S32Be | Self::F32Le | Self::F32Be => 4,
            Self::F64Le | Self::F64Be => 8,
        }
    }

    /// The name of the codec.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::U8 => "pcm_u8",
            Self::S8 => "pcm_s8",
            Self::S16Le => "pcm_s16le",
            Self::S16Be => "pcm_s16be",
            Self::S24Le => "pcm_s24le",
            Self::S24Be => "pcm_s24be",
            Self::S32Le => "pcm_s32le",
            Self::S32Be => "pcm_s32be",
            Self::F32Le => "pcm_f32le",
            Self::F32Be => "pcm_f32be",
            Self::F64Le => "pcm_f64le",
            Self::F64Be => "pcm_f64be",
            Self::Ulaw => "pcm_mulaw",
            Self::Alaw => "pcm_alaw",
        }
    }

    /// Appends the samples that `bytes` holds; a cut last one is left out.
    ///
    /// Wider samples lose their low bits, as the two highest bytes are taken.
    pub(super) fn convert(self, bytes: &[u8], samples: &mut Vec<i16>) {
        match self {
            Self::U8 => each(bytes, samples, |[b]| i16::from_be_bytes([b ^ 0x80, 0])),
            Self::S8 => each(bytes, samples, |[b]| i16::from_be_bytes([b, 0])),
            Self::S16Le => each(bytes, samples, i16::from_le_bytes),
            Self::S16Be => each(bytes, samples, i16::from_be_bytes),
            Self::S24Le => each(bytes, samples, |[_, low, high]| i16::from_le_bytes([low, high])),
            Self::S24Be => each(bytes, samples, |[high, low, _]| i16::from_be_bytes([high, low])),
            Self::S32Le => {
                each(bytes, samples, |[_, _, low, high]| i16::from_le_bytes([low, high]));
            }
            Self::S32Be => {
                each(bytes, samples, |[high, low, _, _]| i16::from_be_bytes([high, low]));
            }
            Self::F32Le => each(bytes, samples, |b| float(f32::from_le_bytes(b).into())),
            Self::F32Be => each(bytes, samples, |b| float(f32::from_be_bytes(b).into())),
            Self::F64Le => each(bytes, samples, |b| float(f64::from_le_bytes(b))),
            Self::F64Be => each(bytes, samples, |b| float(f64::from_be_bytes(b))),
            Self::Ulaw => each(bytes, samples, |[b]| ULAW[usize::from(b)]),
            Self::Alaw => each(bytes, samples, |[b]| ALAW[usize::from(b)]),
        }
    }
}

fn each<const N: usize>(bytes: &[u8], samples: &mut Vec<i16>, to_i16: impl Fn([u8; N]) -> i16) {
    samples.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| to_i16(*chunk)));
}

/// A float sample, clipped. Not a number is silence.
#[expect(clippy::cast_possible_truncation, reason = "`as` from a float saturates, which is meant")]
fn float(value: f64) -> i16 {
    (value * 32_768.0).round() as i16
}

static ULAW: [i16; 256] = table(Law::U);
static ALAW: [i16; 256] = table(Law::A);

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = law.sample(byte);
        if byte == u8::MAX {
            return table;
        }
        byte += 1;
    }
}

/// The two laws of ITU-T G.711.
#[derive(Clone, Copy)]
enum Law {
    U,
    A,
}

impl Law {
    const fn sample(self, byte: u8) -> i16 {
        match self {
            Self::U => {
                let byte = !byte;
                let step = (((byte & 0x0F) as i16) << 3) + 0x84;
                let size = (step << ((byte >> 4) & 7)) - 0x84;
                if byte & 0x80 == 0 { size } else { -size }
            }
            Self::A => {
                let byte = byte ^ 0x55;
                let step = ((byte & 0x0F) as i16) << 4;
                let size = match (byte >> 4) & 7 {
                    0 => step + 8,
                    segment => (step + 0x108) << (segment - 1),
                };
                if byte & 0x80 == 0 { -size } else { size }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(sample: Sample, bytes: &[u8]) -> Vec<i16> {
        let mut samples = Vec::new();
        sample.convert(bytes, &mut samples);
        samples
    }

    #[test]
    fn samples_mean_what_their_formats_say() {
        let cases: &[(Sample, &[u8], &[i16])] = &[
            (Sample::U8, &[0, 0x80, 0xFF], &[-32_768, 0, 32_512]),
            (Sample::S8, &[0x80, 0, 0x7F], &[-32_768, 0, 32_512]),
            (Sample::S16Le, &[0x01, 0x80, 0xFF], &[-32_767]),
            (Sample::S16Be, &[0x80, 0x01], &[-32_767]),
            (Sample::S24Le, &[0xAA, 0x02, 0x80], &[-32_766]),
            (Sample::S24Be, &[0x80, 0x02, 0xAA], &[-32_766]),
            (Sample::S32Le, &[1, 2, 0x03, 0x7F], &[0x7F03]),
            (Sample::S32Be, &[0x7F, 3, 2, 1], &[0x7F03]),
            (Sample::F32Le, &(-0.5_f32).to_le_bytes(), &[-16_384]),
            (Sample::F32Be, &2.0_f32.to_be_bytes(), &[32_767]),
            (Sample::F32Le, &f32::NAN.to_le_bytes(), &[0]),
            (Sample::F64Le, &(-7.0_f64).to_le_bytes(), &[-32_768]),
            (Sample::F64Be, &0.25_f64.to_be_bytes(), &[8_192]),
            // From the tables of G.711: the two ends and the two zeros.
            (Sample::Ulaw, &[0x00, 0x80, 0x7F, 0xFF], &[-32_124, 32_124, 0, 0]),
            (Sample::Alaw, &[0x2A, 0xAA, 0x55, 0xD5], &[-32_256, 32_256, -8, 8]),
        ];
        for (sample, bytes, expected) in cases {
            assert_eq!(decoded(*sample, bytes), *expected, "{sample:?}");
        }
    }

    #[test]
    fn every_kind_has_a_number_of_its_own() {
        for sample in ALL {
            assert_eq!(Sample::from_code(sample.code()), Some(sample));
        }
        assert_eq!(Sample::from_code(14), None);
    }
}
