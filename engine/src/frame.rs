//! Frames of video and audio, and the slot that holds the newest video frame.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::types::VideoRotation;

/// One plane of a frame. Each row starts with its pixels; padding up to `stride` follows.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// At least `stride * (rows - 1) + width` bytes.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

/// Memory of a frame: our own, or the engine's for a received frame, which is never copied.
pub(crate) trait I420Memory: Send + Sync {
    /// The planes Y, U and V.
    fn planes(&self) -> [Plane<'_>; 3];
}

/// An I420 frame: a full-size Y plane and U and V planes of half the width and height, rounded up.
pub struct VideoFrame {
    width: u32,
    height: u32,
    /// Capture time in microseconds: by the caller's clock for a frame to send, by this machine's monotonic clock for a
    /// received one.
    pub timestamp_us: i64,
    /// Rotation that turns the frame upright.
    pub rotation: VideoRotation,
    memory: Box<dyn I420Memory>,
}

struct Packed {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

impl I420Memory for Packed {
    fn planes(&self) -> [Plane<'_>; 3] {
        let (y_len, chroma_width) = (self.width * self.height, self.width.div_ceil(2));
        let (y, chroma) = self.bytes.split_at(y_len);
        let (u, v) = chroma.split_at(chroma_width * self.height.div_ceil(2));
        [
            Plane { data: y, stride: self.width },
            Plane { data: u, stride: chroma_width },
            Plane { data: v, stride: chroma_width },
        ]
    }
}

impl VideoFrame {
    /// Length in bytes of a tightly packed I420 frame of this size.
    pub const fn packed_len(width: u32, height: u32) -> usize {
        let (w, h) = (width as usize, height as usize);
        w * h + 2 * (w.div_ceil(2) * h.div_ceil(2))
    }

    /// Creates a frame from tightly packed I420 bytes (all of Y, then U, then V).
    ///
    /// Returns `None` when `bytes` is not exactly [`packed_len`](Self::packed_len) long or a side is zero.
    pub fn from_packed(width: u32, height: u32, bytes: Vec<u8>, timestamp_us: i64) -> Option<Self> {
        if width == 0 || height == 0 || bytes.len() != Self::packed_len(width, height) {
            return None;
        }
        let memory = Packed { bytes, width: width as usize, height: height as usize };
        Some(Self { width, height, timestamp_us, rotation: VideoRotation::default(), memory: Box::new(memory) })
    }

    /// Creates a frame over existing memory, whose planes must be as large as width and height require.
    pub(crate) fn from_memory(
        width: u32,
        height: u32,
        timestamp_us: i64,
        rotation: VideoRotation,
        memory: Box<dyn I420Memory>,
    ) -> Self {
        Self { width, height, timestamp_us, rotation, memory }
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// Returns `true` if the last row of each plane is padded to the full stride, too.
    pub(crate) fn has_whole_strides(&self) -> bool {
        let rows = [self.height, self.height.div_ceil(2), self.height.div_ceil(2)];
        self.planes().iter().zip(rows).all(|(plane, rows)| plane.data.len() >= plane.stride * rows as usize)
    }

    /// Copies the frame into tightly packed planes.
    pub fn to_packed(&self) -> Self {
        let mut bytes = Vec::with_capacity(Self::packed_len(self.width, self.height));
        for (i, plane) in self.planes().iter().enumerate() {
            let divisor = if i == 0 { 1 } else { 2 };
            let (width, rows) = (self.width.div_ceil(divisor) as usize, self.height.div_ceil(divisor) as usize);
            // The last row may lack its padding.
            for row in plane.data.chunks(plane.stride).take(rows) {
                bytes.extend_from_slice(&row[..width]);
            }
        }
        let memory = Packed { bytes, width: self.width as usize, height: self.height as usize };
        Self { memory: Box::new(memory), ..*self }
    }

    /// Returns the planes Y, U and V without copying.
    pub fn planes(&self) -> [Plane<'_>; 3] {
        self.memory.planes()
    }
}

impl std::fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "VideoFrame({}x{} at {} us)", self.width, self.height, self.timestamp_us)
    }
}

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

/// Slot with the newest frame of a video, shared by the thread that delivers frames and the one that shows them.
///
/// A new frame replaces the previous one; frames are never queued. Clones share one slot and compare equal.
#[derive(Clone, Default)]
pub struct LatestFrame {
    shared: Arc<Slot>,
}

#[derive(Default)]
struct Slot {
    newest: Mutex<Option<Arc<VideoFrame>>>,
    on_frame: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
    count: AtomicU64,
}

impl LatestFrame {
    /// Creates an empty slot.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the hook that is called after each new frame, on the delivering thread. It must return at once.
    pub fn on_frame(&self, wake: impl Fn() + Send + Sync + 'static) {
        *self.shared.on_frame.lock() = Some(Arc::new(wake));
    }

    /// Replaces the frame and calls the hook.
    pub fn put(&self, frame: Arc<VideoFrame>) {
        *self.shared.newest.lock() = Some(frame);
        self.shared.count.fetch_add(1, Ordering::Release);
        self.wake();
    }

    /// Calls the hook without a new frame, such as at the end of the track.
    pub(crate) fn wake(&self) {
        let wake = self.shared.on_frame.lock().clone();
        if let Some(wake) = wake {
            wake();
        }
    }

    /// Returns the newest frame, which stays in the slot.
    pub fn newest(&self) -> Option<Arc<VideoFrame>> {
        self.shared.newest.lock().clone()
    }

    /// Empties the slot.
    pub fn clear(&self) {
        *self.shared.newest.lock() = None;
    }

    /// Number of frames delivered so far. A changed count means a new frame.
    pub fn count(&self) -> u64 {
        self.shared.count.load(Ordering::Acquire)
    }
}

impl PartialEq for LatestFrame {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }
}

impl std::fmt::Debug for LatestFrame {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LatestFrame({} frames)", self.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Planes with a stride of 16 bytes and no padding in the last row, as decoders leave them.
    struct Padded([Vec<u8>; 3]);

    impl I420Memory for Padded {
        fn planes(&self) -> [Plane<'_>; 3] {
            self.0.each_ref().map(|data| Plane { data, stride: 16 })
        }
    }

    #[test]
    fn a_frame_without_final_padding_can_be_packed() {
        let plane = |width: usize, rows: usize, first: u8| -> Vec<u8> {
            let row = |row: usize| (0..16).map(move |x| if x < width { first + (row * width + x) as u8 } else { 255 });
            let all: Vec<u8> = (0..rows).flat_map(row).collect();
            all[..16 * (rows - 1) + width].to_vec()
        };
        let memory = Padded([plane(5, 3, 0), plane(3, 2, 100), plane(3, 2, 200)]);
        let frame = VideoFrame::from_memory(5, 3, 7, VideoRotation::Rotation90, Box::new(memory));
        assert!(!frame.has_whole_strides());
        let packed = frame.to_packed();
        assert!(packed.has_whole_strides());
        let bytes: Vec<u8> = packed.planes().iter().flat_map(|plane| plane.data).copied().collect();
        let expected: Vec<u8> = (0..15).chain(100..106).chain(200..206).collect();
        assert_eq!(bytes, expected);
        assert_eq!((packed.timestamp_us, packed.rotation), (7, VideoRotation::Rotation90));
    }
}
