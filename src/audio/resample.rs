//! Another sample rate, from any place on: each sample follows from those around it, so that a part
//! is the same whether or not the rest was computed.

use std::f64::consts::PI;

/// How many zero crossings of the filter lie on either side.
const HALF: u16 = 16;
/// How finely the filter is tabled between two of them.
const STEPS: u16 = 256;

/// A filter that makes one sample rate out of another.
#[derive(Clone, Debug)]
pub(super) struct Resampler {
    from: u64,
    to: u64,
    /// How much wider than a sample the filter's lobes are: more than 1 when the rate goes down.
    width: f64,
    table: Vec<f32>,
}

impl Resampler {
    pub(super) fn new(from: u32, to: u32) -> Self {
        let width = (f64::from(from) / f64::from(to)).max(1.0);
        let steps = HALF * STEPS;
        let table = (0..=steps).map(|step| tap(f64::from(step) / f64::from(STEPS))).collect();
        Self { from: from.into(), to: to.into(), width, table }
    }

    /// Whether there is anything to do.
    pub(super) fn is_needed(&self) -> bool {
        self.from != self.to
    }

    /// How many samples there are afterwards.
    pub(super) fn count(&self, samples: u64) -> u64 {
        let count = u128::from(samples) * u128::from(self.to);
        u64::try_from(count.div_ceil(self.from.into())).unwrap_or(u64::MAX)
    }

    /// How many samples on either side of its place go into one.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
    pub(super) fn reach(&self) -> u64 {
        (f64::from(HALF) * self.width).ceil() as u64 + 1
    }

    /// Where in the original a sample lies: after which sample, and how far.
    #[expect(clippy::cast_precision_loss, reason = "rates are far below 2^52")]
    pub(super) fn place(&self, sample: u64) -> (u64, f64) {
        let at = u128::from(sample) * u128::from(self.from);
        let (whole, part) = (at / u128::from(self.to), at % u128::from(self.to));
        (u64::try_from(whole).unwrap_or(u64::MAX), part as f64 / self.to as f64)
    }

    /// The sample that lies `part` of a sample after the one that `value` calls 0; where there is
    /// none, there is silence.
    pub(super) fn sample(&self, part: f64, value: impl Fn(i64) -> Option<f32>) -> f32 {
        let reach = i64::try_from(self.reach()).unwrap_or(0);
        let mut sum = 0.0;
        for offset in -reach..=reach {
            #[expect(clippy::cast_precision_loss, reason = "a small number")]
            let distance = ((offset as f64) - part).abs() / self.width;
            sum += self.weight(distance) * value(offset).unwrap_or(0.0);
        }
        #[expect(clippy::cast_possible_truncation, reason = "a factor between 1 and 8")]
        let width = self.width as f32;
        sum / width
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a table of 4,097"
    )]
    fn weight(&self, distance: f64) -> f32 {
        let place = distance * f64::from(STEPS);
        let at = place as usize;
        let part = (place - place.floor()) as f32;
        match self.table.get(at..at + 2) {
            Some([low, high]) => low + (high - low) * part,
            _ => 0.0,
        }
    }
}

/// The filter at a distance: a sinc under a Hann window, a little below the highest frequency.
#[expect(clippy::cast_possible_truncation, reason = "a weight needs no more")]
fn tap(distance: f64) -> f32 {
    const CUT: f64 = 0.95;
    let angle = PI * distance * CUT;
    let sinc = if angle == 0.0 { 1.0 } else { angle.sin() / angle };
    let window = (PI * distance / (2.0 * f64::from(HALF))).cos();
    (CUT * sinc * window * window) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tone_is_the_same_tone_at_another_rate() {
        for (from, to) in [(44_100, 48_000), (11_025, 12_000), (96_000, 48_000), (6_000, 8_000)] {
            let resampler = Resampler::new(from, to);
            let tone = |at: f64, rate: u32| (at * 440.0 * 2.0 * PI / f64::from(rate)).sin();
            for sample in 1_000..1_500_u32 {
                let (at, part) = resampler.place(sample.into());
                #[expect(
                    clippy::cast_precision_loss,
                    clippy::cast_possible_truncation,
                    reason = "a small number"
                )]
                let value = |offset: i64| {
                    Some(tone(at.checked_add_signed(offset).unwrap() as f64, from) as f32)
                };
                let made = f64::from(resampler.sample(part, value));
                let expected = tone(f64::from(sample), to);
                assert!((made - expected).abs() < 0.01, "{from}→{to}: {made} for {expected}");
            }
        }
    }

    #[test]
    fn there_are_as_many_as_the_time_takes() {
        assert_eq!(Resampler::new(44_100, 48_000).count(44_100), 48_000);
        assert_eq!(Resampler::new(44_100, 48_000).count(1), 2);
        assert!(!Resampler::new(8_000, 8_000).is_needed());
    }
}
