//! Finds out how a recording decodes, from its sniffed kind and its headers.

use std::io;

use super::blocks::Blocks;
use super::declared::Declared;
use super::demuxed;
use super::frames::Frames;
use super::isomp4;
use super::mpeg::Kind;
use super::plan::Plan;
use super::sniff::{Container, sniff};
use super::source::{Bytes, Shared, WINDOW, Window};
use super::wave::Wave;
use super::wave_format::{Coding, Format};
use super::{Error, Shape, au, caf, reason};

/// What a recording was found to be.
pub(super) struct Found {
    /// Container and codec.
    pub(super) codec: String,
    /// The shape the header names, if it names one.
    pub(super) shape: Option<Shape>,
    /// Frames to leave out at the end.
    pub(super) tail: u32,
    /// How many samples the header promises, all channels together.
    pub(super) promised: u64,
    /// How to decode it, or why that cannot be.
    pub(super) plan: Result<Plan, &'static str>,
}

impl Found {
    fn new(codec: String, plan: Result<Plan, &'static str>) -> Self {
        Self { codec, shape: None, tail: 0, promised: 0, plan }
    }

    fn unplayable(codec: &str, why: &'static str) -> Self {
        Self::new(codec.to_owned(), Err(why))
    }
}

/// Tells what a recording is; an error if it is no audio or cannot be read.
pub(super) fn identify(source: &Shared, declared: Option<&Declared>) -> Result<Found, Error> {
    let found = container(source, declared).and_then(|container| match container {
        Container::Wave => wave(source),
        Container::Au => Ok(au::read(Window::new(source).at(0, 32)?, source.len()).map_or_else(
            || Found::unplayable("au/unknown", reason::HEADER),
            |wave| payload(source, &wave),
        )),
        Container::Raw(declared) => Ok(raw(source, declared)),
        Container::Frames(kind, offset) => frames(source, kind, offset).ok_or(Error::NotAudio),
        Container::Flac => demuxed(source, demuxed::Container::Flac),
        Container::Ogg => demuxed(source, demuxed::Container::Ogg),
        Container::Caf => match caf::read(&mut Window::new(source))? {
            Some(wave) => Ok(payload(source, &wave)),
            None => demuxed(source, demuxed::Container::Caf),
        },
        Container::Matroska => demuxed(source, demuxed::Container::Matroska),
        Container::Mp4 => mp4(source),
        Container::Aiff => Ok(Found::unplayable("aiff/unknown", reason::AIFF)),
        Container::Speex => Ok(Found::unplayable("ogg/speex", reason::SPEEX)),
        Container::Amr => Ok(Found::unplayable("amr/amr", reason::AMR)),
        Container::Codec2 => Ok(Found::unplayable("codec2/codec2", reason::CODEC2)),
    });
    // A store that is away comes before anything its silence looked like.
    source.check()?;
    found
}

fn container(source: &Shared, declared: Option<&Declared>) -> Result<Container, Error> {
    let mut window = Window::new(source);
    let head = window.at(0, WINDOW)?;
    sniff(head, Some(source.len()), declared).map(|sniffed| sniffed.0)
}

fn wave(source: &Shared) -> Result<Found, Error> {
    let wave = Wave::read(&mut Window::new(source))?.ok_or(Error::NotAudio)?;
    if wave.format.is_none() && wave.payload.is_none() {
        return Err(Error::NotAudio);
    }
    Ok(payload(source, &wave))
}

/// A payload that a header describes.
fn payload(source: &Shared, wave: &Wave) -> Found {
    let Some(Format { coding, shape }) = wave.format else {
        return Found::unplayable(&format!("{}/unknown", wave.container), reason::HEADER);
    };
    let codec = format!("{}/{}", wave.container, coding.name());
    let (offset, len) = wave.payload.unwrap_or((source.len(), 0));
    let mut found = match coding {
        Coding::Unknown(_, why) => Found::unplayable(&codec, why),
        _ if len == 0 => Found::unplayable(&codec, reason::EMPTY),
        Coding::Mp3 => match Frames::find(source, Kind::Mp3, offset, offset.saturating_add(len)) {
            Some((frames, gapless)) => {
                Found { tail: gapless.end, ..Found::new(codec, Ok(Plan::Frames(frames))) }
            }
            None => Found::unplayable(&codec, reason::CODEC),
        },
        _ => {
            let blocks = shape.and_then(|shape| Blocks::new(coding, shape, offset, len));
            let plan = blocks.map(Plan::Blocks).ok_or(reason::HEADER);
            let frames = blocks.map_or(0, |blocks| blocks.frames());
            let width = shape.map_or(0, |shape| u64::from(shape.channels));
            Found { promised: frames.saturating_mul(width), ..Found::new(codec, plan) }
        }
    };
    found.shape = shape;
    found
}

/// Headerless audio, as its source declares it.
fn raw(source: &Shared, declared: Declared) -> Found {
    let format = Format { coding: declared.coding(), shape: declared.shape() };
    let payload_range = Some((0, source.len()));
    payload(source, &Wave { container: "raw", format: Some(format), payload: payload_range })
}

fn frames(source: &Shared, kind: Kind, offset: u64) -> Option<Found> {
    let begin = |kind| Frames::find(source, kind, offset, source.len());
    // Behind a tag longer than what was sniffed, either kind can follow.
    let (frames, gapless) = begin(kind)?;
    let codec = if frames.kind == Kind::Mp3 { "mp3/mp3" } else { "aac/aac" };
    Some(Found { tail: gapless.end, ..Found::new(codec.to_owned(), Ok(Plan::Frames(frames))) })
}

/// A container that the library reads; one without sound in it is no audio.
fn demuxed(source: &Shared, container: demuxed::Container) -> Result<Found, Error> {
    let name = container.name();
    match container.look(source) {
        Ok(Some(contents)) => {
            let codec = format!("{name}/{}", contents.codec);
            let width = contents.channels.unwrap_or(1) as u64;
            let promised = contents.frames.unwrap_or(0).saturating_mul(width);
            Ok(Found { promised, ..Found::new(codec, Ok(Plan::Demuxed(container))) })
        }
        Ok(None) => Err(Error::NotAudio),
        Err(why) => Ok(Found::unplayable(&format!("{name}/unknown"), why)),
    }
}

/// An MP4, which may hold codecs of telephones that the library passes over.
fn mp4(source: &Shared) -> Result<Found, Error> {
    let found = demuxed(source, demuxed::Container::Mp4);
    if matches!(&found, Ok(found) if found.plan.is_ok()) {
        return found;
    }
    let contents = contents(source)?;
    Ok(match contents.sound() {
        _ if !contents.moov => Found::unplayable("mp4/unknown", reason::MOOV),
        Some(coding @ [b's', b'a', b'm' | b'w', b'r' | b'b']) => {
            let codec = if coding == *b"samr" { "mp4/amr_nb" } else { "mp4/amr_wb" };
            Found::unplayable(codec, reason::AMR)
        }
        Some(_) => Found::unplayable("mp4/unknown", reason::CODEC),
        None => return Err(Error::NotAudio),
    })
}

fn contents(source: &Shared) -> io::Result<isomp4::Contents> {
    isomp4::Contents::read(&mut Window::new(source))
}
