//! Rooms: joining, leaving, events, encryption and statistics.

use std::sync::{Arc, Weak};
use std::time::Duration;

use proto::e2ee_request::Message as E2ee;
use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;

use crate::error::{EngineError, RoomError};
use crate::info::{ParticipantInfo, PublicationInfo, RoomInfo};
use crate::options::{EncryptionKey, RoomOptions};
use crate::prebuilt::dispatch::{Engine, REQUEST_TIMEOUT, RoomSink, take};
use crate::prebuilt::failure::classify;
use crate::prebuilt::handle::Handle;
use crate::prebuilt::options::key_slot;
use crate::prebuilt::participant::Participant;
use crate::prebuilt::proto;
use crate::prebuilt::publication::Publication;
use crate::prebuilt::update::Update;
use crate::stats::{PeerStats, SessionStats};
use crate::types::SimulateScenario;

/// Timeout for leaving a room, which the engine doesn't bound while the network is down.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Receiver of a room's events, called on the events thread.
pub(crate) trait RoomListener: Send + Sync {
    fn apply(&self, update: Update);
    /// Reports a panic of the engine.
    fn panicked(&self, message: &str);
}

/// A joined room. Clones share one handle.
#[derive(Clone)]
pub(crate) struct Room(Arc<Handle>);

/// State of a room when it was joined.
pub(crate) struct Joined {
    pub room: Room,
    pub info: RoomInfo,
    pub local: (Participant, ParticipantInfo),
    pub remotes: Vec<JoinedParticipant>,
}

/// A remote participant who was in the room before, with publications.
pub(crate) struct JoinedParticipant {
    pub participant: (Participant, ParticipantInfo),
    pub publications: Vec<(Publication, PublicationInfo)>,
}

/// Converts a room's events for its listener.
struct Converter {
    room: u64,
    listener: Weak<dyn RoomListener>,
}

impl RoomSink for Converter {
    fn apply(&self, message: proto::room_event::Message) {
        // Converted in any case, so that the handles in the message are released.
        let update = Update::new(self.room, message);
        if let (Some(update), Some(listener)) = (update, self.listener.upgrade()) {
            listener.apply(update);
        }
    }

    fn panicked(&self, message: &str) {
        if let Some(listener) = self.listener.upgrade() {
            listener.panicked(message);
        }
    }
}

impl From<proto::connect_callback::Result> for Joined {
    fn from(result: proto::connect_callback::Result) -> Self {
        let participant = |owned: proto::OwnedParticipant| (Participant::new(owned.handle), owned.info.into());
        let publication = |owned: proto::OwnedTrackPublication| (Publication::new(owned.handle), owned.info.into());
        let remotes = result.participants.into_iter().map(|with_tracks| JoinedParticipant {
            participant: participant(with_tracks.participant),
            publications: with_tracks.publications.into_iter().map(publication).collect(),
        });
        Self {
            remotes: remotes.collect(),
            room: Room(Arc::new(Handle::new(result.room.handle))),
            info: result.room.info.into(),
            local: participant(result.local_participant),
        }
    }
}

impl Room {
    /// Joins a room. `register` runs on the events thread, so that a listener that it adds misses no event.
    pub(crate) async fn connect<T: Send + 'static>(
        url: &str,
        token: &str,
        options: &RoomOptions,
        register: impl FnOnce(Joined) -> T + Send + 'static,
    ) -> Result<T, RoomError> {
        let build = |async_id| {
            Request::Connect(proto::ConnectRequest {
                url: url.into(),
                token: token.into(),
                options: options.into(),
                request_async_id: Some(async_id),
            })
        };
        let then = move |message| {
            use proto::connect_callback::Message;
            match take!(message, Event::Connect)?.message {
                Some(Message::Result(result)) => Ok(register(result.into())),
                Some(Message::Error(error)) => Err(classify(&error)),
                None => Err(EngineError::Protocol("Connect").into()),
            }
        };
        // The engine bounds each attempt; this also bounds the whole if the engine fails to.
        let limit = options.connect_timeout.saturating_mul(options.join_retries + 1) + REQUEST_TIMEOUT;
        Engine::get()?.call_within(limit, "Connect", build, then).await
    }

    /// Adds the listener of the room's events.
    pub(crate) fn listen(&self, listener: Weak<dyn RoomListener>) {
        if let Ok(engine) = Engine::get() {
            let room = self.0.id();
            engine.add_room(room, Arc::new(Converter { room, listener }));
        }
    }

    /// Lets the engine send the room's events. Without it, no media arrives.
    pub(crate) fn start_events(&self) -> Result<(), EngineError> {
        let request = proto::ReadyForRoomEventRequest { room_handle: self.0.id() };
        Engine::get()?.request("ReadyForRoomEvent", Request::ReadyForRoomEvent(request)).map(drop)
    }

    /// Removes the listener and aborts the streams that are being read.
    pub(crate) fn forget(&self) {
        if let Ok(engine) = Engine::get() {
            engine.remove_room(self.0.id());
        }
    }

    /// Aborts the streams that are being read.
    pub(crate) fn end_readers(&self) {
        if let Ok(engine) = Engine::get() {
            engine.end_readers(self.0.id());
        }
    }

    /// Leaves the room within two seconds.
    pub(crate) async fn close(&self) -> Result<(), RoomError> {
        let build = |async_id| self.disconnect_request(async_id);
        let then = |message| Ok(take!(message, Event::Disconnect).map(|_| ())?);
        Engine::get()?.call_within(CLOSE_TIMEOUT, "Disconnect", build, then).await
    }

    /// Leaves the room without waiting.
    pub(crate) fn leave(&self) -> Result<(), EngineError> {
        // The completion keeps the handle alive until the room is left.
        let handle = self.0.clone();
        Engine::get()?.start("Disconnect", |async_id| self.disconnect_request(async_id), move |_| drop(handle))
    }

    fn disconnect_request(&self, async_id: u64) -> Request {
        Request::Disconnect(proto::DisconnectRequest {
            room_handle: self.0.id(),
            request_async_id: Some(async_id),
            reason: Some(proto::DisconnectReason::ClientInitiated.into()),
        })
    }

    pub(crate) async fn stats(&self) -> Result<SessionStats, RoomError> {
        let room_handle = self.0.id();
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
                Some(Message::Error(error)) => Err(classify(&error)),
                None => Err(EngineError::Protocol("GetSessionStats").into()),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "GetSessionStats", build, then).await
    }

    pub(crate) async fn simulate(&self, scenario: SimulateScenario) -> Result<(), RoomError> {
        let room_handle = self.0.id();
        let build = |async_id| {
            Request::SimulateScenario(proto::SimulateScenarioRequest {
                room_handle,
                scenario: proto::SimulateScenarioKind::from(scenario).into(),
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::SimulateScenario)?.error {
            Some(error) => Err(classify(&error)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "SimulateScenario", build, then).await
    }

    /// Starts or stops encrypting and decrypting media.
    pub(crate) fn set_encryption_enabled(&self, enabled: bool) -> Result<(), EngineError> {
        let message = E2ee::ManagerSetEnabled(proto::E2eeManagerSetEnabledRequest { enabled });
        self.request_e2ee("E2eeManagerSetEnabled", message)
    }

    /// Installs a key for all participants, and for outgoing messages.
    pub(crate) fn install_key(&self, key: &EncryptionKey, index: u32) -> Result<(), EngineError> {
        let request = proto::SetSharedKeyRequest { shared_key: key.bytes().to_vec(), key_index: key_slot(index) };
        self.request_e2ee("SetSharedKey", E2ee::SetSharedKey(request))
    }

    /// Selects the sending key of a publication; the engine starts each publication with the key at index 0.
    pub(crate) fn select_key(&self, identity: &str, track_sid: &str, index: u32) -> Result<(), EngineError> {
        let request = proto::FrameCryptorSetKeyIndexRequest {
            participant_identity: identity.to_owned(),
            track_sid: track_sid.to_owned(),
            key_index: key_slot(index),
        };
        self.request_e2ee("FrameCryptorSetKeyIndex", E2ee::CryptorSetKeyIndex(request))
    }

    fn request_e2ee(&self, name: &'static str, message: E2ee) -> Result<(), EngineError> {
        let request = proto::E2eeRequest { room_handle: self.0.id(), message: Some(message) };
        Engine::get()?.request(name, Request::E2ee(request)).map(drop)
    }
}
