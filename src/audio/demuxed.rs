//! Containers that the library reads: FLAC, Ogg, MP4, Matroska and CAF.

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::well_known::{
    CODEC_ID_AAC, CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS,
};
use symphonia::core::codecs::audio::{AudioCodecParameters, CODEC_ID_NULL_AUDIO};
use symphonia::core::errors::{Error as LibraryError, Result as LibraryResult};
use symphonia::core::formats::{FormatOptions, FormatReader, SeekMode, SeekTo, Track, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::packet::Packet;
use symphonia::core::units::{TimeBase, Timestamp};
use symphonia::default::formats::{CafReader, FlacReader, IsoMp4Reader, MkvReader, OggReader};

use super::decoder::{Decoder, codec_name};
use super::source::{Shared, Tap};
use super::{Error, Piece, Shape, Stream, matroska, reason};

/// A container the library reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    Flac,
    Ogg,
    Mp4,
    Matroska,
    Caf,
}

/// What a container was found to hold.
pub(super) struct Contents {
    /// The name of the codec.
    pub(super) codec: &'static str,
    /// How many frames a channel the header promises.
    pub(super) frames: Option<u64>,
    /// The number of channels the header promises.
    pub(super) channels: Option<usize>,
}

impl Container {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Mp4 => "mp4",
            Self::Matroska => "webm",
            Self::Caf => "caf",
        }
    }

    /// Reads the headers; `Ok(None)` if there is no sound in it.
    pub(super) fn look(self, source: &Shared) -> Result<Option<Contents>, &'static str> {
        let reader = self.reader(source).map_err(|_| reason::HEADER)?;
        Ok(sound(reader.as_ref()).map(|(track, params)| Contents {
            codec: codec_name(params.codec),
            frames: track.num_frames,
            channels: params.channels.as_ref().map(Channels::count),
        }))
    }

    /// A stream from the beginning, or from the packet with the given timestamp on.
    pub(super) fn open(
        self,
        source: &Shared,
        shape: Option<Shape>,
        from: Option<i64>,
    ) -> Option<Box<dyn Stream>> {
        let Some(from) = from else {
            return self.run(source, shape).map(|run| Box::new(run) as Box<dyn Stream>);
        };
        // What a seek finds in a damaged file may not be what reading on finds: then all is read.
        let sought = self.run(source, shape)?.seek(self, from, shape);
        if let Some(mut run) = sought
            && run.settle(from)
        {
            return Some(Box::new(run));
        }
        let mut run = self.run(source, shape)?;
        run.settle(from);
        Some(Box::new(run))
    }

    fn run(self, source: &Shared, shape: Option<Shape>) -> Option<Run> {
        self.start(source, self.reader(source).ok()?, shape)
    }

    fn start(
        self,
        source: &Shared,
        reader: Box<dyn FormatReader>,
        shape: Option<Shape>,
    ) -> Option<Run> {
        let (track, params) = sound(reader.as_ref())?;
        let settling = track.time_base.map_or(0, |base| ticks(base, settling(&params)));
        Some(Run {
            decoder: Decoder::new(&params, shape)?,
            track: track.id,
            // The library's Ogg reader can loop for ever when it seeks among several streams.
            seekable: self != Self::Ogg || reader.tracks().len() == 1,
            source: source.clone(),
            reader,
            settling,
            latest: None,
            chained: false,
            pending: None,
        })
    }

    fn reader(self, source: &Shared) -> LibraryResult<Box<dyn FormatReader>> {
        match self.read(Tap::new(source)) {
            // A recording cut short lacks the index that its head refers to.
            Err(_) if self == Self::Matroska => self.read(Tap::forward(source)),
            outcome => outcome,
        }
    }

    fn read(self, tap: Tap) -> LibraryResult<Box<dyn FormatReader>> {
        let stream = MediaSourceStream::new(Box::new(tap), MediaSourceStreamOptions::default());
        let options = FormatOptions::default();
        Ok(match self {
            Self::Flac => Box::new(FlacReader::try_new(stream, options)?),
            Self::Ogg => Box::new(OggReader::try_new(stream, options)?),
            Self::Mp4 => Box::new(IsoMp4Reader::try_new(stream, options)?),
            Self::Matroska => Box::new(MkvReader::try_new(stream, options)?),
            Self::Caf => Box::new(CafReader::try_new(stream, options)?),
        })
    }
}

/// The first track of sound that is coded in something.
fn sound(reader: &dyn FormatReader) -> Option<(Track, AudioCodecParameters)> {
    let track = reader.default_track(TrackType::Audio)?;
    let params = track.codec_params.as_ref()?.audio()?;
    (params.codec != CODEC_ID_NULL_AUDIO).then(|| (track.clone(), params.clone()))
}

/// How long a decoder runs before its output counts, in milliseconds.
fn settling(params: &AudioCodecParameters) -> u64 {
    match params.codec {
        CODEC_ID_OPUS => 1_500,
        CODEC_ID_AAC | CODEC_ID_MP3 | CODEC_ID_VORBIS => 1_000,
        // Lossless: each packet stands alone.
        _ => 0,
    }
}

fn ticks(base: TimeBase, milliseconds: u64) -> i64 {
    let ticks = u128::from(milliseconds) * u128::from(base.denom.get());
    i64::try_from(ticks / (1_000 * u128::from(base.numer.get()))).unwrap_or(i64::MAX)
}

/// A reading of a container in progress.
struct Run {
    source: Shared,
    reader: Box<dyn FormatReader>,
    track: u32,
    decoder: Decoder,
    seekable: bool,
    settling: i64,
    /// The latest timestamp so far; only a later one can be found again.
    latest: Option<i64>,
    /// Whether a second stream began after the first, with timestamps of its own.
    chained: bool,
    pending: Option<Packet>,
}

impl Run {
    /// A reading from some packet before the one that settles the decoder for `to`.
    fn seek(mut self, container: Container, to: i64, shape: Option<Shape>) -> Option<Self> {
        let from = u64::try_from(to.saturating_sub(self.settling)).ok()?;
        if container == Container::Matroska {
            let (head, cluster) = matroska::find(&self.source, from).ok()??;
            let tap = Tap::spliced(&self.source, head, cluster);
            return container.start(&self.source, container.read(tap).ok()?, shape);
        }
        let ts = Timestamp::new(i64::try_from(from).ok().filter(|_| self.seekable)?);
        let to = SeekTo::Timestamp { ts, track_id: self.track };
        let sought = self.reader.seek(SeekMode::Accurate, to).ok()?;
        // Coarse containers land a packet late, which still settles the decoder.
        let latest = ts.get().saturating_add(self.settling / 2);
        (sought.actual_ts.get() <= latest).then_some(self)
    }

    /// Reads on to the first packet at `to` or later, decoding the last stretch before it.
    ///
    /// Answers whether that packet is at `to` exactly.
    fn settle(&mut self, to: i64) -> bool {
        let from = to.saturating_sub(self.settling);
        let mut settled = Vec::new();
        while let Some(packet) = self.packet() {
            let at = packet.pts.get();
            if at >= to {
                self.pending = Some(packet);
                return at == to;
            }
            if at >= from {
                settled.clear();
                self.decoder.decode(&packet, 0, &mut settled);
            }
        }
        false
    }

    /// The next packet of the track; `None` at the end, and where the container is damaged.
    fn packet(&mut self) -> Option<Packet> {
        if self.pending.is_some() {
            return self.pending.take();
        }
        loop {
            match self.reader.next_packet() {
                Ok(Some(packet)) if packet.track_id == self.track => return Some(packet),
                Ok(Some(_)) => {}
                Err(LibraryError::ResetRequired) => self.restart()?,
                Ok(None) | Err(_) => return None,
            }
        }
    }

    /// Another stream follows in the same file.
    fn restart(&mut self) -> Option<()> {
        let (track, params) = sound(self.reader.as_ref())?;
        self.decoder = Decoder::new(&params, self.decoder.shape())?;
        self.track = track.id;
        self.chained = true;
        Some(())
    }
}

impl Stream for Run {
    fn next(&mut self, samples: &mut Vec<i16>) -> Result<Option<Piece>, Error> {
        let Some(packet) = self.packet() else { return self.source.check().map(|()| None) };
        let at = packet.pts.get();
        let later = self.latest.is_none_or(|latest| at > latest);
        self.latest = self.latest.max(Some(at));
        self.decoder.decode(&packet, 0, samples);
        Ok(Some(Piece { at, lead: 0, anchor: later && !self.chained && at >= 0 }))
    }

    fn shape(&self) -> Option<Shape> {
        self.decoder.shape()
    }
}
