//! Properties of rooms, participants and publications, as a backend reports them.

use std::collections::HashMap;

use crate::types::{
    ConnectionState, DisconnectReason, EncryptionType, ParticipantKind, ParticipantPermission, TrackDimension,
    TrackKind, TrackSource,
};

/// Properties of a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomInfo {
    /// Id assigned by the server; `None` until the server has sent it.
    pub sid: Option<String>,
    /// Name of the room.
    pub name: String,
    /// Metadata set through the server's API.
    pub metadata: String,
    /// State of the connection.
    pub state: ConnectionState,
    /// Number of participants, as counted by the server.
    pub num_participants: u32,
    /// `true` while the server reports a recording.
    pub active_recording: bool,
}

impl RoomInfo {
    /// Replaces the properties that the server reports; keeps the state, and the id unless there is a new one.
    pub(crate) fn update(&mut self, reported: Self) {
        *self = Self { sid: reported.sid.or(self.sid.take()), state: self.state, ..reported };
    }
}

/// Properties of a participant.
pub(crate) struct ParticipantInfo {
    pub sid: String,
    pub identity: String,
    pub name: String,
    pub metadata: String,
    pub attributes: HashMap<String, String>,
    pub kind: ParticipantKind,
    /// `None` if the server has not sent them.
    pub permission: Option<ParticipantPermission>,
    /// Time of joining in milliseconds since 1970.
    pub joined_at: i64,
    pub disconnect_reason: DisconnectReason,
}

/// Properties of a publication.
pub(crate) struct PublicationInfo {
    pub sid: String,
    pub name: String,
    pub kind: TrackKind,
    pub source: TrackSource,
    pub simulcasted: bool,
    pub dimension: TrackDimension,
    pub mime_type: String,
    pub muted: bool,
    pub encryption_type: EncryptionType,
}

impl PublicationInfo {
    pub(crate) fn is_encrypted(&self) -> bool {
        self.encryption_type != EncryptionType::None
    }
}
