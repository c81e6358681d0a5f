//! Streams of received audio and video.

use std::sync::Arc;

use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;

use crate::delivery::{AudioSink, VideoSink};
use crate::error::EngineError;
use crate::prebuilt::dispatch::{Engine, take};
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;
use crate::prebuilt::track::Track;

/// An open audio stream. Dropping it closes the stream.
pub(crate) struct AudioStream(Handle);

impl AudioStream {
    /// Opens a stream of frames of 10 ms, of which the engine queues at most `queue_frames`.
    pub(crate) fn open(
        track: &Track,
        sample_rate: u32,
        num_channels: u32,
        queue_frames: usize,
        sink: Arc<dyn AudioSink>,
    ) -> Result<Self, EngineError> {
        let engine = Engine::get()?;
        let request = proto::NewAudioStreamRequest {
            track_handle: track.id(),
            r#type: proto::AudioStreamType::AudioStreamNative.into(),
            sample_rate: Some(sample_rate),
            num_channels: Some(num_channels),
            frame_size_ms: Some(10),
            queue_size_frames: Some(queue_frames as u32),
            ..Default::default()
        };
        let response = engine.request("NewAudioStream", Request::NewAudioStream(request))?;
        let response = take!(response, Response::NewAudioStream)?;
        let handle = Handle::new(response.stream.handle);
        engine.add_audio(handle.id(), sink);
        Ok(Self(handle))
    }
}

impl Drop for AudioStream {
    fn drop(&mut self) {
        if let Ok(engine) = Engine::get() {
            engine.remove_audio(self.0.id());
        }
    }
}

/// An open video stream. Dropping it closes the stream.
pub(crate) struct VideoStream(Handle);

impl VideoStream {
    /// Opens a stream, of which the engine queues one frame.
    pub(crate) fn open(track: &Track, sink: Arc<dyn VideoSink>) -> Result<Self, EngineError> {
        let engine = Engine::get()?;
        let request = proto::NewVideoStreamRequest {
            track_handle: track.id(),
            r#type: proto::VideoStreamType::VideoStreamNative.into(),
            format: Some(proto::VideoBufferType::I420.into()),
            normalize_stride: Some(false),
            queue_size_frames: Some(1),
        };
        let response = engine.request("NewVideoStream", Request::NewVideoStream(request))?;
        let response = take!(response, Response::NewVideoStream)?;
        let handle = Handle::new(response.stream.handle);
        engine.add_video(handle.id(), sink);
        Ok(Self(handle))
    }
}

impl Drop for VideoStream {
    fn drop(&mut self) {
        if let Ok(engine) = Engine::get() {
            engine.remove_video(self.0.id());
        }
    }
}
