//! Lists of devices, and detection of changes.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use super::DeviceChoice;
use super::audio::identified_devices;
use super::camera::{FoundCamera, find_cameras};

/// Interval of checks. Cameras are listed by the kernel, sound devices by the sound server: a check takes a millisecond
/// or two.
const POLL_INTERVAL: Duration = Duration::from_millis(2500);

/// Kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// Camera.
    Camera,
    /// Microphone.
    Microphone,
    /// Speaker or headphones.
    Speaker,
}

/// Names of the available devices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceLists {
    /// Cameras.
    pub cameras: Vec<String>,
    /// Microphones.
    pub microphones: Vec<String>,
    /// Speakers.
    pub speakers: Vec<String>,
    /// Identifiers of devices that have one, by name, in the order of [`DeviceKind`].
    pub ids: [BTreeMap<String, String>; 3],
    /// Sizes that each camera offers, by name, if they were asked for.
    pub camera_sizes: BTreeMap<String, Vec<(u32, u32)>>,
}

impl DeviceLists {
    /// Lists the devices. Blocks on drivers and the sound system: not for the UI thread.
    pub fn now() -> Self {
        Self::list(false)
    }

    /// Lists the devices and the sizes that the cameras offer. Blocks longer than [`now`](Self::now).
    pub fn with_sizes() -> Self {
        Self::list(true)
    }

    fn list(sizes: bool) -> Self {
        // Driver bindings may panic; the list is empty then.
        let cameras = catch_unwind(AssertUnwindSafe(|| find_cameras(sizes))).unwrap_or_default();
        let [microphones, speakers] = catch_unwind(AssertUnwindSafe(identified_devices)).unwrap_or_default();
        let ids_of = |devices: &[(String, Option<String>)]| {
            devices.iter().filter_map(|(name, id)| Some((name.clone(), id.clone()?))).collect()
        };
        let names_of = |devices: Vec<(String, Option<String>)>| devices.into_iter().map(|(name, _)| name).collect();
        let id_of = |camera: &FoundCamera| Some((camera.name.clone(), camera.id.clone()?));
        Self {
            ids: [cameras.iter().filter_map(id_of).collect(), ids_of(&microphones), ids_of(&speakers)],
            camera_sizes: cameras.iter().map(|camera| (camera.name.clone(), camera.sizes.clone())).collect(),
            cameras: cameras.into_iter().map(|camera| camera.name).collect(),
            microphones: names_of(microphones),
            speakers: names_of(speakers),
        }
    }

    /// Returns the names of the devices of one kind.
    pub fn names(&self, kind: DeviceKind) -> &[String] {
        match kind {
            DeviceKind::Camera => &self.cameras,
            DeviceKind::Microphone => &self.microphones,
            DeviceKind::Speaker => &self.speakers,
        }
    }

    /// Returns the choice of the device with this name, by its identifier if it has one.
    pub fn choice(&self, kind: DeviceKind, name: &str) -> DeviceChoice {
        match self.ids[kind as usize].get(name) {
            Some(id) => DeviceChoice::Known { id: id.clone(), name: name.to_owned() },
            None => DeviceChoice::Named(name.to_owned()),
        }
    }

    /// Adds the identifier to the choice of a device by name, as an older version saved it.
    pub fn identify(&self, kind: DeviceKind, choice: &mut DeviceChoice) {
        if let DeviceChoice::Named(name) = choice {
            *choice = self.choice(kind, name);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_by_name_gets_the_devices_identifier() {
        let mut lists = DeviceLists::default();
        lists.ids[DeviceKind::Microphone as usize].insert("Headset (2)".into(), "alsa_input.usb-2".into());
        let (known, named) = (
            |id: &str, name: &str| DeviceChoice::Known { id: id.into(), name: name.into() },
            |name: &str| DeviceChoice::Named(name.into()),
        );
        for (mut choice, expected) in [
            (named("Headset (2)"), known("alsa_input.usb-2", "Headset (2)")),
            (named("Headset"), named("Headset")),
            (known("x", "Headset (2)"), known("x", "Headset (2)")),
            (DeviceChoice::Default, DeviceChoice::Default),
        ] {
            lists.identify(DeviceKind::Microphone, &mut choice);
            assert_eq!(choice, expected);
        }
    }
}
