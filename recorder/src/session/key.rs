//! End-to-end keys that arrive during a recording.

use autamedica_engine::{E2eeError, E2eeOptions};
use tokio::sync::watch;

/// The newest key, until the engine has it.
pub(super) struct NewestKey {
    received: watch::Receiver<Option<E2eeOptions>>,
    pending: Option<E2eeOptions>,
}

impl NewestKey {
    /// Creates it with the sender's current key, which was used for joining.
    pub fn new(received: watch::Receiver<Option<E2eeOptions>>) -> Self {
        Self { received, pending: None }
    }

    /// Waits for the next key. Cancel-safe. Never returns once the session is to end.
    pub async fn changed(&mut self) {
        if self.received.changed().await.is_err() {
            std::future::pending().await
        }
        self.pending = self.received.borrow_and_update().clone();
    }

    /// Returns the key that the engine doesn't have yet.
    pub fn pending(&self) -> Option<E2eeOptions> {
        self.pending.clone()
    }

    /// Handles the result of installing the pending key, which stays pending for another attempt if the engine failed.
    pub fn on_installed(&mut self, result: &Result<(), E2eeError>) {
        match result {
            Ok(()) => tracing::info!("room key added"),
            // The next room is joined with the key.
            Err(E2eeError::NotConfigured) => tracing::error!("room key not added: the room was joined without one"),
            Err(error) => return tracing::error!(%error, "room key not added; retrying"),
        }
        self.pending = None;
    }
}

#[cfg(test)]
mod tests {
    use autamedica_engine::{EncryptionKey, EngineError};

    use super::*;

    #[tokio::test]
    async fn a_key_is_pending_until_the_engine_has_it() {
        let key = |index| Some(E2eeOptions::with_shared_key(EncryptionKey::from("a key")).at_index(index));
        let (sender, received) = watch::channel(key(0));
        let mut newest = NewestKey::new(received);
        assert!(newest.pending().is_none(), "the room was joined with the first");
        sender.send_replace(key(1));
        newest.changed().await;
        newest.on_installed(&Err(E2eeError::Engine(EngineError::ShutDown)));
        assert_eq!(newest.pending().map(|key| key.index), Some(1), "another attempt follows");
        newest.on_installed(&Ok(()));
        assert!(newest.pending().is_none());
        sender.send_replace(key(2));
        newest.changed().await;
        newest.on_installed(&Err(E2eeError::NotConfigured));
        assert!(newest.pending().is_none(), "no attempt would help");
    }
}
