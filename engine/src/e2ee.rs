//! End-to-end encryption: one key that all participants share and the SFU never sees.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proto::e2ee_request::Message;

use crate::dispatch::Engine;
use crate::error::{E2eeError, EngineError};
use crate::ffi::Handle;
use crate::proto;

/// The salt from which, with the shared key, LiveKit's clients derive their keys.
const RATCHET_SALT: &[u8] = b"LKFrameEncryptionKey";
/// Keys that can be held side by side, as in LiveKit's other clients.
const KEY_RING_SIZE: i32 = 16;

/// A shared key. Its bytes are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptionKey(Vec<u8>);

impl EncryptionKey {
    /// A key from bytes, of any length; LiveKit's clients pass a text's UTF-8.
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

/// End-to-end encryption of a room: AES-GCM with a key that all participants share.
#[derive(Clone, Debug)]
pub struct E2eeOptions {
    /// The key.
    pub key: EncryptionKey,
}

impl E2eeOptions {
    /// Encryption with this key.
    pub fn with_shared_key(key: impl Into<EncryptionKey>) -> Self {
        Self { key: key.into() }
    }

    pub(crate) fn to_proto(&self) -> proto::E2eeOptions {
        proto::E2eeOptions {
            encryption_type: proto::EncryptionType::Gcm.into(),
            key_provider_options: proto::KeyProviderOptions {
                shared_key: Some(self.key.0.clone()),
                // With a window, a wrong key burns a whole core in trying and is never reported; with none it
                // costs nothing, and is.
                ratchet_window_size: 0,
                ratchet_salt: RATCHET_SALT.to_vec(),
                failure_tolerance: 10,
                key_ring_size: KEY_RING_SIZE,
                key_derivation_function: proto::KeyDerivationFunction::Pbkdf2.into(),
            },
        }
    }
}

/// How a track is encrypted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionType {
    /// The SFU could look and listen.
    #[default]
    None,
    /// AES-GCM.
    Gcm,
    /// In a way of the application's own.
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

/// How the encryption of a participant's media goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionState {
    /// Not started.
    New,
    /// It works.
    Ok,
    /// Our media could not be encrypted.
    EncryptionFailed,
    /// Their media could not be decrypted: another key.
    DecryptionFailed,
    /// There is no key.
    MissingKey,
    /// The key was moved on.
    KeyRatcheted,
    /// Something inside failed.
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

/// Whether a room decrypts at the moment; asked by each stream before it lets a frame out.
#[derive(Debug)]
pub(crate) struct E2eeSwitch {
    configured: bool,
    enabled: AtomicBool,
    /// When it was last switched on.
    since: Mutex<Instant>,
}

impl E2eeSwitch {
    pub(crate) fn new(configured: bool) -> Self {
        Self { configured, enabled: AtomicBool::new(configured), since: Mutex::new(Instant::now()) }
    }

    /// For how long it has been on; nothing while off.
    pub(crate) fn on_for(&self) -> Duration {
        if self.is_on() { self.since.lock().elapsed() } else { Duration::ZERO }
    }

    fn set(&self, on: bool) {
        if on {
            *self.since.lock() = Instant::now();
        }
        self.enabled.store(on, Ordering::Release);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }
}

/// Changes a room's end-to-end encryption while in it.
#[derive(Clone)]
pub struct E2eeManager {
    room: Arc<Handle>,
    switch: Arc<E2eeSwitch>,
}

impl E2eeManager {
    pub(crate) fn new(room: Arc<Handle>, switch: Arc<E2eeSwitch>) -> Self {
        Self { room, switch }
    }

    /// Whether the room was joined with [`RoomOptions::e2ee`](crate::RoomOptions::e2ee).
    pub fn is_configured(&self) -> bool {
        self.switch.configured
    }

    /// Whether media is encrypted and decrypted at the moment.
    pub fn enabled(&self) -> bool {
        self.switch.is_on()
    }

    /// Switches encryption on or off. While off, streams of encrypted tracks deliver nothing.
    ///
    /// # Errors
    /// [`E2eeError::NotConfigured`] in a room that was joined without it.
    pub fn set_enabled(&self, enabled: bool) -> Result<(), E2eeError> {
        // Off before the engine stops to decrypt and on after it starts, so that no ciphertext is ever played.
        if !enabled {
            self.switch.set(false);
        }
        self.request(
            "E2eeManagerSetEnabled",
            Message::ManagerSetEnabled(proto::E2eeManagerSetEnabledRequest { enabled }),
        )?;
        self.switch.set(enabled);
        Ok(())
    }

    /// Replaces the key, for all participants.
    ///
    /// # Errors
    /// [`E2eeError::NotConfigured`] in a room that was joined without it.
    pub fn set_shared_key(&self, key: &EncryptionKey) -> Result<(), E2eeError> {
        let message = proto::SetSharedKeyRequest { shared_key: key.0.clone(), key_index: 0 };
        self.request("SetSharedKey", Message::SetSharedKey(message))
    }

    fn request(&self, name: &'static str, message: Message) -> Result<(), E2eeError> {
        if !self.switch.configured {
            return Err(E2eeError::NotConfigured);
        }
        let request = proto::E2eeRequest { room_handle: self.room.id(), message: Some(message) };
        Engine::get()?.request(name, proto::ffi_request::Message::E2ee(request)).map_err(EngineError::into).map(drop)
    }
}

impl fmt::Debug for E2eeManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("E2eeManager").field("enabled", &self.enabled()).finish_non_exhaustive()
    }
}
