//! A tone, and how much of it is in a sound.

use std::f64::consts::TAU;

use autamedica_engine::NativeAudioSource;
use tokio::task::JoinHandle;

/// Samples a second.
pub const RATE: u32 = 48_000;
/// The tone's peak.
const AMPLITUDE: f64 = 10_000.0;

/// Plays a tone into a source, paced by the engine, until dropped.
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

/// The part of a sound's energy, 0 to 1, that is in a tone (Goertzel), and the sound's root mean square.
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
