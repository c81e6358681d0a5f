use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Role, Timestamp};

/// The name of a consultation's room.
pub fn room_name(consultation: &Id) -> String {
    format!("consultation-{consultation}")
}

/// The consultation whose room this is: the inverse of [`room_name`].
pub fn consultation_of(room_name: &str) -> Option<Id> {
    Id::new(room_name.strip_prefix("consultation-")?).ok()
}

/// The body of `POST /api/consultations/create`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateConsultation {
    /// The caller's own id for it; creating it again with the same people is safe.
    pub consultation_id: Id,
    /// The patient's id.
    pub patient_id: Id,
    /// The doctor's id; another one than the patient's.
    pub doctor_id: Id,
}

/// What `POST /api/consultations/create` answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Consultation {
    /// As asked.
    pub consultation_id: Id,
    /// The room at the SFU: `consultation-` and the id.
    pub room_name: String,
    /// The SFU's own id of the room, new each time the room opens again.
    pub room_sid: String,
    /// As asked.
    pub patient_id: Id,
    /// As asked.
    pub doctor_id: Id,
    /// The patient's LiveKit token, good for two hours. A secret.
    pub patient_token: String,
    /// The doctor's LiveKit token, good for two hours. A secret.
    pub doctor_token: String,
    /// Where clients connect, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// When the consultation was created first.
    pub created_at: Timestamp,
}

/// Tokens stay out of logs.
impl std::fmt::Debug for Consultation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consultation")
            .field("consultation_id", &self.consultation_id)
            .field("room_name", &self.room_name)
            .field("room_sid", &self.room_sid)
            .field("livekit_url", &self.livekit_url)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// The JSON text in a token's `metadata`, in this order of fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ParticipantMetadata {
    /// Who it is.
    pub role: Role,
    /// Where.
    pub consultation_id: Id,
    /// The participant's identity.
    pub user_id: Id,
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rooms_name_leads_back_to_its_consultation() {
        for id in ["uuid-consultation-001", &"x".repeat(Id::MAX_LEN)] {
            let id = Id::new(id).unwrap();
            assert_eq!(consultation_of(&room_name(&id)), Some(id));
        }
        assert_eq!(consultation_of("consultation-"), None);
        assert_eq!(consultation_of("lobby"), None);
    }
}
