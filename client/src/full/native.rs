//! Implementation of [`Desk`] with real backends and files.

use std::path::PathBuf;
use std::sync::Arc;

use autamedica_api::Id;
use autamedica_call::agenda::{self, Agenda, AgendaHandle};
use autamedica_call::recordings::{
    self, Copies, Player, RecordingsCommand, RecordingsHandle, RecordingsOptions, RecordingsState,
};
use autamedica_call::{DeviceLists, Entrance, Wake, check};
use tokio::runtime::Handle;

use super::desk::{Desk, DoctorsAgenda, DoctorsRecordings};
use super::recent;
use crate::answer::{Answer, pending};
use crate::settings::{self, Settings};

/// Asks real backends and stores files.
pub struct NativeDesk {
    /// Runtime of the tasks.
    pub runtime: Handle,
    /// Access to backends.
    pub entrance: Entrance,
    /// Folder of the app's files; `None` stores nothing.
    pub folder: Option<PathBuf>,
    /// Copies of recordings for the player.
    pub copies: Copies,
}

impl NativeDesk {
    /// Writes a file in a blocking thread. Answers whether that succeeded.
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

impl Desk for NativeDesk {
    fn agenda(&mut self, wake: Wake) -> Box<dyn DoctorsAgenda> {
        Box::new(agenda::follow(&self.runtime, self.entrance.clone(), wake))
    }

    fn recordings(&mut self, consultation: &Id, wake: Wake) -> Box<dyn DoctorsRecordings> {
        let options = RecordingsOptions {
            consultation: consultation.clone(),
            entrance: self.entrance.clone(),
            copies: self.copies.clone(),
            player: Player::of_system(),
        };
        Box::new(recordings::follow(&self.runtime, options, wake))
    }

    fn list_devices(&mut self, wake: Wake) -> Answer<DeviceLists> {
        let (answer, reply) = pending(wake, DeviceLists::default());
        self.runtime.spawn_blocking(move || reply.give(check::list_devices()));
        answer
    }

    fn save_settings(&mut self, settings: &Settings, wake: Wake) -> Answer<bool> {
        let settings = settings.clone();
        self.write(wake, move |folder| settings::save(&folder, &settings))
    }

    fn save_recent(&mut self, ids: &[Id], wake: Wake) -> Answer<bool> {
        let ids = ids.to_vec();
        self.write(wake, move |folder| recent::save(&folder, &ids))
    }
}

impl DoctorsAgenda for AgendaHandle {
    fn now(&self) -> Arc<Agenda> {
        AgendaHandle::now(self)
    }
}

impl DoctorsRecordings for RecordingsHandle {
    fn now(&self) -> Arc<RecordingsState> {
        RecordingsHandle::now(self)
    }

    fn send(&self, command: RecordingsCommand) {
        RecordingsHandle::send(self, command);
    }
}
