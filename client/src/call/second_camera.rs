//! Our second camera, such as a dermatoscope beside the camera of the face.

use autamedica_engine::{LatestFrame, NativeVideoSource, VideoResolution};

use super::CallSettings;
use super::local::{LocalMedia, Source, delivers};
use super::outlet::{Outlet, feed_pictures};
use super::task::Task;
use crate::device::{Camera, CardStyle, DeviceChoice, DeviceState};

/// Name of the track. Its source is a camera too, because a patient's token permits nothing else.
pub(super) const SECOND_CAMERA: &str = "second camera";
/// Hue of the test source, which tells the two test cards apart.
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

impl LocalMedia {
    /// Opens a second camera, in place of an open one.
    fn open_second_camera(&mut self, choice: DeviceChoice, view: LatestFrame) {
        self.second_camera.camera = None;
        let (sizes, states) = (self.events.clone(), self.events.clone());
        let source = Source::SecondCamera;
        let device = self.next_device(source as usize);
        let outlet = self.second_camera.outlet.clone();
        let on_frame = feed_pictures((source, device), outlet, Some(view), self.reduced.clone(), sizes);
        let style = CardStyle::new("second camera", TEST_CARD_STYLE);
        let on_state = move |state| states.send(super::event::Event::Device { source, device, state });
        // The size in the settings is the first camera's.
        let format = CallSettings { camera_size: None, ..self.settings }.camera_format();
        self.second_camera.camera = Some(Camera::open(choice, format, style, on_frame, on_state));
    }
}

impl Task {
    /// Sends this camera beside the first one.
    pub(super) fn start_second_camera(&mut self, choice: DeviceChoice) {
        if self.state().listening {
            return;
        }
        let state = self.state();
        state.second_camera = DeviceState::Starting;
        let view = state.second_view.clone();
        self.local.open_second_camera(choice, view);
    }

    /// Stops sending the second camera. The state says why.
    pub(super) fn stop_second_camera(&mut self, state: DeviceState) {
        self.local.next_device(Source::SecondCamera as usize);
        self.local.second_camera = SecondCamera::default();
        if let Some(publication) = self.local.withdraw(Source::SecondCamera) {
            self.unpublish(publication);
        }
        self.state().second_camera = state;
        self.state().second_view.clear();
    }

    /// Handles a state of the newest second camera. A lost one isn't waited for: the person has put it away, or plugs it
    /// in and chooses it again.
    pub(super) fn on_second_camera(&mut self, state: DeviceState) {
        match state {
            DeviceState::Failed(_) => {
                tracing::info!(?state, "second camera is gone");
                self.stop_second_camera(state);
            }
            state => {
                self.local.mute(Source::SecondCamera, !delivers(&state));
                self.state().second_camera = state;
            }
        }
    }
}
