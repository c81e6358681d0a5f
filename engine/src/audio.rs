//! Audio: sources that send and streams that receive.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;
use tokio::sync::Notify;

use crate::dispatch::{AudioSink, EndListener, Engine, take};
use crate::error::{CaptureError, EngineError, StreamError};
use crate::ffi::{Handle, address};
use crate::proto;
use crate::track::{Gate, RemoteAudioTrack};

/// Frame of interleaved 16-bit samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFrame<'a> {
    /// `samples_per_channel * num_channels` interleaved samples.
    pub data: Cow<'a, [i16]>,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Number of channels.
    pub num_channels: u32,
    /// Samples per channel.
    pub samples_per_channel: u32,
}

impl AudioFrame<'_> {
    /// Copies the samples if they are borrowed.
    pub fn into_owned(self) -> AudioFrame<'static> {
        AudioFrame { data: Cow::Owned(self.data.into_owned()), ..self }
    }
}

/// Source of a [`LocalAudioTrack`](crate::LocalAudioTrack). Clones share one source.
#[derive(Clone)]
pub struct NativeAudioSource {
    shared: Arc<SourceShared>,
}

struct SourceShared {
    handle: Handle,
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
        let request = proto::NewAudioSourceRequest {
            r#type: proto::AudioSourceType::AudioSourceNative.into(),
            // Ignored for native sources; callers use the `AudioProcessingModule`.
            options: None,
            sample_rate: Some(sample_rate),
            num_channels: Some(num_channels),
            queue_size_ms: Some(queue_size_ms),
            platform_audio_handle: None,
        };
        let response = Engine::get()?.request("NewAudioSource", Request::NewAudioSource(request))?;
        let response = take!(response, Response::NewAudioSource)?;
        let handle = Handle::new(response.source.handle);
        let in_flight = AtomicUsize::new(0);
        Ok(Self { shared: Arc::new(SourceShared { handle, sample_rate, num_channels, queue_size_ms, in_flight }) })
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
        let request = proto::ClearAudioBufferRequest { source_handle: self.shared.handle.id() };
        Engine::get()?.request("ClearAudioBuffer", Request::ClearAudioBuffer(request)).map(drop)
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
        // Copied, because the engine reads the samples until it answers.
        let samples: Box<[i16]> = samples.into();
        let data_ptr = address(samples.as_ptr());
        let shared = self.shared.clone();
        let source_handle = shared.handle.id();
        self.shared.in_flight.fetch_add(per_channel, Ordering::AcqRel);
        let build = |async_id| {
            Request::CaptureAudioFrame(proto::CaptureAudioFrameRequest {
                source_handle,
                buffer: proto::AudioFrameBufferInfo {
                    data_ptr,
                    num_channels,
                    sample_rate,
                    samples_per_channel: per_channel as u32,
                },
                request_async_id: Some(async_id),
            })
        };
        let then = move |message| {
            shared.in_flight.fetch_sub(per_channel, Ordering::AcqRel);
            done(match take!(message, Event::CaptureAudioFrame) {
                Ok(callback) => callback.error.map_or(Ok(()), |error| Err(CaptureError::Rejected(error))),
                Err(error) => Err(error.into()),
            });
        };
        Engine::get()?.start_with_buffer("CaptureAudioFrame", Some(samples), build, then).inspect_err(|_| {
            self.shared.in_flight.fetch_sub(per_channel, Ordering::AcqRel);
        })?;
        Ok(())
    }

    pub(crate) fn handle_id(&self) -> u64 {
        self.shared.handle.id()
    }
}

impl fmt::Debug for NativeAudioSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NativeAudioSource({} Hz, {} channels)", self.sample_rate(), self.num_channels())
    }
}

/// Stream of a remote audio track in frames of 10 ms. Dropping it closes the stream.
///
/// The first half second of an encrypted track is dropped: before the engine decrypts, it is full-scale noise.
pub struct AudioStream {
    handle: Handle,
    sink: Arc<Sink>,
    queue: Option<Arc<FrameQueue>>,
}

type OnFrame = Box<dyn FnMut(AudioFrame<'_>) + Send>;

struct Sink {
    gate: Arc<Gate>,
    on_frame: Mutex<OnFrame>,
    /// Woken at the end of the track.
    queue: Option<Arc<FrameQueue>>,
    ended: AtomicBool,
    count: AtomicU64,
}

/// Bounded queue of frames that drops the oldest when full.
struct FrameQueue {
    frames: Mutex<VecDeque<AudioFrame<'static>>>,
    arrived: Notify,
}

impl AudioStream {
    /// Capacity of the queue of a stream without a callback: 200 ms.
    const QUEUE_FRAMES: usize = 20;

    /// Opens a stream in this format, to be read with [`next`](Self::next).
    ///
    /// At most 200 ms are queued; beyond that the oldest frame is dropped.
    ///
    /// # Errors
    /// [`StreamError::Encrypted`] when the track is encrypted and encryption is off, [`StreamError::Format`] for an
    /// unsupported format, [`StreamError::Engine`].
    pub fn new(track: &RemoteAudioTrack, sample_rate: u32, num_channels: u32) -> Result<Self, StreamError> {
        let queue = Arc::new(FrameQueue { frames: Mutex::default(), arrived: Notify::new() });
        let filling = queue.clone();
        let on_frame = move |frame: AudioFrame<'_>| {
            let mut frames = filling.frames.lock();
            if frames.len() == Self::QUEUE_FRAMES {
                frames.pop_front();
            }
            frames.push_back(frame.into_owned());
            drop(frames);
            filling.arrived.notify_one();
        };
        Self::open(track, sample_rate, num_channels, Box::new(on_frame), Some(queue))
    }

    /// Opens a stream in this format. `on_frame` is called with each frame on a thread of the engine and must return at
    /// once.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_callback(
        track: &RemoteAudioTrack,
        sample_rate: u32,
        num_channels: u32,
        on_frame: impl FnMut(AudioFrame<'_>) + Send + 'static,
    ) -> Result<Self, StreamError> {
        Self::open(track, sample_rate, num_channels, Box::new(on_frame), None)
    }

    fn open(
        track: &RemoteAudioTrack,
        sample_rate: u32,
        num_channels: u32,
        on_frame: OnFrame,
        queue: Option<Arc<FrameQueue>>,
    ) -> Result<Self, StreamError> {
        // 10 ms must be a whole number of samples; WebRTC converts to one or two channels only.
        if !(8_000..=192_000).contains(&sample_rate)
            || !sample_rate.is_multiple_of(100)
            || !(1..=2).contains(&num_channels)
        {
            return Err(StreamError::Format { sample_rate, num_channels });
        }
        if track.core.gate.is_undecryptable() {
            return Err(StreamError::Encrypted);
        }
        let engine = Engine::get()?;
        let request = proto::NewAudioStreamRequest {
            track_handle: track.core.handle.id(),
            r#type: proto::AudioStreamType::AudioStreamNative.into(),
            sample_rate: Some(sample_rate),
            num_channels: Some(num_channels),
            frame_size_ms: Some(10),
            queue_size_frames: Some(Self::QUEUE_FRAMES as u32),
            ..Default::default()
        };
        let response = engine.request("NewAudioStream", Request::NewAudioStream(request))?;
        let response = take!(response, Response::NewAudioStream)?;
        let handle = Handle::new(response.stream.handle);
        let sink = Arc::new(Sink {
            gate: track.core.gate.clone(),
            on_frame: Mutex::new(on_frame),
            queue: queue.clone(),
            ended: AtomicBool::new(false),
            count: AtomicU64::new(0),
        });
        engine.add_audio(handle.id(), sink.clone());
        let listener: Arc<dyn EndListener> = sink.clone();
        track.core.gate.on_end(Arc::downgrade(&listener));
        Ok(Self { handle, sink, queue })
    }

    /// Waits for the next frame. Returns `None` at the end of the track, or if the stream has a callback.
    pub async fn next(&mut self) -> Option<AudioFrame<'static>> {
        let queue = self.queue.as_ref()?;
        loop {
            if let Some(frame) = queue.frames.lock().pop_front() {
                return Some(frame);
            }
            if self.is_ended() {
                return None;
            }
            queue.arrived.notified().await;
        }
    }

    /// Returns the next frame if one is queued.
    pub fn try_next(&mut self) -> Option<AudioFrame<'static>> {
        self.queue.as_ref()?.frames.lock().pop_front()
    }

    /// Returns `true` after the end of the track: no frame follows.
    pub fn is_ended(&self) -> bool {
        self.sink.ended.load(Ordering::Acquire)
    }

    /// Number of frames received so far.
    pub fn count(&self) -> u64 {
        self.sink.count.load(Ordering::Relaxed)
    }
}

impl Drop for AudioStream {
    fn drop(&mut self) {
        if let Ok(engine) = Engine::get() {
            engine.remove_audio(self.handle.id());
        }
    }
}

impl fmt::Debug for AudioStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioStream({} frames, ended: {})", self.count(), self.is_ended())
    }
}

impl AudioSink for Sink {
    fn frame(&self, received: proto::AudioFrameReceived) {
        let _owner = Handle::new(received.frame.handle);
        let info = received.frame.info;
        let samples = info.samples_per_channel as usize * info.num_channels as usize;
        let data = info.data_ptr as usize as *const i16;
        if self.gate.may_play_ciphertext() || data.is_null() || !data.is_aligned() || samples > 192_000 {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the engine keeps `samples` samples there until the handle above is dropped.
        let data = unsafe { std::slice::from_raw_parts(data, samples) };
        (self.on_frame.lock())(AudioFrame {
            data: Cow::Borrowed(data),
            sample_rate: info.sample_rate,
            num_channels: info.num_channels,
            samples_per_channel: info.samples_per_channel,
        });
    }
}

impl EndListener for Sink {
    fn ended(&self) {
        self.ended.store(true, Ordering::Release);
        if let Some(queue) = &self.queue {
            queue.arrived.notify_one();
        }
    }
}
