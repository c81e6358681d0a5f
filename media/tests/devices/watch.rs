//! Recorder of a device's states and frames.

use std::sync::Arc;

use autamedica_engine::{LatestFrame, VideoFrame};
use autamedica_lab::{HANG_GUARD, wait_until};
use autamedica_media::{DeviceProblem, DeviceState};
use parking_lot::Mutex;

/// States and frames in order.
#[derive(Clone, Default)]
pub struct Watch {
    states: Arc<Mutex<Vec<DeviceState>>>,
    pub frames: LatestFrame,
}

impl Watch {
    pub fn on_state(&self) -> impl Fn(DeviceState) + Send + Sync + 'static {
        let states = Arc::clone(&self.states);
        move |state| states.lock().push(state)
    }

    pub fn on_frame(&self) -> impl FnMut(Arc<VideoFrame>) + Send + 'static {
        let frames = self.frames.clone();
        move |frame| frames.put(frame)
    }

    pub fn states(&self) -> Vec<DeviceState> {
        self.states.lock().clone()
    }

    pub fn wait_for(&self, wanted: &DeviceState) {
        let found = wait_until("state", HANG_GUARD, || (self.states.lock().last() == Some(wanted)).then_some(()));
        assert!(found.is_ok(), "waited for {wanted:?}, got {:?}", self.states());
    }

    pub fn wait_for_failure(&self, problem: DeviceProblem) {
        self.wait_for(&DeviceState::Failed(problem));
    }

    pub fn wait_for_on(&self, name: &str) {
        self.wait_for(&DeviceState::On { name: name.to_owned() });
    }

    /// Waits for `count` more frames and returns the newest.
    pub fn wait_for_frames(&self, count: u64) -> Arc<VideoFrame> {
        let wanted = self.frames.count() + count;
        wait_until("frames", HANG_GUARD, || (self.frames.count() >= wanted).then(|| self.frames.newest()).flatten())
            .expect("frames")
    }
}

/// Converts red, green and blue to Y, U and V by the definition of BT.601 in video range.
pub fn yuv([r, g, b]: [u8; 3]) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(|channel| f64::from(channel) / 255.0);
    let y = 16.0 + 219.0 * (0.299 * r + 0.587 * g + 0.114 * b);
    let u = 128.0 + 224.0 * 0.5 * (b - (0.299 * r + 0.587 * g + 0.114 * b)) / (1.0 - 0.114);
    let v = 128.0 + 224.0 * 0.5 * (r - (0.299 * r + 0.587 * g + 0.114 * b)) / (1.0 - 0.299);
    [y, u, v].map(|value| value.round() as u8)
}

/// Returns the Y, U and V of a pixel.
pub fn pixel(frame: &VideoFrame, x: usize, y: usize) -> [u8; 3] {
    let [luma, u, v] = frame.planes();
    [luma.data[y * luma.stride + x], u.data[y / 2 * u.stride + x / 2], v.data[y / 2 * v.stride + x / 2]]
}

/// Returns whether two colours differ by at most `tolerance` in each of Y, U and V.
pub fn near(one: [u8; 3], other: [u8; 3], tolerance: u8) -> bool {
    one.iter().zip(other).all(|(a, b)| a.abs_diff(b) <= tolerance)
}
