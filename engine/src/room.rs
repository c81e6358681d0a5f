//! A room: joining, leaving, and who and what is in it.

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
use crate::e2ee::{E2eeManager, E2eeSwitch};
use crate::error::{EngineError, RoomError};
use crate::event::RoomEvent;
use crate::ffi::Handle;
use crate::local_participant::LocalParticipant;
use crate::options::RoomOptions;
use crate::participant::{Participant, RemoteParticipant};
use crate::proto;
use crate::publication::RemoteTrackPublication;
use crate::stats::{PeerStats, SessionStats};
use crate::types::{ConnectionState, DisconnectReason};

/// The longest that leaving a room takes: the engine may wait for a network that is not there.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// What can be made to go wrong, for tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulateScenario {
    /// The signaling connection breaks and is resumed.
    SignalReconnect,
    /// Somebody seems to speak.
    Speaker,
    /// The server dies.
    NodeFailure,
    /// The server asks this client to leave.
    ServerLeave,
    /// The server moves this client to another.
    Migration,
    /// Media has to go by TCP.
    ForceTcp,
    /// Media has to go by TLS.
    ForceTls,
    /// The connection is made again from scratch.
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

/// What is known of a room, kept up to date by its events.
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
    /// By identity.
    remotes: RwLock<HashMap<String, RemoteParticipant>>,
    e2ee: Arc<E2eeSwitch>,
    events: mpsc::UnboundedSender<RoomEvent>,
    chat: Mutex<chat::Seen>,
    this: Weak<RoomInner>,
}

impl Room {
    /// Joins the room that the token names, on the server at `url` (`ws://` or `wss://`, also `http://` or `https://`).
    ///
    /// The participants that are there already are those of [`remote_participants`](Self::remote_participants); what
    /// happens from then on comes as events, until the room is dropped.
    ///
    /// # Errors
    /// [`RoomError::Unreachable`], [`RoomError::NotAllowed`] (the token is bad, expired, or not for this server),
    /// [`RoomError::InvalidUrl`], [`RoomError::Timeout`], or [`RoomError::Engine`] when the engine cannot be used.
    pub async fn connect(
        url: &str,
        token: &str,
        options: RoomOptions,
    ) -> Result<(Self, mpsc::UnboundedReceiver<RoomEvent>), RoomError> {
        let engine = Engine::get()?;
        let build = |async_id| {
            Request::Connect(proto::ConnectRequest {
                url: url.into(),
                token: token.into(),
                options: options.to_proto(),
                request_async_id: Some(async_id),
            })
        };
        let encrypted = options.e2ee.is_some();
        let then = move |message| {
            use proto::connect_callback::Message;
            match take!(message, Event::Connect)?.message {
                Some(Message::Result(result)) => Ok(Self::joined(engine, result, encrypted)),
                Some(Message::Error(error)) => Err(RoomError::classify(&error)),
                None => Err(EngineError::Protocol("Connect").into()),
            }
        };
        // The engine bounds each attempt; this is for when it does not.
        let limit = options.connect_timeout.saturating_mul(options.join_retries + 1) + REQUEST_TIMEOUT;
        let (room, events) = engine.call_within(limit, "Connect", build, then).await?;
        let request = proto::ReadyForRoomEventRequest { room_handle: room.inner.handle.id() };
        engine.request("ReadyForRoomEvent", Request::ReadyForRoomEvent(request))?;
        Ok((room, events))
    }

    /// Runs in order with the events, so that the first one already finds the room.
    fn joined(
        engine: &Engine,
        result: proto::connect_callback::Result,
        encrypted: bool,
    ) -> (Self, mpsc::UnboundedReceiver<RoomEvent>) {
        let (events, receiver) = mpsc::unbounded_channel();
        let mut info = RoomInfo::default();
        info.update(result.room.info);
        let e2ee = Arc::new(E2eeSwitch::new(encrypted));
        let remotes = result.participants.into_iter().map(|with_tracks| {
            let participant = RemoteParticipant::new(with_tracks.participant);
            let publications = with_tracks.publications.into_iter().map(|owned| {
                let publication = RemoteTrackPublication::new(owned, e2ee.clone());
                (publication.sid(), publication)
            });
            participant.core.publications.write().extend(publications);
            (participant.identity(), participant)
        });
        let inner = Arc::new_cyclic(|this| RoomInner {
            handle: Arc::new(Handle::new(result.room.handle)),
            info: RwLock::new(info),
            local: LocalParticipant::new(result.local_participant),
            remotes: RwLock::new(remotes.collect()),
            e2ee: e2ee.clone(),
            events,
            chat: Mutex::default(),
            this: this.clone(),
        });
        engine.add_room(inner.handle.id(), Arc::downgrade(&inner));
        (Self { inner }, receiver)
    }

    /// Leaves the room. Takes no longer than two seconds: where the network is down the engine goes on trying to tell
    /// the server, and this returns.
    ///
    /// # Errors
    /// [`RoomError::Timeout`] when the server could not be told in time. The room is left all the same.
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

    /// The server's id of the room; empty until the server has told it.
    pub fn sid(&self) -> String {
        self.inner.info.read().sid.clone()
    }

    /// The room's name.
    pub fn name(&self) -> String {
        self.inner.info.read().name.clone()
    }

    /// What the backend says more about the room.
    pub fn metadata(&self) -> String {
        self.inner.info.read().metadata.clone()
    }

    /// Whether the room is being recorded.
    pub fn is_recording(&self) -> bool {
        self.inner.info.read().is_recording
    }

    /// How many participants the server counts.
    pub fn num_participants(&self) -> u32 {
        self.inner.info.read().num_participants
    }

    /// Whether the connection stands.
    pub fn connection_state(&self) -> ConnectionState {
        self.inner.info.read().connection_state
    }

    /// This client.
    pub fn local_participant(&self) -> LocalParticipant {
        self.inner.local.clone()
    }

    /// Everybody else, in the order of joining.
    pub fn remote_participants(&self) -> Vec<RemoteParticipant> {
        let mut participants: Vec<_> = self.inner.remotes.read().values().cloned().collect();
        participants.sort_by_cached_key(|participant| (participant.joined_at_ms(), participant.identity()));
        participants
    }

    /// The end-to-end encryption of this room.
    pub fn e2ee_manager(&self) -> E2eeManager {
        E2eeManager::new(self.inner.handle.clone(), self.inner.e2ee.clone())
    }

    /// What was sent and received, and how well.
    ///
    /// # Errors
    /// When the engine does not answer in time.
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

    /// Makes something go wrong, for tests.
    ///
    /// # Errors
    /// When the engine cannot.
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

impl Drop for Room {
    fn drop(&mut self) {
        let Ok(engine) = Engine::get() else { return };
        engine.remove_room(self.inner.handle.id());
        if self.connection_state() != ConnectionState::Disconnected {
            // The answer's handler keeps the handle until the room is really left.
            let handle = self.inner.handle.clone();
            let build = |async_id| self.inner.disconnect_request(async_id);
            if let Err(error) = engine.start("Disconnect", build, move |_| drop(handle)) {
                tracing::debug!(%error, "a dropped room could not be left");
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
        // Nobody may be listening any more; that is no error.
        drop(self.events.send(event));
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

    /// Tells the end, once.
    fn on_disconnected(&self, reason: DisconnectReason) {
        let before = {
            let mut info = self.info.write();
            std::mem::replace(&mut info.connection_state, ConnectionState::Disconnected)
        };
        // The engine gives no reason when it has tried to reconnect for long enough.
        let reason = match (before, reason) {
            (ConnectionState::Reconnecting, DisconnectReason::UnknownReason) => DisconnectReason::ReconnectFailed,
            (_, reason) => reason,
        };
        if before != ConnectionState::Disconnected {
            let remotes: Vec<_> = self.remotes.read().values().cloned().collect();
            remotes.iter().for_each(RemoteParticipant::end_tracks);
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
