//! Sound into the engine, and out of it.

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

use crate::dispatch::{AudioSink, Ends, Engine, take};
use crate::error::{CaptureError, EngineError, StreamError};
use crate::ffi::{Handle, address};
use crate::proto;
use crate::track::{Gate, RemoteAudioTrack};

/// Sound: interleaved 16-bit samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AudioFrame<'a> {
    /// `samples_per_channel * num_channels` samples, the channels of each moment side by side.
    pub data: Cow<'a, [i16]>,
    /// Samples a second and channel.
    pub sample_rate: u32,
    /// Channels.
    pub num_channels: u32,
    /// Samples of each channel.
    pub samples_per_channel: u32,
}

impl AudioFrame<'_> {
    /// The same frame with samples of its own.
    pub fn into_owned(self) -> AudioFrame<'static> {
        AudioFrame { data: Cow::Owned(self.data.into_owned()), ..self }
    }
}

/// Takes the sound of a [`LocalAudioTrack`](crate::LocalAudioTrack). Clones are the same source.
#[derive(Clone)]
pub struct NativeAudioSource {
    shared: Arc<SourceShared>,
}

struct SourceShared {
    handle: Handle,
    sample_rate: u32,
    num_channels: u32,
    queue_size_ms: u32,
    /// Samples of each channel that the engine has been given and has not confirmed yet.
    in_flight: AtomicUsize,
}

impl NativeAudioSource {
    /// A source of sound.
    ///
    /// `queue_size_ms`, a multiple of ten, is how much the engine keeps when frames come faster than they are sent. With
    /// zero there is no queue, no delay, and each frame must be exactly 10 ms.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn new(sample_rate: u32, num_channels: u32, queue_size_ms: u32) -> Result<Self, EngineError> {
        let request = proto::NewAudioSourceRequest {
            r#type: proto::AudioSourceType::AudioSourceNative.into(),
            // Ignored for native sources; the `AudioProcessingModule` is there for it.
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

    /// Samples a second and channel.
    pub fn sample_rate(&self) -> u32 {
        self.shared.sample_rate
    }

    /// Channels.
    pub fn num_channels(&self) -> u32 {
        self.shared.num_channels
    }

    /// How much the engine keeps, in milliseconds.
    pub fn queue_size_ms(&self) -> u32 {
        self.shared.queue_size_ms
    }

    /// Sends interleaved samples and waits until the engine has room for them: paces a source that has no clock.
    ///
    /// # Errors
    /// [`CaptureError::Length`] when they are not whole frames, or not 10 ms where there is no queue.
    pub async fn capture_frame(&self, samples: &[i16]) -> Result<(), CaptureError> {
        let (done, waiting) = tokio::sync::oneshot::channel();
        self.send(samples, move |outcome| drop(done.send(outcome)))?;
        waiting.await.map_err(|_| EngineError::ShutDown)?
    }

    /// Sends interleaved samples without waiting, for a thread that must not: a frame that finds no room is dropped.
    ///
    /// # Errors
    /// [`CaptureError::Length`] as [`capture_frame`](Self::capture_frame), [`CaptureError::QueueFull`] when dropped.
    pub fn try_capture_frame(&self, samples: &[i16]) -> Result<(), CaptureError> {
        // As much again as the queue waits inside the engine at the most, and never less than 50 ms.
        let limit_ms = (2 * self.shared.queue_size_ms).max(50) as usize;
        let limit = limit_ms * self.shared.sample_rate as usize / 1000;
        if self.shared.in_flight.load(Ordering::Acquire) > limit {
            return Err(CaptureError::QueueFull);
        }
        self.send(samples, |outcome| {
            if let Err(error) = outcome {
                tracing::debug!(%error, "an audio frame was not taken");
            }
        })
    }

    /// Throws away what the engine has not sent yet.
    ///
    /// # Errors
    /// When the engine cannot.
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
        let wrong = || CaptureError::Length { samples: samples.len(), num_channels };
        let per_channel = samples.len().checked_div(num_channels as usize).ok_or_else(wrong)?;
        let whole = per_channel > 0 && per_channel * num_channels as usize == samples.len();
        if !whole || (queue_size_ms == 0 && per_channel != sample_rate as usize / 100) {
            return Err(wrong());
        }
        // The engine reads the samples until it answers, so they are lent to it.
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
        Engine::get()?.start_lending("CaptureAudioFrame", Some(samples), build, then).inspect_err(|_| {
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

/// A remote sound, in frames of 10 ms, until this is dropped.
///
/// An encrypted track's first half second is left out: until the engine decrypts, it would be full-scale noise.
pub struct AudioStream {
    handle: Handle,
    sink: Arc<Sink>,
    queue: Option<Arc<FrameQueue>>,
}

type OnFrame = Box<dyn FnMut(AudioFrame<'_>) + Send>;

struct Sink {
    gate: Arc<Gate>,
    on_frame: Mutex<OnFrame>,
    /// Told when the track has ended.
    queue: Option<Arc<FrameQueue>>,
    ended: AtomicBool,
    count: AtomicU64,
}

/// The newest frames, of which the oldest goes when there are too many.
struct FrameQueue {
    frames: Mutex<VecDeque<AudioFrame<'static>>>,
    arrived: Notify,
}

impl AudioStream {
    /// Frames that wait in a stream without a callback: 200 ms.
    const QUEUE_FRAMES: usize = 20;

    /// Receives the track's sound, converted to this format, for [`next`](Self::next) to take.
    ///
    /// No more than 200 ms wait to be taken; after that the oldest is dropped.
    ///
    /// # Errors
    /// [`StreamError::Encrypted`] when the track is encrypted and encryption is off, [`StreamError::Format`] when there
    /// is no such format.
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

    /// Receives the track's sound, converted to this format, and calls `on_frame` with each 10 ms of it, on a thread of
    /// the engine; it must return at once.
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
        // 10 ms must be a whole number of samples; WebRTC mixes down to one or two channels.
        if !(8_000..=192_000).contains(&sample_rate)
            || !sample_rate.is_multiple_of(100)
            || !(1..=2).contains(&num_channels)
        {
            return Err(StreamError::Format { sample_rate, num_channels });
        }
        if track.core.gate.is_unreadable() {
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
        let ends: Arc<dyn Ends> = sink.clone();
        track.core.gate.on_end(Arc::downgrade(&ends));
        Ok(Self { handle, sink, queue })
    }

    /// The next frame of a stream without a callback; `None` when the track has ended, or when there is a callback.
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

    /// [`next`](Self::next), if there is one already.
    pub fn try_next(&mut self) -> Option<AudioFrame<'static>> {
        self.queue.as_ref()?.frames.lock().pop_front()
    }

    /// Whether the track has ended: no sound will come any more.
    pub fn is_ended(&self) -> bool {
        self.sink.ended.load(Ordering::Acquire)
    }

    /// Frames of 10 ms that have come so far.
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
        write!(f, "AudioStream({} so far, ended: {})", self.count(), self.is_ended())
    }
}

impl AudioSink for Sink {
    fn frame(&self, received: proto::AudioFrameReceived) {
        let _owner = Handle::new(received.frame.handle);
        let info = received.frame.info;
        let samples = info.samples_per_channel as usize * info.num_channels as usize;
        let data = info.data_ptr as usize as *const i16;
        // Ciphertext would be full-scale noise.
        if self.gate.may_be_noise() || data.is_null() || !data.is_aligned() || samples > 192_000 {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the engine said that so many samples are there; they stay until the handle above is dropped.
        let data = unsafe { std::slice::from_raw_parts(data, samples) };
        (self.on_frame.lock())(AudioFrame {
            data: Cow::Borrowed(data),
            sample_rate: info.sample_rate,
            num_channels: info.num_channels,
            samples_per_channel: info.samples_per_channel,
        });
    }
}

impl Ends for Sink {
    fn ended(&self) {
        self.ended.store(true, Ordering::Release);
        if let Some(queue) = &self.queue {
            queue.arrived.notify_one();
        }
    }
}
