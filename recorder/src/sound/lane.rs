//! One track's sound, from the engine's thread to the mixer, held back by a wanted delay.
//!
//! The engine delivers 10 ms at a time by a clock of its own, sometimes in bursts. The mixer takes 10 ms at a time by the
//! recording's clock. What lies between is this lane's *level*, and its mean is how long sound is held back. The lane keeps
//! the mean where it is wanted: in silence by leaving out or adding some, in sound by playing up to half a percent faster
//! or slower, which nobody hears, and two percent in its first seconds, when it isn't known yet where that is. A gap becomes
//! silence as long as the gap.

use rtrb::{Consumer, Producer, RingBuffer};

use super::{BLOCK, Block, CHANNELS, RATE};

/// Room for two seconds: more than any stall that isn't a fault.
const CAPACITY: usize = 2 * RATE as usize * CHANNELS;
/// Into and out of a gap, sound is faded over so many samples (2.5 ms), so that it doesn't click.
const FADE: usize = BLOCK / 4;
/// The mean level is over about so many blocks (1 s).
const MEAN_OVER: f64 = 100.0;
/// A mean this far off, in samples (1.5 ms), is let be.
const TOLERANCE: f64 = 72.0;
/// A level this far off in samples (60 ms) is put right at once.
const FAR_OFF: f64 = 2880.0;
/// What is off is caught up with over so many samples (4 s)…
const CATCH_UP: f64 = 4.0 * RATE as f64;
/// …but no faster than this part of the speed.
const MOST: f64 = 0.005;
/// The same while a lane is new, for so many blocks (6 s).
const NEW: u32 = 600;
const CATCH_UP_NEW: f64 = 1.5 * RATE as f64;
const MOST_NEW: f64 = 0.02;
/// A block whose loudest sample is below this (-50 dB) is silence.
const SILENCE: i16 = 100;

/// The end of a lane where sound is put in; dropping it ends the lane once all is played.
pub(crate) struct LaneInput {
    ring: Producer<i16>,
}

impl LaneInput {
    /// Puts interleaved stereo in. Never waits: what has no room is lost.
    pub(crate) fn push(&mut self, samples: &[i16]) {
        let (_, lost) = self.ring.push_partial_slice(samples);
        if !lost.is_empty() {
            tracing::debug!(samples = lost.len(), "sound that nobody takes is lost");
        }
    }
}

/// The end where it comes out.
pub(crate) struct Lane {
    ring: Consumer<i16>,
    /// The wanted level in samples of each channel.
    wanted: f64,
    /// How far the level is from `wanted`, on average.
    off: f64,
    playing: bool,
    /// Blocks played since it started.
    played: u32,
    /// The moments around the place that plays now; it lies between the second and the third.
    around: [[f32; CHANNELS]; 4],
    /// How far from the second to the third, 0 to 1.
    between: f64,
}

impl Lane {
    /// A lane that holds sound back by `delay` seconds.
    pub(crate) fn new(delay: f64) -> (LaneInput, Self) {
        let (producer, consumer) = RingBuffer::new(CAPACITY);
        let wanted = delay * f64::from(RATE);
        let around = [[0.0; CHANNELS]; 4];
        (
            LaneInput { ring: producer },
            Self { ring: consumer, wanted, off: 0.0, playing: false, played: 0, around, between: 0.0 },
        )
    }

    /// Changes by how many seconds sound is held back. The way there takes a while.
    pub(crate) fn set_delay(&mut self, seconds: f64) {
        let wanted = seconds * f64::from(RATE);
        self.off += self.wanted - wanted;
        self.wanted = wanted;
    }

    /// Whether all is played and nothing will come any more.
    pub(crate) fn is_over(&self) -> bool {
        self.ring.is_abandoned() && self.ring.is_empty()
    }

    /// Forgets what waits.
    pub(crate) fn flush(&mut self) {
        self.skip(self.waiting());
        self.stop();
    }

    fn waiting(&self) -> usize {
        self.ring.slots() / CHANNELS
    }

    /// Adds the next 10 ms to `sum`. `late` says how many samples ago they were due: what came since doesn't count.
    pub(crate) fn add_to(&mut self, sum: &mut [i32; BLOCK * CHANNELS], late: usize) {
        let level = self.waiting() as f64 - late as f64;
        let starts = !self.playing;
        if starts {
            if level < self.wanted && !self.ring.is_abandoned() {
                return;
            }
            let surplus = (level - self.wanted).max(0.0) as usize;
            tracing::debug!(surplus, "a lane starts");
            self.skip(surplus);
            self.off = 0.0;
            self.playing = true;
            self.played = 0;
        } else {
            self.off += (level - self.wanted - self.off) / MEAN_OVER;
            if self.off.abs() > FAR_OFF {
                tracing::debug!(off = self.off, "a lane is far off");
            }
            if self.off > FAR_OFF {
                self.skip(self.off as usize);
                self.off = 0.0;
            } else if self.off < -FAR_OFF && !self.ring.is_abandoned() {
                // Silence until enough waits again.
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
            tracing::debug!(played, "a lane runs dry");
            self.stop();
        } else if block.iter().all(|sample| sample.saturating_abs() < SILENCE) {
            self.adjust_in_silence();
        }
        for (sum, sample) in sum.iter_mut().zip(block) {
            *sum += i32::from(sample);
        }
    }

    /// Fills the block and says for how many moments there was sound.
    fn play(&mut self, block: &mut Block) -> usize {
        let (catch_up, most) = if self.played < NEW { (CATCH_UP_NEW, MOST_NEW) } else { (CATCH_UP, MOST) };
        let speed = if self.off.abs() > TOLERANCE { 1.0 + (self.off / catch_up).clamp(-most, most) } else { 1.0 };
        for (played, out) in block.chunks_exact_mut(CHANNELS).enumerate() {
            self.between += speed;
            while self.between >= 1.0 {
                let Some(next) = self.pop() else {
                    self.between = 0.0;
                    return played;
                };
                self.around.rotate_left(1);
                self.around[3] = next;
                self.between -= 1.0;
            }
            let at = self.between as f32;
            for (channel, out) in out.iter_mut().enumerate() {
                *out = curve(self.around.map(|moment| moment[channel]), at).round() as i16;
            }
        }
        BLOCK
    }

    fn pop(&mut self) -> Option<[f32; CHANNELS]> {
        let mut moment = [0; CHANNELS];
        let (taken, missing) = self.ring.pop_partial_slice(&mut moment);
        (taken.len() == CHANNELS && missing.is_empty()).then(|| moment.map(f32::from))
    }

    /// Leaves out, or waits for, what the mean is off by, up to 10 ms: in silence nobody hears it.
    fn adjust_in_silence(&mut self) {
        if self.off > TOLERANCE {
            let surplus = (self.off as usize).min(BLOCK).min(self.waiting());
            self.skip(surplus);
            self.off -= surplus as f64;
        } else if self.off < -TOLERANCE {
            // As if this block had been played slower.
            let missing = (-self.off).min(BLOCK as f64);
            self.between -= missing;
            self.off += missing;
        }
    }

    fn skip(&mut self, moments: usize) {
        if let Ok(skipped) = self.ring.read_chunk((moments * CHANNELS).min(self.ring.slots() / CHANNELS * CHANNELS)) {
            skipped.commit_all();
        }
    }

    fn stop(&mut self) {
        self.playing = false;
        self.off = 0.0;
        self.between = 0.0;
        self.around = [[0.0; CHANNELS]; 4];
    }
}

/// The smooth curve (Catmull-Rom) through four values, `at` (0 to 1) between the second and the third.
fn curve([a, b, c, d]: [f32; 4], at: f32) -> f32 {
    if at <= 0.0 {
        return b;
    }
    let (linear, square, cube) = (c - a, 2.0 * a - 5.0 * b + 4.0 * c - d, 3.0 * (b - c) + d - a);
    (b + 0.5 * at * (linear + at * (square + at * cube))).clamp(f32::from(i16::MIN), f32::from(i16::MAX))
}

/// Scales the first [`FADE`] moments by what `gain` says for each.
fn fade(samples: &mut [i16], gain: impl Fn(usize) -> f32) {
    for (i, moment) in samples.chunks_exact_mut(CHANNELS).take(FADE).enumerate() {
        moment.iter_mut().for_each(|sample| *sample = (f32::from(*sample) * gain(i)) as i16);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DELAY: f64 = 0.2;

    /// So many moments a ramp of samples is long: ten seconds.
    const RAMP: f64 = 480_000.0;

    /// Each moment's sample says when it was put in: a slow ramp in the left channel, loud enough to be no silence.
    struct Source {
        input: LaneInput,
        count: usize,
    }

    impl Source {
        fn push(&mut self, moments: usize) {
            for _ in 0..moments {
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

    /// How many moments ago the last sample was put in.
    fn age(source: &Source, block: &[i32; BLOCK * CHANNELS]) -> f64 {
        since(source.count as f64, block)
    }

    /// How many moments before `now` the last sample was put in.
    fn since(now: f64, block: &[i32; BLOCK * CHANNELS]) -> f64 {
        (now - f64::from(block[BLOCK * CHANNELS - 2] - 1000) * 16.0).rem_euclid(RAMP)
    }

    /// Whether the block ends away from the ramp's fall, around which what lies between two samples says nothing.
    fn is_steady(block: &[i32; BLOCK * CHANNELS]) -> bool {
        let left = |back: usize| block[(BLOCK - back) * CHANNELS];
        (1..5).all(|back| (left(back) - left(back + 1)).abs() < 20)
    }

    #[test]
    fn sound_is_held_back_as_long_as_wanted() {
        let (input, mut lane) = Lane::new(DELAY);
        let mut source = Source { input, count: 0 };
        for block in 0..200 {
            source.push(BLOCK);
            let heard = next(&mut lane, 0);
            if block < 18 {
                assert_eq!(heard, [0; BLOCK * CHANNELS], "nothing yet in block {block}");
            } else if block > 25 {
                // 200 ms wait before a block is taken, so its end is 190 ms old.
                assert!((age(&source, &heard) - 9120.0).abs() < 40.0, "{} in {block}", age(&source, &heard));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]

        /// A source a little too fast or too slow, jittery and with bursts, stays where it is wanted.
        #[test]
        fn clock_drift_is_absorbed(drift in -0.002f64..0.002, seed in any::<u64>()) {
            let (input, mut lane) = Lane::new(DELAY);
            let mut source = Source { input, count: 0 };
            let (mut due, mut state, mut held) = (0.0, seed | 1, 0);
            let mut worst: f64 = 0.0;
            for block in 0..6000 {
                due += BLOCK as f64 * (1.0 + drift);
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                // Now and then nothing comes for up to 80 ms, and then all of it.
                if held == 0 && state >> 57 == 0 { held = (state >> 40) % 8; }
                held = u64::saturating_sub(held, 1);
                if held == 0 {
                    let moments = due as usize - source.count;
                    source.push(moments);
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
    fn catching_up_after_a_stall_of_ours_changes_nothing() {
        let (input, mut lane) = Lane::new(DELAY);
        let mut source = Source { input, count: 0 };
        for _ in 0..100 {
            source.push(BLOCK);
            next(&mut lane, 0);
        }
        // We stood still for half a second, while sound came.
        source.push(50 * BLOCK);
        for behind in (0..50).rev() {
            let heard = next(&mut lane, behind * BLOCK);
            let age = age(&source, &heard) - (behind * BLOCK) as f64;
            assert!((age - 9120.0).abs() < 40.0, "{age} when {behind} behind");
        }
    }

    #[test]
    fn a_gap_is_as_long_a_silence_and_moves_nothing() {
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
    fn a_new_delay_is_reached() {
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
    fn in_silence_a_new_delay_is_reached_at_once() {
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
        assert!((lane.waiting() as f64 - 0.15 * f64::from(RATE)).abs() < 2.0 * TOLERANCE, "{}", lane.waiting());
    }

    #[test]
    fn an_ended_lane_plays_what_is_left_and_is_over() {
        let (mut input, mut lane) = Lane::new(DELAY);
        input.push(&[500; 3 * BLOCK]);
        drop(input);
        assert_eq!(next(&mut lane, 0)[BLOCK], 500);
        assert!(!lane.is_over());
        next(&mut lane, 0);
        assert!(lane.is_over());
    }

    #[test]
    fn what_was_flushed_is_never_heard() {
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
