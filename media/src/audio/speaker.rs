//! Speaker: mixes the remote audio, passes it to the echo canceller, plays and measures it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::cpal_stream::{OpenDevice, open_output};
use super::microphone::every_10_ms;
use super::resample::{Resampler, to_f32};
use super::{AudioProcessing, CHUNK_LEN, Chunk, Mixer, SAMPLE_RATE, ToneMeter};
use crate::thread::{DeviceThread, RETRY_INTERVAL, Session};
use crate::{DeviceChoice, DeviceProblem, DeviceState};

/// Requested period of the device. Two of them lie between us and the air.
const PERIOD: Duration = Duration::from_millis(20);
/// Time without a request for audio after which a speaker counts as silent.
const SILENT_AFTER: Duration = Duration::from_secs(3);

/// Running speaker. Dropping it stops it at once.
#[derive(Debug)]
pub struct Speaker {
    missed: Arc<AtomicU64>,
    _thread: DeviceThread,
}

/// Meter of playout: counts chunks and detects a tone. Clones share one meter.
#[derive(Clone, Debug, Default)]
pub struct PlayoutMeter {
    chunks: Arc<AtomicU64>,
    tone: Arc<Mutex<ToneMeter>>,
}

impl PlayoutMeter {
    fn take(&self, chunk: &Chunk) {
        self.tone.lock().take(chunk);
        self.chunks.fetch_add(1, Ordering::Relaxed);
    }

    /// Number of 10 ms chunks played.
    pub fn frames_played(&self) -> u64 {
        self.chunks.load(Ordering::Relaxed)
    }

    /// Dominant tone of the last second in hertz, if there is one. Takes about a millisecond.
    pub fn tone_hz(&self) -> Option<f64> {
        self.tone.lock().tone_hz()
    }
}

impl Speaker {
    /// Starts to play the mixer's audio. Returns at once.
    ///
    /// [`DeviceChoice::Test`], [`DeviceChoice::None`] and a missing device discard the audio in real time. `processing`
    /// gets the audio that a real speaker plays.
    pub fn open(
        choice: DeviceChoice,
        mixer: Mixer,
        processing: Option<AudioProcessing>,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
    ) -> Self {
        Self::open_measured(choice, mixer, processing, None, on_state)
    }

    /// Like [`open`](Self::open), with a meter of all audio that is played or discarded.
    pub fn open_measured(
        choice: DeviceChoice,
        mixer: Mixer,
        processing: Option<AudioProcessing>,
        meter: Option<PlayoutMeter>,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
    ) -> Self {
        let missed = Arc::<AtomicU64>::default();
        let silent = Playout { mixer, processing: None, meter, missed: missed.clone() };
        let thread = match choice {
            DeviceChoice::None => DeviceThread::start(
                "speaker",
                |_| {},
                move |session| {
                    silent.run(session);
                    DeviceProblem::Failed
                },
            ),
            DeviceChoice::Test => DeviceThread::start("speaker", on_state, move |session| {
                session.on("Test");
                silent.run(session);
                DeviceProblem::Failed
            }),
            choice => {
                let audible = Playout { processing, ..silent.clone() };
                DeviceThread::start("speaker", on_state, move |session| {
                    let problem = play(&choice, &audible, session);
                    session.failed(problem);
                    let end = Instant::now() + RETRY_INTERVAL;
                    every_10_ms(session, || {
                        silent.next();
                        Instant::now() < end
                    });
                    problem
                })
            }
        };
        Self { missed, _thread: thread }
    }

    /// Returns the number of samples that the device requested and did not get in time.
    pub fn samples_missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }
}

/// Source of the audio to play.
#[derive(Clone)]
struct Playout {
    mixer: Mixer,
    processing: Option<AudioProcessing>,
    meter: Option<PlayoutMeter>,
    /// Number of samples that the device requested and did not get in time.
    missed: Arc<AtomicU64>,
}

impl Playout {
    /// Discards the audio in real time.
    fn run(&self, session: &Session) {
        every_10_ms(session, || {
            self.next();
            true
        });
    }

    /// Returns the next 10 ms.
    fn next(&self) -> Chunk {
        let mut chunk = [0; CHUNK_LEN];
        self.mixer.mix(&mut chunk);
        if let Some(processing) = &self.processing {
            processing.played(&chunk);
        }
        if let Some(meter) = &self.meter {
            meter.take(&chunk);
        }
        chunk
    }
}

/// Opens the device and plays until a problem occurs.
fn play(choice: &DeviceChoice, playout: &Playout, session: &mut Session) -> DeviceProblem {
    let thread = std::thread::current();
    let opened = open_output(choice, PERIOD, move || thread.unpark());
    let OpenDevice { name, rate, ring, status, .. } = &mut match opened {
        Ok(opened) => opened,
        Err(problem) => return problem,
    };
    let mut resampler = match Resampler::new(SAMPLE_RATE, *rate) {
        Ok(resampler) => resampler,
        Err(error) => {
            tracing::warn!(%error, "speaker's sample rate not supported");
            return DeviceProblem::Unsupported;
        }
    };
    let (mut ready, mut samples) = (Vec::new(), [0.0; CHUNK_LEN]);
    let (mut seen, mut last) = (0, Instant::now());
    let ten_ms = *rate as usize / 100;
    while !session.stopped() {
        if let Some(problem) = status.problem() {
            return problem;
        }
        let callbacks = status.callbacks();
        if callbacks != seen {
            (seen, last) = (callbacks, Instant::now());
            session.on(name);
            playout.missed.store(status.missed(), Ordering::Relaxed);
        } else if last.elapsed() > SILENT_AFTER {
            return DeviceProblem::Silent;
        }

        // Enough for the next callback, and 10 ms for this thread to wake up.
        let enough = status.period().clamp(ten_ms, 10 * ten_ms) + ten_ms;
        loop {
            let waiting = ring.buffer().capacity() - ring.slots();
            if waiting >= enough {
                break;
            }
            if let Some(processing) = &playout.processing {
                let queued = Duration::from_micros(waiting as u64 * 1_000_000 / u64::from(*rate));
                processing.set_output_delay(queued + status.delay());
            }
            for (sample, value) in samples.iter_mut().zip(playout.next()) {
                *sample = to_f32(value);
            }
            resampler.push(&samples, &mut ready);
            let (pushed, _) = ring.push_partial_slice(&ready);
            let pushed = pushed.len();
            ready.drain(..pushed);
        }
        session.wait(Duration::from_millis(100));
    }
    DeviceProblem::Failed
}
