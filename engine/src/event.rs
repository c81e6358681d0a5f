//! What happens in a room.

use std::collections::HashMap;
use std::fmt;

use crate::data::{ByteStreamReader, TextStreamReader};
use crate::e2ee::EncryptionState;
use crate::local_participant::LocalParticipant;
use crate::participant::{Participant, ParticipantPermission, RemoteParticipant};
use crate::publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication};
use crate::track::{LocalTrack, RemoteTrack};
use crate::types::{ConnectionQuality, ConnectionState, DisconnectReason};

/// A token that grants entry to a room. Never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    pub(crate) fn new(token: String) -> Self {
        Self(token)
    }

    /// The token itself, for where it has to go.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Unique among the messages of its sender.
    pub id: String,
    /// When it was sent, in milliseconds since 1970, by the sender's clock.
    pub timestamp_ms: i64,
    /// What it says.
    pub text: String,
}

/// What happens in a room, in order. A participant's or publication's getters already say what the event says.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum RoomEvent {
    /// Somebody has joined.
    ParticipantConnected(RemoteParticipant),
    /// Somebody has left; its tracks' events came before.
    ParticipantDisconnected {
        /// Who.
        participant: RemoteParticipant,
        /// Why.
        reason: DisconnectReason,
    },
    /// Somebody is ready to receive messages.
    ParticipantActive(RemoteParticipant),
    /// This client's track is published.
    LocalTrackPublished {
        /// The publication.
        publication: LocalTrackPublication,
        /// Its track.
        track: LocalTrack,
        /// This client.
        participant: LocalParticipant,
    },
    /// This client's track is published no more.
    LocalTrackUnpublished {
        /// The publication.
        publication: LocalTrackPublication,
        /// This client.
        participant: LocalParticipant,
    },
    /// This client's track was published anew after the connection had to be made from scratch: its sid changed.
    LocalTrackRepublished {
        /// The publication, with the new sid.
        publication: LocalTrackPublication,
        /// The sid that it had before.
        previous_sid: String,
    },
    /// Somebody receives this client's track for the first time.
    LocalTrackSubscribed {
        /// The publication.
        publication: LocalTrackPublication,
    },
    /// Somebody publishes a track.
    TrackPublished {
        /// The publication.
        publication: RemoteTrackPublication,
        /// Who.
        participant: RemoteParticipant,
    },
    /// Somebody has stopped publishing a track.
    TrackUnpublished {
        /// The publication.
        publication: RemoteTrackPublication,
        /// Who.
        participant: RemoteParticipant,
    },
    /// A track's media comes: a stream can be opened.
    TrackSubscribed {
        /// The track.
        track: RemoteTrack,
        /// Its publication.
        publication: RemoteTrackPublication,
        /// Whose.
        participant: RemoteParticipant,
    },
    /// A track's media comes no more.
    TrackUnsubscribed {
        /// The track.
        track: RemoteTrack,
        /// Its publication.
        publication: RemoteTrackPublication,
        /// Whose.
        participant: RemoteParticipant,
    },
    /// A track cannot be received.
    TrackSubscriptionFailed {
        /// Whose.
        participant: RemoteParticipant,
        /// The track.
        track_sid: String,
        /// Why.
        error: String,
    },
    /// A track has been muted, by its publisher.
    TrackMuted {
        /// Whose.
        participant: Participant,
        /// The publication.
        publication: TrackPublication,
    },
    /// A track has been unmuted, by its publisher.
    TrackUnmuted {
        /// Whose.
        participant: Participant,
        /// The publication.
        publication: TrackPublication,
    },
    /// Other participants speak than before.
    ActiveSpeakersChanged {
        /// All who speak now, the loudest first.
        speakers: Vec<Participant>,
    },
    /// The room's metadata has changed.
    RoomMetadataChanged {
        /// Before.
        old_metadata: String,
        /// Now.
        metadata: String,
    },
    /// Something about the room has changed, such as whether it is recorded: ask the room's getters.
    RoomUpdated {
        /// Whether the room is being recorded.
        is_recording: bool,
        /// How many participants it has.
        num_participants: u32,
    },
    /// A participant's metadata has changed.
    ParticipantMetadataChanged {
        /// Whose.
        participant: Participant,
        /// Before.
        old_metadata: String,
        /// Now.
        metadata: String,
    },
    /// A participant's name has changed.
    ParticipantNameChanged {
        /// Whose.
        participant: Participant,
        /// Before.
        old_name: String,
        /// Now.
        name: String,
    },
    /// A participant's attributes have changed.
    ParticipantAttributesChanged {
        /// Whose.
        participant: Participant,
        /// Those that changed, with their values now; an empty value was removed.
        changed_attributes: HashMap<String, String>,
    },
    /// A participant may do more or less than before.
    ParticipantPermissionChanged {
        /// Who.
        participant: Participant,
        /// What it may do now.
        permission: Option<ParticipantPermission>,
    },
    /// A participant's media is now encrypted, or no more.
    ParticipantEncryptionStatusChanged {
        /// Whose.
        participant: Participant,
        /// Whether all its tracks are encrypted.
        is_encrypted: bool,
    },
    /// A participant's connection is better or worse than before.
    ConnectionQualityChanged {
        /// Whose.
        participant: Participant,
        /// How good it is now.
        quality: ConnectionQuality,
    },
    /// The room's own connection changed its state.
    ConnectionStateChanged(ConnectionState),
    /// The connection is lost and is being made again.
    Reconnecting,
    /// The connection is back.
    Reconnected,
    /// The room is left, or lost for good. No event follows.
    Disconnected {
        /// Why.
        reason: DisconnectReason,
    },
    /// The encryption of somebody's media works, or does not.
    E2eeStateChanged {
        /// Whose media.
        participant: Participant,
        /// How it goes.
        state: EncryptionState,
    },
    /// Somebody sent data.
    DataReceived {
        /// What.
        payload: Vec<u8>,
        /// What it is about, as the sender calls it.
        topic: Option<String>,
        /// Whether it came by the reliable way.
        reliable: bool,
        /// Who; the server itself if nobody.
        participant: Option<RemoteParticipant>,
    },
    /// Somebody sent a chat message.
    ChatMessage {
        /// Who.
        participant_identity: String,
        /// The message.
        message: ChatMessage,
    },
    /// Somebody sends text on a topic other than chat.
    TextStreamOpened {
        /// Reads it. The first who takes it reads it.
        reader: Once<TextStreamReader>,
        /// Who.
        participant_identity: String,
    },
    /// Somebody sends bytes, such as a file.
    ByteStreamOpened {
        /// Reads it. The first who takes it reads it.
        reader: Once<ByteStreamReader>,
        /// Who.
        participant_identity: String,
    },
    /// The server gave a fresh token, with which to join again later.
    TokenRefreshed {
        /// The token.
        token: Token,
    },
    /// A part of the media engine panicked. What it was doing is lost, and the room may be: leave it.
    EngineFailed {
        /// What the engine says.
        message: String,
    },
}

/// Something that one taker gets, in an event that may be cloned.
pub struct Once<T>(std::sync::Arc<parking_lot::Mutex<Option<T>>>);

impl<T> Once<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Arc::new(parking_lot::Mutex::new(Some(value))))
    }

    /// Takes it, if nobody has yet.
    pub fn take(&self) -> Option<T> {
        self.0.lock().take()
    }
}

impl<T> Clone for Once<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> fmt::Debug for Once<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.lock().is_some() { "Once(there)" } else { "Once(taken)" })
    }
}
