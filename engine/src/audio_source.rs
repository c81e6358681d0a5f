//! Source of a local audio track.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::backend;
use crate::error::{CaptureError, EngineError};

/// Source of a [`LocalAudioTrack`](crate::LocalAudioTrack). Clones share one source.
#[derive(Clone)]
pub struct NativeAudioSource {
    shared: Arc<SourceShared>,
}

struct SourceShared {
    object: backend::AudioSource,
    sample_rate: u32,
    num_channels: u32,
    queue_size_ms: u32,
    /// Samples per channel that the engine has not confirmed yet.
    in_flight: AtomicUsize,
}

impl NativeAudioSource {
    /// Creates a source.
    ///
    /// `queue_size_ms`, a multiple of ten, is the capacity of the engine's queue. With zero there is no queue and no
    /// delay, and each frame must be exactly 10 ms.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn new(sample_rate: u32, num_channels: u32, queue_size_ms: u32) -> Result<Self, EngineError> {
        let object = backend::AudioSource::new(sample_rate, num_channels, queue_size_ms)?;
        let in_flight = AtomicUsize::new(0);
        Ok(Self { shared: Arc::new(SourceShared { object, sample_rate, num_channels, queue_size_ms, in_flight }) })
    }

    /// Samples per second and channel.
    pub fn sample_rate(&self) -> u32 {
        self.shared.sample_rate
    }

    /// Number of channels.
    pub fn num_channels(&self) -> u32 {
        self.shared.num_channels
    }

    /// Capacity of the engine's queue in milliseconds.
    pub fn queue_size_ms(&self) -> u32 {
        self.shared.queue_size_ms
    }

    /// Sends interleaved samples and waits until the engine has queued them, which paces a caller without a clock.
    ///
    /// # Errors
    /// [`CaptureError::Length`] for an incomplete frame, or one that is not 10 ms when there is no queue;
    /// [`CaptureError::Rejected`]; [`CaptureError::Engine`].
    pub async fn capture_frame(&self, samples: &[i16]) -> Result<(), CaptureError> {
        let (done, waiting) = tokio::sync::oneshot::channel();
        self.send(samples, move |outcome| drop(done.send(outcome)))?;
        waiting.await.map_err(|_| EngineError::ShutDown)?
    }

    /// Sends interleaved samples without waiting. Drops the frame when the queue is full.
    ///
    /// # Errors
    /// [`CaptureError::QueueFull`] when the frame is dropped; else as [`capture_frame`](Self::capture_frame).
    pub fn try_capture_frame(&self, samples: &[i16]) -> Result<(), CaptureError> {
        // Unconfirmed frames beyond the engine's queue are bounded by the queue's own size, at least 50 ms in all.
        let limit_ms = (2 * self.shared.queue_size_ms).max(50) as usize;
        let limit = limit_ms * self.shared.sample_rate as usize / 1000;
        if self.shared.in_flight.load(Ordering::Acquire) > limit {
            return Err(CaptureError::QueueFull);
        }
        self.send(samples, |outcome| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "audio frame not captured");
            }
        })
    }

    /// Discards the queued samples.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn clear_buffer(&self) -> Result<(), EngineError> {
        self.shared.object.clear_buffer()
    }

    fn send(
        &self,
        samples: &[i16],
        done: impl FnOnce(Result<(), CaptureError>) + Send + 'static,
    ) -> Result<(), CaptureError> {
        let SourceShared { sample_rate, num_channels, queue_size_ms, .. } = *self.shared;
        let invalid = || CaptureError::Length { samples: samples.len(), num_channels };
        let per_channel = samples.len().checked_div(num_channels as usize).ok_or_else(invalid)?;
        let whole = per_channel > 0 && per_channel * num_channels as usize == samples.len();
        if !whole || (queue_size_ms == 0 && per_channel != sample_rate as usize / 100) {
            return Err(invalid());
        }
        let shared = self.shared.clone();
        self.shared.in_flight.fetch_add(per_channel, Ordering::AcqRel);
        let queued = move |outcome| {
            shared.in_flight.fetch_sub(per_channel, Ordering::AcqRel);
            done(outcome);
        };
        self.shared.object.capture(samples, queued).inspect_err(|_| {
            self.shared.in_flight.fetch_sub(per_channel, Ordering::AcqRel);
        })?;
        Ok(())
    }

    pub(crate) fn object(&self) -> &backend::AudioSource {
        &self.shared.object
    }
}

impl fmt::Debug for NativeAudioSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NativeAudioSource({} Hz, {} channels)", self.sample_rate(), self.num_channels())
    }
}
