//! Monitors and windows, and capturing one of them.

use autamedica_engine::VideoFrame;

use crate::DeviceProblem;

/// Screen or window to share.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScreenSource {
    /// The system's primary monitor; on Wayland the one that the person selects.
    #[default]
    Primary,
    /// Monitor of this name, from [`list_screens`](super::list_screens).
    Monitor(String),
    /// Window from [`list_windows`](super::list_windows), including parts covered by others. A minimised window keeps its last picture.
    Window {
        /// [`WindowInfo::id`].
        id: u32,
        /// [`WindowInfo::name`].
        name: String,
    },
}

/// Monitor of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenInfo {
    /// The system's name, such as `HDMI-1`.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The system's primary monitor.
    pub primary: bool,
}

/// Window of another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowInfo {
    /// The system's id.
    pub id: u32,
    /// Title.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The window is minimised.
    pub minimized: bool,
}

/// Result of capturing a picture.
pub(super) enum Captured {
    /// New picture in full size.
    Frame(VideoFrame),
    /// Same picture as before.
    Unchanged,
}

/// Monitor or window that is open for capturing.
pub(super) trait ScreenStream {
    fn name(&self) -> String;

    /// Captures a picture. `repeat` requests it even if it is unchanged.
    fn capture(&mut self, repeat: bool) -> Result<Captured, DeviceProblem>;
}
