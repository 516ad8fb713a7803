//! The samples of a recording, any part of them, and silence where it is muted.

use std::ops::{ControlFlow, Range};

use super::plan::Cell;
use super::seek_index::{Playable, SeekIndex};
use super::source::Shared;
use super::{Error, Shape, to_size};

/// The most frames of silence made at once.
const PIECE: usize = 32 * 1024;

/// A recording as samples: the same ones whichever part somebody asks for.
#[derive(Clone, Debug)]
pub(super) struct Sound {
    playable: Playable,
    /// Which frames are silence whatever is in the recording, in order.
    muted: Vec<Range<u64>>,
}

impl Sound {
    /// The sound that an index describes.
    pub(super) fn open(index: &SeekIndex) -> Result<Self, Error> {
        let playable = index.playable.clone().ok_or(Error::Unplayable)?;
        Ok(Self { playable, muted: Vec::new() })
    }

    /// The same sound with silence of the same length in these parts, in milliseconds.
    ///
    /// A part that begins or ends within a frame takes all of that frame.
    pub(super) fn muted(mut self, parts: &[Range<u64>]) -> Self {
        let rate = u64::from(self.playable.shape.sample_rate);
        self.muted = parts
            .iter()
            .map(|part| {
                part.start.saturating_mul(rate) / 1_000
                    ..part.end.saturating_mul(rate).div_ceil(1_000)
            })
            .collect();
        self
    }

    pub(super) fn shape(&self) -> Shape {
        self.playable.shape
    }

    /// How many frames there are.
    pub(super) fn frames(&self) -> u64 {
        self.playable.frames
    }

    /// The bytes of sound as 16-bit samples.
    pub(super) fn bytes(&self) -> u64 {
        self.playable.bytes()
    }

    /// Hands out the samples of some frames, interleaved and in order.
    ///
    /// `out` answers whether to go on.
    pub(super) fn read(
        &self,
        source: &Shared,
        frames: Range<u64>,
        out: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let mut frame = frames.start;
        let end = frames.end.min(self.frames());
        while frame < end {
            let cell = self.playable.cell(frame);
            let until = cell.end.min(end);
            if self.read_cell(source, &cell, frame..until, out)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            frame = until;
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Decodes a cell and hands out the given frames of it.
    fn read_cell(
        &self,
        source: &Shared,
        cell: &Cell,
        frames: Range<u64>,
        out: &mut dyn FnMut(&[i16]) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, Error> {
        let shape = self.shape();
        let width = shape.width();
        let mut stream = self.playable.plan.open(source, Some(shape), cell)?;
        let mut samples = Vec::new();
        let mut at = cell.start;
        while at < frames.end {
            samples.clear();
            if stream.next(&mut samples)?.is_none() {
                // What decoded once and does not now has its time all the same.
                let missing = to_size(frames.end - at).min(PIECE);
                samples.resize(missing * width, 0);
            }
            let count = (samples.len() / width) as u64;
            self.mute(at, &mut samples);
            let from = to_size(frames.start.saturating_sub(at).min(count)) * width;
            let to = to_size((frames.end - at).min(count)) * width;
            at += count;
            let wanted = samples.get(from..to).unwrap_or_default();
            if !wanted.is_empty() && out(wanted).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    /// Silences what is muted of samples that begin at a frame.
    fn mute(&self, at: u64, samples: &mut [i16]) {
        let width = self.shape().width();
        let end = at + (samples.len() / width) as u64;
        for part in &self.muted {
            let from = to_size(part.start.clamp(at, end) - at) * width;
            let to = to_size(part.end.clamp(at, end) - at) * width;
            samples.get_mut(from..to).unwrap_or_default().fill(0);
        }
    }
}
