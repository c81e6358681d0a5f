//! Which devices there are, and noticing when that changes.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::audio::{list_microphones, list_speakers};
use super::list_cameras;

/// From one look to the next. Cameras are told by the kernel's folder of devices, sound devices by the sound server:
/// a look costs a millisecond or two.
const LOOK_EVERY: Duration = Duration::from_millis(2500);

/// The devices of each kind, by name.
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
    /// What there is now. Asks drivers and the sound system: not for the UI thread.
    pub fn now() -> Self {
        // Drivers' bindings panic on what they don't expect; then there is nothing to list.
        let list = |names: fn() -> Vec<String>| catch_unwind(AssertUnwindSafe(names)).unwrap_or_default();
        Self { cameras: list(list_cameras), microphones: list(list_microphones), speakers: list(list_speakers) }
    }
}

/// Looks at the devices every few seconds, on a thread of its own, until dropped.
#[derive(Debug)]
pub struct DeviceWatch {
    _stop: mpsc::Sender<()>,
}

impl DeviceWatch {
    /// Starts looking. `on_change` is called on that thread: first with what there is, then after each change.
    pub fn start(mut on_change: impl FnMut(DeviceLists) + Send + 'static) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let look = move || {
            let mut known = None;
            loop {
                let now = DeviceLists::now();
                if known.as_ref() != Some(&now) {
                    known = Some(now.clone());
                    on_change(now);
                }
                if stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("devices".into()).spawn(look) {
            tracing::error!(%error, "no thread to look for devices");
        }
        Self { _stop: stop }
    }
}
