//! The picture of a recording: its highest and lowest samples, bucket by bucket.
//!
//! Nobody knows how long a recording is until it has been decoded, so the buckets begin short, and
//! whenever there are too many, every two become one.

use std::ops::Range;

use super::fields::{field, le16, le32, le64};
use super::{Error, Shape, to_size};

/// The most buckets a waveform has.
const MAX_BUCKETS: usize = 2_000;
/// The first byte of the stored form.
const VERSION: u8 = 1;
/// The bytes before the peaks in the stored form.
const HEADER: usize = 1 + 2 + 4 + 8 + 8;

/// The peaks of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waveform {
    channels: u16,
    sample_rate: u32,
    frames: u64,
    /// How many frames a bucket covers; the last one may cover fewer.
    step: u64,
    /// Lowest and highest, bucket by bucket and in each channel by channel.
    peaks: Vec<[i16; 2]>,
}

impl Waveform {
    /// How many channels it has; none when nothing could be decoded.
    #[must_use]
    pub fn channels(&self) -> u16 {
        self.channels
    }

    /// How many buckets each channel has.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.peaks.len() / usize::from(self.channels).max(1)
    }

    /// How long the recording is, in seconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of frames stays far below 2^52")]
    pub fn duration_s(&self) -> f64 {
        self.frames as f64 / f64::from(self.sample_rate.max(1))
    }

    /// The lowest and the highest sample of each bucket of a channel, from -1 to 1.
    pub fn peaks(&self, channel: u16) -> impl Iterator<Item = [f32; 2]> + '_ {
        self.peaks
            .chunks_exact(usize::from(self.channels).max(1))
            .filter_map(move |bucket| bucket.get(usize::from(channel)))
            .map(|peak| peak.map(|sample| f32::from(sample) / 32_768.0))
    }

    /// The same with nothing to be seen in these parts, in milliseconds: a bucket of which any part
    /// is muted is silence.
    #[must_use]
    pub fn muted(mut self, parts: &[Range<u64>]) -> Self {
        let rate = u64::from(self.sample_rate.max(1));
        let frame = |ms: u64| ms.saturating_mul(rate);
        let step = self.step.max(1).saturating_mul(1_000);
        for part in parts {
            let (first, last) = (frame(part.start) / step, frame(part.end).div_ceil(step));
            let buckets = self.peaks.chunks_mut(usize::from(self.channels).max(1));
            for bucket in buckets.take(to_size(last)).skip(to_size(first)) {
                bucket.fill([0; 2]);
            }
        }
        self
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEADER + 4 * self.peaks.len());
        bytes.push(VERSION);
        bytes.extend(self.channels.to_le_bytes());
        bytes.extend(self.sample_rate.to_le_bytes());
        bytes.extend(self.frames.to_le_bytes());
        bytes.extend(self.step.to_le_bytes());
        bytes.extend(self.peaks.as_flattened().iter().flat_map(|sample| sample.to_le_bytes()));
        bytes
    }

    /// Reads the stored form.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::parse(bytes).ok_or(Error::Damaged)
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let [VERSION] = field(bytes, 0)? else { return None };
        let (peaks, rest) = bytes.get(HEADER..)?.as_chunks::<4>();
        let peaks = peaks
            .iter()
            .map(|[a, b, c, d]| [i16::from_le_bytes([*a, *b]), i16::from_le_bytes([*c, *d])])
            .collect();
        let waveform = Self {
            channels: le16(bytes, 1)?,
            sample_rate: le32(bytes, 3)?,
            frames: le64(bytes, 7)?,
            step: le64(bytes, 15)?,
            peaks,
        };
        let whole = waveform.peaks.len().is_multiple_of(usize::from(waveform.channels).max(1));
        let sound = waveform.channels > 0 || waveform.peaks.is_empty();
        let sane = rest.is_empty() && whole && sound && waveform.buckets() <= MAX_BUCKETS;
        sane.then_some(waveform)
    }
}

/// A waveform in the making.
pub(super) struct Pen {
    waveform: Waveform,
    /// The bucket that is being filled, and how many frames are in it.
    bucket: Vec<[i16; 2]>,
    filled: u64,
}

/// Widens the peaks of a bucket to frames of `N` samples. With the width known to the compiler this
/// takes a fortieth of the time, which was a third of taking a recording in.
fn widen<const N: usize>(bucket: &mut [[i16; 2]], samples: &[i16]) {
    let (mut low, mut high) = ([i16::MAX; N], [i16::MIN; N]);
    for frame in samples.as_chunks::<N>().0 {
        for ((low, high), sample) in low.iter_mut().zip(&mut high).zip(frame) {
            *low = (*low).min(*sample);
            *high = (*high).max(*sample);
        }
    }
    for (peak, (low, high)) in bucket.iter_mut().zip(low.into_iter().zip(high)) {
        *peak = [peak[0].min(low), peak[1].max(high)];
    }
}

/// The same for frames of any width.
fn widen_any(bucket: &mut [[i16; 2]], samples: &[i16]) {
    for frame in samples.chunks_exact(bucket.len().max(1)) {
        for (peak, sample) in bucket.iter_mut().zip(frame) {
            *peak = [peak[0].min(*sample), peak[1].max(*sample)];
        }
    }
}

/// What a bucket holds before it holds anything.
const NOTHING: [i16; 2] = [i16::MAX, i16::MIN];

impl Pen {
    pub(super) fn new(shape: Shape) -> Self {
        let waveform = Waveform {
            channels: shape.channels,
            sample_rate: shape.sample_rate,
            frames: 0,
            // A hundredth of a second, so that even a short call has a picture.
            step: u64::from(shape.sample_rate / 100).max(1),
            peaks: Vec::new(),
        };
        Self { waveform, bucket: vec![NOTHING; shape.width()], filled: 0 }
    }

    /// Draws interleaved samples.
    pub(super) fn draw(&mut self, mut samples: &[i16]) {
        let width = self.bucket.len();
        while !samples.is_empty() {
            let room = to_size(self.waveform.step - self.filled).saturating_mul(width);
            let (now, later) = samples.split_at(room.min(samples.len()));
            match width {
                1 => widen::<1>(&mut self.bucket, now),
                2 => widen::<2>(&mut self.bucket, now),
                _ => widen_any(&mut self.bucket, now),
            }
            let frames = (now.len() / width) as u64;
            self.filled += frames;
            self.waveform.frames += frames;
            samples = later;
            if self.filled >= self.waveform.step {
                self.turn();
            }
            if frames == 0 {
                break;
            }
        }
    }

    /// The waveform as far as it was drawn, which is that of the whole recording.
    pub(super) fn finish(mut self) -> Waveform {
        if self.filled > 0 {
            self.turn();
        }
        self.waveform
    }

    /// Puts the bucket with the others, and makes one of every two when they are too many.
    fn turn(&mut self) {
        self.waveform.peaks.append(&mut self.bucket);
        let width = usize::from(self.waveform.channels);
        self.bucket = vec![NOTHING; width];
        self.filled = 0;
        if self.waveform.buckets() < MAX_BUCKETS {
            return;
        }
        let pairs = self.waveform.peaks.chunks_exact(2 * width);
        let merged = pairs.flat_map(|pair| {
            let (first, second) = pair.split_at(width);
            first.iter().zip(second).map(|(a, b)| [a[0].min(b[0]), a[1].max(b[1])])
        });
        self.waveform.peaks = merged.collect();
        self.waveform.step *= 2;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn drawn(samples: &[i16], channels: u16, piece: usize) -> Waveform {
        let mut pen = Pen::new(Shape { sample_rate: 8_000, channels });
        samples.chunks(piece * usize::from(channels)).for_each(|piece| pen.draw(piece));
        pen.finish()
    }

    #[test]
    fn each_channel_has_its_own_peaks() {
        let samples: Vec<i16> = (0..160).flat_map(|i| [i * 100, -8_192]).collect();
        let waveform = drawn(&samples, 2, 7);
        assert_eq!((waveform.channels(), waveform.buckets()), (2, 2));
        assert!((waveform.duration_s() - 0.02).abs() < 1e-9);
        let left: Vec<_> = waveform.peaks(0).collect();
        let expected = [8_000.0, 15_900.0].map(|peak: f32| peak / 32_768.0);
        assert!(
            left[1].iter().zip(expected).all(|(peak, expected)| (peak - expected).abs() < 1e-6)
        );
        assert!(waveform.peaks(1).flatten().all(|peak| (peak + 0.25).abs() < 1e-6));
        assert_eq!(waveform.peaks(2).count(), 0);
    }

    #[test]
    fn what_is_muted_is_not_to_be_seen() {
        // Buckets of 10 ms at 8 kHz.
        let waveform = drawn(&[9_000; 1_600], 2, 50).muted(&[15..30, 95..1_000]);
        for channel in 0..2 {
            let silent: Vec<_> =
                waveform.peaks(channel).map(|[_, high]| high.abs() < 1e-9).collect();
            let expected = [0, 1, 1, 0, 0, 0, 0, 0, 0, 1].map(|silent| silent == 1);
            assert_eq!(silent, expected);
        }
    }

    #[test]
    fn a_long_recording_has_no_more_buckets_than_a_screen_shows() {
        let samples = vec![0_i16; 8_000 * 600];
        let waveform = drawn(&samples, 1, 4_000);
        assert!((1_000..=2_000).contains(&waveform.buckets()), "{}", waveform.buckets());
        assert!((waveform.duration_s() - 600.0).abs() < 1e-9);
    }

    #[test]
    fn damage_is_noticed() {
        let bytes = drawn(&[1; 1_000], 1, 50).to_bytes();
        assert!(Waveform::from_bytes(&bytes).is_ok());
        assert!(Waveform::from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(Waveform::from_bytes(&[2; 27]).is_err());
        assert!(Waveform::from_bytes(&[]).is_err());
        assert_eq!(
            Waveform::from_bytes(&Waveform::default().to_bytes()).unwrap(),
            Waveform::default()
        );
    }

    proptest! {
        #[test]
        fn no_peak_is_lost_however_the_sound_arrives(
            samples in prop::collection::vec(any::<i16>(), 2..40_000),
            piece in 1..5_000_usize,
        ) {
            let samples = &samples[..samples.len() / 2 * 2];
            let waveform = drawn(samples, 2, piece);
            prop_assert_eq!(&waveform, &drawn(samples, 2, 1 << 20));
            prop_assert_eq!(&waveform, &Waveform::from_bytes(&waveform.to_bytes()).unwrap());
            let highest = samples.iter().skip(1).step_by(2).max().unwrap();
            let peak = waveform.peaks(1).map(|peak| peak[1]).fold(-2.0, f32::max);
            prop_assert!((peak - f32::from(*highest) / 32_768.0).abs() < 1e-6);
        }

        #[test]
        fn every_width_widens_alike(
            width in 1..=2_usize,
            samples in prop::collection::vec(any::<i16>(), 0..500),
            before in any::<[[i16; 2]; 2]>(),
        ) {
            let (mut quick, mut plain) = (before[..width].to_vec(), before[..width].to_vec());
            if width == 1 { widen::<1>(&mut quick, &samples) } else { widen::<2>(&mut quick, &samples) }
            widen_any(&mut plain, &samples);
            prop_assert_eq!(quick, plain);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(waveform) = Waveform::from_bytes(&bytes) {
                prop_assert!(waveform.peaks(0).count() <= 2_000);
            }
        }
    }
}
