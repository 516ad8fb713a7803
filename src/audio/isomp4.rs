//! What an MP4 holds, for the codecs that only need to be named.

use std::io;

use super::fields::{be32, be64, field};
use super::source::Bytes;

/// The most boxes that are looked at, and how deep.
const MAX_BOXES: u32 = 4_096;
const MAX_DEPTH: u32 = 8;

/// What was found in an MP4.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contents {
    /// Whether the table of contents was written.
    pub(super) moov: bool,
    /// The codings of its tracks, sound or not.
    pub(super) codings: Vec<[u8; 4]>,
}

impl Contents {
    /// Looks through the boxes.
    pub(super) fn read(bytes: &mut dyn Bytes) -> io::Result<Self> {
        let mut contents = Self::default();
        let end = bytes.len();
        contents.walk(bytes, 0..end, 0, &mut 0)?;
        Ok(contents)
    }

    /// The first coding that is one of sound.
    pub(super) fn sound(&self) -> Option<[u8; 4]> {
        let sound = |coding: &&[u8; 4]| {
            matches!(
                *coding,
                b"mp4a"
                    | b"alac"
                    | b"samr"
                    | b"sawb"
                    | b"sawp"
                    | b"sevc"
                    | b"sqcp"
                    | b"Opus"
                    | b"fLaC"
                    | b"ac-3"
                    | b"ec-3"
                    | b".mp3"
                    | b"lpcm"
                    | b"sowt"
                    | b"twos"
                    | b"ulaw"
                    | b"alaw"
                    | b"ima4"
                    | b"agsm"
                    | b"in24"
                    | b"in32"
                    | b"fl32"
            )
        };
        self.codings.iter().find(sound).copied()
    }

    fn walk(
        &mut self,
        bytes: &mut dyn Bytes,
        range: std::ops::Range<u64>,
        depth: u32,
        count: &mut u32,
    ) -> io::Result<()> {
        let mut at = range.start;
        while at < range.end && *count < MAX_BOXES {
            *count += 1;
            let head = bytes.at(at, 32)?;
            let Some((size, kind)) = be32(head, 0).zip(field::<4>(head, 4)) else { break };
            let (header, size) = match size {
                0 => (8, range.end - at),
                1 => (16, be64(head, 8).unwrap_or(0)),
                size => (8, u64::from(size)),
            };
            if size < header {
                break;
            }
            let end = at.saturating_add(size).min(range.end);
            match &kind {
                b"moov" | b"trak" | b"mdia" | b"minf" | b"stbl" if depth < MAX_DEPTH => {
                    self.moov |= kind == *b"moov";
                    self.walk(bytes, at + header..end, depth + 1, count)?;
                }
                // Version, count of entries, then the first entry: its size and its name.
                b"stsd" => self.codings.extend(field::<4>(head, 8 + 8 + 4)),
                _ => {}
            }
            at = end;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Head;
    use super::*;

    fn part(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
        let size = u32::try_from(body.len() + 8).unwrap();
        [&size.to_be_bytes()[..], &kind, body].concat()
    }

    fn track(coding: [u8; 4]) -> Vec<u8> {
        let stsd = part(*b"stsd", &[&[0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 16], &coding[..]].concat());
        let stbl = part(*b"stbl", &stsd);
        part(*b"trak", &part(*b"mdia", &part(*b"minf", &stbl)))
    }

    fn read(file: &[u8]) -> Contents {
        Contents::read(&mut Head { bytes: file, len: file.len() as u64 }).unwrap()
    }

    #[test]
    fn the_coding_of_each_track_is_found() {
        let tracks = [track(*b"avc1"), track(*b"samr")].concat();
        let file =
            [part(*b"ftyp", b"3gp4"), part(*b"mdat", &[0; 50]), part(*b"moov", &tracks)].concat();
        let contents = read(&file);
        assert_eq!((contents.moov, contents.sound()), (true, Some(*b"samr")));
        assert_eq!(contents.codings.len(), 2);
    }

    #[test]
    fn a_file_cut_before_its_table_has_none() {
        let file = [part(*b"ftyp", b"M4A "), part(*b"mdat", &[0; 50])].concat();
        assert_eq!(read(&file[..40]), Contents::default());
    }

    #[test]
    fn boxes_within_boxes_without_end_are_left_alone() {
        let nested = (0..1_000).fold(Vec::new(), |inner, _| part(*b"trak", &inner));
        assert_eq!(read(&part(*b"moov", &nested)).codings, Vec::<[u8; 4]>::new());
        assert_eq!(read(&[0, 0, 0, 1, b'm', b'o', b'o', b'v', 0, 0, 0]).codings.len(), 0);
    }
}
