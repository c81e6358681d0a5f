//! Test tone: generation and detection.

use std::f64::consts::TAU;

use autamedica_engine::NativeAudioSource;
use tokio::task::JoinHandle;

/// Samples per second.
pub const RATE: u32 = 48_000;
/// Peak amplitude of the tone.
const AMPLITUDE: f64 = 10_000.0;

/// Captures a tone into a source until dropped. The engine paces it.
pub struct Tone(JoinHandle<()>);

impl Tone {
    pub fn start(source: NativeAudioSource, hz: f64) -> Self {
        Self(tokio::spawn(async move {
            for start in (0_u64..).step_by(480) {
                let samples: Vec<i16> = (start..start + 480)
                    .map(|n| (AMPLITUDE * (TAU * hz * n as f64 / f64::from(RATE)).sin()) as i16)
                    .collect();
                if source.capture_frame(&samples).await.is_err() {
                    return;
                }
            }
        }))
    }
}

impl Drop for Tone {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Returns the fraction of the energy at `hz` (Goertzel), 0 to 1, and the root mean square of the samples.
pub fn tone_level(samples: &[i16], hz: f64) -> (f64, f64) {
    let coefficient = 2.0 * (TAU * hz / f64::from(RATE)).cos();
    let (mut before, mut last, mut energy) = (0.0, 0.0, 0.0);
    for &sample in samples {
        let sample = f64::from(sample);
        let now = sample + coefficient * last - before;
        (before, last) = (last, now);
        energy += sample * sample;
    }
    let power = last * last + before * before - coefficient * last * before;
    let count = samples.len() as f64;
    let part = if energy > 0.0 { 2.0 * power / (count * energy) } else { 0.0 };
    (part, (energy / count).sqrt())
}
