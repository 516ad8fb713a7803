//! The header of Sun's AU, big-endian and often written to a pipe.

use super::fields::{be32, field};
use super::pcm::Sample;
use super::wave::Wave;
use super::wave_format::{Coding, Format};
use super::{Shape, reason};

/// Reads the header of a file of `len` bytes; `None` if it is none.
pub(super) fn read(head: &[u8], len: u64) -> Option<Wave> {
    if field(head, 0)? != *b".snd" {
        return None;
    }
    let offset = u64::from(be32(head, 4)?);
    let size = u64::from(be32(head, 8)?);
    let channels = u16::try_from(be32(head, 20)?).unwrap_or(0);
    let shape = Shape::new(be32(head, 16)?, channels).filter(|_| offset >= 24);
    let there = len.saturating_sub(offset);
    // 0 and all ones stand for a length that nobody knew.
    let size = if size == 0 || size > there { there } else { size };
    Some(Wave {
        container: "au",
        format: Some(Format { coding: coding(be32(head, 12)?), shape }),
        payload: Some((offset, size)),
    })
}

fn coding(encoding: u32) -> Coding {
    match encoding {
        1 => Coding::Pcm(Sample::Ulaw),
        2 => Coding::Pcm(Sample::S8),
        3 => Coding::Pcm(Sample::S16Be),
        4 => Coding::Pcm(Sample::S24Be),
        5 => Coding::Pcm(Sample::S32Be),
        6 => Coding::Pcm(Sample::F32Be),
        7 => Coding::Pcm(Sample::F64Be),
        24 => Coding::G722,
        27 => Coding::Pcm(Sample::Alaw),
        23 | 25 | 26 => Coding::Unknown("adpcm_g726", reason::G726),
        _ => Coding::Unknown("unknown", reason::CODEC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(offset: u32, size: u32, encoding: u32, rate: u32, channels: u32) -> Vec<u8> {
        let numbers = [offset, size, encoding, rate, channels];
        let numbers = numbers.iter().flat_map(|number| number.to_be_bytes());
        b".snd".iter().copied().chain(numbers).collect()
    }

    #[test]
    fn a_header_says_where_the_payload_is() {
        let wave = read(&header(24, 100, 1, 8_000, 1), 124).unwrap();
        assert_eq!(wave.payload, Some((24, 100)));
        let format = wave.format.unwrap();
        assert_eq!(format.coding, Coding::Pcm(Sample::Ulaw));
        assert_eq!(format.shape, Shape::new(8_000, 1));
    }

    #[test]
    fn an_unknown_length_reaches_to_the_end() {
        for size in [0, u32::MAX] {
            assert_eq!(read(&header(32, size, 3, 8_000, 2), 132).unwrap().payload, Some((32, 100)));
        }
    }

    #[test]
    fn nonsense_has_no_shape_and_a_cut_header_is_none() {
        for head in [header(3, 1, 1, 8_000, 1), header(24, 1, 1, 0, 1), header(24, 1, 1, 8_000, !0)]
        {
            assert_eq!(read(&head, 100).unwrap().format.unwrap().shape, None);
        }
        assert_eq!(read(&header(24, 1, 1, 8_000, 1)[..23], 100), None);
    }
}
