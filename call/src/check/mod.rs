//! The check before a call: one actor that takes [`CheckCommand`]s and publishes [`CheckState`] snapshots.
//!
//! The check uses the devices of the call, and tests the network to the call's SFU in a room of its own.

mod chime;
mod network;
mod session;
mod voice;

use std::sync::Arc;

use autamedica_engine::LatestFrame;
use autamedica_media::{DeviceChoice, DeviceState};

use crate::{DeviceChoices, DeviceLists};

pub use network::{NetworkProblem, NetworkReport, NetworkState, NetworkStep, NetworkVerdict, test_network};
pub use session::{CheckHandle, CheckOptions, start};
pub use voice::Voice;

/// Command of the UI to the check. Results show in a later snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum CheckCommand {
    /// Switches to this camera.
    UseCamera(DeviceChoice),
    /// Switches to this microphone.
    UseMicrophone(DeviceChoice),
    /// Switches to this speaker.
    UseSpeaker(DeviceChoice),
    /// Plays the test sound.
    PlaySound,
    /// Answers whether the person heard the test sound.
    Heard(bool),
    /// Tests the network again.
    TestNetwork,
    /// Closes the devices, so that the call can open them.
    Finish,
}

/// State of the check at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckState {
    /// Selected devices.
    pub chosen: DeviceChoices,
    /// Available devices.
    pub devices: Arc<DeviceLists>,
    /// State of the camera.
    pub camera: DeviceState,
    /// Preview of the camera.
    pub preview: LatestFrame,
    /// State of the microphone.
    pub microphone: DeviceState,
    /// Voice level at the microphone.
    pub voice: Voice,
    /// State of the speaker.
    pub speaker: DeviceState,
    /// State of the test sound.
    pub sound: TestSound,
    /// State of the network test.
    pub network: NetworkState,
    /// The devices are closed; the last state.
    pub finished: bool,
}

impl CheckState {
    /// Returns the initial state.
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

/// State of the test sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TestSound {
    /// Not played yet.
    Silent,
    /// Playing.
    Playing,
    /// Played; the person has not answered yet.
    Unanswered,
    /// The person heard it.
    Heard,
    /// The person did not hear it.
    NotHeard,
}
