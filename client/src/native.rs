//! Implementation of [`Calls`] with real rooms, devices, backends and files.

use std::path::PathBuf;
use std::sync::Arc;

#[cfg(not(feature = "kiosk"))]
use autamedica_api::Id;
use autamedica_api::{Feedback, Role};
#[cfg(not(feature = "kiosk"))]
use autamedica_call::agenda::{self, Agenda, AgendaCommand, AgendaHandle};
use autamedica_call::backend::Admission;
use autamedica_call::check::{self, CheckCommand, CheckHandle, CheckOptions, CheckState};
#[cfg(not(feature = "kiosk"))]
use autamedica_call::recordings::{
    self, Copies, Player, RecordingsCommand, RecordingsHandle, RecordingsOptions, RecordingsState,
};
use autamedica_call::{
    CallCommand, CallHandle, CallObserver, CallOptions, CallSettings, CallState, DeviceChoices, Entrance, JoinTarget,
    Secret, VideoCodecChoice, Wake,
};
#[cfg(not(feature = "kiosk"))]
use autamedica_media::DeviceLists;
use autamedica_media::audio::Level;
use tokio::runtime::Handle;

use crate::answer::{Answer, pending};
use crate::app::{Call, Calls, Check, PinAnswer};
#[cfg(not(feature = "kiosk"))]
use crate::app::{DoctorsAgenda, DoctorsRecordings};
use crate::pin::PinLock;
use crate::report::Measurements;
#[cfg(not(feature = "kiosk"))]
use crate::{recent, settings, settings::Settings};

/// Joins rooms with real devices and stores files.
pub struct NativeCalls {
    /// Runtime of the tasks.
    pub runtime: Handle,
    /// Access to backends and rooms.
    pub entrance: Entrance,
    /// Role of this app, until the token gives another.
    pub role: Role,
    /// Recipient of measurements for a report.
    pub measurements: Option<Measurements>,
    /// Video codec of this run, instead of that in the settings.
    pub video_codec: Option<VideoCodecChoice>,
    /// Chat message of the first call, sent as soon as another participant is there.
    pub initial_message: Option<String>,
    /// Folder of the app's files; `None` stores nothing.
    pub folder: Option<PathBuf>,
    /// Lock with the PIN that ends kiosk mode.
    pub pin: Arc<PinLock>,
    /// Copies of recordings for the player.
    #[cfg(not(feature = "kiosk"))]
    pub copies: Copies,
}

impl NativeCalls {
    /// Writes a file in a blocking thread. Answers whether that succeeded.
    #[cfg(not(feature = "kiosk"))]
    fn write(&self, wake: Wake, write: impl FnOnce(PathBuf) -> std::io::Result<()> + Send + 'static) -> Answer<bool> {
        let Some(folder) = self.folder.clone() else { return Answer::ready(true) };
        let (answer, reply) = pending(wake, false);
        self.runtime.spawn_blocking(move || {
            let result = write(folder);
            if let Err(error) = &result {
                tracing::warn!(%error, "file not saved");
            }
            reply.give(result.is_ok());
        });
        answer
    }
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
            observer: self.measurements.clone().map(|measurements| Arc::new(measurements) as Arc<dyn CallObserver>),
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
            format: settings.camera_format(),
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

    #[cfg(not(feature = "kiosk"))]
    fn agenda(&mut self, wake: Wake) -> Box<dyn DoctorsAgenda> {
        Box::new(agenda::follow(&self.runtime, self.entrance.clone(), wake))
    }

    #[cfg(not(feature = "kiosk"))]
    fn recordings(&mut self, consultation: &Id, wake: Wake) -> Box<dyn DoctorsRecordings> {
        let options = RecordingsOptions {
            consultation: consultation.clone(),
            entrance: self.entrance.clone(),
            copies: self.copies.clone(),
            player: Player::of_system(),
        };
        Box::new(recordings::follow(&self.runtime, options, wake))
    }

    #[cfg(not(feature = "kiosk"))]
    fn list_devices(&mut self, wake: Wake) -> Answer<DeviceLists> {
        let (answer, reply) = pending(wake, DeviceLists::default());
        self.runtime.spawn_blocking(move || reply.give(DeviceLists::with_sizes()));
        answer
    }

    #[cfg(not(feature = "kiosk"))]
    fn save_settings(&mut self, settings: &Settings, wake: Wake) -> Answer<bool> {
        let settings = settings.clone();
        self.write(wake, move |folder| settings::save(&folder, &settings))
    }

    #[cfg(not(feature = "kiosk"))]
    fn save_recent(&mut self, ids: &[Id], wake: Wake) -> Answer<bool> {
        let ids = ids.to_vec();
        self.write(wake, move |folder| recent::save(&folder, &ids))
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

#[cfg(not(feature = "kiosk"))]
impl DoctorsAgenda for AgendaHandle {
    fn now(&self) -> Arc<Agenda> {
        AgendaHandle::now(self)
    }

    fn send(&self, command: AgendaCommand) {
        AgendaHandle::send(self, command);
    }
}

#[cfg(not(feature = "kiosk"))]
impl DoctorsRecordings for RecordingsHandle {
    fn now(&self) -> Arc<RecordingsState> {
        RecordingsHandle::now(self)
    }

    fn send(&self, command: RecordingsCommand) {
        RecordingsHandle::send(self, command);
    }
}
