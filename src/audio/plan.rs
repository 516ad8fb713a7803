//! How a recording decodes: which stream, over which bytes, opened where.

use super::blocks::Blocks;
use super::demuxed::Container;
use super::frames::Frames;
use super::source::Shared;
use super::{Error, Shape, Stream};

/// The way to decode a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    Blocks(Blocks),
    Frames(Frames),
    Demuxed(Container),
}

/// A place where decoding can begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Checkpoint {
    /// The frame that the piece here begins with.
    pub(super) frame: u64,
    /// The place of the piece, as its stream counts.
    pub(super) at: u64,
    /// How far before it decoding begins.
    pub(super) lead: u32,
}

/// A part of a recording that is always decoded from its beginning.
///
/// A frame of sound is only ever taken from the one cell it lies in, so it is the same to the last
/// bit whichever range of it somebody asks for, even where a decoder has not quite settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Where to open, for streams that do not go by arithmetic; `None` is the beginning.
    pub(super) checkpoint: Option<Checkpoint>,
}

impl Plan {
    /// A stream from the beginning of the recording.
    pub(super) fn begin(&self, source: &Shared) -> Result<Box<dyn Stream>, Error> {
        self.open(source, None, &Cell { start: 0, end: u64::MAX, checkpoint: None })
    }

    /// A stream from the beginning of a cell.
    pub(super) fn open(
        &self,
        source: &Shared,
        shape: Option<Shape>,
        cell: &Cell,
    ) -> Result<Box<dyn Stream>, Error> {
        let checkpoint = cell.checkpoint;
        let stream = match self {
            Self::Blocks(blocks) => blocks.open(source, cell.start),
            Self::Frames(frames) => {
                let piece = checkpoint.map(|checkpoint| (checkpoint.at, checkpoint.lead));
                Some(frames.open(source, shape, piece)?)
            }
            Self::Demuxed(container) => {
                let from = checkpoint.and_then(|checkpoint| i64::try_from(checkpoint.at).ok());
                container.open(source, shape, from)
            }
        };
        source.check()?;
        stream.ok_or(Error::Unplayable)
    }
}
