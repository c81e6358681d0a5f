//! Lists of devices, and detection of changes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::audio::{list_microphones, list_speakers};
use super::list_cameras;

/// Interval of checks. Cameras are listed by the kernel, sound devices by the sound server: a check takes a millisecond
/// or two.
const POLL_INTERVAL: Duration = Duration::from_millis(2500);

/// Names of the available devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceLists {
    /// Cameras.
    pub cameras: Vec<String>,
    /// Microphones.
    pub microphones: Vec<String>,
    /// Speakers.
    pub speakers: Vec<String>,
}

impl DeviceLists {
    /// Lists the devices. Blocks on drivers and the sound system: not for the UI thread.
    pub fn now() -> Self {
        // Driver bindings may panic; the list is empty then.
        let list = |names: fn() -> Vec<String>| catch_unwind(AssertUnwindSafe(names)).unwrap_or_default();
        Self { cameras: list(list_cameras), microphones: list(list_microphones), speakers: list(list_speakers) }
    }
}

/// Checks the devices every few seconds on its own thread, until dropped.
#[derive(Debug)]
pub struct DeviceWatch {
    _stop: mpsc::Sender<()>,
}

impl DeviceWatch {
    /// Starts checking. `on_change` is called on that thread, first with the current lists, then after each change.
    pub fn start(mut on_change: impl FnMut(DeviceLists) + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let watch = move || {
            let mut known = None;
            loop {
                let now = DeviceLists::now();
                if known.as_ref() != Some(&now) {
                    known = Some(now.clone());
                    on_change(now);
                }
                if stopped.recv_timeout(POLL_INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("devices".into()).spawn(watch) {
            tracing::error!(%error, "device watch thread not started");
        }
        Self { _stop: stop }
    }
}
