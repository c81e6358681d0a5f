//! Video: sources that send and streams that receive.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;
use proto::video_buffer_info::ComponentInfo;

use crate::dispatch::{EndListener, Engine, VideoSink, take};
use crate::error::{CaptureError, EngineError, StreamError};
use crate::ffi::{Handle, address};
use crate::frame::{I420Memory, LatestFrame, Plane, VideoFrame, VideoRotation};
use crate::proto;
use crate::track::{Gate, RemoteVideoTrack};

/// Limit on the width and height of received frames, which is that of WebRTC's codecs.
const MAX_SIDE: u32 = 16_384;

/// The size of a video in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoResolution {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// Source of a [`LocalVideoTrack`](crate::LocalVideoTrack). Clones share one source.
#[derive(Clone)]
pub struct NativeVideoSource {
    pub(crate) handle: Arc<Handle>,
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
        let request = proto::NewVideoSourceRequest {
            r#type: proto::VideoSourceType::VideoSourceNative.into(),
            resolution: proto::VideoSourceResolution { width: resolution.width, height: resolution.height },
            is_screencast: Some(is_screencast),
        };
        let response = Engine::get()?.request("NewVideoSource", Request::NewVideoSource(request))?;
        let response = take!(response, Response::NewVideoSource)?;
        Ok(Self { handle: Arc::new(Handle::new(response.source.handle)), resolution, is_screencast })
    }

    /// Sends a frame that was captured at `timestamp_us` (microseconds of any monotonic clock).
    ///
    /// The engine copies the frame, which blocks for 0.7 to 2.5 ms: not to be called on the UI thread.
    ///
    /// # Errors
    /// [`CaptureError::Engine`] when the engine is not running or refuses the frame.
    pub fn capture_frame(&self, frame: &VideoFrame, timestamp_us: i64) -> Result<(), CaptureError> {
        // The engine reads the full stride of the last row, too, which received frames may lack.
        let packed;
        let frame = if frame.has_whole_strides() {
            frame
        } else {
            packed = frame.to_packed();
            &packed
        };
        let rows = [frame.height(), frame.height().div_ceil(2), frame.height().div_ceil(2)];
        let planes = frame.planes();
        let components = planes.iter().zip(rows).map(|(plane, rows)| ComponentInfo {
            data_ptr: address(plane.data.as_ptr()),
            stride: plane.stride as u32,
            size: (plane.stride * rows as usize) as u32,
        });
        let rotation = match frame.rotation {
            VideoRotation::Rotation0 => proto::VideoRotation::VideoRotation0,
            VideoRotation::Rotation90 => proto::VideoRotation::VideoRotation90,
            VideoRotation::Rotation180 => proto::VideoRotation::VideoRotation180,
            VideoRotation::Rotation270 => proto::VideoRotation::VideoRotation270,
        };
        let request = proto::CaptureVideoFrameRequest {
            source_handle: self.handle.id(),
            buffer: proto::VideoBufferInfo {
                r#type: proto::VideoBufferType::I420.into(),
                width: frame.width(),
                height: frame.height(),
                data_ptr: address(planes[0].data.as_ptr()),
                stride: Some(planes[0].stride as u32),
                components: components.collect(),
            },
            timestamp_us,
            rotation: rotation.into(),
            metadata: None,
        };
        Engine::get()?.request("CaptureVideoFrame", Request::CaptureVideoFrame(request))?;
        Ok(())
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

/// Stream of a remote video track, which puts the newest frame into a [`LatestFrame`]. Dropping it closes the stream.
///
/// Frames are replaced, never queued. Their planes are the engine's memory, which is released with the [`VideoFrame`].
pub struct VideoStream {
    handle: Handle,
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
        let engine = Engine::get()?;
        let request = proto::NewVideoStreamRequest {
            track_handle: track.core.handle.id(),
            r#type: proto::VideoStreamType::VideoStreamNative.into(),
            format: Some(proto::VideoBufferType::I420.into()),
            normalize_stride: Some(false),
            queue_size_frames: Some(1),
        };
        let response = engine.request("NewVideoStream", Request::NewVideoStream(request))?;
        let response = take!(response, Response::NewVideoStream)?;
        let handle = Handle::new(response.stream.handle);
        let sink =
            Sink { frames, gate: track.core.gate.clone(), ended: AtomicBool::new(false), damaged: AtomicU64::new(0) };
        let sink = Arc::new(sink);
        engine.add_video(handle.id(), sink.clone());
        let listener: Arc<dyn EndListener> = sink.clone();
        track.core.gate.on_end(Arc::downgrade(&listener));
        Ok(Self { handle, sink })
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

impl Drop for VideoStream {
    fn drop(&mut self) {
        if let Ok(engine) = Engine::get() {
            engine.remove_video(self.handle.id());
        }
    }
}

impl fmt::Debug for VideoStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VideoStream({:?}, ended: {})", self.sink.frames, self.is_ended())
    }
}

impl VideoSink for Sink {
    fn frame(&self, received: proto::VideoFrameReceived) {
        let rotation = match received.rotation() {
            proto::VideoRotation::VideoRotation0 => VideoRotation::Rotation0,
            proto::VideoRotation::VideoRotation90 => VideoRotation::Rotation90,
            proto::VideoRotation::VideoRotation180 => VideoRotation::Rotation180,
            proto::VideoRotation::VideoRotation270 => VideoRotation::Rotation270,
        };
        let handle = Handle::new(received.buffer.handle);
        let info = received.buffer.info;
        if self.gate.is_undecryptable() || self.gate.may_reference_ciphertext() {
            return;
        }
        let Some(memory) = EngineMemory::new(handle, &info) else {
            self.damaged.fetch_add(1, Ordering::Relaxed);
            return tracing::warn!(width = info.width, height = info.height, "damaged frame dropped");
        };
        let (width, height) = (info.width, info.height);
        let frame = VideoFrame::from_memory(width, height, received.timestamp_us, rotation, Box::new(memory));
        self.frames.put(Arc::new(frame));
    }
}

impl EndListener for Sink {
    fn ended(&self) {
        if !self.ended.swap(true, Ordering::AcqRel) {
            self.frames.wake();
        }
    }
}

/// Planes in the engine's memory, which is released with the handle.
struct EngineMemory {
    planes: [EnginePlane; 3],
    _handle: Handle,
}

struct EnginePlane {
    data: *const u8,
    len: usize,
    stride: usize,
}

// SAFETY: the engine never writes to a delivered buffer, and any thread may drop its handle.
unsafe impl Send for EngineMemory {}
// SAFETY: the planes are only read, and the engine never writes to a delivered buffer.
unsafe impl Sync for EngineMemory {}

impl EngineMemory {
    /// Returns `None` if the planes are too small for the size, or not I420.
    fn new(handle: Handle, info: &proto::VideoBufferInfo) -> Option<Self> {
        let sizes_fit = (1..=MAX_SIDE).contains(&info.width) && (1..=MAX_SIDE).contains(&info.height);
        let i420 = info.r#type() == proto::VideoBufferType::I420;
        let components: &[ComponentInfo; 3] = info.components.as_slice().try_into().ok()?;
        if !sizes_fit || !i420 {
            return None;
        }
        let chroma = (info.width.div_ceil(2), info.height.div_ceil(2));
        let [y, u, v] = components;
        let planes = [
            EnginePlane::new(y, info.width, info.height)?,
            EnginePlane::new(u, chroma.0, chroma.1)?,
            EnginePlane::new(v, chroma.0, chroma.1)?,
        ];
        Some(Self { planes, _handle: handle })
    }
}

impl EnginePlane {
    fn new(component: &ComponentInfo, width: u32, rows: u32) -> Option<Self> {
        let stride = component.stride as usize;
        let len = stride.checked_mul(rows as usize - 1)?.checked_add(width as usize)?;
        let data = component.data_ptr as usize as *const u8;
        let fits = !data.is_null() && stride >= width as usize && component.size as usize >= len;
        fits.then_some(Self { data, len, stride })
    }
}

impl I420Memory for EngineMemory {
    fn planes(&self) -> [Plane<'_>; 3] {
        self.planes.each_ref().map(|plane| Plane {
            // SAFETY: `new` checked that the pointer is not null and that the engine's buffer holds `len` bytes; they stay
            // valid until the handle is dropped with `self`.
            data: unsafe { std::slice::from_raw_parts(plane.data, plane.len) },
            stride: plane.stride,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(bytes: &[u8], stride: u32) -> ComponentInfo {
        ComponentInfo { data_ptr: address(bytes.as_ptr()), stride, size: bytes.len() as u32 }
    }

    #[test]
    fn planes_too_small_for_their_size_are_rejected() {
        let bytes = [7; 64];
        // Three rows of five in strides of sixteen end at 2 * 16 + 5.
        assert_eq!(EnginePlane::new(&component(&bytes, 16), 5, 3).map(|plane| plane.len), Some(37));
        assert!(EnginePlane::new(&component(&bytes[..36], 16), 5, 3).is_none(), "one byte short");
        assert!(EnginePlane::new(&component(&bytes, 4), 5, 3).is_none(), "rows overlap");
        let null = ComponentInfo { data_ptr: 0, stride: 16, size: 64 };
        assert!(EnginePlane::new(&null, 5, 3).is_none());
    }
}
