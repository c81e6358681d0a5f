//! State of end-to-end encryption.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::backend;
use crate::error::EngineError;
use crate::options::E2eeOptions;

/// State of a room's end-to-end encryption, checked by every stream before it delivers a frame.
#[derive(Debug)]
pub(crate) struct E2eeState {
    pub configured: bool,
    enabled: AtomicBool,
    /// Time at which encryption was last enabled.
    enabled_at: Mutex<Instant>,
    /// Key for outgoing media and messages.
    pub sending_key: Mutex<Option<E2eeOptions>>,
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

    /// Selects the sending key for a publication.
    pub(crate) fn select_key(&self, room: &backend::Room, identity: &str, track_sid: &str) -> Result<(), EngineError> {
        let Some(index) = self.sending_key.lock().as_ref().map(|key| key.index) else { return Ok(()) };
        room.select_key(identity, track_sid, index)
    }

    /// Time since encryption was enabled; zero while disabled.
    pub(crate) fn enabled_for(&self) -> Duration {
        if self.is_enabled() { self.enabled_at.lock().elapsed() } else { Duration::ZERO }
    }

    pub(crate) fn set_enabled(&self, enabled: bool) {
        if enabled {
            *self.enabled_at.lock() = Instant::now();
        }
        self.enabled.store(enabled, Ordering::Release);
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled.load(Ordering::Acquire)
    }
}
