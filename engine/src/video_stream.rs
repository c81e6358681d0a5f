//! Stream of a remote video track.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::backend;
use crate::delivery::{EndListener, VideoSink};
use crate::error::StreamError;
use crate::frame::{LatestFrame, VideoFrame};
use crate::track::{Gate, RemoteVideoTrack};

/// Stream of a remote video track, which puts the newest frame into a [`LatestFrame`]. Dropping it closes the stream.
///
/// Frames are replaced, never queued. Their planes are the engine's memory, which is released with the [`VideoFrame`].
pub struct VideoStream {
    /// Open until it is dropped.
    _object: backend::VideoStream,
    sink: Arc<Sink>,
}

struct Sink {
    frames: LatestFrame,
    gate: Arc<Gate>,
    ended: AtomicBool,
    damaged: AtomicU64,
}

impl VideoStream {
    /// Opens a stream with a new slot.
    ///
    /// # Errors
    /// [`StreamError::Encrypted`] when the track is encrypted and encryption is off, [`StreamError::Engine`].
    pub fn new(track: &RemoteVideoTrack) -> Result<Self, StreamError> {
        Self::into_slot(track, LatestFrame::new())
    }

    /// Opens a stream with an existing slot.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn into_slot(track: &RemoteVideoTrack, frames: LatestFrame) -> Result<Self, StreamError> {
        if track.core.gate.is_undecryptable() {
            return Err(StreamError::Encrypted);
        }
        let sink =
            Sink { frames, gate: track.core.gate.clone(), ended: AtomicBool::new(false), damaged: AtomicU64::new(0) };
        let sink = Arc::new(sink);
        let object = backend::VideoStream::open(&track.core.object, sink.clone())?;
        let listener: Arc<dyn EndListener> = sink.clone();
        track.core.gate.on_end(Arc::downgrade(&listener));
        Ok(Self { _object: object, sink })
    }

    /// Slot with the newest frame.
    pub fn frames(&self) -> &LatestFrame {
        &self.sink.frames
    }

    /// Returns `true` after the end of the track: no frame follows. The slot's hook is called at the end.
    pub fn is_ended(&self) -> bool {
        self.sink.ended.load(Ordering::Acquire)
    }

    /// Number of dropped frames whose planes were too small for their size.
    pub fn damaged_frames(&self) -> u64 {
        self.sink.damaged.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for VideoStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VideoStream({:?}, ended: {})", self.sink.frames, self.is_ended())
    }
}

impl VideoSink for Sink {
    fn frame(&self, frame: Option<VideoFrame>) {
        if self.gate.is_undecryptable() || self.gate.may_reference_ciphertext() {
            return;
        }
        match frame {
            Some(frame) => self.frames.put(Arc::new(frame)),
            None => {
                self.damaged.fetch_add(1, Ordering::Relaxed);
                tracing::warn!("damaged frame dropped");
            }
        }
    }
}

impl EndListener for Sink {
    fn ended(&self) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.frames.wake();
        }
    }
}
