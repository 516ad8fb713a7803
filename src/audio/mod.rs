//! Sound: what a recording is made of, how long it lasts, and how it plays as a WAV.
//!
//! Everything here reads untrusted bytes, blocks, and is bounded in time, memory and output. An
//! upload meets [`sniff`] before anything of it is stored and [`analyse`] once it is complete; the
//! second decodes it to its end, counting, and leaves behind a [`Waveform`] and a [`SeekIndex`].
//! From the index a [`Rendition`] makes any part of the virtual PCM16 WAV without a full decode,
//! and a [`Light`] any part of a virtual Ogg Opus file.
//!
//! The way down: `sniff` names the container; `wave`, `au` and `caf` read the headers a PBX writes
//! (and leaves broken), `isomp4` what an MP4 holds; `plan` says how the payload decodes; a `Stream`
//! decodes it, over `blocks` (PCM, G.711, ADPCM, GSM, G.722), `frames` (MP3, AAC in ADTS) or
//! `demuxed` (FLAC, Ogg, MP4, Matroska, CAF).

mod analyse;
mod au;
mod blocks;
mod caf;
mod declared;
mod decoder;
mod demuxed;
mod error;
mod fields;
mod frames;
mod guard;
mod identify;
mod isomp4;
mod light;
mod matroska;
mod mpeg;
mod ogg;
mod pcm;
mod plan;
mod reason;
mod rendition;
mod resample;
mod seek_index;
mod sniff;
mod sound;
mod source;
mod wave;
mod wave_format;
mod waveform;

pub use analyse::{Analysis, Limits, analyse};
pub use declared::{Declared, DeclaredCodec, UnknownCodec};
pub use error::Error;
pub use guard::guarded;
pub use light::Light;
pub use rendition::Rendition;
pub use seek_index::SeekIndex;
pub use sniff::{Sniffed, sniff};
pub use source::Source;
pub use waveform::Waveform;

/// Something that decodes, piece by piece, from where it was opened.
trait Stream {
    /// Decodes the next piece, appends it to `samples` interleaved, and says where it lay.
    ///
    /// `None` is the end. What cannot be decoded becomes silence of the likely length.
    fn next(&mut self, samples: &mut Vec<i16>) -> Result<Option<Piece>, Error>;

    /// The sample rate and the number of channels, once a piece has been decoded.
    fn shape(&self) -> Option<Shape>;
}

/// Where a decoded piece lay in its source.
#[derive(Clone, Copy, Debug)]
struct Piece {
    /// Its place: a byte offset or a timestamp, whatever the stream can be opened at again.
    at: i64,
    /// How far before `at` decoding must begin so that the decoder has settled.
    lead: u32,
    /// Whether the stream can be opened at this piece again.
    anchor: bool,
}

/// What every sample of a stream has in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shape {
    sample_rate: u32,
    channels: u16,
}

impl Shape {
    /// The shape, unless no recording could have it.
    fn new(sample_rate: u32, channels: u16) -> Option<Self> {
        ((1_000..=384_000).contains(&sample_rate) && channels > 0)
            .then_some(Self { sample_rate, channels })
    }

    /// The number of samples in one frame.
    fn width(self) -> usize {
        usize::from(self.channels)
    }
}

/// A count that came from outside, as a size in memory; what does not fit is the largest.
fn to_size(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
