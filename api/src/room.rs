use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{GivenFeedback, Id, ParticipantMetadata, QualitySummary, Role, Timestamp};

/// An open room at the SFU: an entry in the answer of `GET /api/rooms/active`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ActiveRoom {
    /// Name of the room.
    pub name: String,
    /// The SFU's id of the room.
    pub sid: String,
    /// Id of its consultation.
    pub consultation_id: Id,
    /// Number of participants.
    pub num_participants: u32,
    /// Number of participants who publish media.
    pub num_publishers: u32,
    /// Time at which the SFU opened it, in seconds since 1970.
    pub creation_time: i64,
    /// Time at which the SFU opened it.
    pub created_at: Timestamp,
    /// Consultation that the room belongs to.
    pub metadata: RoomMetadata,
}

/// Consultation data of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomMetadata {
    /// The consultation's id.
    pub consultation_id: Id,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id.
    pub doctor_id: Id,
    /// Time at which the consultation was first created.
    pub created_at: Timestamp,
    /// Always `medical_consultation`.
    #[serde(rename = "type")]
    pub kind: String,
}

impl RoomMetadata {
    /// Value of [`kind`](Self::kind).
    pub const KIND: &'static str = "medical_consultation";
}

/// Answer of `GET /api/rooms/{roomName}/stats`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RoomStats {
    /// Name of the room.
    pub room_name: String,
    /// The SFU's id of the room; absent if the room isn't open.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_sid: Option<String>,
    /// Id of its consultation.
    pub consultation_id: Id,
    /// `true` if the room is open at the SFU.
    pub active: bool,
    /// Number of participants.
    pub total_participants: u32,
    /// Same as `totalParticipants`, for callers of earlier versions.
    pub num_participants: u32,
    /// Number of published tracks.
    pub num_tracks: u32,
    /// Participants in the room.
    pub participants: Vec<ParticipantStats>,
    /// Quality over all participants.
    pub quality: QualitySummary,
    /// Feedback of the participants.
    #[serde(default)]
    pub feedback: Vec<GivenFeedback>,
}

/// Participant of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantStats {
    /// The participant's identity.
    pub identity: String,
    /// Name in the token.
    #[serde(default)]
    pub name: String,
    /// Metadata in the token; absent if the token isn't from this server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<ParticipantMetadata>,
    /// The SFU's id of the participant's session.
    pub sid: String,
    /// Role; absent if the token isn't from this server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// `joining`, `joined`, `active` or `disconnected`.
    pub state: String,
    /// Time of joining.
    pub joined_at: Timestamp,
    /// Published tracks.
    pub tracks: Vec<TrackStats>,
    /// The participant's quality, from the samples of their client.
    pub quality: QualitySummary,
}

/// Published track, as the SFU reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrackStats {
    /// The SFU's id of the track.
    pub sid: String,
    /// `camera`, `microphone`, `screen_share`, `screen_share_audio` or `unknown`.
    pub source: String,
    /// `audio`, `video` or `data`.
    pub kind: String,
    /// `true` if the track is muted.
    pub muted: bool,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
    /// MIME type, such as `video/VP8`.
    pub mime_type: String,
    /// `true` if the media is end-to-end encrypted.
    pub encrypted: bool,
}
