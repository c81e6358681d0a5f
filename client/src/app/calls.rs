//! The seam between the screens and everything that isn't one. Nothing behind it may wait.

use std::sync::Arc;

use autamedica_api::Feedback;

use crate::answer::Answer;
use crate::backend::Admission;
use crate::call::{CallCommand, CallSettings, CallState, DeviceChoices, JoinTarget, Secret, Wake};
use crate::check::{CheckCommand, CheckState};
use crate::device::audio::Level;
use crate::pin::PinAnswer;
#[cfg(not(feature = "kiosk"))]
use crate::{
    agenda::Agenda,
    call::DeviceLists,
    recordings::{RecordingsCommand, RecordingsState},
    settings::Settings,
};

/// Starts calls and checks, and does what they and the screens need of the backend and the disk. `wake` is to be called
/// whenever there is something new to show.
pub trait Calls {
    /// Begins to join. What goes wrong is told by the call itself: it ends, with a reason.
    fn join(
        &mut self,
        target: JoinTarget,
        devices: &DeviceChoices,
        settings: CallSettings,
        wake: Wake,
    ) -> Box<dyn Call>;

    /// Begins the check before a call to `target`.
    fn check(
        &mut self,
        target: &JoinTarget,
        devices: &DeviceChoices,
        settings: CallSettings,
        wake: Wake,
    ) -> Box<dyn Check>;

    /// Tells the backend how a call was. Whether it took it.
    fn tell(&mut self, admission: &Admission, feedback: Feedback, wake: Wake) -> Answer<bool>;

    /// A kiosk: counts an attempt at the operator's PIN and answers it. Dropping the answer undoes nothing.
    fn operator_pin(&mut self, pin: Secret, wake: Wake) -> Answer<PinAnswer>;

    /// A doctor's consultations of today, followed until it is dropped.
    #[cfg(not(feature = "kiosk"))]
    fn agenda(&mut self, wake: Wake) -> Box<dyn DoctorsAgenda>;

    /// The recordings of one of their consultations, looked after until it is dropped.
    #[cfg(not(feature = "kiosk"))]
    fn recordings(&mut self, consultation: &autamedica_api::Id, wake: Wake) -> Box<dyn DoctorsRecordings>;

    /// Every device that there is.
    #[cfg(not(feature = "kiosk"))]
    fn list_devices(&mut self, wake: Wake) -> Answer<DeviceLists>;

    /// Keeps the settings for the next start. Whether the disk took them.
    #[cfg(not(feature = "kiosk"))]
    fn keep(&mut self, settings: &Settings, wake: Wake) -> Answer<bool>;

    /// Keeps the recent consultations' ids for the next start. Whether the disk took them.
    #[cfg(not(feature = "kiosk"))]
    fn keep_recent(&mut self, ids: &[autamedica_api::Id], wake: Wake) -> Answer<bool>;
}

/// A call, from the first request to its end.
pub trait Call {
    /// The newest snapshot. Never waits.
    fn state(&self) -> Arc<CallState>;
    /// Asks for something. Never waits.
    fn send(&self, command: CallCommand);
}

/// The check before a call. Dropping it ends it.
pub trait Check {
    /// The newest snapshot. Never waits.
    fn state(&self) -> Arc<CheckState>;
    /// How loud the microphone is now.
    fn level(&self) -> Level;
    /// Asks for something. Never waits.
    fn send(&self, command: CheckCommand);
}

/// What a doctor's start screen follows.
#[cfg(not(feature = "kiosk"))]
pub trait DoctorsAgenda {
    /// The newest snapshot. Never waits.
    fn now(&self) -> Arc<Agenda>;
}

/// The recordings of a consultation. Dropping it ends what is under way.
#[cfg(not(feature = "kiosk"))]
pub trait DoctorsRecordings {
    /// The newest snapshot. Never waits.
    fn now(&self) -> Arc<RecordingsState>;
    /// Asks for something. Never waits.
    fn send(&self, command: RecordingsCommand);
}
