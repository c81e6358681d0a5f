//! A microphone, cleaned and cut into 10 ms.

use std::time::{Duration, Instant};

use super::cpal_stream::{OpenDevice, open_input};
use super::resample::{Resampler, to_i16};
use super::{AudioProcessing, CHUNK_LEN, Chunk, Level, LevelMeter, SAMPLE_RATE, Tone};
use crate::device::thread::{DeviceThread, Session};
use crate::device::{DeviceChoice, DeviceProblem, DeviceState};

/// How much the device delivers at a time, where it lets us choose.
const PERIOD: Duration = Duration::from_millis(10);
/// A microphone that delivers nothing for so long is silent.
const SILENT_AFTER: Duration = Duration::from_secs(3);
/// The test tone's amplitude; 1 is full scale.
const TONE_AMPLITUDE: f64 = 0.3;

/// Which microphone, and how.
#[derive(Clone, Debug)]
pub struct MicrophoneOptions {
    /// The device.
    pub choice: DeviceChoice,
    /// The frequency in hertz of [`DeviceChoice::Test`]'s tone.
    pub tone_hz: f64,
    /// Cleans what a real microphone hears. The test tone is left alone: noise suppression would take it out.
    pub processing: Option<AudioProcessing>,
}

/// A running microphone; dropping it stops it, at once.
#[derive(Debug)]
pub struct Microphone {
    meter: LevelMeter,
    _thread: Option<DeviceThread>,
}

impl Microphone {
    /// Starts a microphone. Returns at once.
    ///
    /// `sink` gets 10 ms at a time, from the microphone's thread: it must not wait long. `on_state` is called on each
    /// change. A device that is missing or fails is tried again every two seconds; until then nothing is delivered.
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
                every_10_ms(session, || {
                    let mut chunk = [0; CHUNK_LEN];
                    tone.fill(&mut chunk);
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

    /// How loud it is now.
    pub fn level(&self) -> Level {
        self.meter.level()
    }

    /// The meter itself, for the UI to keep.
    pub fn meter(&self) -> LevelMeter {
        self.meter.clone()
    }
}

/// Calls `work` in real time, a hundred times a second on average, until it says `false` or the session stops.
pub(super) fn every_10_ms(session: &Session, mut work: impl FnMut() -> bool) {
    let mut due = Instant::now();
    while !session.stopped() && work() {
        due += Duration::from_millis(10);
        let late = Instant::now().saturating_duration_since(due);
        if late > Duration::from_millis(500) {
            // The machine slept: no use in making up for it.
            due = Instant::now();
        }
        session.wait_until(due);
    }
}

/// From opening until something goes wrong.
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
            tracing::warn!(%error, "the microphone's sample rate can't be used");
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
