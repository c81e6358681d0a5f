//! Stream of a remote audio track.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::backend;
use crate::delivery::{AudioSink, EndListener};
use crate::error::StreamError;
use crate::frame::AudioFrame;
use crate::track::{Gate, RemoteAudioTrack};

/// Stream of a remote audio track in frames of 10 ms. Dropping it closes the stream.
///
/// The first half second of an encrypted track is dropped: before the engine decrypts, it is full-scale noise.
pub struct AudioStream {
    /// Open until it is dropped.
    _object: backend::AudioStream,
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
        let sink = Arc::new(Sink {
            gate: track.core.gate.clone(),
            on_frame: Mutex::new(on_frame),
            queue: queue.clone(),
            ended: AtomicBool::new(false),
            count: AtomicU64::new(0),
        });
        let object = &track.core.object;
        let object = backend::AudioStream::open(object, sample_rate, num_channels, Self::QUEUE_FRAMES, sink.clone())?;
        let listener: Arc<dyn EndListener> = sink.clone();
        track.core.gate.on_end(Arc::downgrade(&listener));
        Ok(Self { _object: object, sink, queue })
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

impl fmt::Debug for AudioStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AudioStream({} frames, ended: {})", self.count(), self.is_ended())
    }
}

impl AudioSink for Sink {
    fn frame(&self, frame: AudioFrame<'_>) {
        if self.gate.may_play_ciphertext() {
            return;
        }
        self.count.fetch_add(1, Ordering::Relaxed);
        (self.on_frame.lock())(frame);
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
