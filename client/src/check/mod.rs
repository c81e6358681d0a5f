//! The check before a call: one actor, fed with [`CheckCommand`]s, publishing [`CheckState`] snapshots.
//!
//! It opens the devices that the call will use, so that what is chosen and seen here is what happens there, and tries
//! the network against the SFU that the call will use, in a room that nobody else is in.

mod chime;
mod network;
mod session;
mod voice;

use std::sync::Arc;

use autamedica_engine::LatestFrame;

use crate::call::{DeviceChoices, DeviceLists};
use crate::device::{DeviceChoice, DeviceState};

pub use network::{NetworkProblem, NetworkReport, NetworkState, NetworkStep, NetworkVerdict, test_network};
pub use session::{CheckHandle, CheckOptions, list as list_devices, start};
pub use voice::Voice;

/// What the UI can ask of the check. None of them waits: what comes of it shows in a later snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckCommand {
    /// Use another camera.
    UseCamera(DeviceChoice),
    /// Use another microphone.
    UseMicrophone(DeviceChoice),
    /// Use another speaker.
    UseSpeaker(DeviceChoice),
    /// Play the test sound.
    PlaySound,
    /// Whether the person heard it.
    Heard(bool),
    /// Try the network again.
    TestNetwork,
    /// Give the devices back, so that the call can have them.
    Finish,
}

/// Everything a screen needs to know about the check, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckState {
    /// The devices in use.
    pub chosen: DeviceChoices,
    /// Those that there are.
    pub devices: Arc<DeviceLists>,
    /// The camera.
    pub camera: DeviceState,
    /// Its picture.
    pub preview: LatestFrame,
    /// The microphone.
    pub microphone: DeviceState,
    /// What it hears of the person.
    pub voice: Voice,
    /// The speaker.
    pub speaker: DeviceState,
    /// The test sound.
    pub sound: TestSound,
    /// The network.
    pub network: NetworkState,
    /// The devices are given back; nothing comes after this.
    pub finished: bool,
}

impl CheckState {
    /// Nothing is known yet.
    pub fn new(chosen: DeviceChoices, network: NetworkState) -> Self {
        Self {
            chosen,
            devices: Arc::default(),
            camera: DeviceState::Starting,
            preview: LatestFrame::new(),
            microphone: DeviceState::Starting,
            voice: Voice::Listening,
            speaker: DeviceState::Starting,
            sound: TestSound::Silent,
            network,
            finished: false,
        }
    }
}

/// The test sound, and what the person said about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestSound {
    /// Not played yet.
    Silent,
    /// Being played.
    Playing,
    /// Played; did they hear it?
    Asked,
    /// They did.
    Heard,
    /// They didn't.
    NotHeard,
}
