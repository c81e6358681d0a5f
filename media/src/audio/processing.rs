//! Audio processing of the engine, shared by the threads of microphone and speaker.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use autamedica_engine::{AudioProcessingModule, AudioProcessingOptions, EngineError};
use parking_lot::Mutex;

use super::{Chunk, SAMPLE_RATE};

/// Echo cancellation, noise suppression, gain control and high-pass filter for one microphone and the speaker near it.
/// Clones share one module. Its lock is held for a tenth of a millisecond at a time and never by a callback of the
/// sound system.
#[derive(Clone, Debug)]
pub struct AudioProcessing {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    module: Mutex<Module>,
    /// Delay in µs between [`AudioProcessing::played`] and the speaker.
    output_delay_us: AtomicU32,
    /// Delay in µs between the microphone and [`AudioProcessing::captured`].
    input_delay_us: AtomicU32,
}

#[derive(Debug)]
struct Module {
    apm: AudioProcessingModule,
    delay_ms: i32,
    failures: u32,
}

impl AudioProcessing {
    /// Creates a module with all processing on.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the options.
    pub fn new() -> Result<Self, EngineError> {
        Self::with_options(AudioProcessingOptions {
            echo_cancellation: true,
            noise_suppression: true,
            auto_gain_control: true,
            high_pass_filter: true,
        })
    }

    /// Creates a module with these options.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_options(options: AudioProcessingOptions) -> Result<Self, EngineError> {
        let module = Module { apm: AudioProcessingModule::new(options)?, delay_ms: 0, failures: 0 };
        let shared = Shared { module: module.into(), output_delay_us: 0.into(), input_delay_us: 0.into() };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Sets the delay between [`played`](Self::played) and the speaker.
    pub fn set_output_delay(&self, delay: Duration) {
        self.shared.output_delay_us.store(micros(delay), Ordering::Relaxed);
    }

    /// Sets the delay between the microphone and [`captured`](Self::captured).
    pub fn set_input_delay(&self, delay: Duration) {
        self.shared.input_delay_us.store(micros(delay), Ordering::Relaxed);
    }

    /// Passes the next 10 ms of playout, in order.
    pub fn played(&self, chunk: &Chunk) {
        let mut copy = *chunk;
        let mut module = self.shared.module.lock();
        let result = module.apm.process_reverse_stream(&mut copy, SAMPLE_RATE, 1);
        module.note(result);
    }

    /// Processes 10 ms of the microphone in place. Leaves them unchanged on a failure.
    pub fn captured(&self, chunk: &mut Chunk) {
        let delay_us = [&self.shared.output_delay_us, &self.shared.input_delay_us].map(|us| us.load(Ordering::Relaxed));
        // The module's maximum is 500 ms.
        let delay_ms = ((delay_us[0] + delay_us[1]) / 1000).min(500) as i32;
        let mut module = self.shared.module.lock();
        if module.delay_ms != delay_ms {
            module.delay_ms = delay_ms;
            let result = module.apm.set_stream_delay_ms(delay_ms);
            module.note(result);
        }
        let result = module.apm.process_stream(chunk, SAMPLE_RATE, 1);
        module.note(result);
    }

    /// Returns the module's current delay in milliseconds.
    pub fn delay_ms(&self) -> i32 {
        self.shared.module.lock().delay_ms
    }
}

fn micros(delay: Duration) -> u32 {
    u32::try_from(delay.as_micros()).unwrap_or(u32::MAX / 2).min(u32::MAX / 2)
}

impl Module {
    /// Logs the first failure only, because the call continues without processing.
    fn note<E: std::fmt::Display>(&mut self, result: Result<(), E>) {
        if let Err(error) = result {
            self.failures += 1;
            if self.failures == 1 {
                tracing::warn!(%error, "audio processing failed");
            }
        }
    }
}
