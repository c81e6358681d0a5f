//! Source of a local video track.

use std::fmt;
use std::sync::Arc;

use crate::backend;
use crate::error::{CaptureError, EngineError};
use crate::frame::VideoFrame;
use crate::types::VideoResolution;

/// Source of a [`LocalVideoTrack`](crate::LocalVideoTrack). Clones share one source.
#[derive(Clone)]
pub struct NativeVideoSource {
    object: Arc<backend::VideoSource>,
    resolution: VideoResolution,
    is_screencast: bool,
}

impl NativeVideoSource {
    /// Creates a source with an initial resolution; captured frames may have another.
    ///
    /// `is_screencast` keeps text sharp at the cost of the frame rate.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn new(resolution: VideoResolution, is_screencast: bool) -> Result<Self, EngineError> {
        let object = backend::VideoSource::new(resolution, is_screencast)?;
        Ok(Self { object: Arc::new(object), resolution, is_screencast })
    }

    /// Sends a frame that was captured at `timestamp_us` (microseconds of any monotonic clock).
    ///
    /// The engine copies the frame, which blocks for 0.7 to 2.5 ms: not to be called on the UI thread.
    ///
    /// # Errors
    /// [`CaptureError::Engine`] when the engine is not running or refuses the frame.
    pub fn capture_frame(&self, frame: &VideoFrame, timestamp_us: i64) -> Result<(), CaptureError> {
        Ok(self.object.capture(frame, timestamp_us)?)
    }

    pub(crate) fn object(&self) -> &backend::VideoSource {
        &self.object
    }

    /// Initial resolution.
    pub fn video_resolution(&self) -> VideoResolution {
        self.resolution
    }

    /// Returns `true` for a source of screen content.
    pub fn is_screencast(&self) -> bool {
        self.is_screencast
    }
}

impl fmt::Debug for NativeVideoSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let VideoResolution { width, height } = self.resolution;
        write!(f, "NativeVideoSource({width}x{height})")
    }
}
