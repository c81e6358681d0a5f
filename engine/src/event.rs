//! Events of a room.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::data::ChatMessage;
use crate::info::RoomInfo;
use crate::participant::{LocalParticipant, Participant, RemoteParticipant};
use crate::publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication};
use crate::reader::{ByteStreamReader, TextStreamReader};
use crate::track::{LocalTrack, RemoteTrack};
use crate::types::{
    ConnectionQuality, ConnectionState, DataPacketKind, DisconnectReason, EncryptionState, ParticipantPermission,
};

/// Token that grants entry to a room. `Debug` omits it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub(crate) fn new(token: String) -> Self {
        Self(token)
    }

    /// Returns the token as text. It must not be logged.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Event of a room. Events arrive in order; the getters of participants and publications are updated before.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RoomEvent {
    /// A participant has joined.
    ParticipantConnected(RemoteParticipant),
    /// A participant has left; its [`disconnect_reason`](RemoteParticipant::disconnect_reason) is known. The events about its
    /// tracks come before this one.
    ParticipantDisconnected(RemoteParticipant),
    /// A participant is ready to receive messages.
    ParticipantActive(RemoteParticipant),
    /// A local track is published.
    LocalTrackPublished {
        /// The publication.
        publication: LocalTrackPublication,
        /// Its track.
        track: LocalTrack,
        /// The local participant.
        participant: LocalParticipant,
    },
    /// A local track is no longer published.
    LocalTrackUnpublished {
        /// The publication.
        publication: LocalTrackPublication,
        /// The local participant.
        participant: LocalParticipant,
    },
    /// A local track was republished with a new sid after a full reconnect.
    LocalTrackRepublished {
        /// Sid before the reconnect.
        previous_sid: String,
        /// The publication, with the new sid.
        publication: LocalTrackPublication,
        /// Its track.
        track: LocalTrack,
        /// The local participant.
        participant: LocalParticipant,
    },
    /// A local track has its first subscriber.
    LocalTrackSubscribed {
        /// The track.
        track: LocalTrack,
    },
    /// A remote participant has published a track.
    TrackPublished {
        /// The publication.
        publication: RemoteTrackPublication,
        /// Publisher.
        participant: RemoteParticipant,
    },
    /// A remote participant has unpublished a track.
    TrackUnpublished {
        /// The publication.
        publication: RemoteTrackPublication,
        /// Publisher.
        participant: RemoteParticipant,
    },
    /// A remote track is subscribed: a stream can be opened.
    TrackSubscribed {
        /// The track.
        track: RemoteTrack,
        /// Its publication.
        publication: RemoteTrackPublication,
        /// Publisher.
        participant: RemoteParticipant,
    },
    /// A remote track is no longer subscribed.
    TrackUnsubscribed {
        /// The track.
        track: RemoteTrack,
        /// Its publication.
        publication: RemoteTrackPublication,
        /// Publisher.
        participant: RemoteParticipant,
    },
    /// Subscribing to a track failed.
    TrackSubscriptionFailed {
        /// Publisher.
        participant: RemoteParticipant,
        /// Sid of the track.
        track_sid: String,
        /// Reason.
        error: String,
    },
    /// A publisher has muted its track.
    TrackMuted {
        /// Publisher.
        participant: Participant,
        /// The publication.
        publication: TrackPublication,
    },
    /// A publisher has unmuted its track.
    TrackUnmuted {
        /// Publisher.
        participant: Participant,
        /// The publication.
        publication: TrackPublication,
    },
    /// The set of active speakers has changed.
    ActiveSpeakersChanged {
        /// Active speakers, the loudest first.
        speakers: Vec<Participant>,
    },
    /// The room's metadata has changed.
    RoomMetadataChanged {
        /// Previous value.
        old_metadata: String,
        /// New value.
        metadata: String,
    },
    /// The room's properties have changed, such as its recording state.
    RoomUpdated {
        /// All properties.
        room: RoomInfo,
    },
    /// A participant's metadata has changed.
    ParticipantMetadataChanged {
        /// The participant.
        participant: Participant,
        /// Previous value.
        old_metadata: String,
        /// New value.
        metadata: String,
    },
    /// A participant's name has changed.
    ParticipantNameChanged {
        /// The participant.
        participant: Participant,
        /// Previous value.
        old_name: String,
        /// New value.
        name: String,
    },
    /// A participant's attributes have changed.
    ParticipantAttributesChanged {
        /// The participant.
        participant: Participant,
        /// Changed attributes with their new values; an empty value means removed.
        changed_attributes: HashMap<String, String>,
    },
    /// A participant's permissions have changed.
    ParticipantPermissionChanged {
        /// The participant.
        participant: Participant,
        /// New permissions.
        permission: Option<ParticipantPermission>,
    },
    /// A participant has started or stopped encrypting its media.
    ParticipantEncryptionStatusChanged {
        /// The participant.
        participant: Participant,
        /// `true` if all tracks of the participant are encrypted.
        is_encrypted: bool,
    },
    /// The quality of a participant's connection has changed.
    ConnectionQualityChanged {
        /// The participant.
        participant: Participant,
        /// New quality.
        quality: ConnectionQuality,
    },
    /// The state of the room's connection has changed.
    ConnectionStateChanged(ConnectionState),
    /// The connection is lost and the engine reconnects.
    Reconnecting,
    /// The engine has reconnected.
    Reconnected,
    /// The room was left, or reconnecting failed. No event follows.
    Disconnected {
        /// Reason.
        reason: DisconnectReason,
    },
    /// The encryption state of a participant's media has changed.
    E2eeStateChanged {
        /// Sender of the media.
        participant: Participant,
        /// New state.
        state: EncryptionState,
    },
    /// A data packet was received.
    DataReceived {
        /// Content.
        payload: Arc<Vec<u8>>,
        /// Topic, as named by the sender.
        topic: Option<String>,
        /// Data channel.
        kind: DataPacketKind,
        /// Sender; `None` for the server itself.
        participant: Option<RemoteParticipant>,
    },
    /// A chat message was received.
    ChatMessage {
        /// Identity of the sender.
        participant_identity: String,
        /// The message.
        message: ChatMessage,
    },
    /// A participant has opened a text stream on a topic other than chat.
    TextStreamOpened {
        /// Reader of the stream; the first taker gets it.
        reader: TakeCell<TextStreamReader>,
        /// Topic, as named by the sender.
        topic: String,
        /// Identity of the sender.
        participant_identity: String,
    },
    /// A participant has opened a byte stream, such as a file.
    ByteStreamOpened {
        /// Reader of the stream; the first taker gets it.
        reader: TakeCell<ByteStreamReader>,
        /// Topic, as named by the sender.
        topic: String,
        /// Identity of the sender.
        participant_identity: String,
    },
    /// The server has issued a new token for joining again later.
    TokenRefreshed {
        /// The token.
        token: Token,
    },
    /// A task of the media engine panicked. The room may be unusable: leave it.
    EngineFailed {
        /// Panic message of the engine.
        message: String,
    },
}

impl RoomEvent {
    /// Returns `true` for events that may be dropped from a full queue: messages, and changes that the getters report.
    pub(crate) fn is_droppable(&self) -> bool {
        matches!(
            self,
            Self::ChatMessage { .. }
                | Self::DataReceived { .. }
                | Self::TextStreamOpened { .. }
                | Self::ByteStreamOpened { .. }
                | Self::ActiveSpeakersChanged { .. }
                | Self::ConnectionQualityChanged { .. }
                | Self::ParticipantMetadataChanged { .. }
                | Self::ParticipantNameChanged { .. }
                | Self::ParticipantAttributesChanged { .. }
                | Self::TrackMuted { participant: Participant::Remote(_), .. }
                | Self::TrackUnmuted { participant: Participant::Remote(_), .. }
        )
    }
}

/// Value that can be taken once, for events that may be cloned.
pub struct TakeCell<T>(Arc<Mutex<Option<T>>>);

impl<T> TakeCell<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    /// Takes the value; `None` if it was taken before.
    pub fn take(&self) -> Option<T> {
        self.0.lock().take()
    }
}

impl<T> Clone for TakeCell<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for TakeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.lock().is_some() { "TakeCell(available)" } else { "TakeCell(taken)" })
    }
}
