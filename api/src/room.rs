use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GivenFeedback, Id, ParticipantMetadata, QualitySummary, Role, Timestamp};

/// A room that is open at the SFU: an entry of what `GET /api/rooms/active` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveRoom {
    /// Its name.
    pub name: String,
    /// The SFU's id of it.
    pub sid: String,
    /// Whose room it is.
    pub consultation_id: Id,
    /// Number of people in it.
    pub num_participants: u32,
    /// Number of people who send media.
    pub num_publishers: u32,
    /// Time at which the SFU opened it, in seconds since 1970.
    pub creation_time: i64,
    /// Time at which the SFU opened it.
    pub created_at: Timestamp,
    /// The consultation that it belongs to.
    pub metadata: RoomMetadata,
}

/// A consultation as its room shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomMetadata {
    /// The consultation's id.
    pub consultation_id: Id,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id.
    pub doctor_id: Id,
    /// Time at which the consultation was created first.
    pub created_at: Timestamp,
    /// Always `medical_consultation`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl RoomMetadata {
    /// Value of [`kind`](Self::kind).
    pub const KIND: &'static str = "medical_consultation";
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
    /// Number of people in it.
    pub total_participants: u32,
    /// The same number, by the name that callers of earlier versions read.
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
    /// The name in the token.
    #[serde(default)]
    pub name: String,
    /// The metadata in the token; absent for somebody whose token isn't from this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ParticipantMetadata>,
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
