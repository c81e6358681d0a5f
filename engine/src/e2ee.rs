//! End-to-end encryption with one key that all participants share and the SFU never receives.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proto::e2ee_request::Message;

use crate::dispatch::Engine;
use crate::error::{E2eeError, EngineError};
use crate::ffi::Handle;
use crate::participant::ParticipantCore;
use crate::proto;
use crate::publication::LocalTrackPublication;

/// Salt of the key derivation in all of LiveKit's clients.
const RATCHET_SALT: &[u8] = b"LKFrameEncryptionKey";
/// Number of slots of the key ring in all of LiveKit's clients.
const KEY_RING_SIZE: u8 = 16;

/// Shared key. `Debug` omits its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(Vec<u8>);

impl EncryptionKey {
    /// Creates a key from bytes of any length. LiveKit's clients use the UTF-8 of a text.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }
}

impl From<&str> for EncryptionKey {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for EncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncryptionKey(…)")
    }
}

/// Options for end-to-end encryption with AES-GCM and a shared key.
#[derive(Clone, Debug)]
pub struct E2eeOptions {
    /// Shared key.
    pub key: EncryptionKey,
    /// Index of the key. Frames and messages carry it modulo 16, so that the key can change during a call.
    pub index: u32,
}

impl E2eeOptions {
    /// Creates options with this key at index 0.
    pub fn with_shared_key(key: impl Into<EncryptionKey>) -> Self {
        Self { key: key.into(), index: 0 }
    }

    /// Sets the index of the key.
    #[must_use]
    pub fn at_index(self, index: u32) -> Self {
        Self { index, ..self }
    }

    pub(crate) fn to_proto(&self) -> proto::E2eeOptions {
        proto::E2eeOptions {
            encryption_type: proto::EncryptionType::Gcm.into(),
            key_provider_options: proto::KeyProviderOptions {
                shared_key: Some(self.key.0.clone()),
                // With a ratchet window, a wrong key keeps a core busy ratcheting and is never reported.
                ratchet_window_size: 0,
                ratchet_salt: RATCHET_SALT.to_vec(),
                failure_tolerance: 10,
                key_ring_size: KEY_RING_SIZE.into(),
                key_derivation_function: proto::KeyDerivationFunction::Pbkdf2.into(),
            },
        }
    }
}

/// End-to-end encryption of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionType {
    /// Not end-to-end encrypted.
    #[default]
    None,
    /// AES-GCM.
    Gcm,
    /// An application's own encryption.
    Custom,
}

impl From<proto::EncryptionType> for EncryptionType {
    fn from(kind: proto::EncryptionType) -> Self {
        match kind {
            proto::EncryptionType::None => Self::None,
            proto::EncryptionType::Gcm => Self::Gcm,
            proto::EncryptionType::Custom => Self::Custom,
        }
    }
}

/// State of the encryption of a participant's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionState {
    /// Not started.
    New,
    /// Media is encrypted or decrypted.
    Ok,
    /// Local media could not be encrypted.
    EncryptionFailed,
    /// Remote media could not be decrypted, because its key differs.
    DecryptionFailed,
    /// No key is set.
    MissingKey,
    /// The key was ratcheted.
    KeyRatcheted,
    /// Internal error of the engine.
    InternalError,
}

impl From<proto::EncryptionState> for EncryptionState {
    fn from(state: proto::EncryptionState) -> Self {
        match state {
            proto::EncryptionState::New => Self::New,
            proto::EncryptionState::Ok => Self::Ok,
            proto::EncryptionState::EncryptionFailed => Self::EncryptionFailed,
            proto::EncryptionState::DecryptionFailed => Self::DecryptionFailed,
            proto::EncryptionState::MissingKey => Self::MissingKey,
            proto::EncryptionState::KeyRatcheted => Self::KeyRatcheted,
            proto::EncryptionState::InternalError => Self::InternalError,
        }
    }
}

/// State of a room's end-to-end encryption, checked by every stream before it delivers a frame.
#[derive(Debug)]
pub(crate) struct E2eeState {
    configured: bool,
    enabled: AtomicBool,
    /// Time at which encryption was last enabled.
    enabled_at: Mutex<Instant>,
    /// Key for outgoing media and messages.
    sending_key: Mutex<Option<E2eeOptions>>,
}

impl E2eeState {
    pub(crate) fn new(options: Option<E2eeOptions>) -> Self {
        let configured = options.is_some();
        Self {
            configured,
            enabled: AtomicBool::new(configured),
            enabled_at: Mutex::new(Instant::now()),
            sending_key: Mutex::new(options),
        }
    }

    /// Selects the slot of the sending key for a publication; the engine starts each publication with slot 0.
    pub(crate) fn select_key(&self, room: &Handle, identity: &str, track_sid: &str) -> Result<(), EngineError> {
        let Some(slot) = self.sending_key.lock().as_ref().map(|key| slot(key.index)) else { return Ok(()) };
        let message = proto::FrameCryptorSetKeyIndexRequest {
            participant_identity: identity.to_owned(),
            track_sid: track_sid.to_owned(),
            key_index: slot,
        };
        request(room, "FrameCryptorSetKeyIndex", Message::CryptorSetKeyIndex(message))
    }

    /// Time since encryption was enabled; zero while disabled.
    pub(crate) fn enabled_for(&self) -> Duration {
        if self.is_enabled() { self.enabled_at.lock().elapsed() } else { Duration::ZERO }
    }

    fn set_enabled(&self, enabled: bool) {
        if enabled {
            *self.enabled_at.lock() = Instant::now();
        }
        self.enabled.store(enabled, Ordering::Release);
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }
}

/// Manager of a joined room's end-to-end encryption.
#[derive(Clone)]
pub struct E2eeManager {
    room: Arc<Handle>,
    state: Arc<E2eeState>,
    local: Arc<ParticipantCore<LocalTrackPublication>>,
}

impl E2eeManager {
    pub(crate) fn new(
        room: Arc<Handle>,
        state: Arc<E2eeState>,
        local: Arc<ParticipantCore<LocalTrackPublication>>,
    ) -> Self {
        Self { room, state, local }
    }

    /// Returns `true` if the room was joined with [`RoomOptions::e2ee`](crate::RoomOptions::e2ee).
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
        self.request(
            "E2eeManagerSetEnabled",
            Message::ManagerSetEnabled(proto::E2eeManagerSetEnabledRequest { enabled }),
        )?;
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
        let identity = self.local.info.read().identity.clone();
        let published: Vec<String> = self.local.publications.read().keys().cloned().collect();
        // An error, such as that of a publication that has just ended, must not leave the others on the old key.
        let mut outcome = Ok(());
        for sid in published {
            outcome = outcome.and(self.state.select_key(&self.room, &identity, &sid).map_err(E2eeError::from));
        }
        outcome
    }

    /// Moves the key of [`RoomOptions::e2ee`](crate::RoomOptions::e2ee) to its slot; the engine installs it in slot 0.
    pub(crate) fn install_initial_key(&self) -> Result<(), E2eeError> {
        let first = self.state.sending_key.lock().clone().filter(|key| key.index > 0);
        first.map_or(Ok(()), |key| self.install(&key.key, key.index))
    }

    fn install(&self, key: &EncryptionKey, index: u32) -> Result<(), E2eeError> {
        let message = proto::SetSharedKeyRequest { shared_key: key.0.clone(), key_index: slot(index) };
        self.request("SetSharedKey", Message::SetSharedKey(message))
    }

    fn request(&self, name: &'static str, message: Message) -> Result<(), E2eeError> {
        if !self.state.configured {
            return Err(E2eeError::NotConfigured);
        }
        request(&self.room, name, message).map_err(EngineError::into)
    }
}

fn request(room: &Handle, name: &'static str, message: Message) -> Result<(), EngineError> {
    let request = proto::E2eeRequest { room_handle: room.id(), message: Some(message) };
    Engine::get()?.request(name, proto::ffi_request::Message::E2ee(request)).map(drop)
}

/// Slot of a key in the engine's key ring.
fn slot(index: u32) -> i32 {
    i32::try_from(index % u32::from(KEY_RING_SIZE)).unwrap_or_default()
}

impl fmt::Debug for E2eeManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("E2eeManager").field("enabled", &self.enabled()).finish_non_exhaustive()
    }
}
