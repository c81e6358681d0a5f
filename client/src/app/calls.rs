//! Interface between the screens and calls, the backend and the disk. No method blocks.

use std::sync::Arc;

use autamedica_api::Feedback;
use autamedica_call::backend::Admission;
use autamedica_call::check::{CheckCommand, CheckState};
use autamedica_call::{CallCommand, CallSettings, CallState, DeviceChoices, JoinTarget, Secret, Wake};
use autamedica_media::audio::Level;

use crate::answer::Answer;
use crate::pin::PinAnswer;

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
