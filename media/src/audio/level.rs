//! Audio level.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::Chunk;

/// Decay of the peak per 10 ms: to a tenth in about 1.5 seconds.
const PEAK_DECAY: f32 = 0.985;

/// Audio level, 0 (silence) to 1 (full scale).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Level {
    /// Root mean square of the last 10 ms.
    pub rms: f32,
    /// Recent maximum of the samples: rises at once, falls slowly.
    pub peak: f32,
}

/// Meter that one thread feeds and another reads. Clones share one measurement.
#[derive(Clone, Debug, Default)]
pub struct LevelMeter {
    bits: Arc<[AtomicU32; 2]>,
}

impl LevelMeter {
    /// Measures 10 ms.
    pub fn measure(&self, chunk: &Chunk) {
        let mut squares = 0.0;
        let mut highest = 0.0_f32;
        for sample in chunk {
            let value = f32::from(*sample) / 32_768.0;
            squares += value * value;
            highest = highest.max(value.abs());
        }
        let peak = highest.max(self.level().peak * PEAK_DECAY);
        self.bits[0].store((squares / chunk.len() as f32).sqrt().to_bits(), Ordering::Relaxed);
        self.bits[1].store(peak.to_bits(), Ordering::Relaxed);
    }

    /// Resets the level to silence.
    pub fn clear(&self) {
        self.bits.iter().for_each(|bits| bits.store(0, Ordering::Relaxed));
    }

    /// Returns the current level.
    pub fn level(&self) -> Level {
        let [rms, peak] = [0, 1].map(|i: usize| f32::from_bits(self.bits[i].load(Ordering::Relaxed)));
        Level { rms, peak }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{CHUNK_LEN, Tone};

    #[test]
    fn a_sine_has_its_rms_and_peak_and_the_peak_falls_slowly() {
        let meter = LevelMeter::default();
        let mut tone = Tone::new(1000.0, 0.5);
        let mut chunk = [0; CHUNK_LEN];
        tone.fill(&mut chunk);
        meter.measure(&chunk);
        let Level { rms, peak } = meter.level();
        assert!((rms - 0.5 / 2.0_f32.sqrt()).abs() < 0.001 && (peak - 0.5).abs() < 0.001, "{rms} {peak}");
        meter.measure(&[0; CHUNK_LEN]);
        let Level { rms, peak } = meter.level();
        assert!(rms == 0.0 && peak > 0.4 && peak < 0.5, "{rms} {peak}");
    }
}
