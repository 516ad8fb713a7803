//! The header of Apple's CAF, where the payload is samples as they are.
//!
//! The library's reader refuses such a file when it was cut short; arithmetic does not mind.

use std::io;

use super::Shape;
use super::fields::{be32, be64, field};
use super::pcm::Sample;
use super::source::Bytes;
use super::wave::Wave;
use super::wave_format::{Coding, Format};

/// The most chunks that are walked through.
const MAX_CHUNKS: usize = 1_000;

/// Reads the header; `None` where the payload is packets of a codec, or there is none.
pub(super) fn read(bytes: &mut dyn Bytes) -> io::Result<Option<Wave>> {
    let mut at = 8;
    let mut format = None;
    for _ in 0..MAX_CHUNKS {
        let head = bytes.at(at, 12 + 32)?;
        let Some((kind, size)) = field::<4>(head, 0).zip(be64(head, 4)) else { break };
        match &kind {
            b"desc" => format = description(head.get(12..).unwrap_or_default()),
            b"data" => {
                // A count of edits comes first. All ones is a length that nobody knew.
                let offset = at + 16;
                let there = bytes.len().saturating_sub(offset);
                let payload = (offset, size.saturating_sub(4).min(there));
                return Ok(format.map(|format| Wave {
                    container: "caf",
                    format: Some(format),
                    payload: Some(payload),
                }));
            }
            _ => {}
        }
        let Some(next) = (at + 12).checked_add(size) else { break };
        at = next;
    }
    Ok(None)
}

fn description(body: &[u8]) -> Option<Format> {
    let rate = f64::from_be_bytes(field(body, 0)?);
    let flags = be32(body, 12)?;
    let packet = be32(body, 16)?;
    let channels = u16::try_from(be32(body, 24)?).ok()?;
    let bits = be32(body, 28)?;
    let little = flags & 2 != 0;
    let sample = match (&field(body, 8)?, flags & 1 != 0, bits) {
        (b"lpcm", true, 32) if little => Sample::F32Le,
        (b"lpcm", true, 32) => Sample::F32Be,
        (b"lpcm", true, 64) if little => Sample::F64Le,
        (b"lpcm", true, 64) => Sample::F64Be,
        (b"lpcm", false, 8) => Sample::S8,
        (b"lpcm", false, 16) if little => Sample::S16Le,
        (b"lpcm", false, 16) => Sample::S16Be,
        (b"lpcm", false, 24) if little => Sample::S24Le,
        (b"lpcm", false, 24) => Sample::S24Be,
        (b"lpcm", false, 32) if little => Sample::S32Le,
        (b"lpcm", false, 32) => Sample::S32Be,
        (b"ulaw", ..) => Sample::Ulaw,
        (b"alaw", ..) => Sample::Alaw,
        _ => return None,
    };
    let unpadded = usize::try_from(packet).ok()? == sample.size() * usize::from(channels);
    let whole = (1_000.0..=384_000.0).contains(&rate) && rate.fract() == 0.0;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "just checked")]
    let shape = (unpadded && whole).then(|| Shape::new(rate as u32, channels))??;
    Some(Format { coding: Coding::Pcm(sample), shape: Some(shape) })
}

#[cfg(test)]
mod tests {
    use super::super::source::Head;
    use super::*;

    fn file(coding: [u8; 4], flags: u32, bits: u32, data: u64, there: usize) -> Vec<u8> {
        let mut file = b"caff\0\x01\0\0desc\0\0\0\0\0\0\0\x20".to_vec();
        file.extend(8_000_f64.to_be_bytes());
        file.extend(coding);
        file.extend([flags, bits / 8, 1, 1, bits].iter().flat_map(|field| field.to_be_bytes()));
        file.extend(b"free\0\0\0\0\0\0\0\x03abcdata");
        file.extend(data.to_be_bytes());
        file.resize(file.len() + 4 + there, 0);
        file
    }

    fn read(file: &[u8]) -> Option<Wave> {
        super::read(&mut Head { bytes: file, len: file.len() as u64 }).unwrap()
    }

    #[test]
    fn plain_samples_lie_where_the_header_says_or_to_the_end() {
        let cases = [
            (file(*b"lpcm", 2, 16, 104, 100), Sample::S16Le, 100),
            (file(*b"lpcm", 0, 16, 104, 60), Sample::S16Be, 60),
            (file(*b"lpcm", 3, 32, u64::MAX, 100), Sample::F32Le, 100),
            (file(*b"ulaw", 0, 8, 104, 100), Sample::Ulaw, 100),
        ];
        for (bytes, sample, len) in cases {
            let wave = read(&bytes).unwrap();
            assert_eq!(wave.payload, Some((83, len)), "{sample:?}");
            let format = wave.format.unwrap();
            assert_eq!(format.coding, Coding::Pcm(sample));
            assert_eq!(format.shape, Shape::new(8_000, 1));
        }
    }

    #[test]
    fn packets_are_left_to_the_library() {
        assert_eq!(read(&file(*b"aac ", 0, 0, 104, 100)), None);
        assert_eq!(read(&file(*b"lpcm", 2, 12, 104, 100)), None);
        assert_eq!(read(&file(*b"lpcm", 2, 16, 104, 100)[..70]), None);
    }
}
