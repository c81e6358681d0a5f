//! Interface between the full app's screens and the backend and the disk. No method blocks.

use std::sync::Arc;

use autamedica_api::Id;
use autamedica_call::agenda::Agenda;
use autamedica_call::recordings::{RecordingsCommand, RecordingsState};
use autamedica_call::{DeviceLists, Wake};

use crate::answer::Answer;
use crate::settings::Settings;

/// Requests of the screens that a kiosk lacks. `wake` is called when there is something new to show.
pub trait Desk {
    /// Follows a doctor's consultations of today until dropped.
    fn agenda(&mut self, wake: Wake) -> Box<dyn DoctorsAgenda>;

    /// Follows the recordings of a consultation until dropped.
    fn recordings(&mut self, consultation: &Id, wake: Wake) -> Box<dyn DoctorsRecordings>;

    /// Lists all devices.
    fn list_devices(&mut self, wake: Wake) -> Answer<DeviceLists>;

    /// Saves the settings. Answers whether that succeeded.
    fn save_settings(&mut self, settings: &Settings, wake: Wake) -> Answer<bool>;

    /// Saves the ids of recent consultations. Answers whether that succeeded.
    fn save_recent(&mut self, ids: &[Id], wake: Wake) -> Answer<bool>;
}

/// Consultations on a doctor's start screen.
pub trait DoctorsAgenda {
    /// Returns the newest snapshot. Never blocks.
    fn now(&self) -> Arc<Agenda>;
}

/// Recordings of a consultation. Dropping it cancels running transfers.
pub trait DoctorsRecordings {
    /// Returns the newest snapshot. Never blocks.
    fn now(&self) -> Arc<RecordingsState>;
    /// Sends a command. Never blocks.
    fn send(&self, command: RecordingsCommand);
}
