//! Microphone: captures audio, processes it and splits it into chunks of 10 ms.

use std::time::{Duration, Instant};

use super::cpal_stream::{OpenDevice, open_input};
use super::resample::{Resampler, to_i16};
use super::{AudioProcessing, CHUNK_LEN, Chunk, Level, LevelMeter, SAMPLE_RATE, Tone};
use crate::thread::{DeviceThread, Session};
use crate::{DeviceChoice, DeviceProblem, DeviceState, now_us};

/// Requested period of the device.
const PERIOD: Duration = Duration::from_millis(10);
/// Time without audio after which a microphone counts as silent.
const SILENT_AFTER: Duration = Duration::from_secs(3);
/// Amplitude of the test tone; 1 is full scale. It is doubled during the beep.
const TONE_AMPLITUDE: f64 = 0.3;
/// Duration in microseconds of the beep at the start of each second.
const BEEP_US: i64 = 100_000;
/// Deviation of the test tone from the clock, in microseconds, at which it is resynchronized.
const OFF_CLOCK_US: i64 = 100_000;

/// Options of a microphone.
#[derive(Clone, Debug)]
pub struct MicrophoneOptions {
    /// Selected device.
    pub choice: DeviceChoice,
    /// Frequency in hertz of the tone of [`DeviceChoice::Test`].
    pub tone_hz: f64,
    /// Processing of a real microphone. Not applied to the test tone, which noise suppression would remove.
    pub processing: Option<AudioProcessing>,
}

/// Running microphone. Dropping it stops it at once.
#[derive(Debug)]
pub struct Microphone {
    meter: LevelMeter,
    _thread: Option<DeviceThread>,
}

impl Microphone {
    /// Starts a microphone. Returns at once.
    ///
    /// `sink` gets chunks of 10 ms on the microphone's thread and must not block for long. `on_state` is called on each
    /// change. A device that is missing or fails is retried every two seconds and delivers nothing in between.
    pub fn open(
        options: MicrophoneOptions,
        mut sink: impl FnMut(&Chunk) + Send + 'static,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
    ) -> Self {
        let meter = LevelMeter::default();
        let level = meter.clone();
        let MicrophoneOptions { choice, tone_hz, processing } = options;
        let thread = match choice {
            DeviceChoice::None => {
                on_state(DeviceState::Off);
                None
            }
            DeviceChoice::Test => Some(DeviceThread::start("microphone", on_state, move |session| {
                session.on("Test");
                let mut tone = Tone::new(tone_hz, TONE_AMPLITUDE);
                // Time at which the last sample is heard. Steadier than the wake-ups of this thread.
                let mut until = now_us();
                every_10_ms(session, || {
                    let mut chunk = [0; CHUNK_LEN];
                    tone.fill(&mut chunk);
                    until += 10_000;
                    if (now_us() - until).abs() > OFF_CLOCK_US {
                        until = now_us();
                    }
                    beep(&mut chunk, until - 10_000);
                    level.measure(&chunk);
                    sink(&chunk);
                    true
                });
                DeviceProblem::Failed
            })),
            choice => Some(DeviceThread::start("microphone", on_state, move |session| {
                let problem = deliver(&choice, processing.as_ref(), session, &level, &mut sink);
                level.clear();
                problem
            })),
        };
        Self { meter, _thread: thread }
    }

    /// Returns the current level.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// Returns the level meter.
    pub fn meter(&self) -> LevelMeter {
        self.meter.clone()
    }
}

/// Doubles the amplitude at the start of each second. Tests of recordings compare the beeps with the test card's time
/// code, which uses the same clock. `from_us` is the start of the chunk.
fn beep(chunk: &mut Chunk, from_us: i64) {
    for (i, sample) in chunk.iter_mut().enumerate() {
        let heard_at = from_us + i as i64 * 1_000_000 / i64::from(SAMPLE_RATE);
        if heard_at.rem_euclid(1_000_000) < BEEP_US {
            *sample = sample.saturating_mul(2);
        }
    }
}

/// Calls `work` in real time, a hundred times a second on average, until it returns `false` or the session stops.
pub(super) fn every_10_ms(session: &Session, mut work: impl FnMut() -> bool) {
    let mut due = Instant::now();
    while !session.stopped() && work() {
        due += Duration::from_millis(10);
        let late = Instant::now().saturating_duration_since(due);
        if late > Duration::from_millis(500) {
            // The machine was suspended: missed chunks are skipped.
            due = Instant::now();
        }
        session.wait_until(due);
    }
}

/// Opens the device and delivers until a problem occurs.
fn deliver(
    choice: &DeviceChoice,
    processing: Option<&AudioProcessing>,
    session: &mut Session,
    meter: &LevelMeter,
    sink: &mut impl FnMut(&Chunk),
) -> DeviceProblem {
    let thread = std::thread::current();
    let opened = open_input(choice, PERIOD, move || thread.unpark());
    let OpenDevice { name, rate, ring, status, .. } = &mut match opened {
        Ok(opened) => opened,
        Err(problem) => return problem,
    };
    let mut resampler = match Resampler::new(*rate, SAMPLE_RATE) {
        Ok(resampler) => resampler,
        Err(error) => {
            tracing::warn!(%error, "microphone's sample rate not supported");
            return DeviceProblem::Unsupported;
        }
    };
    let (mut raw, mut ready) = (Vec::new(), Vec::new());
    let (mut seen, mut last) = (0, Instant::now());
    while !session.stopped() {
        if let Some(problem) = status.problem() {
            return problem;
        }
        let callbacks = status.callbacks();
        if callbacks != seen {
            (seen, last) = (callbacks, Instant::now());
            session.on(name);
        } else if last.elapsed() > SILENT_AFTER {
            return DeviceProblem::Silent;
        }

        raw.resize(ring.slots(), 0.0);
        let taken = ring.pop_partial_slice(&mut raw).0.len();
        resampler.push(&raw[..taken], &mut ready);
        let whole = ready.len() / CHUNK_LEN * CHUNK_LEN;
        for (i, samples) in ready[..whole].chunks_exact(CHUNK_LEN).enumerate() {
            let mut chunk = [0; CHUNK_LEN];
            for (sample, value) in chunk.iter_mut().zip(samples) {
                *sample = to_i16(*value);
            }
            if let Some(processing) = processing {
                let waiting = ready.len() - i * CHUNK_LEN;
                let waited = Duration::from_micros(waiting as u64 * 1_000_000 / u64::from(SAMPLE_RATE));
                processing.set_input_delay(status.delay() + waited);
                processing.captured(&mut chunk);
            }
            meter.measure(&chunk);
            sink(&chunk);
        }
        ready.drain(..whole);
        session.wait(Duration::from_millis(100));
    }
    DeviceProblem::Failed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beep_begins_with_the_second_and_lasts_a_tenth_of_it() {
        let beeps_from = |from_us| {
            let mut chunk = [10; CHUNK_LEN];
            beep(&mut chunk, from_us);
            chunk.map(|sample| sample == 20)
        };
        assert_eq!(beeps_from(7_000_000), [true; CHUNK_LEN]);
        assert_eq!(beeps_from(7_100_000), [false; CHUNK_LEN]);
        let onset = beeps_from(6_995_000);
        assert!(!onset[239] && onset[240], "in the middle of the chunk");
    }
}
