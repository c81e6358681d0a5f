//! Implementation of [`Calls`] with real rooms, devices and backends.

use std::sync::Arc;

use autamedica_api::{Feedback, Role};
use autamedica_call::backend::Admission;
use autamedica_call::check::{self, CheckCommand, CheckHandle, CheckOptions, CheckState};
use autamedica_call::{
    CallCommand, CallHandle, CallObserver, CallOptions, CallSettings, CallState, DeviceChoices, Entrance, JoinTarget,
    Secret, VideoCodecChoice, Wake,
};
use autamedica_media::audio::Level;
use tokio::runtime::Handle;

use crate::answer::{Answer, pending};
use crate::app::{Call, Calls, Check, PinAnswer};
use crate::pin::PinLock;

/// Joins rooms with real devices.
pub struct NativeCalls {
    /// Runtime of the tasks.
    pub runtime: Handle,
    /// Access to backends and rooms.
    pub entrance: Entrance,
    /// Role of this app, until the token gives another.
    pub role: Role,
    /// Recipient of measurements for a report.
    pub observer: Option<Arc<dyn CallObserver>>,
    /// Video codec of this run, instead of that in the settings.
    pub video_codec: Option<VideoCodecChoice>,
    /// Chat message of the first call, sent as soon as another participant is there.
    pub initial_message: Option<String>,
    /// Lock with the PIN that ends kiosk mode.
    pub pin: Arc<PinLock>,
}

impl Calls for NativeCalls {
    fn join(
        &mut self,
        target: JoinTarget,
        devices: &DeviceChoices,
        settings: CallSettings,
        wake: Wake,
    ) -> Box<dyn Call> {
        let options = CallOptions {
            target,
            entrance: self.entrance.clone(),
            devices: devices.clone(),
            settings: CallSettings { video_codec: self.video_codec.unwrap_or(settings.video_codec), ..settings },
            role: self.role,
            observer: self.observer.clone(),
            initial_message: self.initial_message.take(),
        };
        Box::new(autamedica_call::start(&self.runtime, options, wake))
    }

    fn check(
        &mut self,
        target: &JoinTarget,
        devices: &DeviceChoices,
        settings: CallSettings,
        wake: Wake,
    ) -> Box<dyn Check> {
        let options = CheckOptions {
            target: target.clone(),
            entrance: self.entrance.clone(),
            devices: devices.clone(),
            picture: settings.picture,
        };
        Box::new(check::start(&self.runtime, options, wake))
    }

    fn send_feedback(&mut self, admission: &Admission, feedback: Feedback, wake: Wake) -> Answer<bool> {
        let Some(consultation) = admission.consultation.clone() else { return Answer::ready(false) };
        let (answer, reply) = pending(wake, false);
        let (backend, token) = (self.entrance.backend.clone(), admission.token.clone());
        self.runtime.spawn(async move {
            let result = backend.send_feedback(&consultation, &token, &feedback).await;
            if let Err(error) = &result {
                tracing::warn!(%error, "feedback not sent");
            }
            reply.give(result.is_ok());
        });
        answer
    }

    fn operator_pin(&mut self, pin: Secret, wake: Wake) -> Answer<PinAnswer> {
        let (answer, reply) = pending(wake, PinAnswer::NotCounted);
        let lock = self.pin.clone();
        self.runtime.spawn_blocking(move || reply.give(lock.attempt(&pin)));
        answer
    }
}

impl Call for CallHandle {
    fn state(&self) -> Arc<CallState> {
        CallHandle::state(self)
    }

    fn send(&self, command: CallCommand) {
        CallHandle::send(self, command);
    }
}

impl Check for CheckHandle {
    fn state(&self) -> Arc<CheckState> {
        CheckHandle::state(self)
    }

    fn level(&self) -> Level {
        CheckHandle::level(self)
    }

    fn send(&self, command: CheckCommand) {
        CheckHandle::send(self, command);
    }
}
