//! Mixes a microphone's channels to one without cancelling them out.
//!
//! The mean of all channels has the least noise and suits most devices. It is silence for a balanced input that appears
//! as stereo with one channel inverted, and nearly silence when only one of many inputs is connected. When the mean has
//! lost a channel, that channel is used alone.

/// Maximum number of channels used; others are ignored.
const MAX_CHANNELS: usize = 32;
/// The mean has lost a channel if its energy is below this fraction of the loudest channel's (8 dB down).
const LOST_BELOW: f32 = 0.16;
/// The mean is used again above this fraction (4 dB down).
const FOUND_ABOVE: f32 = 0.4;
/// Factor in energy by which another channel must be louder to replace the current one.
const SWITCH_FACTOR: f32 = 8.0;
/// Mean square of noise (−70 dBFS). Quieter audio changes nothing.
const SILENCE_LEVEL: f32 = 1e-7;
/// Weight of earlier blocks in the measured energy, and frames per block.
const DECAY: f32 = 0.8;
const BLOCK: usize = 480;

/// Mixes frame by frame. Never allocates after construction.
#[derive(Debug)]
pub(super) struct Downmix {
    channels: usize,
    energies: [f32; MAX_CHANNELS],
    mean_energy: f32,
    /// Channel that is used alone.
    alone: Option<usize>,
    /// Current weights of the channels.
    weights: [f32; MAX_CHANNELS],
    sums: [f32; MAX_CHANNELS],
    mean_sum: f32,
    frames: usize,
}

impl Downmix {
    /// Creates a mixer for this number of channels.
    pub fn new(channels: usize) -> Self {
        let channels = channels.clamp(1, MAX_CHANNELS);
        Self {
            channels,
            energies: [0.0; MAX_CHANNELS],
            mean_energy: 0.0,
            alone: None,
            weights: [1.0 / channels as f32; MAX_CHANNELS],
            sums: [0.0; MAX_CHANNELS],
            mean_sum: 0.0,
            frames: 0,
        }
    }

    /// Mixes one frame to one sample.
    pub fn mix(&mut self, frame: impl Iterator<Item = f32>) -> f32 {
        let (mut mixed, mut sum) = (0.0, 0.0);
        // Weights change over a few milliseconds to avoid clicks.
        let approach = 1.0 / 128.0;
        let everyone = 1.0 / self.channels as f32;
        for (channel, sample) in frame.take(self.channels).enumerate() {
            let target = match self.alone {
                None => everyone,
                Some(alone) if alone == channel => 1.0,
                Some(_) => 0.0,
            };
            self.weights[channel] += (target - self.weights[channel]) * approach;
            mixed += sample * self.weights[channel];
            sum += sample;
            self.sums[channel] += sample * sample;
        }
        self.mean_sum += (sum * everyone).powi(2);
        self.frames += 1;
        if self.frames == BLOCK {
            self.choose();
        }
        mixed
    }

    fn choose(&mut self) {
        let smooth = |energy: &mut f32, sum: &mut f32| {
            *energy = *energy * DECAY + std::mem::take(sum) / BLOCK as f32 * (1.0 - DECAY);
        };
        smooth(&mut self.mean_energy, &mut self.mean_sum);
        for (energy, sum) in self.energies.iter_mut().zip(&mut self.sums).take(self.channels) {
            smooth(energy, sum);
        }
        self.frames = 0;
        let energies = &self.energies[..self.channels];
        let Some((loudest, most)) = energies.iter().copied().enumerate().max_by(|a, b| a.1.total_cmp(&b.1)) else {
            return;
        };
        if most < SILENCE_LEVEL {
            return;
        }
        match self.alone {
            None if self.mean_energy < most * LOST_BELOW => self.alone = Some(loudest),
            Some(_) if self.mean_energy > most * FOUND_ABOVE => self.alone = None,
            Some(alone) if most > energies[alone] * SWITCH_FACTOR => self.alone = Some(loudest),
            None | Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the level in dBFS of the last second and the largest step between two samples.
    fn mixed(channels: usize, seconds: usize, sample: impl Fn(usize, f32, usize) -> f32) -> (f32, f32) {
        let mut mix = Downmix::new(channels);
        let samples: Vec<f32> = (0..seconds * 48_000)
            .map(|at| {
                let tone = 0.1 * (at as f32 * 440.0 * std::f32::consts::TAU / 48_000.0).sin();
                mix.mix((0..channels).map(|channel| sample(channel, tone, at)))
            })
            .collect();
        let last = &samples[samples.len() - 48_000..];
        let energy = last.iter().map(|sample| sample * sample).sum::<f32>() / last.len() as f32;
        let step = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs()).fold(0.0, f32::max);
        (10.0 * energy.log10(), step)
    }

    #[test]
    fn no_arrangement_of_channels_becomes_silence_or_clicks() {
        // −23 dBFS on each channel with a signal.
        let (both, step) = mixed(2, 2, |_, tone, _| tone);
        assert!((both + 23.0).abs() < 0.5, "{both}");
        for (name, level) in [
            ("inverted", mixed(2, 2, |channel, tone, _| if channel == 1 { -tone } else { tone })),
            ("one of eight", mixed(8, 2, |channel, tone, _| if channel == 5 { tone } else { 0.0 })),
            (
                "two of eight, inverted",
                mixed(8, 2, |c, tone, _| [0.0, tone, 0.0, -tone].get(c).copied().unwrap_or(0.0)),
            ),
            ("moved", mixed(8, 3, |channel, tone, at| if channel == at / 48_000 { tone } else { 0.0 })),
            ("turned over", mixed(2, 3, |channel, tone, at| if channel == 1 && at > 48_000 { -tone } else { tone })),
        ] {
            assert!((level.0 + 23.0).abs() < 1.0, "{name}: {level:?}");
            assert!(level.1 < step * 1.5, "{name}: {level:?}, a tone alone steps by {step}");
        }
        let (one, _) = mixed(2, 2, |channel, tone, _| if channel == 0 { tone } else { 0.0 });
        assert!(one > -30.0, "one of two: {one}");
    }
}
