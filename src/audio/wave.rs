//! The chunks of a WAV: RIFF, RF64 and W64, with the headers that recorders leave behind repaired.
//!
//! A header is written first and corrected last, so a recorder that streams, crashes or goes on
//! after its last correction leaves a length that is not true: 0, all ones, 0x7FFFF000, or less
//! than what follows. The payload then reaches to the end of the bytes.

use std::io;

use super::fields::{field, le32, le64};
use super::source::Bytes;
use super::wave_format::Format;

/// The most chunks that are walked through; more than any recorder writes.
const MAX_CHUNKS: usize = 1_000;
/// How far after a broken chunk the next one is looked for.
const RESCUE: usize = 64 * 1024;
/// Bytes after the payload that are no chunks and yet no audio: tags, padding.
const TRAILER: u64 = 1_024;

const W64_RIFF: [u8; 16] = *b"riff\x2E\x91\xCF\x11\xA5\xD6\x28\xDB\x04\xC1\x00\x00";
const W64_WAVE: [u8; 16] = *b"wave\xF3\xAC\xD3\x11\x8C\xD1\x00\xC0\x4F\x8E\xDB\x8A";

/// What the chunks of a WAV say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wave {
    pub(super) container: &'static str,
    /// The format, if one was found before the payload.
    pub(super) format: Option<Format>,
    /// Where the payload begins and how many bytes it has, if it was found.
    pub(super) payload: Option<(u64, u64)>,
}

/// The two ways to write a chunk's head.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// Four letters and 32 bits of length, padded to two bytes.
    Riff,
    /// Sixteen bytes and 64 bits of length with the head in it, padded to eight bytes.
    W64,
}

struct Chunk {
    id: [u8; 4],
    body: u64,
    size: u64,
}

/// The kind of WAV that the first bytes announce.
pub(super) fn container(head: &[u8]) -> Option<&'static str> {
    let wave = field(head, 8) == Some(*b"WAVE");
    match field::<4>(head, 0)? {
        [b'R', b'I', b'F', b'F'] if wave => Some("wav"),
        [b'R', b'F', b'6', b'4'] | [b'B', b'W', b'6', b'4'] if wave => Some("rf64"),
        _ => {
            (field(head, 0) == Some(W64_RIFF) && field(head, 24) == Some(W64_WAVE)).then_some("w64")
        }
    }
}

impl Wave {
    /// Walks through the chunks up to the payload; `None` if it is no WAV at all.
    pub(super) fn read(bytes: &mut dyn Bytes) -> io::Result<Option<Self>> {
        let Some(container) = container(bytes.at(0, 40)?) else { return Ok(None) };
        let layout = if container == "w64" { Layout::W64 } else { Layout::Riff };
        let mut at = if layout == Layout::W64 { 40 } else { 12 };
        let mut wave = Self { container, format: None, payload: None };
        let mut long_size = None;
        for _ in 0..MAX_CHUNKS {
            let Some(chunk) = layout.chunk(bytes, at)? else { break };
            match &chunk.id {
                b"data" => {
                    let size = long_size.filter(|_| chunk.size == 0xFFFF_FFFF);
                    wave.payload =
                        Some(layout.payload(bytes, chunk.body, size.unwrap_or(chunk.size))?);
                    break;
                }
                b"fmt " => {
                    let body =
                        bytes.at(chunk.body, usize::try_from(chunk.size.min(64)).unwrap_or(64))?;
                    wave.format = wave.format.or_else(|| Format::read(body));
                }
                b"ds64" => long_size = le64(bytes.at(chunk.body, 16)?, 8),
                _ => {}
            }
            at = match layout.after(&chunk).filter(|next| *next <= bytes.len()) {
                Some(next) => next,
                // A chunk longer than the file: what follows it is inside it.
                None => match rescue(bytes, chunk.body)? {
                    Some(next) => next,
                    None => break,
                },
            };
        }
        Ok(Some(wave))
    }
}

impl Layout {
    fn chunk(self, bytes: &mut dyn Bytes, at: u64) -> io::Result<Option<Chunk>> {
        let head = bytes.at(at, 24)?;
        Ok(match self {
            Self::Riff => field(head, 0).zip(le32(head, 4)).map(|(id, size)| Chunk {
                id,
                body: at + 8,
                size: size.into(),
            }),
            Self::W64 => field(head, 0).zip(le64(head, 16)).map(|(id, size)| Chunk {
                id,
                body: at + 24,
                size: size.saturating_sub(24),
            }),
        })
    }

    /// Where the chunk after this one begins, padding included.
    fn after(self, chunk: &Chunk) -> Option<u64> {
        let padding = if self == Self::Riff { 2 } else { 8 };
        chunk.body.checked_add(chunk.size)?.checked_next_multiple_of(padding)
    }

    /// Where the payload begins and how long it is in truth.
    fn payload(self, bytes: &mut dyn Bytes, body: u64, size: u64) -> io::Result<(u64, u64)> {
        let there = bytes.len().saturating_sub(body);
        let chunk = Chunk { id: *b"data", body, size };
        let believed = size > 0
            && size < there
            && (there - size <= TRAILER || self.only_chunks(bytes, self.after(&chunk))?);
        Ok((body, if believed { size } else { there }))
    }

    /// Whether nothing but whole chunks lies between here and the end.
    fn only_chunks(self, bytes: &mut dyn Bytes, from: Option<u64>) -> io::Result<bool> {
        let Some(mut at) = from else { return Ok(false) };
        for _ in 0..MAX_CHUNKS {
            if at >= bytes.len() {
                return Ok(true);
            }
            let Some(chunk) = self.chunk(bytes, at)? else { break };
            // The last one's padding may be missing.
            let end = chunk.body.saturating_add(chunk.size);
            if !chunk.id.iter().all(|letter| (b' '..=b'~').contains(letter)) || end > bytes.len() {
                break;
            }
            at = self.after(&chunk).unwrap_or(u64::MAX);
        }
        Ok(false)
    }
}

/// The next `fmt ` or `data` chunk inside a broken one.
fn rescue(bytes: &mut dyn Bytes, from: u64) -> io::Result<Option<u64>> {
    let inside = bytes.at(from, RESCUE)?;
    let found = inside.windows(4).position(|four| four == b"fmt " || four == b"data");
    Ok(found.map(|offset| from + offset as u64))
}

#[cfg(test)]
mod tests {
    use super::super::source::Head;
    use super::*;

    const FMT: &[u8] = b"fmt \x10\0\0\0\x01\0\x01\0\x40\x1F\0\0\x80\x3E\0\0\x02\0\x10\0";

    fn riff(size: u32, chunks: &[&[u8]]) -> Vec<u8> {
        let mut file = b"RIFF".to_vec();
        file.extend(size.to_le_bytes());
        file.extend(b"WAVE");
        file.extend(chunks.concat());
        file
    }

    fn data(size: u32, there: usize) -> Vec<u8> {
        let mut chunk = b"data".to_vec();
        chunk.extend(size.to_le_bytes());
        chunk.resize(8 + there, 0x11);
        chunk
    }

    fn read(file: &[u8]) -> Option<Wave> {
        Wave::read(&mut Head { bytes: file, len: file.len() as u64 }).unwrap()
    }

    #[test]
    fn headers_that_lie_are_repaired() {
        let went_on = 8_000;
        let info = b"LIST\x04\0\0\0INFO";
        let endless = b"LIST\xF0\xFF\xFF\xFFINFO";
        let mut long_fmt = FMT.to_vec();
        long_fmt[4..8].copy_from_slice(&0xFFFF_FFF0_u32.to_le_bytes());
        let cases: &[(&str, Vec<u8>, (u64, u64))] = &[
            ("true", riff(0, &[FMT, &data(100, 100)]), (44, 100)),
            ("crashed, length 0", riff(0, &[FMT, &data(0, 100)]), (44, 100)),
            ("streamed, all ones", riff(!0, &[FMT, &data(!0, 100)]), (44, 100)),
            ("streamed by sox", riff(0, &[FMT, &data(0x7FFF_F000, 100)]), (44, 100)),
            ("cut off", riff(0, &[FMT, &data(100, 60)]), (44, 60)),
            ("went on after its header", riff(0, &[FMT, &data(100, went_on)]), (44, 8_000)),
            ("a chunk follows", riff(0, &[FMT, &data(100, 100), info]), (44, 100)),
            ("a tag follows", riff(0, &[FMT, &data(100, 228)]), (44, 100)),
            ("a chunk before is endless", riff(0, &[endless, FMT, &data(4, 4)]), (56, 4)),
            ("the format is endless", riff(0, &[&long_fmt, &data(4, 4)]), (44, 4)),
            ("an odd chunk before", riff(0, &[FMT, b"xtra\x03\0\0\0odd\0", &data(4, 4)]), (56, 4)),
        ];
        for (name, file, payload) in cases {
            let wave = read(file).unwrap();
            assert_eq!(wave.payload, Some(*payload), "{name}");
            assert!(wave.format.is_some_and(|format| format.shape.is_some()), "{name}");
        }
    }

    #[test]
    fn what_is_missing_is_said_to_be_missing() {
        assert_eq!(read(b"RIFFthis is not a wave file at all"), None);
        assert_eq!(read(b""), None);
        let without_format = read(&riff(0, &[&data(4, 4)])).unwrap();
        assert_eq!((without_format.format, without_format.payload), (None, Some((20, 4))));
        let cut = read(&riff(0, &[FMT])[..25]).unwrap();
        assert_eq!((cut.format, cut.payload), (None, None));
    }

    #[test]
    fn long_files_say_their_length_in_64_bits() {
        let mut ds64 = b"ds64\x1C\0\0\0".to_vec();
        ds64.extend([0; 8]);
        ds64.extend(100_u64.to_le_bytes());
        ds64.extend([0; 12]);
        let info = b"LIST\x04\0\0\0INFO";
        let mut file = riff(!0, &[&ds64, FMT, &data(!0, 100), info]);
        file[..4].copy_from_slice(b"RF64");
        let wave = read(&file).unwrap();
        assert_eq!((wave.container, wave.payload), ("rf64", Some((80, 100))));
    }
}
