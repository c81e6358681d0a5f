use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Timestamp};

/// The version of the text that asks for consent to a recording. A changed text is a new version.
pub const CONSENT_TEXT_VERSION: u32 = 1;

/// The body of `POST /api/consultations/{id}/recording/start`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StartRecording {
    /// The room of the consultation in the path.
    pub room_name: String,
}

/// The body of `POST /api/consultations/{id}/recording/stop`, which may be absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct StopRecording {
    /// The recording, by the id that start gave. Default: the one that goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub egress_id: Option<String>,
}

/// What stopping a recording answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StopAnswer {
    /// Always `true`.
    pub success: bool,
    /// Sentence for people.
    pub message: String,
    /// The recording and where its file is going to be.
    pub data: RecordingStopped,
}

/// What starting a recording answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingStarted {
    /// The recording's id.
    pub recording_id: String,
    /// The recording's id, by the name that LiveKit gives an egress: callers hand it to stop.
    pub egress_id: String,
    /// `asking` until the patient has consented, `starting` when they have.
    pub state: RecordingState,
    /// The same as `state`.
    pub status: RecordingState,
    /// When it was asked for.
    pub requested_at: Timestamp,
}

/// What stopping a recording answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingStopped {
    /// The recording's id.
    pub recording_id: String,
    /// `stopping`, or `cancelled` when nothing was recorded yet.
    pub state: RecordingState,
    /// Where its file is going to be; absent when nothing was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// When it was stopped.
    pub stopped_at: Timestamp,
}

/// How far a recording has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RecordingState {
    /// The patient hasn't answered yet. Nothing is recorded.
    Asking,
    /// There is consent; the recorder is coming. Nothing is recorded yet.
    Starting,
    /// It records.
    Recording,
    /// Somebody came who hasn't consented. Nothing is recorded until they do or leave.
    Paused,
    /// It was stopped; the file is being finished.
    Stopping,
    /// Its files are on their way to where they are kept.
    Storing,
    /// Its files are where they are kept, and were checked there.
    Ready,
    /// The patient said no. Nothing was recorded.
    Refused,
    /// It was stopped before it began. Nothing was recorded.
    Cancelled,
    /// Nothing could be recorded.
    Failed,
    /// Its files were deleted.
    Deleted,
}

impl RecordingState {
    /// The name in JSON and in the database.
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

    /// The inverse of [`as_str`](Self::as_str).
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

    /// Whether it goes on, or is about to: there is one such recording of a consultation at most.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Asking | Self::Starting | Self::Recording | Self::Paused | Self::Stopping)
    }
}

/// What an integrator vouches for about the patient's consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingConsent {
    /// The patient has consented already, on paper or elsewhere: they aren't asked.
    AlreadyGiven,
}

/// The body of `POST /api/consultations/{id}/recording/consent`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct GiveConsent {
    /// Their answer. A later one replaces it: refusing while it records stops it.
    pub answer: ConsentAnswer,
    /// Which text they read.
    #[serde(deserialize_with = "crate::whole::required")]
    pub text_version: u32,
    /// In which language, such as `es`.
    #[schema(min_length = 2, max_length = 16)]
    pub language: String,
}

/// Yes or no to being recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ConsentAnswer {
    /// Yes.
    Accepted,
    /// No.
    Refused,
}

/// What `GET /api/consultations/{id}/recordings` answers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingList {
    /// The newest first.
    pub recordings: Vec<Recording>,
}

/// A recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Recording {
    /// Its id.
    pub recording_id: String,
    /// Whose.
    pub consultation_id: Id,
    /// How far it has come.
    pub state: RecordingState,
    /// What is wrong, if anything, such as `recorder-crashed`, `disk-full`, `storage-unreachable` or `not-encrypted`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it was asked for.
    pub requested_at: Timestamp,
    /// The moment of its first picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it was stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_at: Option<Timestamp>,
    /// The length of all its parts, in seconds.
    pub duration_seconds: f64,
    /// The size of all its parts.
    pub size_bytes: u64,
    /// SHA-256 of its file, in lower-case hexadecimal, when it is one file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where to fetch its file, for some minutes, when it is one file; only in the answer about this one recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
    /// Its files: one, unless the recorder had to begin anew.
    pub parts: Vec<RecordingPart>,
}

/// A file of a recording.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RecordingPart {
    /// 1, 2, 3, …
    pub number: u32,
    /// Whether it is where it is kept, and was checked there.
    pub stored: bool,
    /// Its length in seconds.
    pub duration_seconds: f64,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it is kept: a file's address, or `s3://…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// How it is encrypted there, as the storage confirmed it, such as `aws:kms`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// Where to fetch it, for some minutes; only in the answer about this one recording.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download_url: Option<String>,
}

/// What a room's metadata says, as JSON, to everybody in it, also to who comes later.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomAnnouncement {
    /// The recording that goes on, or is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<AnnouncedRecording>,
    /// What everybody in the room should know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<RoomProblem>,
    /// The number of the end-to-end key to send with now, when it isn't the first.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
}

/// Something that happened to a room and that everybody in it should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomProblem {
    /// The kind of problem.
    pub what: RoomProblemKind,
    /// When the server noticed it.
    pub at: Timestamp,
}

/// The kinds of [`RoomProblem`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RoomProblemKind {
    /// Somebody had the SFU record the room without this server, which stopped it.
    ForeignRecording,
}

/// A recording as those in the room hear of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AnnouncedRecording {
    /// Its id.
    pub recording_id: String,
    /// How far it has come.
    pub state: RecordingState,
    /// What is wrong with it, as in [`Recording::problem`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who must answer before it goes on, by identity.
    #[serde(default)]
    pub asked: Vec<String>,
    /// The text to ask with.
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
