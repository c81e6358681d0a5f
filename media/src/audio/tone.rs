//! Test tones and their detection.

use std::f64::consts::TAU;

use super::{CHUNK_LEN, Chunk, SAMPLE_RATE};

/// Sine wave.
#[derive(Clone, Debug)]
pub struct Tone {
    phase: f64,
    step: f64,
    amplitude: f64,
}

impl Tone {
    /// Creates a tone of this frequency in hertz and amplitude (1 is full scale).
    pub fn new(hz: f64, amplitude: f64) -> Self {
        Self { phase: 0.0, step: hz / f64::from(SAMPLE_RATE), amplitude: amplitude.clamp(0.0, 1.0) * 32_767.0 }
    }

    /// Generates the next 10 ms, continuing the phase.
    pub fn fill(&mut self, chunk: &mut Chunk) {
        for sample in chunk {
            *sample = ((self.phase * TAU).sin() * self.amplitude) as i16;
            self.phase = (self.phase + self.step).fract();
        }
    }
}

const CHUNKS: usize = 100;
/// Minimum share of a tone in the audio's energy.
const MIN_SHARE: f64 = 0.5;
/// Root mean square, of 32768, below which audio is silence.
const MIN_RMS: f64 = 33.0;
/// Amplitude, relative to the root mean square, that a wave must reach to count, so that noise around zero does not.
const HYSTERESIS: f64 = 0.25;

/// Records the last second and detects a tone in it. Recording only copies; detection runs on request.
#[derive(Debug)]
pub struct ToneMeter {
    samples: Box<[i16]>,
    next: usize,
    filled: usize,
}

impl Default for ToneMeter {
    fn default() -> Self {
        Self { samples: vec![0; CHUNKS * CHUNK_LEN].into(), next: 0, filled: 0 }
    }
}

impl ToneMeter {
    /// Records 10 ms.
    pub fn take(&mut self, chunk: &Chunk) {
        self.samples[self.next * CHUNK_LEN..][..CHUNK_LEN].copy_from_slice(chunk);
        self.next = (self.next + 1) % CHUNKS;
        self.filled = (self.filled + 1).min(CHUNKS);
    }

    /// Returns the dominant tone of the last second in hertz; `None` for silence, speech or noise.
    ///
    /// The typical distance between rising zero crossings gives the frequency; its share of the energy (Goertzel)
    /// decides whether there is a tone.
    pub fn tone_hz(&self) -> Option<f64> {
        if self.filled < CHUNKS / 2 {
            return None;
        }
        let start = if self.filled < CHUNKS { 0 } else { self.next * CHUNK_LEN };
        let heard: Vec<f64> =
            (0..self.filled * CHUNK_LEN).map(|i| f64::from(self.samples[(start + i) % self.samples.len()])).collect();
        let rms = (heard.iter().map(|value| value * value).sum::<f64>() / heard.len() as f64).sqrt();
        if rms < MIN_RMS {
            return None;
        }
        let hz = f64::from(SAMPLE_RATE) / typical_period(&heard, rms)?;
        (share_of(&heard, hz) >= MIN_SHARE).then_some(hz)
    }
}

/// Returns the mean distance in samples between rising zero crossings, without outliers such as gaps.
fn typical_period(heard: &[f64], rms: f64) -> Option<f64> {
    let mut rises = Vec::new();
    let mut armed = false;
    for (i, pair) in heard.windows(2).enumerate() {
        armed |= pair[1] < -rms * HYSTERESIS;
        if armed && pair[0] <= 0.0 && pair[1] > 0.0 {
            rises.push(i as f64 + pair[0] / (pair[0] - pair[1]));
            armed = false;
        }
    }
    let mut periods: Vec<f64> = rises.windows(2).map(|pair| pair[1] - pair[0]).collect();
    periods.sort_by(f64::total_cmp);
    let median = *periods.get(periods.len() / 2)?;
    let near = periods.iter().filter(|period| (*period / median - 1.0).abs() < 0.2);
    let (count, sum) = near.fold((0.0, 0.0), |(count, sum), period| (count + 1.0, sum + period));
    (count >= 10.0).then(|| sum / count)
}

/// Returns the share of the energy at this frequency, in blocks of 20 ms to limit the effect of gaps.
fn share_of(heard: &[f64], hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / f64::from(SAMPLE_RATE)).cos();
    let (mut at_tone, mut total) = (0.0, 0.0);
    for block in heard.chunks_exact(2 * CHUNK_LEN) {
        let (mut last, mut before) = (0.0, 0.0);
        for value in block {
            (last, before) = (value + coefficient * last - before, last);
        }
        at_tone += 2.0 * (last * last + before * before - coefficient * last * before) / block.len() as f64;
        total += block.iter().map(|value| value * value).sum::<f64>();
    }
    if total > 0.0 { at_tone / total } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn meter(mut next: impl FnMut(&mut Chunk), chunks: usize) -> ToneMeter {
        let mut meter = ToneMeter::default();
        let mut chunk = [0; CHUNK_LEN];
        for _ in 0..chunks {
            next(&mut chunk);
            meter.take(&chunk);
        }
        meter
    }

    fn noise(amplitude: i32) -> impl FnMut() -> i32 {
        let mut state = 1_u64;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as i32 % (2 * amplitude + 1) - amplitude
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_tone_is_found_in_noise_and_with_gaps(hz in 150.0f64..4000.0, amplitude in 0.05f64..1.0) {
            let (mut tone, mut noise, mut count) = (Tone::new(hz, amplitude), noise(400), 0);
            let meter = meter(|chunk| {
                tone.fill(chunk);
                count += 1;
                for sample in chunk {
                    *sample = if count % 10 == 0 { 0 } else { (i32::from(*sample) + noise()).clamp(-32768, 32767) as i16 };
                }
            }, 150);
            let found = meter.tone_hz();
            prop_assert!(found.is_some_and(|found| (found / hz - 1.0).abs() < 0.02), "{hz}: {found:?}");
        }
    }

    #[test]
    fn silence_and_noise_have_no_tone() {
        assert_eq!(meter(|chunk| chunk.fill(0), 100).tone_hz(), None);
        let mut noise = noise(8000);
        assert_eq!(meter(|chunk| chunk.fill_with(|| noise() as i16), 100).tone_hz(), None);
        let mut tone = Tone::new(440.0, 0.5);
        assert_eq!(meter(|chunk| tone.fill(chunk), 20).tone_hz(), None, "too short to tell");
    }

    #[test]
    fn two_roles_tones_are_told_apart() {
        for hz in [440.0, 660.0] {
            let mut tone = Tone::new(hz, 0.3);
            let found = meter(|chunk| tone.fill(chunk), 100).tone_hz().expect("a tone");
            assert!((found - hz).abs() < 1.0, "{found}");
        }
    }
}
