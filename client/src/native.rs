//! What is really behind the screens: calls, checks, the backend, and the app's own files.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use autamedica_api::Feedback;
#[cfg(not(feature = "kiosk"))]
use autamedica_api::Id;
use tokio::runtime::Handle;

#[cfg(not(feature = "kiosk"))]
use crate::agenda::{self, Agenda, AgendaHandle};
use crate::answer::{Answer, pending};
use crate::app::{Call, Calls, Check, PinAnswer};
#[cfg(not(feature = "kiosk"))]
use crate::app::{DoctorsAgenda, DoctorsRecordings};
use crate::backend::Admission;
use crate::call::{
    self, CallCommand, CallHandle, CallOptions, CallSettings, CallState, DeviceChoices, Entrance, JoinTarget, Secret,
    Wake,
};
use crate::check::{self, CheckCommand, CheckHandle, CheckOptions, CheckState};
use crate::device::audio::Level;
use crate::pin::PinHash;
#[cfg(not(feature = "kiosk"))]
use crate::recordings::{
    self, Copies, Player, RecordingsCommand, RecordingsHandle, RecordingsOptions, RecordingsState,
};
use crate::report::Measurements;
#[cfg(not(feature = "kiosk"))]
use crate::{call::DeviceLists, recent, settings, settings::Settings};

/// A wrong PIN is answered no sooner than this after it was given.
const WRONG_PIN_TAKES: Duration = Duration::from_secs(2);

/// Joins real rooms with real devices, and keeps real files.
pub struct NativeCalls {
    /// Where everything runs that may wait.
    pub runtime: Handle,
    /// How calls get in.
    pub entrance: Entrance,
    /// What they measure.
    pub measurements: Measurements,
    /// A chat line for the first call, sent once somebody else is there.
    pub say: Option<String>,
    /// Where the app's files are; `None` where nothing is kept.
    pub folder: Option<PathBuf>,
    /// Recordings that were played.
    #[cfg(not(feature = "kiosk"))]
    pub copies: Copies,
}

impl NativeCalls {
    /// Writes beside the UI; the answer says whether it worked.
    #[cfg(not(feature = "kiosk"))]
    fn write(&self, wake: Wake, write: impl FnOnce(PathBuf) -> std::io::Result<()> + Send + 'static) -> Answer<bool> {
        let Some(folder) = self.folder.clone() else { return Answer::ready(true) };
        let (answer, reply) = pending(wake);
        self.runtime.spawn_blocking(move || {
            let result = write(folder);
            if let Err(error) = &result {
                tracing::warn!(%error, "not kept");
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
            settings,
            measurements: self.measurements.clone(),
            say: self.say.take(),
        };
        Box::new(call::start(&self.runtime, options, wake))
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

    fn tell(&mut self, admission: &Admission, feedback: Feedback, wake: Wake) -> Answer<bool> {
        let Some(place) = admission.consultation.clone() else { return Answer::ready(false) };
        let (answer, reply) = pending(wake);
        let (backend, token) = (self.entrance.backend.clone(), admission.token.clone());
        self.runtime.spawn(async move {
            let result = backend.tell(&place, &token, &feedback).await;
            if let Err(error) = &result {
                tracing::warn!(%error, "the feedback wasn't taken");
            }
            reply.give(result.is_ok());
        });
        answer
    }

    fn operator_pin(&mut self, pin: Secret, wake: Wake) -> Answer<PinAnswer> {
        let (answer, reply) = pending(wake);
        let folder = self.folder.clone();
        self.runtime.spawn_blocking(move || {
            let asked = Instant::now();
            let hash = folder.as_deref().map_or(Ok(None), PinHash::load);
            let verdict = match hash {
                Ok(Some(hash)) if hash.is(&pin) => PinAnswer::Right,
                Ok(Some(_)) => PinAnswer::Wrong,
                Ok(None) => PinAnswer::NoneSet,
                Err(error) => {
                    tracing::warn!(%error, "the PIN can't be read");
                    PinAnswer::NoneSet
                }
            };
            if verdict == PinAnswer::Wrong {
                // Guessing is to be slow. This thread has nothing else to do.
                std::thread::sleep(WRONG_PIN_TAKES.saturating_sub(asked.elapsed()));
            }
            reply.give(verdict);
        });
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
        let (answer, reply) = pending(wake);
        self.runtime.spawn_blocking(move || reply.give(check::list_devices()));
        answer
    }

    #[cfg(not(feature = "kiosk"))]
    fn keep(&mut self, settings: &Settings, wake: Wake) -> Answer<bool> {
        let settings = settings.clone();
        self.write(wake, move |folder| settings::save(&folder, &settings))
    }

    #[cfg(not(feature = "kiosk"))]
    fn keep_recent(&mut self, ids: &[Id], wake: Wake) -> Answer<bool> {
        let ids = ids.to_vec();
        self.write(wake, move |folder| recent::save(&folder, &ids))
    }
}

impl Call for CallHandle {
    fn state(&self) -> std::sync::Arc<CallState> {
        CallHandle::state(self)
    }

    fn send(&self, command: CallCommand) {
        CallHandle::send(self, command);
    }
}

impl Check for CheckHandle {
    fn state(&self) -> std::sync::Arc<CheckState> {
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
    fn now(&self) -> std::sync::Arc<Agenda> {
        AgendaHandle::now(self)
    }
}

#[cfg(not(feature = "kiosk"))]
impl DoctorsRecordings for RecordingsHandle {
    fn now(&self) -> std::sync::Arc<RecordingsState> {
        RecordingsHandle::now(self)
    }

    fn send(&self, command: RecordingsCommand) {
        RecordingsHandle::send(self, command);
    }
}
