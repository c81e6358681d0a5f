//! The end-to-end key during a call. Patients get it when they are admitted. All participants get a new one after
//! somebody was removed or the join links were renewed.

use std::time::Duration;

use autamedica_api::{ConsultationKey, RoomAnnouncement};
use autamedica_engine::{E2eeError, E2eeManager, EncryptionKey};

use super::event::Event;
use super::target::comparison_code;
use super::task::Task;
use super::{Secret, backoff};
use crate::backend::BackendError;

/// Time between getting a new key and encrypting with it, by which the other participants have it too.
const KEY_SWITCH_DELAY: Duration = Duration::from_secs(3);
/// Pause after a failed attempt to fetch the key; doubled each time, up to [`MAX_FETCH_PAUSE`].
const FETCH_RETRY_PAUSE: Duration = Duration::from_millis(500);
const MAX_FETCH_PAUSE: Duration = Duration::from_secs(10);

/// State of the key.
#[derive(Default)]
pub(super) struct KeyChange {
    /// Newest key index that the room announced.
    announced: u32,
    /// A job is fetching or installing a key.
    busy: bool,
    /// Failed attempts in a row.
    failures: u32,
}

impl KeyChange {
    /// Counts a failed attempt and returns the pause before the next.
    fn pause(&mut self) -> Duration {
        let pause = backoff::pause(FETCH_RETRY_PAUSE, self.failures, MAX_FETCH_PAUSE);
        self.failures += 1;
        pause
    }
}

impl Task {
    /// Returns whether this call is end-to-end encrypted, even if we have no key yet.
    pub(super) fn is_encrypted(&self) -> bool {
        self.admission.as_ref().is_some_and(|admission| admission.e2ee)
    }

    /// Returns whether the call is encrypted and we have no key: nothing is sent or shown then.
    pub(super) fn lacks_key(&self) -> bool {
        self.admission.as_ref().is_some_and(|admission| admission.e2ee && admission.e2ee_key.is_none())
    }

    /// Reads the key index from the room's metadata.
    pub(super) fn on_announced_key(&mut self, metadata: &str) {
        // Rooms without our backend may have any metadata.
        let announcement: RoomAnnouncement = serde_json::from_str(metadata).unwrap_or_default();
        self.key_announced(announcement.e2ee_key_index);
    }

    /// Notes the newest key index, and fetches the key if ours is older.
    pub(super) fn key_announced(&mut self, index: u32) {
        self.key.announced = self.key.announced.max(index);
        self.fetch_key_if_outdated();
    }

    /// Returns whether the key is missing or older than the announced one.
    pub(super) fn is_key_outdated(&self) -> bool {
        self.admission.as_ref().is_some_and(|admission| {
            admission.e2ee && (admission.e2ee_key.is_none() || admission.e2ee_key_index < self.key.announced)
        })
    }

    /// Fetches the key if it is missing or outdated.
    pub(super) fn fetch_key_if_outdated(&mut self) {
        self.fetch_key(Duration::ZERO);
    }

    fn fetch_key(&mut self, pause: Duration) {
        let is_in = self.session.as_ref().is_some_and(super::task::Session::admits);
        let fetch = is_in && self.is_key_outdated() && !self.key.busy;
        let Some((consultation, token)) = self.consultation_ref().filter(|_| fetch) else {
            return;
        };
        self.key.busy = true;
        let (backend, room) = (self.entrance.backend.clone(), self.room_count);
        let if_panics = Event::KeyFetched { room, result: Err(BackendError::TaskFailed) };
        self.spawn_job(if_panics, async move {
            tokio::time::sleep(pause).await;
            Event::KeyFetched { room, result: backend.key(&consultation, &token).await }
        });
    }

    pub(super) fn on_key_fetched(&mut self, room: u64, result: Result<ConsultationKey, BackendError>) {
        let (Some(session), true) = (&self.session, room == self.room_count) else { return self.on_key_job_done() };
        let fetched = match result {
            Ok(fetched) => fetched,
            Err(error) => {
                tracing::warn!(%error, "end-to-end key not fetched; retrying");
                self.key.busy = false;
                let pause = self.key.pause();
                return self.fetch_key(pause);
            }
        };
        let manager = session.room.e2ee_manager().clone();
        let has_none = self.lacks_key();
        let if_panics = Event::KeyInstalled { room, key: fetched.clone(), installed: Err(E2eeError::NotConfigured) };
        self.spawn_job(if_panics, async move {
            let installed = install(manager, fetched.clone(), has_none).await;
            Event::KeyInstalled { room, key: fetched, installed }
        });
    }

    /// Uses an installed key: the first one at once, later ones after [`KEY_SWITCH_DELAY`].
    pub(super) fn on_key_installed(&mut self, room: u64, key: ConsultationKey, installed: Result<(), E2eeError>) {
        if self.session.is_none() || room != self.room_count {
            return self.on_key_job_done();
        }
        if let Err(error) = installed {
            tracing::error!(%error, "end-to-end key not installed; retrying");
            self.key.busy = false;
            let pause = self.key.pause();
            return self.fetch_key(pause);
        }
        self.key.failures = 0;
        let was_first = self.lacks_key();
        self.store_key(key);
        if was_first {
            self.on_key_job_done();
            self.take_tracks();
            self.show_admission();
        } else {
            self.switch_key();
        }
    }

    /// Encrypts with the newest key after [`KEY_SWITCH_DELAY`].
    fn switch_key(&mut self) {
        let (Some(session), Some(admission)) = (&self.session, &self.admission) else { return self.on_key_job_done() };
        let Some(key) = &admission.e2ee_key else { return self.on_key_job_done() };
        let next = ConsultationKey { key: key.expose().to_owned(), index: admission.e2ee_key_index };
        let (manager, room) = (session.room.e2ee_manager().clone(), self.room_count);
        let if_panics = Event::KeyChanged { room, result: Err(E2eeError::NotConfigured) };
        self.spawn_job(if_panics, async move {
            tokio::time::sleep(KEY_SWITCH_DELAY).await;
            Event::KeyChanged { room, result: install(manager, next, true).await }
        });
    }

    /// Handles the change to the newest key.
    pub(super) fn on_key_changed(&mut self, room: u64, result: Result<(), E2eeError>) {
        if room == self.room_count
            && let Err(error) = result
        {
            // Retried, because a removed participant has the previous key.
            tracing::error!(%error, "encryption not changed to the new key; retrying");
            return self.switch_key();
        }
        self.on_key_job_done();
    }

    fn on_key_job_done(&mut self) {
        self.key.busy = false;
        // A newer key may have been announced meanwhile.
        self.fetch_key_if_outdated();
    }

    pub(super) fn store_key(&mut self, ConsultationKey { key, index }: ConsultationKey) {
        let Some(admission) = &mut self.admission else { return };
        let key = Secret::new(key);
        let code = comparison_code(&key);
        admission.e2ee_key = Some(key);
        admission.e2ee_key_index = index;
        let admission = std::sync::Arc::new(admission.clone());
        let state = self.state();
        state.admission = Some(admission);
        state.comparison_code = Some(code);
    }
}

/// Installs a key for sending or only for receiving. Runs on a blocking thread, because deriving the key takes CPU
/// time.
async fn install(manager: E2eeManager, key: ConsultationKey, send: bool) -> Result<(), E2eeError> {
    let install = move || {
        let text = EncryptionKey::from(key.key.as_str());
        if send { manager.send_with(&text, key.index) } else { manager.add_key(&text, key.index) }
    };
    tokio::task::spawn_blocking(install).await.unwrap_or_else(|error| {
        tracing::error!(%error, "job that installs a key failed");
        Err(E2eeError::NotConfigured)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_between_failed_attempts_double_up_to_ten_seconds() {
        let mut key = KeyChange::default();
        let pauses: Vec<u128> = (0..7).map(|_| key.pause().as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 10_000, 10_000]);
    }
}
