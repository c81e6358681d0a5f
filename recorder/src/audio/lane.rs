//! Delay line for the audio of one track, between the engine's thread and the mixer.
//!
//! The engine delivers blocks of 10 ms by its own clock, sometimes in bursts; the mixer takes blocks of 10 ms by the
//! recording's clock. The number of buffered samples is the *level* of the lane, and its mean is the delay. The lane keeps
//! the mean at its target: during silence by skipping or inserting samples, else by resampling by up to 0.5 %, which is
//! inaudible, or 2 % in its first seconds, while the target is still being measured. Gaps become silence of their length.

use rtrb::{Consumer, Producer, RingBuffer};

use super::{BLOCK, Block, CHANNELS, RATE};

/// Capacity of the ring buffer: two seconds.
const CAPACITY: usize = 2 * RATE as usize * CHANNELS;
/// Samples over which audio fades at a gap (2.5 ms), to avoid clicks.
const FADE: usize = BLOCK / 4;
/// Time constant of the mean level in blocks (1 s).
const MEAN_BLOCKS: f64 = 100.0;
/// Deviation of the mean in samples (1.5 ms) that needs no correction.
const TOLERANCE: f64 = 72.0;
/// Deviation of the mean in samples (60 ms) that is corrected at once.
const RESYNC_THRESHOLD: f64 = 2880.0;
/// Samples over which a deviation is corrected by resampling (4 s).
const CORRECTION_TIME: f64 = 4.0 * RATE as f64;
/// Maximum change of speed.
const MAX_SPEED_CHANGE: f64 = 0.005;
/// Blocks after the start of a lane (6 s) with faster correction.
const INITIAL_BLOCKS: u32 = 600;
const INITIAL_CORRECTION_TIME: f64 = 1.5 * RATE as f64;
const INITIAL_MAX_SPEED_CHANGE: f64 = 0.02;
/// Peak below which a block counts as silence (-50 dB).
const SILENCE: i16 = 100;

/// Writing end of a lane. After it is dropped, the lane ends when its buffer is played.
pub(crate) struct LaneInput {
    ring: Producer<i16>,
}

impl LaneInput {
    /// Appends interleaved stereo without blocking. Drops samples when the buffer is full.
    pub(crate) fn push(&mut self, samples: &[i16]) {
        let (_, lost) = self.ring.push_partial_slice(samples);
        if !lost.is_empty() {
            tracing::debug!(samples = lost.len(), "audio dropped, because the lane is full");
        }
    }
}

/// Reading end of a lane.
pub(crate) struct Lane {
    ring: Consumer<i16>,
    /// Target level in samples per channel.
    target: f64,
    /// Mean deviation of the level from the target.
    deviation: f64,
    playing: bool,
    /// Blocks played since the last start.
    played: u32,
    /// Samples around the play position, which is between the second and the third.
    window: [[f32; CHANNELS]; 4],
    /// Play position between the second and the third sample, 0 to 1.
    position: f64,
}

impl Lane {
    /// Creates a lane with a delay in seconds.
    pub(crate) fn new(delay: f64) -> (LaneInput, Self) {
        let (producer, consumer) = RingBuffer::new(CAPACITY);
        let target = delay * f64::from(RATE);
        let window = [[0.0; CHANNELS]; 4];
        (
            LaneInput { ring: producer },
            Self { ring: consumer, target, deviation: 0.0, playing: false, played: 0, window, position: 0.0 },
        )
    }

    /// Changes the delay. The level approaches it gradually.
    pub(crate) fn set_delay(&mut self, seconds: f64) {
        let target = seconds * f64::from(RATE);
        self.deviation += self.target - target;
        self.target = target;
    }

    /// Returns `true` when the input was dropped and its audio is played.
    pub(crate) fn is_over(&self) -> bool {
        self.ring.is_abandoned() && self.ring.is_empty()
    }

    /// Drops the buffered audio.
    pub(crate) fn flush(&mut self) {
        self.skip(self.level());
        self.stop();
    }

    fn level(&self) -> usize {
        self.ring.slots() / CHANNELS
    }

    /// Adds the next 10 ms to `sum`. They were due `late` samples ago; audio received since then does not count as level.
    pub(crate) fn add_to(&mut self, sum: &mut [i32; BLOCK * CHANNELS], late: usize) {
        let level = self.level() as f64 - late as f64;
        let starts = !self.playing;
        if starts {
            if level < self.target && !self.ring.is_abandoned() {
                return;
            }
            let surplus = (level - self.target).max(0.0) as usize;
            tracing::debug!(surplus, "lane started");
            self.skip(surplus);
            self.deviation = 0.0;
            self.playing = true;
            self.played = 0;
        } else {
            self.deviation += (level - self.target - self.deviation) / MEAN_BLOCKS;
            if self.deviation.abs() > RESYNC_THRESHOLD {
                tracing::debug!(deviation = self.deviation, "lane out of sync");
            }
            if self.deviation > RESYNC_THRESHOLD {
                self.skip(self.deviation as usize);
                self.deviation = 0.0;
            } else if self.deviation < -RESYNC_THRESHOLD && !self.ring.is_abandoned() {
                // Silent until the level reaches the target.
                return self.stop();
            }
        }

        let mut block: Block = [0; BLOCK * CHANNELS];
        let played = self.play(&mut block);
        self.played = self.played.saturating_add(1);
        if starts {
            fade(&mut block, |i| i as f32 / FADE as f32);
        }
        if played < BLOCK {
            let from = played.saturating_sub(FADE);
            fade(&mut block[from * CHANNELS..played * CHANNELS], |i| 1.0 - i as f32 / FADE as f32);
            tracing::debug!(played, "lane underrun");
            self.stop();
        } else if block.iter().all(|sample| sample.saturating_abs() < SILENCE) {
            self.adjust_in_silence();
        }
        for (sum, sample) in sum.iter_mut().zip(block) {
            *sum += i32::from(sample);
        }
    }

    /// Fills the block. Returns the number of samples per channel that were available.
    fn play(&mut self, block: &mut Block) -> usize {
        let (time, limit) = if self.played < INITIAL_BLOCKS {
            (INITIAL_CORRECTION_TIME, INITIAL_MAX_SPEED_CHANGE)
        } else {
            (CORRECTION_TIME, MAX_SPEED_CHANGE)
        };
        let speed =
            if self.deviation.abs() > TOLERANCE { 1.0 + (self.deviation / time).clamp(-limit, limit) } else { 1.0 };
        for (played, out) in block.chunks_exact_mut(CHANNELS).enumerate() {
            self.position += speed;
            while self.position >= 1.0 {
                let Some(next) = self.pop() else {
                    self.position = 0.0;
                    return played;
                };
                self.window.rotate_left(1);
                self.window[3] = next;
                self.position -= 1.0;
            }
            let at = self.position as f32;
            for (channel, out) in out.iter_mut().enumerate() {
                *out = interpolate(self.window.map(|sample| sample[channel]), at).round() as i16;
            }
        }
        BLOCK
    }

    fn pop(&mut self) -> Option<[f32; CHANNELS]> {
        let mut sample = [0; CHANNELS];
        let (taken, missing) = self.ring.pop_partial_slice(&mut sample);
        (taken.len() == CHANNELS && missing.is_empty()).then(|| sample.map(f32::from))
    }

    /// Corrects up to 10 ms of the deviation by skipping or inserting samples, which is inaudible in silence.
    fn adjust_in_silence(&mut self) {
        if self.deviation > TOLERANCE {
            let surplus = (self.deviation as usize).min(BLOCK).min(self.level());
            self.skip(surplus);
            self.deviation -= surplus as f64;
        } else if self.deviation < -TOLERANCE {
            // A negative position repeats silence, as if this block had been played slower.
            let missing = (-self.deviation).min(BLOCK as f64);
            self.position -= missing;
            self.deviation += missing;
        }
    }

    fn skip(&mut self, samples: usize) {
        if let Ok(skipped) = self.ring.read_chunk((samples * CHANNELS).min(self.ring.slots() / CHANNELS * CHANNELS)) {
            skipped.commit_all();
        }
    }

    fn stop(&mut self) {
        self.playing = false;
        self.deviation = 0.0;
        self.position = 0.0;
        self.window = [[0.0; CHANNELS]; 4];
    }
}

/// Interpolates (Catmull-Rom) at `at`, 0 to 1, between the second and the third of four values.
fn interpolate([a, b, c, d]: [f32; 4], at: f32) -> f32 {
    if at <= 0.0 {
        return b;
    }
    let (linear, square, cube) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d, 3.0 * (b - c) + d - a);
    (b + 0.5 * at * (linear + at * (square + at * cube))).clamp(f32::from(i16::MIN), f32::from(i16::MAX))
}

/// Scales the first [`FADE`] samples per channel by `gain`.
fn fade(samples: &mut [i16], gain: impl Fn(usize) -> f32) {
    for (i, frame) in samples.chunks_exact_mut(CHANNELS).take(FADE).enumerate() {
        frame.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * gain(i)) as i16);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELAY: f64 = 0.2;

    /// Length of the ramp in samples (10 s).
    const RAMP: f64 = 480_000.0;

    /// Source of a slow ramp in the left channel, from which the time of each sample can be read. Never silent.
    struct Source {
        input: LaneInput,
        count: usize,
    }

    impl Source {
        fn push(&mut self, samples: usize) {
            for _ in 0..samples {
                let value = (self.count / 16 % 30_000) as i16 + 1000;
                self.input.push(&[value, 1000]);
                self.count += 1;
            }
        }
    }

    fn next(lane: &mut Lane, late: usize) -> [i32; BLOCK * CHANNELS] {
        let mut sum = [0; BLOCK * CHANNELS];
        lane.add_to(&mut sum, late);
        sum
    }

    /// Age of the last sample of a block, in samples.
    fn age(source: &Source, block: &[i32; BLOCK * CHANNELS]) -> f64 {
        since(source.count as f64, block)
    }

    /// Age at `now` of the last sample of a block, in samples.
    fn since(now: f64, block: &[i32; BLOCK * CHANNELS]) -> f64 {
        (now - f64::from(block[BLOCK * CHANNELS - 2] - 1000) * 16.0).rem_euclid(RAMP)
    }

    /// Returns `false` if the block ends at the ramp's reset, where interpolated values have no meaning.
    fn is_steady(block: &[i32; BLOCK * CHANNELS]) -> bool {
        let left = |back: usize| block[(BLOCK - back) * CHANNELS];
        (1..5).all(|back| (left(back) - left(back + 1)).abs() < 20)
    }

    #[test]
    fn audio_is_delayed_as_configured() {
        let (input, mut lane) = Lane::new(DELAY);
        let mut source = Source { input, count: 0 };
        for block in 0..200 {
            source.push(BLOCK);
            let heard = next(&mut lane, 0);
            if block < 18 {
                assert_eq!(heard, [0; BLOCK * CHANNELS], "nothing yet in block {block}");
            } else if block > 25 {
                // The level is 200 ms before a block is taken, so the end of the block is 190 ms old.
                assert!((age(&source, &heard) - 9120.0).abs() < 40.0, "{} in {block}", age(&source, &heard));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// The delay stays constant for a source with clock drift and bursts.
        #[test]
        fn clock_drift_is_absorbed(drift in -0.002f64..0.002, seed in any::<u64>()) {
            let (input, mut lane) = Lane::new(DELAY);
            let mut source = Source { input, count: 0 };
            let (mut due, mut state, mut held) = (0.0, seed | 1, 0);
            let mut worst: f64 = 0.0;
            for block in 0..6000 {
                due += BLOCK as f64 * (1.0 + drift);
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Occasional bursts after up to 80 ms without audio.
                if held == 0 && state >> 57 == 0 { held = (state >> 40) % 8; }
                held = u64::saturating_sub(held, 1);
                if held == 0 {
                    let samples = due as usize - source.count;
                    source.push(samples);
                }
                let heard = next(&mut lane, 0);
                prop_assert!(block < 25 || heard[1] == 1000, "a hole in block {}", block);
                if block > 1000 && is_steady(&heard) {
                    let off = since(due, &heard) - 9120.0;
                    worst = worst.max(off.abs().min(RAMP - off.abs()));
                }
            }
            prop_assert!(worst < 0.02 * f64::from(RATE), "off by {worst} samples");
        }
    }

    #[test]
    fn a_stall_of_the_recorder_does_not_change_the_delay() {
        let (input, mut lane) = Lane::new(DELAY);
        let mut source = Source { input, count: 0 };
        for _ in 0..100 {
            source.push(BLOCK);
            next(&mut lane, 0);
        }
        // The mixer stalls for half a second, during which audio arrives.
        source.push(50 * BLOCK);
        for behind in (0..50).rev() {
            let heard = next(&mut lane, behind * BLOCK);
            let age = age(&source, &heard) - (behind * BLOCK) as f64;
            assert!((age - 9120.0).abs() < 40.0, "{age} when {behind} behind");
        }
    }

    #[test]
    fn a_gap_becomes_silence_of_its_length() {
        let (input, mut lane) = Lane::new(DELAY);
        let mut source = Source { input, count: 0 };
        let mut silent = 0;
        for block in 0..400 {
            if !(100..150).contains(&block) {
                source.push(BLOCK);
            } else {
                source.count += BLOCK;
            }
            let heard = next(&mut lane, 0);
            silent += usize::from(block > 30 && heard == [0; BLOCK * CHANNELS]);
            if block > 200 {
                assert!((age(&source, &heard) - 9120.0).abs() < 40.0, "{} in {block}", age(&source, &heard));
            }
        }
        assert!((48..=51).contains(&silent), "{silent} silent blocks for a gap of 50");
    }

    #[test]
    fn a_changed_delay_is_reached() {
        let (input, mut lane) = Lane::new(DELAY);
        let mut source = Source { input, count: 0 };
        for wanted in [0.15, 0.25, 0.2] {
            lane.set_delay(wanted);
            let mut heard = [0; BLOCK * CHANNELS];
            for _ in 0..3000 {
                source.push(BLOCK);
                heard = next(&mut lane, 0);
            }
            let off = age(&source, &heard) - (wanted - 0.01) * f64::from(RATE);
            assert!(off.abs() < 2.0 * TOLERANCE, "{off} samples off for {wanted} s");
        }
    }

    #[test]
    fn a_changed_delay_is_reached_quickly_in_silence() {
        let (mut input, mut lane) = Lane::new(DELAY);
        for _ in 0..100 {
            input.push(&[0; BLOCK * CHANNELS]);
            next(&mut lane, 0);
        }
        lane.set_delay(0.16);
        for _ in 0..10 {
            input.push(&[0; BLOCK * CHANNELS]);
            next(&mut lane, 0);
        }
        assert!((lane.level() as f64 - 0.15 * f64::from(RATE)).abs() < 2.0 * TOLERANCE, "{}", lane.level());
    }

    #[test]
    fn an_ended_lane_plays_its_buffer() {
        let (mut input, mut lane) = Lane::new(DELAY);
        input.push(&[500; 3 * BLOCK]);
        drop(input);
        assert_eq!(next(&mut lane, 0)[BLOCK], 500);
        assert!(!lane.is_over());
        next(&mut lane, 0);
        assert!(lane.is_over());
    }

    #[test]
    fn flushed_audio_is_not_played() {
        let (mut input, mut lane) = Lane::new(0.02);
        for _ in 0..10 {
            input.push(&[7000; BLOCK * CHANNELS]);
            next(&mut lane, 0);
        }
        lane.flush();
        for _ in 0..10 {
            input.push(&[300; BLOCK * CHANNELS]);
            assert!(next(&mut lane, 0).iter().all(|sample| *sample <= 300));
        }
    }
}
