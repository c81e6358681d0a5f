//! Room events in the crate's plain types.

use std::collections::HashMap;

use proto::room_event::Message;

use crate::data::{ByteStreamInfo, ChatMessage, TextStreamInfo};
use crate::info::{ParticipantInfo, PublicationInfo, RoomInfo};
use crate::prebuilt::data_stream::{Reader, StreamKind};
use crate::prebuilt::handle::{Handle, release};
use crate::prebuilt::participant::Participant;
use crate::prebuilt::proto;
use crate::prebuilt::publication::Publication;
use crate::prebuilt::track::Track;
use crate::types::{
    ConnectionQuality, ConnectionState, DataPacketKind, DisconnectReason, EncryptionState, ParticipantPermission,
    TrackKind,
};

/// Event of a room, as the library reports it. Dropping it releases its handles. `identity` names a participant, `sid` a
/// track.
pub(crate) enum Update {
    ParticipantConnected {
        participant: Participant,
        info: ParticipantInfo,
    },
    ParticipantDisconnected {
        identity: String,
        reason: DisconnectReason,
    },
    ParticipantActive {
        identity: String,
    },
    ParticipantsUpdated(Vec<ParticipantInfo>),
    LocalTrackPublished {
        sid: String,
    },
    LocalTrackUnpublished {
        sid: String,
    },
    LocalTrackSubscribed {
        sid: String,
    },
    LocalTrackRepublished {
        previous_sid: String,
        info: PublicationInfo,
    },
    TrackPublished {
        identity: String,
        publication: Publication,
        info: PublicationInfo,
    },
    TrackUnpublished {
        identity: String,
        sid: String,
    },
    TrackSubscribed {
        identity: String,
        sid: String,
        kind: TrackKind,
        track: Track,
    },
    TrackUnsubscribed {
        identity: String,
        sid: String,
    },
    TrackSubscriptionFailed {
        identity: String,
        sid: String,
        error: String,
    },
    TrackMuted {
        identity: String,
        sid: String,
        muted: bool,
    },
    ActiveSpeakersChanged {
        identities: Vec<String>,
    },
    RoomMetadataChanged {
        metadata: String,
    },
    RoomSidChanged {
        sid: String,
    },
    RoomUpdated(RoomInfo),
    ParticipantMetadataChanged {
        identity: String,
        metadata: String,
    },
    ParticipantNameChanged {
        identity: String,
        name: String,
    },
    ParticipantAttributesChanged {
        identity: String,
        attributes: HashMap<String, String>,
        changed: HashMap<String, String>,
    },
    ParticipantPermissionChanged {
        identity: String,
        permission: Option<ParticipantPermission>,
    },
    ParticipantEncryptionStatusChanged {
        identity: String,
        is_encrypted: bool,
    },
    ConnectionQualityChanged {
        identity: String,
        quality: ConnectionQuality,
    },
    ConnectionStateChanged(ConnectionState),
    Reconnecting,
    Reconnected,
    Disconnected {
        reason: DisconnectReason,
    },
    /// No event follows.
    Ended,
    E2eeStateChanged {
        identity: String,
        state: EncryptionState,
    },
    DataReceived {
        identity: String,
        kind: DataPacketKind,
        topic: Option<String>,
        payload: DataPayload,
    },
    /// Chat message in the legacy format of LiveKit's SDKs.
    ChatPacket {
        identity: String,
        message: ChatMessage,
        deleted: bool,
    },
    TextStreamOpened {
        identity: String,
        reader: Reader,
        info: TextStreamInfo,
    },
    ByteStreamOpened {
        identity: String,
        reader: Reader,
        info: ByteStreamInfo,
    },
    TokenRefreshed {
        token: String,
    },
}

/// Content of a data packet, in the engine's memory.
pub(crate) struct DataPayload {
    _owner: Handle,
    data: *const u8,
    len: usize,
}

// SAFETY: the engine never writes to a delivered packet, and any thread may drop its handle.
unsafe impl Send for DataPayload {}

impl DataPayload {
    /// `None` if the engine delivered no memory.
    fn new(owned: proto::OwnedBuffer) -> Option<Self> {
        let owner = Handle::new(owned.handle);
        let proto::BufferInfo { data_ptr, data_len } = owned.data;
        let data = data_ptr as usize as *const u8;
        (data_len == 0 || !data.is_null()).then_some(Self { _owner: owner, data, len: data_len as usize })
    }

    /// Copies the content.
    pub(crate) fn to_vec(&self) -> Vec<u8> {
        if self.len == 0 {
            return Vec::new();
        }
        // SAFETY: `new` checked the pointer; the engine keeps `len` bytes there until the handle is dropped with `self`.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }.to_vec()
    }
}

fn pairs(entries: Vec<proto::AttributesEntry>) -> HashMap<String, String> {
    entries.into_iter().map(|entry| (entry.key, entry.value)).collect()
}

impl Update {
    /// Converts a message about this room; `None` for messages that nobody needs, whose handles are released.
    pub(super) fn new(room: u64, message: Message) -> Option<Self> {
        Some(match message {
            Message::ParticipantConnected(event) => Self::ParticipantConnected {
                participant: Participant::new(event.info.handle),
                info: event.info.info.into(),
            },
            Message::ParticipantDisconnected(event) => Self::ParticipantDisconnected {
                reason: event.disconnect_reason().into(),
                identity: event.participant_identity,
            },
            Message::ParticipantActive(event) => Self::ParticipantActive { identity: event.participant_identity },
            Message::ParticipantsUpdated(event) => {
                Self::ParticipantsUpdated(event.participants.into_iter().map(Into::into).collect())
            }
            Message::LocalTrackPublished(event) => Self::LocalTrackPublished { sid: event.track_sid },
            Message::LocalTrackUnpublished(event) => Self::LocalTrackUnpublished { sid: event.publication_sid },
            Message::LocalTrackSubscribed(event) => Self::LocalTrackSubscribed { sid: event.track_sid },
            Message::LocalTrackRepublished(event) => {
                Self::LocalTrackRepublished { previous_sid: event.previous_sid, info: event.info.into() }
            }
            Message::TrackPublished(event) => Self::TrackPublished {
                identity: event.participant_identity,
                publication: Publication::new(event.publication.handle),
                info: event.publication.info.into(),
            },
            Message::TrackUnpublished(event) => {
                Self::TrackUnpublished { identity: event.participant_identity, sid: event.publication_sid }
            }
            Message::TrackSubscribed(event) => Self::TrackSubscribed {
                identity: event.participant_identity,
                kind: event.track.info.kind().into(),
                sid: event.track.info.sid,
                track: Track::new(event.track.handle),
            },
            Message::TrackUnsubscribed(event) => {
                Self::TrackUnsubscribed { identity: event.participant_identity, sid: event.track_sid }
            }
            Message::TrackSubscriptionFailed(event) => Self::TrackSubscriptionFailed {
                identity: event.participant_identity,
                sid: event.track_sid,
                error: event.error,
            },
            Message::TrackMuted(event) => {
                Self::TrackMuted { identity: event.participant_identity, sid: event.track_sid, muted: true }
            }
            Message::TrackUnmuted(event) => {
                Self::TrackMuted { identity: event.participant_identity, sid: event.track_sid, muted: false }
            }
            Message::ActiveSpeakersChanged(event) => {
                Self::ActiveSpeakersChanged { identities: event.participant_identities }
            }
            Message::DataPacketReceived(event) => Self::data(event)?,
            Message::ChatMessage(event) => {
                let proto::ChatMessage { id, timestamp, message, deleted, .. } = event.message;
                Self::ChatPacket {
                    identity: event.participant_identity,
                    message: ChatMessage { id, timestamp, message },
                    deleted: deleted == Some(true),
                }
            }
            Message::TextStreamOpened(event) => Self::TextStreamOpened {
                identity: event.participant_identity,
                reader: Reader::new(event.reader.handle, StreamKind::Text, room),
                info: event.reader.info.into(),
            },
            Message::ByteStreamOpened(event) => Self::ByteStreamOpened {
                identity: event.participant_identity,
                reader: Reader::new(event.reader.handle, StreamKind::Bytes, room),
                info: event.reader.info.into(),
            },
            Message::TokenRefreshed(event) => Self::TokenRefreshed { token: event.token },
            Message::RoomMetadataChanged(event) => Self::RoomMetadataChanged { metadata: event.metadata },
            Message::RoomSidChanged(event) => Self::RoomSidChanged { sid: event.sid },
            Message::RoomUpdated(info) | Message::Moved(info) => Self::RoomUpdated(info.into()),
            Message::ConnectionStateChanged(event) => Self::ConnectionStateChanged(event.state().into()),
            Message::Reconnecting(_) => Self::Reconnecting,
            Message::Reconnected(_) => Self::Reconnected,
            Message::Disconnected(event) => Self::Disconnected { reason: event.reason().into() },
            Message::Eos(_) => Self::Ended,
            other => return Self::of_participant(other),
        })
    }

    /// Converts a message about a property of a participant.
    fn of_participant(message: Message) -> Option<Self> {
        Some(match message {
            Message::ParticipantMetadataChanged(event) => {
                Self::ParticipantMetadataChanged { identity: event.participant_identity, metadata: event.metadata }
            }
            Message::ParticipantNameChanged(event) => {
                Self::ParticipantNameChanged { identity: event.participant_identity, name: event.name }
            }
            Message::ParticipantAttributesChanged(event) => Self::ParticipantAttributesChanged {
                identity: event.participant_identity,
                attributes: pairs(event.attributes),
                changed: pairs(event.changed_attributes),
            },
            Message::ParticipantPermissionChanged(event) => Self::ParticipantPermissionChanged {
                identity: event.participant_identity,
                permission: event.permission.map(Into::into),
            },
            Message::ParticipantEncryptionStatusChanged(event) => Self::ParticipantEncryptionStatusChanged {
                identity: event.participant_identity,
                is_encrypted: event.is_encrypted,
            },
            Message::ConnectionQualityChanged(event) => {
                Self::ConnectionQualityChanged { quality: event.quality().into(), identity: event.participant_identity }
            }
            Message::E2eeStateChanged(event) => {
                Self::E2eeStateChanged { state: event.state().into(), identity: event.participant_identity }
            }
            other => {
                // Unused events, such as those of data tracks, may own a handle.
                release(other);
                return None;
            }
        })
    }

    fn data(event: proto::DataPacketReceived) -> Option<Self> {
        let kind = event.kind().into();
        let Some(proto::data_packet_received::Value::User(user)) = event.value else { return None };
        Some(Self::DataReceived {
            identity: event.participant_identity,
            kind,
            topic: user.topic,
            payload: DataPayload::new(user.data)?,
        })
    }
}
