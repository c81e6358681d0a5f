//! Our screen share.

use autamedica_media::{DeviceProblem, DeviceState, ScreenSource};

use super::ShareState;
use super::task::Task;

impl Task {
    /// Shares this screen or window. Replaces a running share without interrupting the publication.
    pub(super) fn share(&mut self, screen: ScreenSource) {
        if self.state().screen != ShareState::On {
            self.state().screen = ShareState::Starting;
        }
        self.local.open_screen(screen);
    }

    /// Handles a state of the newest screen capture.
    pub(super) fn on_screen(&mut self, state: DeviceState) {
        match state {
            // The window was closed or the monitor disconnected.
            DeviceState::Failed(DeviceProblem::Unplugged) => self.stop_sharing(ShareState::Off),
            DeviceState::Failed(problem) => {
                tracing::warn!(?problem, "screen not captured");
                self.stop_sharing(ShareState::Failed);
            }
            DeviceState::Off | DeviceState::Starting | DeviceState::On { .. } => {}
        }
    }

    pub(super) fn stop_sharing(&mut self, state: ShareState) {
        if let Some(publication) = self.local.close_screen() {
            self.unpublish(publication);
        }
        self.state().screen = state;
    }
}
