//! A room: joining, leaving, its participants and its state.

mod apply;
mod chat;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, RwLock};
use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;
use tokio::sync::mpsc;

pub(crate) use apply::release;

use crate::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::e2ee::{E2eeManager, E2eeOptions, E2eeState};
use crate::error::{EngineError, RoomError};
use crate::event::RoomEvent;
use crate::ffi::Handle;
use crate::limits::{MAX_QUEUED_EVENTS, MAX_QUEUED_MESSAGES, ReceiveQuota};
use crate::local_participant::LocalParticipant;
use crate::options::RoomOptions;
use crate::participant::{Participant, RemoteParticipant};
use crate::proto;
use crate::publication::RemoteTrackPublication;
use crate::stats::{PeerStats, SessionStats};
use crate::types::{ConnectionState, DisconnectReason};

/// Timeout for leaving a room, which the engine doesn't bound while the network is down.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Fault that a test can provoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulateScenario {
    /// The signaling connection breaks and is resumed.
    SignalReconnect,
    /// The server reports an active speaker.
    Speaker,
    /// The server fails.
    NodeFailure,
    /// The server asks this client to leave.
    ServerLeave,
    /// The server moves this client to another.
    Migration,
    /// Media is forced to TCP.
    ForceTcp,
    /// Media is forced to TLS.
    ForceTls,
    /// The client makes a full reconnect.
    FullReconnect,
    /// The signaling connection breaks while it is being resumed.
    DisconnectSignalOnResume,
}

impl From<SimulateScenario> for proto::SimulateScenarioKind {
    fn from(scenario: SimulateScenario) -> Self {
        match scenario {
            SimulateScenario::SignalReconnect => Self::SimulateSignalReconnect,
            SimulateScenario::Speaker => Self::SimulateSpeaker,
            SimulateScenario::NodeFailure => Self::SimulateNodeFailure,
            SimulateScenario::ServerLeave => Self::SimulateServerLeave,
            SimulateScenario::Migration => Self::SimulateMigration,
            SimulateScenario::ForceTcp => Self::SimulateForceTcp,
            SimulateScenario::ForceTls => Self::SimulateForceTls,
            SimulateScenario::FullReconnect => Self::SimulateFullReconnect,
            SimulateScenario::DisconnectSignalOnResume => Self::SimulateDisconnectSignalOnResume,
        }
    }
}

/// A room that this client is in. Dropping it leaves the room; [`close`](Self::close) also waits for that.
pub struct Room {
    inner: Arc<RoomInner>,
}

/// Properties of a room, updated by its events.
#[derive(Default)]
struct RoomInfo {
    sid: String,
    name: String,
    metadata: String,
    is_recording: bool,
    num_participants: u32,
    connection_state: ConnectionState,
}

impl RoomInfo {
    fn update(&mut self, info: proto::RoomInfo) {
        if let Some(sid) = info.sid.filter(|sid| !sid.is_empty()) {
            self.sid = sid;
        }
        self.name = info.name;
        self.metadata = info.metadata;
        self.is_recording = info.active_recording;
        self.num_participants = info.num_participants;
    }
}

pub(crate) struct RoomInner {
    handle: Arc<Handle>,
    info: RwLock<RoomInfo>,
    local: LocalParticipant,
    /// Remote participants by identity.
    remotes: RwLock<HashMap<String, RemoteParticipant>>,
    e2ee: Arc<E2eeState>,
    /// `None` after the queue of events overflowed.
    events: Mutex<Option<mpsc::Sender<RoomEvent>>>,
    quota: Arc<ReceiveQuota>,
    chat: Mutex<chat::RecentMessages>,
    this: Weak<RoomInner>,
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
        let engine = Engine::get()?;
        let build = |async_id| {
            Request::Connect(proto::ConnectRequest {
                url: url.into(),
                token: token.into(),
                options: options.to_proto(),
                request_async_id: Some(async_id),
            })
        };
        let e2ee = options.e2ee.clone();
        let quota = ReceiveQuota::new(options.receive_limits);
        let then = move |message| {
            use proto::connect_callback::Message;
            match take!(message, Event::Connect)?.message {
                Some(Message::Result(result)) => Ok(Self::new(engine, result, e2ee, quota)),
                Some(Message::Error(error)) => Err(RoomError::classify(&error)),
                None => Err(EngineError::Protocol("Connect").into()),
            }
        };
        // The engine bounds each attempt; this also bounds the whole if the engine fails to.
        let limit = options.connect_timeout.saturating_mul(options.join_retries + 1) + REQUEST_TIMEOUT;
        let (room, events) = engine.call_within(limit, "Connect", build, then).await?;
        room.e2ee_manager().install_initial_key().map_err(|error| RoomError::Other(error.to_string()))?;
        let request = proto::ReadyForRoomEventRequest { room_handle: room.inner.handle.id() };
        engine.request("ReadyForRoomEvent", Request::ReadyForRoomEvent(request))?;
        Ok((room, events))
    }

    /// Creates and registers a joined room. Runs on the events thread, so that the room's first event finds it registered.
    fn new(
        engine: &Engine,
        result: proto::connect_callback::Result,
        e2ee: Option<E2eeOptions>,
        quota: Arc<ReceiveQuota>,
    ) -> (Self, mpsc::Receiver<RoomEvent>) {
        let (events, receiver) = mpsc::channel(64 * MAX_QUEUED_EVENTS);
        let mut info = RoomInfo::default();
        info.update(result.room.info);
        let e2ee = Arc::new(E2eeState::new(e2ee));
        let remotes = result.participants.into_iter().map(|with_tracks| {
            let participant = RemoteParticipant::new(with_tracks.participant);
            for owned in with_tracks.publications {
                participant.add_publication(RemoteTrackPublication::new(owned, e2ee.clone()));
            }
            (participant.identity(), participant)
        });
        let handle = Arc::new(Handle::new(result.room.handle));
        let inner = Arc::new_cyclic(|this| RoomInner {
            handle: handle.clone(),
            info: RwLock::new(info),
            local: LocalParticipant::new(result.local_participant, handle, e2ee.clone()),
            remotes: RwLock::new(remotes.collect()),
            e2ee: e2ee.clone(),
            events: Mutex::new(Some(events)),
            quota,
            chat: Mutex::default(),
            this: this.clone(),
        });
        engine.add_room(inner.handle.id(), Arc::downgrade(&inner));
        (Self { inner }, receiver)
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
        let build = |async_id| self.inner.disconnect_request(async_id);
        let then = |message| Ok(take!(message, Event::Disconnect).map(|_| ())?);
        let outcome = Engine::get()?.call_within(CLOSE_TIMEOUT, "Disconnect", build, then).await;
        self.inner.on_disconnected(DisconnectReason::ClientInitiated);
        outcome
    }

    /// Id assigned by the server; empty until the server has sent it.
    pub fn sid(&self) -> String {
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
    pub fn is_recording(&self) -> bool {
        self.inner.info.read().is_recording
    }

    /// Number of participants, as counted by the server.
    pub fn num_participants(&self) -> u32 {
        self.inner.info.read().num_participants
    }

    /// State of the connection.
    pub fn connection_state(&self) -> ConnectionState {
        self.inner.info.read().connection_state
    }

    /// The local participant.
    pub fn local_participant(&self) -> LocalParticipant {
        self.inner.local.clone()
    }

    /// All remote participants, in the order of joining.
    pub fn remote_participants(&self) -> Vec<RemoteParticipant> {
        let mut participants: Vec<_> = self.inner.remotes.read().values().cloned().collect();
        participants.sort_by_cached_key(|participant| (participant.joined_at_ms(), participant.identity()));
        participants
    }

    /// Manager of this room's end-to-end encryption.
    pub fn e2ee_manager(&self) -> E2eeManager {
        E2eeManager::new(self.inner.handle.clone(), self.inner.e2ee.clone(), self.inner.local.core.clone())
    }

    /// Returns the room's WebRTC statistics.
    ///
    /// # Errors
    /// [`RoomError::Timeout`] when the engine does not answer in time, [`RoomError::Engine`] when it is not running.
    pub async fn get_stats(&self) -> Result<SessionStats, RoomError> {
        let room_handle = self.inner.handle.id();
        let build = |async_id| {
            Request::GetSessionStats(proto::GetSessionStatsRequest { room_handle, request_async_id: Some(async_id) })
        };
        let then = |message| {
            use proto::get_session_stats_callback::Message;
            match take!(message, Event::GetSessionStats)?.message {
                Some(Message::Result(result)) => Ok(SessionStats {
                    publisher: PeerStats::from(result.publisher_stats),
                    subscriber: PeerStats::from(result.subscriber_stats),
                }),
                Some(Message::Error(error)) => Err(RoomError::classify(&error)),
                None => Err(EngineError::Protocol("GetSessionStats").into()),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "GetSessionStats", build, then).await
    }

    /// Provokes a fault, for tests.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot provoke it.
    pub async fn simulate_scenario(&self, scenario: SimulateScenario) -> Result<(), RoomError> {
        let room_handle = self.inner.handle.id();
        let build = |async_id| {
            Request::SimulateScenario(proto::SimulateScenarioRequest {
                room_handle,
                scenario: proto::SimulateScenarioKind::from(scenario).into(),
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::SimulateScenario)?.error {
            Some(error) => Err(RoomError::classify(&error)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "SimulateScenario", build, then).await
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
        let Ok(engine) = Engine::get() else { return };
        engine.remove_room(self.inner.handle.id());
        if self.connection_state() != ConnectionState::Disconnected {
            // The completion keeps the handle alive until the room is left.
            let handle = self.inner.handle.clone();
            let build = |async_id| self.inner.disconnect_request(async_id);
            if let Err(error) = engine.start("Disconnect", build, move |_| drop(handle)) {
                tracing::debug!(%error, "dropped room not left");
            }
        }
    }
}

impl fmt::Debug for Room {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.inner.info.read();
        write!(f, "Room({}, {:?})", info.name, info.connection_state)
    }
}

impl RoomInner {
    fn disconnect_request(&self, async_id: u64) -> Request {
        Request::Disconnect(proto::DisconnectRequest {
            room_handle: self.handle.id(),
            request_async_id: Some(async_id),
            reason: Some(proto::DisconnectReason::ClientInitiated.into()),
        })
    }

    fn emit(&self, event: RoomEvent) {
        let overflow = {
            let mut events = self.events.lock();
            let Some(sender) = &*events else { return };
            let waiting = sender.max_capacity() - sender.capacity();
            if false && waiting >= MAX_QUEUED_MESSAGES && event.is_droppable() {
                return tracing::debug!(waiting, "event dropped, because too many are queued");
            }
            // A closed channel is no error: the owner may have dropped the receiver.
            let overflow = matches!(sender.try_send(event), Err(mpsc::error::TrySendError::Full(_)));
            if overflow {
                // The receiver still gets the queued events, then the end.
                *events = None;
            }
            overflow
        };
        if overflow {
            self.leave_after_overflow();
        }
    }

    /// Leaves the room, because its owner doesn't read the events.
    fn leave_after_overflow(&self) {
        tracing::error!(limit = MAX_QUEUED_EVENTS, "room left, because its queue of events overflowed");
        self.on_disconnected(DisconnectReason::ClientInitiated);
        let handle = self.handle.clone();
        let left = Engine::get().and_then(|engine| {
            engine.start("Disconnect", |async_id| self.disconnect_request(async_id), move |_| drop(handle))
        });
        if let Err(error) = left {
            tracing::warn!(%error, "room not left");
        }
    }

    fn participant(&self, identity: &str) -> Option<Participant> {
        if self.local.core.info.read().identity == identity {
            return Some(Participant::Local(self.local.clone()));
        }
        self.remotes.read().get(identity).cloned().map(Participant::Remote)
    }

    fn remote(&self, identity: &str) -> Option<RemoteParticipant> {
        self.remotes.read().get(identity).cloned()
    }

    /// Ends all tracks and readers and emits [`RoomEvent::Disconnected`], once.
    fn on_disconnected(&self, reason: DisconnectReason) {
        let before = {
            let mut info = self.info.write();
            std::mem::replace(&mut info.connection_state, ConnectionState::Disconnected)
        };
        // The engine gives no reason when it gives up reconnecting.
        let reason = match (before, reason) {
            (ConnectionState::Reconnecting, DisconnectReason::UnknownReason) => DisconnectReason::ReconnectFailed,
            (_, reason) => reason,
        };
        if before != ConnectionState::Disconnected {
            let remotes: Vec<_> = self.remotes.read().values().cloned().collect();
            remotes.iter().for_each(RemoteParticipant::end);
            if let Ok(engine) = Engine::get() {
                engine.end_readers(self.handle.id());
            }
            self.emit(RoomEvent::Disconnected { reason });
        }
    }

    pub(crate) fn on_engine_panic(&self, message: &str) {
        self.emit(RoomEvent::EngineFailed { message: message.into() });
    }
}
