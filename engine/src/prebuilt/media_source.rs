//! Sources of audio and video.

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;
use proto::video_buffer_info::ComponentInfo;

use crate::error::{CaptureError, EngineError};
use crate::frame::VideoFrame;
use crate::prebuilt::dispatch::{Engine, take};
use crate::prebuilt::ffi::address;
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;
use crate::types::VideoResolution;

/// A native audio source.
pub(crate) struct AudioSource {
    pub(super) handle: Handle,
    sample_rate: u32,
    num_channels: u32,
}

impl AudioSource {
    pub(crate) fn new(sample_rate: u32, num_channels: u32, queue_size_ms: u32) -> Result<Self, EngineError> {
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
        Ok(Self { handle: Handle::new(response.source.handle), sample_rate, num_channels })
    }

    /// Discards the queued samples.
    pub(crate) fn clear_buffer(&self) -> Result<(), EngineError> {
        let request = proto::ClearAudioBufferRequest { source_handle: self.handle.id() };
        Engine::get()?.request("ClearAudioBuffer", Request::ClearAudioBuffer(request)).map(drop)
    }

    /// Sends interleaved samples, a whole number for each channel. `done` is called on the events thread once the engine has
    /// queued them, and not at all if this fails.
    pub(crate) fn capture(
        &self,
        samples: &[i16],
        done: impl FnOnce(Result<(), CaptureError>) + Send + 'static,
    ) -> Result<(), EngineError> {
        // Copied, because the engine reads the samples until it answers.
        let samples: Box<[i16]> = samples.into();
        let buffer = proto::AudioFrameBufferInfo {
            data_ptr: address(samples.as_ptr()),
            num_channels: self.num_channels,
            sample_rate: self.sample_rate,
            samples_per_channel: samples.len() as u32 / self.num_channels,
        };
        let source_handle = self.handle.id();
        let build = |async_id| {
            Request::CaptureAudioFrame(proto::CaptureAudioFrameRequest {
                source_handle,
                buffer,
                request_async_id: Some(async_id),
            })
        };
        let then = move |message| {
            done(match take!(message, Event::CaptureAudioFrame) {
                Ok(callback) => callback.error.map_or(Ok(()), |error| Err(CaptureError::Rejected(error))),
                Err(error) => Err(error.into()),
            });
        };
        Engine::get()?.start_with_buffer("CaptureAudioFrame", Some(samples), build, then)
    }
}

/// A native video source.
pub(crate) struct VideoSource(pub(super) Handle);

impl VideoSource {
    pub(crate) fn new(resolution: VideoResolution, is_screencast: bool) -> Result<Self, EngineError> {
        let request = proto::NewVideoSourceRequest {
            r#type: proto::VideoSourceType::VideoSourceNative.into(),
            resolution: proto::VideoSourceResolution { width: resolution.width, height: resolution.height },
            is_screencast: Some(is_screencast),
        };
        let response = Engine::get()?.request("NewVideoSource", Request::NewVideoSource(request))?;
        let response = take!(response, Response::NewVideoSource)?;
        Ok(Self(Handle::new(response.source.handle)))
    }

    /// Sends a frame, which the engine copies.
    pub(crate) fn capture(&self, frame: &VideoFrame, timestamp_us: i64) -> Result<(), EngineError> {
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
        let request = proto::CaptureVideoFrameRequest {
            source_handle: self.0.id(),
            buffer: proto::VideoBufferInfo {
                r#type: proto::VideoBufferType::I420.into(),
                width: frame.width(),
                height: frame.height(),
                data_ptr: address(planes[0].data.as_ptr()),
                stride: Some(planes[0].stride as u32),
                components: components.collect(),
            },
            timestamp_us,
            rotation: proto::VideoRotation::from(frame.rotation).into(),
            metadata: None,
        };
        Engine::get()?.request("CaptureVideoFrame", Request::CaptureVideoFrame(request)).map(drop)
    }
}
