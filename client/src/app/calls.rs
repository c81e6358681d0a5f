//! Interface between the screens and calls, the backend and the disk. No method blocks.

use std::sync::Arc;

use autamedica_api::Feedback;
use autamedica_call::backend::Admission;
use autamedica_call::check::{CheckCommand, CheckState};
use autamedica_call::{CallCommand, CallSettings, CallState, DeviceChoices, JoinTarget, Secret, Wake};
#[cfg(not(feature = "kiosk"))]
use autamedica_call::{
    agenda::{Agenda, AgendaCommand},
    recordings::{RecordingsCommand, RecordingsState},
};
#[cfg(not(feature = "kiosk"))]
use autamedica_media::DeviceLists;
use autamedica_media::audio::Level;

use crate::answer::Answer;
use crate::pin::PinAnswer;
#[cfg(not(feature = "kiosk"))]
use crate::settings::Settings;

/// Starts calls and checks, and sends requests of the screens to the backend and the disk. `wake` is called when there
/// is something new to show.
pub trait Calls {
    /// Starts to join. A failure ends the call with a reason.
    fn join(
        &mut self,
        target: JoinTarget,
        devices: &DeviceChoices,
        settings: CallSettings,
        wake: Wake,
    ) -> Box<dyn Call>;

    /// Starts the check before a call to `target`.
    fn check(
        &mut self,
        target: &JoinTarget,
        devices: &DeviceChoices,
        settings: CallSettings,
        wake: Wake,
    ) -> Box<dyn Check>;

    /// Sends feedback about a call to the backend. Answers whether the backend accepted it.
    fn send_feedback(&mut self, admission: &Admission, feedback: Feedback, wake: Wake) -> Answer<bool>;

    /// Kiosk: counts an attempt at the operator's PIN and checks it. Dropping the answer does not undo the attempt.
    fn operator_pin(&mut self, pin: Secret, wake: Wake) -> Answer<PinAnswer>;

    /// Follows a doctor's consultations of today until dropped.
    #[cfg(not(feature = "kiosk"))]
    fn agenda(&mut self, wake: Wake) -> Box<dyn DoctorsAgenda>;

    /// Follows the recordings of a consultation until dropped.
    #[cfg(not(feature = "kiosk"))]
    fn recordings(&mut self, consultation: &autamedica_api::Id, wake: Wake) -> Box<dyn DoctorsRecordings>;

    /// Lists all devices.
    #[cfg(not(feature = "kiosk"))]
    fn list_devices(&mut self, wake: Wake) -> Answer<DeviceLists>;

    /// Saves the settings. Answers whether that succeeded.
    #[cfg(not(feature = "kiosk"))]
    fn save_settings(&mut self, settings: &Settings, wake: Wake) -> Answer<bool>;

    /// Saves the ids of recent consultations. Answers whether that succeeded.
    #[cfg(not(feature = "kiosk"))]
    fn save_recent(&mut self, ids: &[autamedica_api::Id], wake: Wake) -> Answer<bool>;
}

/// Call, from joining to its end.
pub trait Call {
    /// Returns the newest snapshot. Never blocks.
    fn state(&self) -> Arc<CallState>;
    /// Sends a command. Never blocks.
    fn send(&self, command: CallCommand);
}

/// Check before a call. Dropping it ends it.
pub trait Check {
    /// Returns the newest snapshot. Never blocks.
    fn state(&self) -> Arc<CheckState>;
    /// Returns the microphone's current level.
    fn level(&self) -> Level;
    /// Sends a command. Never blocks.
    fn send(&self, command: CheckCommand);
}

/// Consultations on a doctor's start screen.
#[cfg(not(feature = "kiosk"))]
pub trait DoctorsAgenda {
    /// Returns the newest snapshot. Never blocks.
    fn now(&self) -> Arc<Agenda>;
    /// Sends a command. Never blocks.
    fn send(&self, command: AgendaCommand);
}

/// Recordings of a consultation. Dropping it cancels running transfers.
#[cfg(not(feature = "kiosk"))]
pub trait DoctorsRecordings {
    /// Returns the newest snapshot. Never blocks.
    fn now(&self) -> Arc<RecordingsState>;
    /// Sends a command. Never blocks.
    fn send(&self, command: RecordingsCommand);
}
