//! What is kept of a decoding so that any part can be decoded again.

use super::blocks::Blocks;
use super::demuxed::Container;
use super::frames::Frames;
use super::mpeg::Kind;
use super::pcm::Sample;
use super::plan::{Cell, Checkpoint, Plan};
use super::wave_format::Coding;
use super::{Error, Shape};

/// The first byte of the stored form.
const VERSION: u8 = 1;
/// The most checkpoints; in the stored form each takes at most 25 bytes, and mostly 6.
const MAX_CHECKPOINTS: usize = 4_096;
/// The most bytes of sound in a WAV whose lengths have 32 bits.
const MAX_BYTES: u64 = 0xFFFF_FFFF - 44;

/// How a recording decodes and where decoding can begin.
///
/// It says nothing of what is heard, but it is derived from the recording and lives with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeekIndex {
    pub(super) playable: Option<Playable>,
}

/// The facts of a recording that can be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Playable {
    pub(super) plan: Plan,
    pub(super) shape: Shape,
    pub(super) frames: u64,
    pub(super) checkpoints: Vec<Checkpoint>,
}

impl Playable {
    /// The bytes of sound as 16-bit samples.
    pub(super) fn bytes(&self) -> u64 {
        self.frames.saturating_mul(2 * u64::from(self.shape.channels))
    }

    /// The cell that a frame lies in.
    pub(super) fn cell(&self, frame: u64) -> Cell {
        if let Plan::Blocks(blocks) = &self.plan {
            let (start, end) = blocks.cell(frame);
            return Cell { start, end: end.min(self.frames), checkpoint: None };
        }
        let after = self.checkpoints.partition_point(|checkpoint| checkpoint.frame <= frame);
        let checkpoint = after.checked_sub(1).and_then(|at| self.checkpoints.get(at)).copied();
        let end = self.checkpoints.get(after).map_or(self.frames, |checkpoint| checkpoint.frame);
        Cell { start: checkpoint.map_or(0, |checkpoint| checkpoint.frame), end, checkpoint }
    }

    /// Whether the parts agree with each other and with what a WAV can hold.
    fn is_sane(&self) -> bool {
        let rising =
            |pair: &[Checkpoint]| matches!(pair, [a, b] if a.frame < b.frame && a.at < b.at);
        let inside = |checkpoint: &Checkpoint| (1..self.frames).contains(&checkpoint.frame);
        let agreed = match &self.plan {
            Plan::Blocks(blocks) => blocks.shape == self.shape && blocks.frames() >= self.frames,
            _ => true,
        };
        agreed
            && (1..=MAX_BYTES).contains(&self.bytes())
            && self.checkpoints.windows(2).all(rising)
            && self.checkpoints.iter().all(inside)
    }
}

impl SeekIndex {
    /// An index of a recording, or `None` if it is too long for a WAV.
    pub(super) fn new(playable: Playable) -> Option<Self> {
        playable.is_sane().then_some(Self { playable: Some(playable) })
    }

    /// The stored form, of some 24 KB for four hours and never more than 100.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        let Some(playable) = &self.playable else { return bytes };
        write_plan(&playable.plan, &mut bytes);
        number(playable.shape.sample_rate.into(), &mut bytes);
        number(playable.shape.channels.into(), &mut bytes);
        number(playable.frames, &mut bytes);
        let (mut frame, mut at) = (0, 0);
        for checkpoint in &playable.checkpoints {
            number(checkpoint.frame - frame, &mut bytes);
            number(checkpoint.at - at, &mut bytes);
            number(checkpoint.lead.into(), &mut bytes);
            (frame, at) = (checkpoint.frame, checkpoint.at);
        }
        bytes
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::parse(bytes).ok_or(Error::Damaged)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut bytes = bytes;
        if byte(&mut bytes)? != VERSION {
            return None;
        }
        if bytes.is_empty() {
            return Some(Self::default());
        }
        let draft = read_plan(&mut bytes)?;
        let shape = Shape::new(narrow(&mut bytes)?, narrow(&mut bytes)?)?;
        let plan = draft(shape)?;
        let frames = read(&mut bytes)?;
        let mut checkpoints = Vec::new();
        let (mut frame, mut at) = (0_u64, 0_u64);
        while !bytes.is_empty() && checkpoints.len() < MAX_CHECKPOINTS {
            frame = frame.checked_add(read(&mut bytes)?)?;
            at = at.checked_add(read(&mut bytes)?)?;
            checkpoints.push(Checkpoint { frame, at, lead: narrow(&mut bytes)? });
        }
        let playable = Playable { plan, shape, frames, checkpoints };
        bytes.is_empty().then(|| Self::new(playable))?
    }
}

/// Checkpoints in the making: evenly spaced, and never too many.
pub(super) struct Trail {
    checkpoints: Vec<Checkpoint>,
    spacing: u64,
    next: u64,
}

impl Trail {
    /// A trail for sound of a sample rate.
    ///
    /// The spacing of a call of four hours and less is 3.6 seconds; of longer ones it is doubled.
    pub(super) fn new(sample_rate: u32) -> Self {
        let spacing = u64::from(sample_rate) * 18 / 5;
        Self { checkpoints: Vec::new(), spacing, next: spacing }
    }

    /// Passes a place where decoding can begin.
    pub(super) fn pass(&mut self, checkpoint: Checkpoint) {
        if checkpoint.frame < self.next {
            return;
        }
        self.checkpoints.push(checkpoint);
        if self.checkpoints.len() >= MAX_CHECKPOINTS {
            let mut keep = false;
            self.checkpoints.retain(|_| {
                keep = !keep;
                !keep
            });
            self.spacing *= 2;
        }
        let last = self.checkpoints.last().map_or(0, |checkpoint| checkpoint.frame);
        self.next = last + self.spacing;
    }

    /// The checkpoints of a recording that turned out to have so many frames.
    pub(super) fn finish(mut self, frames: u64) -> Vec<Checkpoint> {
        self.checkpoints.retain(|checkpoint| checkpoint.frame < frames);
        self.checkpoints
    }
}

fn write_plan(plan: &Plan, bytes: &mut Vec<u8>) {
    match plan {
        Plan::Blocks(blocks) => {
            let (tag, detail) = match blocks.coding {
                Coding::Pcm(sample) => (1, sample.code().into()),
                Coding::Ima(size) => (2, size.into()),
                Coding::Ms(size) => (3, size.into()),
                Coding::Gsm => (4, 0),
                Coding::GsmMs => (5, 0),
                Coding::G722 => (6, 0),
                // These have no blocks, so there is no such plan.
                Coding::Mp3 | Coding::Unknown(..) => (0, 0),
            };
            bytes.push(tag);
            for value in [detail, blocks.offset, blocks.len] {
                number(value, bytes);
            }
        }
        Plan::Frames(frames) => {
            bytes.push(if frames.kind == Kind::Mp3 { 10 } else { 11 });
            for value in [frames.offset, frames.end, frames.skip.into()] {
                number(value, bytes);
            }
        }
        Plan::Demuxed(container) => bytes.push(match container {
            Container::Flac => 20,
            Container::Ogg => 21,
            Container::Mp4 => 22,
            Container::Matroska => 23,
            Container::Caf => 24,
        }),
    }
}

type Draft = Box<dyn FnOnce(Shape) -> Option<Plan>>;

/// Reads a plan, which becomes one once the shape is known.
fn read_plan(bytes: &mut &[u8]) -> Option<Draft> {
    let tag = byte(bytes)?;
    let plan = match tag {
        1..=6 => {
            let detail: u32 = narrow(bytes)?;
            let coding = match tag {
                1 => Coding::Pcm(Sample::from_code(u8::try_from(detail).ok()?)?),
                2 => Coding::Ima(detail),
                3 => Coding::Ms(detail),
                4 => Coding::Gsm,
                5 => Coding::GsmMs,
                _ => Coding::G722,
            };
            let (offset, len) = (read(bytes)?, read(bytes)?);
            offset.checked_add(len)?;
            return Some(Box::new(move |shape| {
                Blocks::new(coding, shape, offset, len).map(Plan::Blocks)
            }));
        }
        10 | 11 => Plan::Frames(Frames {
            kind: if tag == 10 { Kind::Mp3 } else { Kind::Adts },
            offset: read(bytes)?,
            end: read(bytes)?,
            skip: narrow(bytes)?,
        }),
        20 => Plan::Demuxed(Container::Flac),
        21 => Plan::Demuxed(Container::Ogg),
        22 => Plan::Demuxed(Container::Mp4),
        23 => Plan::Demuxed(Container::Matroska),
        24 => Plan::Demuxed(Container::Caf),
        _ => return None,
    };
    Some(Box::new(move |_| Some(plan)))
}

/// Writes a number, seven bits a byte.
fn number(mut value: u64, bytes: &mut Vec<u8>) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return bytes.push(low & 0x7F);
        }
        bytes.push(low | 0x80);
    }
}

fn byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let next = byte(bytes)?;
        value |= u64::from(next & 0x7F) << shift;
        if next & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn narrow<T: TryFrom<u64>>(bytes: &mut &[u8]) -> Option<T> {
    T::try_from(read(bytes)?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn index(plan: Plan, frames: u64) -> SeekIndex {
        let shape = Shape { sample_rate: 8_000, channels: 1 };
        let mut trail = Trail::new(shape.sample_rate);
        for piece in 0..frames / 576 {
            trail.pass(Checkpoint { frame: piece * 576, at: 1_000 + piece * 144, lead: 2_304 });
        }
        let checkpoints = trail.finish(frames);
        SeekIndex::new(Playable { plan, shape, frames, checkpoints }).unwrap()
    }

    fn mp3() -> Plan {
        Plan::Frames(Frames { kind: Kind::Mp3, offset: 1_000, end: 28_000_000, skip: 1_105 })
    }

    fn gsm(coding: Coding) -> Plan {
        let shape = Shape { sample_rate: 8_000, channels: 1 };
        Plan::Blocks(Blocks::new(coding, shape, 60, 9_000_000).unwrap())
    }

    #[test]
    fn the_stored_form_reads_back_and_stays_small() {
        let four_hours = 4 * 3_600 * 8_000;
        let plans =
            [mp3(), gsm(Coding::GsmMs), gsm(Coding::Ima(256)), gsm(Coding::Pcm(Sample::Ulaw))];
        for (plan, frames) in plans.into_iter().zip([four_hours, 1_000_000, 1_000_000, 9_000_000]) {
            let index = index(plan, frames);
            let bytes = index.to_bytes();
            assert!(bytes.len() < 40_000, "{}", bytes.len());
            assert_eq!(SeekIndex::from_bytes(&bytes).unwrap(), index);
        }
        let nothing = SeekIndex::default();
        assert_eq!(SeekIndex::from_bytes(&nothing.to_bytes()).unwrap(), nothing);
    }

    #[test]
    fn cells_cover_every_frame_once() {
        let frames = 4 * 3_600 * 8_000;
        let index = index(mp3(), frames);
        let playable = index.playable.as_ref().unwrap();
        let mut at = 0;
        while at < frames {
            let cell = playable.cell(at);
            assert_eq!(cell.start, at);
            assert!(cell.end > at && cell.end - at < 5 * 8_000);
            assert_eq!(playable.cell(cell.end - 1), cell);
            at = cell.end;
        }
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = index(mp3(), 10_000_000).to_bytes();
        for cut in [0, 2, 5, bytes.len() - 1] {
            assert!(SeekIndex::from_bytes(&bytes[..cut]).is_err(), "{cut}");
        }
        assert!(SeekIndex::from_bytes(&[9]).is_err());
        assert!(SeekIndex::from_bytes(&[VERSION, 99, 1, 1]).is_err());
        assert!(SeekIndex::from_bytes(&[&bytes[..], &[0, 0, 0]].concat()).is_err());
    }

    #[test]
    fn what_no_wav_can_hold_has_no_index() {
        let shape = Shape { sample_rate: 8_000, channels: 1 };
        for frames in [0, 1 << 31] {
            let playable = Playable { plan: mp3(), shape, frames, checkpoints: Vec::new() };
            assert_eq!(SeekIndex::new(playable), None);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Some(first) = bytes.first_mut() {
                *first = VERSION;
            }
            if let Ok(SeekIndex { playable: Some(playable) }) = SeekIndex::from_bytes(&bytes) {
                let cell = playable.cell(playable.frames / 2);
                prop_assert!(cell.start <= playable.frames / 2 && cell.end <= playable.frames);
            }
        }
    }
}
