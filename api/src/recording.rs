use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Timestamp};

/// Version of the text that asks for consent to a recording. Changing the text increments it.
pub const CONSENT_TEXT_VERSION: u32 = 1;

/// Body of `POST /api/consultations/{id}/recording/start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartRecording {
    /// Name of the room of the consultation in the path.
    pub room_name: String,
}

/// Optional body of `POST /api/consultations/{id}/recording/stop`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopRecording {
    /// Id of the recording, from the answer to start. Default: the active recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_id: Option<String>,
}

/// Answer of `POST /api/consultations/{id}/recording/stop`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopAnswer {
    /// Always `true`.
    pub success: bool,
    /// Message for people.
    pub message: String,
    /// The recording and the future location of its file.
    pub data: RecordingStopped,
}

/// Answer of `POST /api/consultations/{id}/recording/start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingStarted {
    /// Id of the recording.
    pub recording_id: String,
    /// Id of the recording under LiveKit's name for it; callers pass it to stop.
    pub egress_id: String,
    /// `asking` until the patient has consented, `starting` afterwards.
    pub state: RecordingState,
    /// Same as `state`.
    pub status: RecordingState,
    /// Time of the request.
    pub requested_at: Timestamp,
}

/// A stopped recording.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingStopped {
    /// Id of the recording.
    pub recording_id: String,
    /// `stopping`, or `cancelled` if nothing was recorded.
    pub state: RecordingState,
    /// Future location of the file; absent if nothing was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Time at which it was stopped.
    pub stopped_at: Timestamp,
}

/// State of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordingState {
    /// The patient hasn't answered yet. Nothing is recorded.
    Asking,
    /// The patient has consented; the recorder starts. Nothing is recorded yet.
    Starting,
    /// The recorder is recording.
    Recording,
    /// A participant without consent has joined. Nothing is recorded until they consent or leave.
    Paused,
    /// The recording was stopped; the recorder finishes the file.
    Stopping,
    /// The files are being uploaded.
    Storing,
    /// The files are stored and verified.
    Ready,
    /// The patient refused. Nothing was recorded.
    Refused,
    /// The recording was stopped before it began. Nothing was recorded.
    Cancelled,
    /// The recording failed. Nothing was recorded.
    Failed,
    /// The files were deleted.
    Deleted,
}

impl RecordingState {
    /// Returns the name in JSON and in the database.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asking => "asking",
            Self::Starting => "starting",
            Self::Recording => "recording",
            Self::Paused => "paused",
            Self::Stopping => "stopping",
            Self::Storing => "storing",
            Self::Ready => "ready",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
            Self::Deleted => "deleted",
        }
    }

    /// Parses a name: the inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        let all = [
            Self::Asking,
            Self::Starting,
            Self::Recording,
            Self::Paused,
            Self::Stopping,
            Self::Storing,
            Self::Ready,
            Self::Refused,
            Self::Cancelled,
            Self::Failed,
            Self::Deleted,
        ];
        all.into_iter().find(|state| state.as_str() == text)
    }

    /// Returns `true` for a recording in progress or about to begin. A consultation has at most one.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Asking | Self::Starting | Self::Recording | Self::Paused | Self::Stopping)
    }
}

/// Consent that an integrator has obtained from the patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingConsent {
    /// The patient has consented before, on paper or elsewhere, and isn't asked.
    AlreadyGiven,
}

/// Body of `POST /api/consultations/{id}/recording/consent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GiveConsent {
    /// The participant's answer. A later answer replaces it: refusing during a recording stops it.
    pub answer: ConsentAnswer,
    /// Version of the text that the participant read.
    #[serde(deserialize_with = "crate::whole::required")]
    pub text_version: u32,
    /// Language of that text, such as `es`.
    #[schema(min_length = 2, max_length = 16)]
    pub language: String,
}

/// Answer to the question for consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsentAnswer {
    /// The participant consents.
    Accepted,
    /// The participant refuses.
    Refused,
}

/// Answer of `GET /api/consultations/{id}/recordings`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingList {
    /// Recordings, newest first.
    pub recordings: Vec<Recording>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Id of the recording.
    pub recording_id: String,
    /// Id of its consultation.
    pub consultation_id: Id,
    /// State of the recording.
    pub state: RecordingState,
    /// Problem, if any, such as `recorder-crashed`, `disk-full`, `storage-unreachable` or `not-encrypted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Time of the request.
    pub requested_at: Timestamp,
    /// Time of the first frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// Time at which it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// Duration of all parts in seconds.
    pub duration_seconds: f64,
    /// Size of all parts in bytes.
    pub size_bytes: u64,
    /// SHA-256 of the file in lower-case hexadecimal, if the recording has a single part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// URL for downloading the file, valid for some minutes, if the recording has a single part. Only in the answer for
    /// a single recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
    /// Files of the recording: one, unless the recorder was restarted.
    pub parts: Vec<RecordingPart>,
}

/// A file of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingPart {
    /// Number of the part, from 1.
    pub number: u32,
    /// `true` if the file is stored and verified.
    pub stored: bool,
    /// Duration in seconds.
    pub duration_seconds: f64,
    /// Size in bytes.
    pub size_bytes: u64,
    /// SHA-256 in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Location of the file: a `file:` URL or `s3://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// Encryption of the stored file, as confirmed by the storage, such as `aws:kms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// URL for downloading the file, valid for some minutes. Only in the answer for a single recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
}

/// Metadata of a room, as JSON: reaches all participants, including those who join later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomAnnouncement {
    /// The active recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<AnnouncedRecording>,
    /// Problem that concerns all participants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<RoomProblem>,
    /// Index of the current end-to-end key for sending, unless it is the first.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
}

/// Problem of a room that concerns all participants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomProblem {
    /// Kind of the problem.
    pub what: RoomProblemKind,
    /// Time at which the server noticed it.
    pub at: Timestamp,
}

/// Kinds of [`RoomProblem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomProblemKind {
    /// Somebody else had the SFU record the room; the server has stopped that.
    ForeignRecording,
}

/// A recording, as announced to the participants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncedRecording {
    /// Id of the recording.
    pub recording_id: String,
    /// State of the recording.
    pub state: RecordingState,
    /// Problem of the recording, as in [`Recording::problem`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Identities of the participants whose consent is missing.
    #[serde(default)]
    pub asked: Vec<String>,
    /// Version of the text that asks for consent.
    pub text_version: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_has_one_name_everywhere() {
        for name in
            ["asking", "starting", "recording", "paused", "stopping", "storing", "ready", "refused", "cancelled"]
        {
            let state = RecordingState::parse(name).unwrap();
            assert_eq!(serde_json::to_value(state).unwrap(), name);
        }
        assert_eq!(RecordingState::parse("Recording"), None);
    }

    #[test]
    fn a_room_without_metadata_announces_nothing() {
        assert_eq!(serde_json::from_str::<RoomAnnouncement>("{}").unwrap(), RoomAnnouncement::default());
        let text = r#"{"recording":{"recordingId":"r","state":"asking","asked":["p"],"textVersion":1}}"#;
        let announced: RoomAnnouncement = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&announced).unwrap(), text);
        let text = r#"{"problem":{"what":"foreign-recording","at":"1970-01-01T00:00:00.000Z"}}"#;
        let announced: RoomAnnouncement = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&announced).unwrap(), text);
    }
}
