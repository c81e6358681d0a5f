//! Manager of end-to-end encryption.

use std::fmt;
use std::sync::Arc;

use crate::backend;
use crate::e2ee::state::E2eeState;
use crate::error::E2eeError;
use crate::options::{E2eeOptions, EncryptionKey};
use crate::participant::ParticipantCore;
use crate::publication::LocalTrackPublication;

/// Manager of a joined room's end-to-end encryption.
#[derive(Clone)]
pub struct E2eeManager {
    room: backend::Room,
    state: Arc<E2eeState>,
    local: Arc<ParticipantCore<LocalTrackPublication>>,
}

impl E2eeManager {
    pub(crate) fn new(
        room: backend::Room,
        state: Arc<E2eeState>,
        local: Arc<ParticipantCore<LocalTrackPublication>>,
    ) -> Self {
        Self { room, state, local }
    }

    /// Returns `true` if the room was joined with [`RoomOptions::encryption`](crate::RoomOptions::encryption).
    pub fn is_configured(&self) -> bool {
        self.state.configured
    }

    /// Returns `true` while media is encrypted and decrypted.
    pub fn enabled(&self) -> bool {
        self.state.is_enabled()
    }

    /// Enables or disables encryption. While disabled, streams of encrypted tracks deliver no frames.
    ///
    /// # Errors
    /// [`E2eeError::NotConfigured`] in a room that was joined without encryption, [`E2eeError::Engine`].
    pub fn set_enabled(&self, enabled: bool) -> Result<(), E2eeError> {
        // Disabled before the engine stops decrypting and enabled after it starts, so that no ciphertext is played.
        if !enabled {
            self.state.set_enabled(false);
        }
        self.check_configured()?;
        self.room.set_encryption_enabled(enabled)?;
        self.state.set_enabled(enabled);
        Ok(())
    }

    /// Replaces the key of all participants at the current index.
    ///
    /// # Errors
    /// [`E2eeError::NotConfigured`] in a room that was joined without encryption, [`E2eeError::Engine`].
    pub fn set_shared_key(&self, key: &EncryptionKey) -> Result<(), E2eeError> {
        let index = self.index().ok_or(E2eeError::NotConfigured)?;
        self.send_with(key, index)
    }

    /// Index of the sending key; `None` without encryption.
    pub fn index(&self) -> Option<u32> {
        self.state.sending_key.lock().as_ref().map(|key| key.index)
    }

    /// Adds a key for decryption. This client keeps its sending key until [`send_with`](Self::send_with), so that
    /// participants without the new key can still decrypt. Blocks for about 100 ms, in which the engine derives the key for
    /// each participant.
    ///
    /// # Errors
    /// [`E2eeError::NotConfigured`] in a room that was joined without encryption, [`E2eeError::Engine`].
    pub fn add_key(&self, key: &EncryptionKey, index: u32) -> Result<(), E2eeError> {
        let sending = self.state.sending_key.lock().clone().ok_or(E2eeError::NotConfigured)?;
        self.install(key, index)?;
        // Installed again, because the engine encrypts messages with the key installed last.
        self.install(&sending.key, sending.index)
    }

    /// Changes the sending key of media and messages. Blocks like [`add_key`](Self::add_key).
    ///
    /// # Errors
    /// [`E2eeError::NotConfigured`] in a room that was joined without encryption, [`E2eeError::Engine`].
    pub fn send_with(&self, key: &EncryptionKey, index: u32) -> Result<(), E2eeError> {
        self.install(key, index)?;
        // Set before the publications are listed, so that a concurrent publication uses it.
        *self.state.sending_key.lock() = Some(E2eeOptions { key: key.clone(), index });
        let identity = self.local.state.read().identity.clone();
        let published: Vec<String> = self.local.publications.read().keys().cloned().collect();
        // An error, such as that of a publication that has just ended, must not leave the others on the old key.
        let mut outcome = Ok(());
        for sid in published {
            outcome = outcome.and(self.state.select_key(&self.room, &identity, &sid).map_err(E2eeError::from));
        }
        outcome
    }

    /// Moves the key of [`RoomOptions::encryption`](crate::RoomOptions::encryption) to its slot; the engine installs it in slot 0.
    pub(crate) fn install_initial_key(&self) -> Result<(), E2eeError> {
        let first = self.state.sending_key.lock().clone().filter(|key| key.index > 0);
        first.map_or(Ok(()), |key| self.install(&key.key, key.index))
    }

    fn install(&self, key: &EncryptionKey, index: u32) -> Result<(), E2eeError> {
        self.check_configured()?;
        Ok(self.room.install_key(key, index)?)
    }

    fn check_configured(&self) -> Result<(), E2eeError> {
        if self.state.configured { Ok(()) } else { Err(E2eeError::NotConfigured) }
    }
}

impl fmt::Debug for E2eeManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("E2eeManager").field("enabled", &self.enabled()).finish_non_exhaustive()
    }
}
