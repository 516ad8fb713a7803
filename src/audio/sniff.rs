//! What the first bytes of an upload are, whatever its name says.

use super::declared::{Declared, DeclaredCodec};
use super::mpeg::{self, Kind};
use super::{Error, fields::field, to_size, wave};

/// What kind of audio the first bytes announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sniffed(pub(super) Container);

/// The containers that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Wave,
    Au,
    Aiff,
    Flac,
    Ogg,
    Speex,
    Mp4,
    Matroska,
    Caf,
    Amr,
    Codec2,
    /// Frames that begin this far into the file, or after a tag longer than the head.
    Frames(Kind, u64),
    /// No container: the source says what it is.
    Raw(Declared),
}

/// How far into a file frames may begin, behind a tag or junk.
const JUNK: usize = 16 * 1024;

impl Sniffed {
    /// A short name for the container, for logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self.0 {
            Container::Wave => "wav",
            Container::Au => "au",
            Container::Aiff => "aiff",
            Container::Flac => "flac",
            Container::Ogg | Container::Speex => "ogg",
            Container::Mp4 => "mp4",
            Container::Matroska => "webm",
            Container::Caf => "caf",
            Container::Amr => "amr",
            Container::Codec2 => "codec2",
            Container::Frames(Kind::Mp3, _) => "mp3",
            Container::Frames(Kind::Adts, _) => "aac",
            Container::Raw(_) => "raw",
        }
    }
}

/// Tells what audio begins with `head`, its first bytes, of which 64 KiB are enough.
///
/// `len` is the length of the whole where it is known. Headerless audio is taken only where the
/// source declares it; anything else that is not certainly audio is [`Error::NotAudio`].
pub fn sniff(head: &[u8], len: Option<u64>, declared: Option<&Declared>) -> Result<Sniffed, Error> {
    let whole = len.is_some_and(|len| len <= head.len() as u64);
    contained(head, whole)
        .or_else(|| {
            declared.copied().filter(|declared| allows(*declared, head)).map(Container::Raw)
        })
        .or_else(|| frames(head, len, whole))
        .map(Sniffed)
        .ok_or(Error::NotAudio)
}

/// The containers that say what they are.
fn contained(head: &[u8], whole: bool) -> Option<Container> {
    if wave::container(head).is_some() {
        // A header without even a format could be anything that was cut off.
        return (!whole || head.len() >= 36).then_some(Container::Wave);
    }
    Some(match field::<4>(head, 0)? {
        [b'.', b's', b'n', b'd'] if head.len() >= 24 => Container::Au,
        [b'F', b'O', b'R', b'M'] if matches!(&field(head, 8)?, b"AIFF" | b"AIFC") => {
            Container::Aiff
        }
        // The first block is the one that every FLAC begins with; it may be the last as well.
        [b'f', b'L', b'a', b'C'] if matches!(field(head, 4)?, [0 | 0x80, 0, 0, 34]) => {
            Container::Flac
        }
        [b'O', b'g', b'g', b'S'] => return ogg(head),
        [b'c', b'a', b'f', b'f'] if field(head, 4)? == [0, 1] => Container::Caf,
        [0x1A, 0x45, 0xDF, 0xA3] if matroska(head) => Container::Matroska,
        [0xC0, 0xDE, 0xC2, 0..=1] => Container::Codec2,
        [b'#', b'!', b'A', b'M'] if field(head, 4)? == *b"R" => Container::Amr,
        _ if field(head, 4)? == *b"ftyp" && !picture(field(head, 8)?) => Container::Mp4,
        _ => return None,
    })
}

/// An Ogg whose first page holds the beginning of a codec that is one of sound.
fn ogg(head: &[u8]) -> Option<Container> {
    let segments = usize::from(*head.get(26)?);
    let packet = head.get(27 + segments..)?;
    let sound = [&b"OpusHead"[..], b"\x01vorbis", b"\x7FFLAC"];
    if sound.iter().any(|start| packet.starts_with(start)) {
        return Some(Container::Ogg);
    }
    packet.starts_with(b"Speex   ").then_some(Container::Speex)
}

fn matroska(head: &[u8]) -> bool {
    let start = head.get(..64).unwrap_or(head);
    [&b"webm"[..], b"matroska"]
        .iter()
        .any(|kind| start.windows(kind.len()).any(|window| window == *kind))
}

/// The brands of still pictures, which share their container with MP4.
fn picture(brand: [u8; 4]) -> bool {
    matches!(&brand, b"heic" | b"heix" | b"heim" | b"hevc" | b"mif1" | b"msf1" | b"avif" | b"avis")
}

/// MP3 or ADTS frames, behind a tag or a little junk.
fn frames(head: &[u8], len: Option<u64>, whole: bool) -> Option<Container> {
    if foreign(head) || text(head) {
        return None;
    }
    let mut from = 0;
    if let Some(tag) = mpeg::id3_len(head) {
        // A tag that claims more than there is lies; what is there is searched.
        let believed = len.is_none_or(|len| tag < len);
        if believed && tag >= head.len() as u64 {
            return Some(Container::Frames(Kind::Mp3, tag));
        }
        from = if believed { to_size(tag) } else { 10 };
        if head.get(from..)?.starts_with(b"fLaC") {
            return None;
        }
    }
    let body = head.get(from..)?;
    [Kind::Mp3, Kind::Adts]
        .into_iter()
        .filter_map(|kind| kind.find(body, JUNK, whole).map(|at| (at, kind)))
        .min_by_key(|(at, _)| *at)
        .map(|(at, kind)| Container::Frames(kind, (from + at) as u64))
}

/// Whether the source may call these bytes what it calls them.
fn allows(declared: Declared, head: &[u8]) -> bool {
    let certain = match declared.codec {
        // Each frame begins with the same four bits.
        DeclaredCodec::Gsm => head
            .chunks_exact(33)
            .take(50)
            .all(|frame| frame.first().is_some_and(|first| first >> 4 == 0xD)),
        _ => true,
    };
    certain && !head.is_empty() && declared.shape().is_some() && !foreign(head) && !text(head)
}

/// Whether this begins like a file of another kind.
fn foreign(head: &[u8]) -> bool {
    let magics: [&[u8]; 22] = [
        b"PK\x03\x04",
        b"PK\x05\x06",
        b"\xFF\xD8\xFF\xE0",
        b"\xFF\xD8\xFF\xE1",
        b"\xFF\xD8\xFF\xDB",
        b"\x89PNG",
        b"GIF8",
        b"%PDF",
        b"\x1F\x8B\x08",
        b"BZh",
        b"\xFD7zXZ",
        b"7z\xBC\xAF",
        b"Rar!",
        b"\x7FELF",
        b"RIFF",
        b"FORM",
        b"OggS",
        b"MThd",
        b"SQLite format",
        b"CVAULT\r\n",
        b"\xD0\xCF\x11\xE0",
        b"\x30\x26\xB2\x75",
    ];
    magics.iter().any(|magic| head.starts_with(magic))
}

/// Whether this reads as text, which no coded sound does for long.
fn text(head: &[u8]) -> bool {
    let start = head.get(..512).unwrap_or(head);
    let readable = match std::str::from_utf8(start) {
        Ok(text) => Some(text),
        // The cut may go through a letter.
        Err(error) if error.error_len().is_none() => {
            std::str::from_utf8(start.get(..error.valid_up_to()).unwrap_or_default()).ok()
        }
        Err(_) => None,
    };
    readable.is_some_and(|text| {
        let mut seen = std::collections::BTreeSet::new();
        text.chars().all(|letter| {
            seen.insert(letter);
            !letter.is_control() || letter.is_ascii_whitespace()
        }) && seen.len() > 4
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(head: &[u8], declared: Option<&str>) -> Option<&'static str> {
        let declared = declared.map(|name| name.parse().unwrap());
        let len = Some(head.len() as u64);
        sniff(head, len, declared.as_ref()).ok().map(Sniffed::name)
    }

    fn ogg_page(packet: &[u8]) -> Vec<u8> {
        let mut page = b"OggS".to_vec();
        page.resize(26, 0);
        page.extend([1, 19]);
        page.extend(packet);
        page
    }

    #[test]
    fn containers_are_known_by_their_bytes() {
        let wav = [&b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"[..], &[0; 40]].concat();
        let cases: &[(&[u8], Option<&str>)] = &[
            (&wav, Some("wav")),
            (&wav[..25], None),
            (b"RIFF\0\0\0\0AVI LIST", None),
            (b"fLaC\0\0\0\x22rest", Some("flac")),
            (b"fLaC\x07\0\0\x22rest", None),
            (b"caff\0\x01\0\0", Some("caf")),
            (b"#!AMR\n\x3C", Some("amr")),
            (b"#!AMR-WB\n\x3C", Some("amr")),
            (b"#!/bin/sh\n", None),
            (b"\xC0\xDE\xC2\x00\x01\x02", Some("codec2")),
            (b"\0\0\0\x20ftypM4A \0\0", Some("mp4")),
            (b"\0\0\0\x20ftypheic\0\0", None),
            (b"\x1A\x45\xDF\xA3\x9F\x42\x82\x84webm", Some("webm")),
            (b"\x1A\x45\xDF\xA3\x9F\x42\x82\x84docs", None),
            (&ogg_page(b"OpusHead\x01"), Some("ogg")),
            (&ogg_page(b"Speex   1.2"), Some("ogg")),
            (&ogg_page(b"\x80theora"), None),
            (b"OggSOggSOggSOggSOggSOggSOggSOggS", None),
            (b"", None),
            (b"R", None),
        ];
        for (head, expected) in cases {
            assert_eq!(named(head, None), *expected, "{head:?}");
        }
    }

    #[test]
    fn headerless_audio_needs_a_declaration() {
        let silence = [0; 4_096];
        let speech: Vec<u8> = (0..4_096_u32).map(|i| (i * i / 7).to_le_bytes()[0]).collect();
        let gsm: Vec<u8> = (0..3_300).map(|i| if i % 33 == 0 { 0xD3 } else { 0x91 }).collect();
        for bytes in [&silence[..], &speech, &gsm] {
            assert_eq!(named(bytes, None), None);
            assert_eq!(named(bytes, Some("sln")), Some("raw"));
        }
        assert_eq!(named(&gsm, Some("gsm")), Some("raw"));
        assert_eq!(named(&speech, Some("gsm")), None, "a frame says whether it is one");
        assert_eq!(named(&[0x55; 4_096], Some("alaw")), Some("raw"), "silence is no text");
    }

    #[test]
    fn a_declaration_does_not_turn_anything_else_into_audio() {
        let wav = [&b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0"[..], &[0; 40]].concat();
        assert_eq!(named(&wav, Some("sln")), Some("wav"));
        for bytes in [
            &b"<!DOCTYPE html><html><head><title>502 Bad Gateway</title>"[..],
            "Dit is geen geluid, dacht zij, maar coöperatie.\r\n".repeat(50).as_bytes(),
            b"PK\x03\x04\x14\0\0\0\x08\0",
            b"\xFF\xD8\xFF\xE0\0\x10JFIF",
            b"",
        ] {
            assert_eq!(named(bytes, Some("sln")), None, "{bytes:?}");
            assert_eq!(named(bytes, Some("ulaw")), None, "{bytes:?}");
            assert_eq!(named(bytes, None), None, "{bytes:?}");
        }
    }

    #[test]
    fn frames_are_found_behind_tags_and_junk() {
        let mut frame = vec![0xFF, 0xFB, 0x90, 0x00];
        frame.resize(417, 0);
        let stream = frame.repeat(6);
        let tagged = [&b"ID3\x04\0\0\0\0\0\x05title"[..], &stream].concat();
        let lying = [&b"ID3\x04\0\0\x7F\x7F\x7F\x7F"[..], &stream].concat();
        let behind = [&[0x5A; 4_096][..], &stream].concat();
        let deep = [vec![0x5A; 40_000], stream.clone()].concat();
        for (bytes, at) in [(&stream, 0), (&tagged, 15), (&lying, 10), (&behind, 4_096)] {
            let found = sniff(bytes, Some(bytes.len() as u64), None).unwrap();
            assert_eq!(found.0, Container::Frames(Kind::Mp3, at));
        }
        assert_eq!(named(&deep, None), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..600), len in any::<Option<u64>>()) {
            for declared in [None, Some("gsm"), Some("sln")] {
                let declared = declared.map(|name| name.parse().unwrap());
                let _ = sniff(&bytes, len, declared.as_ref());
            }
        }

        #[test]
        fn random_bytes_are_not_audio(seed in any::<u64>()) {
            let mut state = seed | 1;
            let bytes: Vec<u8> = (0..20_000).map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[3]
            }).collect();
            prop_assert!(sniff(&bytes, Some(20_000), None).is_err());
        }
    }
}
