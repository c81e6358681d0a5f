//! Our second camera, such as a dermatoscope beside the camera of the face.

use std::sync::Arc;

use autamedica_engine::{NativeVideoSource, VideoFrame, VideoResolution};
use autamedica_media::{Camera, CameraFormat, CardStyle, DeviceChoice, DeviceState};

use super::outlet::Outlet;

/// Name of the track. Its source is a camera too, because a patient's token permits nothing else.
pub(super) const SECOND_CAMERA: &str = "second camera";
/// Accent of the test source, which tells the two test cards apart.
const TEST_CARD_STYLE: u8 = 2;

/// The device and its connection to the room.
pub(super) struct SecondCamera {
    camera: Option<Camera>,
    pub(super) outlet: Outlet<NativeVideoSource>,
    /// Size of the captured frames, once known.
    pub(super) size: Option<VideoResolution>,
}

impl Default for SecondCamera {
    fn default() -> Self {
        Self { camera: None, outlet: Outlet::new(), size: None }
    }
}

impl SecondCamera {
    /// Opens a camera in place of an open one.
    pub(super) fn open(
        &mut self,
        choice: DeviceChoice,
        format: CameraFormat,
        on_frame: impl FnMut(Arc<VideoFrame>) + Send + 'static,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
    ) {
        self.camera = None;
        let style = CardStyle::new("second camera", TEST_CARD_STYLE);
        self.camera = Some(Camera::open(choice, format, style, on_frame, on_state));
    }
}
