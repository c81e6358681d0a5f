//! A room: joining, leaving, its participants and its state.

mod apply;
mod messages;
mod session;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::backend;
use crate::e2ee::E2eeManager;
use crate::error::RoomError;
use crate::event::RoomEvent;
use crate::limits::ReceiveQuota;
use crate::options::RoomOptions;
use crate::participant::{LocalParticipant, RemoteParticipant};
use crate::room::session::RoomInner;
use crate::stats::SessionStats;
use crate::types::{ConnectionState, DisconnectReason, SimulateScenario};

/// A room that this client is in. Dropping it leaves the room; [`close`](Self::close) also waits for that.
pub struct Room {
    inner: Arc<RoomInner>,
}

impl Room {
    /// Joins the room of the token, on the server at `url` (`ws://`, `wss://`, `http://` or `https://`).
    ///
    /// [`remote_participants`](Self::remote_participants) returns those who are present at once; later changes come as
    /// events until the room is dropped. Messages, such as chat, are dropped while too many events are queued. When the
    /// queue overflows all the same, the room is left and the events end.
    ///
    /// # Errors
    /// [`RoomError::Unreachable`], [`RoomError::NotAllowed`] (the token is invalid, expired, or for another server),
    /// [`RoomError::InvalidUrl`], [`RoomError::Timeout`], or [`RoomError::Engine`] when the engine is not usable.
    pub async fn connect(
        url: &str,
        token: &str,
        options: RoomOptions,
    ) -> Result<(Self, mpsc::Receiver<RoomEvent>), RoomError> {
        let encryption = options.encryption.clone();
        let quota = ReceiveQuota::new(options.receive_limits);
        // Makes the room itself, because dropping it leaves the room if the caller has given up.
        let register = move |joined| {
            let (inner, events) = RoomInner::new(joined, encryption, quota);
            (Self { inner }, events)
        };
        let (room, events) = backend::Room::connect(url, token, &options, register).await?;
        room.e2ee_manager().install_initial_key().map_err(|error| RoomError::Other(error.to_string()))?;
        room.inner.object.start_events()?;
        Ok((room, events))
    }

    /// Leaves the room within two seconds. While the network is down, the engine goes on notifying the server after this
    /// has returned.
    ///
    /// # Errors
    /// [`RoomError::Timeout`] when the server could not be notified in time. The room is left all the same.
    pub async fn close(&self) -> Result<(), RoomError> {
        if self.connection_state() == ConnectionState::Disconnected {
            return Ok(());
        }
        let outcome = self.inner.object.close().await;
        self.inner.on_disconnected(DisconnectReason::ClientInitiated);
        outcome
    }

    /// Id assigned by the server; `None` until the server has sent it.
    pub fn maybe_sid(&self) -> Option<String> {
        self.inner.info.read().sid.clone()
    }

    /// Name of the room.
    pub fn name(&self) -> String {
        self.inner.info.read().name.clone()
    }

    /// Metadata set through the server's API.
    pub fn metadata(&self) -> String {
        self.inner.info.read().metadata.clone()
    }

    /// Returns `true` while the server reports a recording.
    pub fn active_recording(&self) -> bool {
        self.inner.info.read().active_recording
    }

    /// Number of participants, as counted by the server.
    pub fn num_participants(&self) -> u32 {
        self.inner.info.read().num_participants
    }

    /// State of the connection.
    pub fn connection_state(&self) -> ConnectionState {
        self.inner.info.read().state
    }

    /// The local participant.
    pub fn local_participant(&self) -> LocalParticipant {
        self.inner.local.clone()
    }

    /// All remote participants by identity.
    pub fn remote_participants(&self) -> HashMap<String, RemoteParticipant> {
        self.inner.remotes.read().clone()
    }

    /// Manager of this room's end-to-end encryption.
    pub fn e2ee_manager(&self) -> &E2eeManager {
        &self.inner.e2ee_manager
    }

    /// Returns the room's WebRTC statistics.
    ///
    /// # Errors
    /// [`RoomError::Timeout`] when the engine does not answer in time, [`RoomError::Engine`] when it is not running.
    pub async fn get_stats(&self) -> Result<SessionStats, RoomError> {
        self.inner.object.stats().await
    }

    /// Provokes a fault, for tests.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot provoke it.
    pub async fn simulate_scenario(&self, scenario: SimulateScenario) -> Result<(), RoomError> {
        self.inner.object.simulate(scenario).await
    }
}

#[cfg(test)]
impl Room {
    pub(crate) fn emit_for_tests(&self, event: RoomEvent) {
        self.inner.emit(event);
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let remotes: Vec<_> = self.inner.remotes.read().values().cloned().collect();
        remotes.iter().for_each(RemoteParticipant::cancel_resubscriptions);
        self.inner.object.forget();
        if self.connection_state() != ConnectionState::Disconnected
            && let Err(error) = self.inner.object.leave()
        {
            tracing::debug!(%error, "dropped room not left");
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.inner.info.read();
        write!(f, "Room({}, {:?})", info.name, info.state)
    }
}
