//! Received frames: their memory is the engine's, which is released with the frame.

use std::borrow::Cow;

use proto::video_buffer_info::ComponentInfo;

use crate::delivery::{AudioSink, VideoSink};
use crate::frame::{AudioFrame, I420Memory, Plane, VideoFrame};
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;

/// Limit on the width and height of received frames, which is that of WebRTC's codecs.
const MAX_SIDE: u32 = 16_384;
/// Limit on the samples of a received frame, all channels together.
const MAX_SAMPLES: usize = 192_000;

pub(super) fn deliver_video(received: proto::VideoFrameReceived, sink: &dyn VideoSink) {
    let rotation = received.rotation().into();
    let handle = Handle::new(received.buffer.handle);
    let info = received.buffer.info;
    let memory = EngineMemory::new(handle, &info);
    sink.frame(memory.map(|memory| {
        VideoFrame::from_memory(info.width, info.height, received.timestamp_us, rotation, Box::new(memory))
    }));
}

pub(super) fn deliver_audio(received: proto::AudioFrameReceived, sink: &dyn AudioSink) {
    let _owner = Handle::new(received.frame.handle);
    let info = received.frame.info;
    let samples = info.samples_per_channel as usize * info.num_channels as usize;
    let data = info.data_ptr as usize as *const i16;
    if data.is_null() || !data.is_aligned() || samples > MAX_SAMPLES {
        return;
    }
    // SAFETY: the engine keeps `samples` samples there until the handle above is dropped.
    let data = unsafe { std::slice::from_raw_parts(data, samples) };
    sink.frame(AudioFrame {
        data: Cow::Borrowed(data),
        sample_rate: info.sample_rate,
        num_channels: info.num_channels,
        samples_per_channel: info.samples_per_channel,
    });
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
    use crate::prebuilt::ffi::address;

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
