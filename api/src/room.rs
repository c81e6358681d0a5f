use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GivenFeedback, Id, QualitySummary, Role, Timestamp};

/// What `GET /api/rooms/active` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveRooms {
    /// Consultations' rooms that are open at the SFU, oldest first.
    pub rooms: Vec<ActiveRoom>,
    /// How many.
    pub count: usize,
}

/// A room that is open at the SFU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveRoom {
    /// Its name.
    pub room_name: String,
    /// The SFU's id of it.
    pub room_sid: String,
    /// Whose room it is.
    pub consultation_id: Id,
    /// How many people are in it.
    pub num_participants: u32,
    /// How many of them send media.
    pub num_publishers: u32,
    /// When the SFU opened it.
    pub created_at: Timestamp,
}

/// What `GET /api/rooms/{roomName}/stats` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomStats {
    /// The room.
    pub room_name: String,
    /// The SFU's id of it; absent when it isn't open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_sid: Option<String>,
    /// Whose room it is.
    pub consultation_id: Id,
    /// Whether it is open at the SFU.
    pub active: bool,
    /// How many people are in it.
    pub num_participants: u32,
    /// How many tracks they publish.
    pub num_tracks: u32,
    /// Who is in it.
    pub participants: Vec<ParticipantStats>,
    /// The room's quality over all its participants.
    pub quality: QualitySummary,
    /// How people found the call, once they have said.
    #[serde(default)]
    pub feedback: Vec<GivenFeedback>,
}

/// Somebody in a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantStats {
    /// The user's id.
    pub identity: String,
    /// The SFU's id of this stay.
    pub sid: String,
    /// The role; absent for somebody whose token isn't from this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// `joining`, `joined`, `active` or `disconnected`.
    pub state: String,
    /// When they came.
    pub joined_at: Timestamp,
    /// What they publish.
    pub tracks: Vec<TrackStats>,
    /// This participant's quality, from the samples that the client sends.
    pub quality: QualitySummary,
}

/// A published track, as the SFU sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackStats {
    /// The SFU's id of it.
    pub sid: String,
    /// `camera`, `microphone`, `screen_share`, `screen_share_audio` or `unknown`.
    pub source: String,
    /// `audio`, `video` or `data`.
    pub kind: String,
    /// Whether it is muted.
    pub muted: bool,
    /// Pixels; 0 for sound.
    pub width: u32,
    /// Pixels; 0 for sound.
    pub height: u32,
    /// Such as `video/VP8`.
    pub mime_type: String,
    /// Whether its media is end-to-end encrypted.
    pub encrypted: bool,
}
