use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// The body of `POST /api/consultations/{id}/recording/start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartRecording {
    /// The room of the consultation in the path.
    pub room_name: String,
}

/// What starting a recording answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingStarted {
    /// The recording's id.
    pub recording_id: String,
    /// When it began.
    pub started_at: Timestamp,
}

/// What stopping a recording answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingStopped {
    /// The recording's id.
    pub recording_id: String,
    /// Where the file is.
    pub location: String,
    /// When it ended.
    pub stopped_at: Timestamp,
}
