use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Role, Timestamp, Transport};

/// Body of `POST /api/join`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// Code of a join link, or the kiosk code (eight digits). A secret.
    pub code: String,
}

impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Join(…)")
    }
}

/// Answer of `POST /api/join`: everything that a client needs to join.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// Id of the consultation.
    pub consultation_id: Id,
    /// Role of the user.
    pub role: Role,
    /// The user's id: their identity in the room.
    pub user_id: Id,
    /// Name of the room at the SFU.
    pub room_name: String,
    /// URL of the SFU, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// New LiveKit token, valid for two hours. A secret.
    pub token: String,
    /// `true` if media flows only after the doctor admits the patient.
    pub waiting_room: bool,
    /// `true` if media may flow now.
    pub admitted: bool,
    /// Time of the appointment, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// Planned duration in minutes, if there is an appointment.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// `true` if media is encrypted end to end.
    #[serde(default)]
    pub e2ee: bool,
    /// The end-to-end key, 64 hexadecimal digits, if media is encrypted end to end. A secret. Absent for a waiting
    /// patient, who gets it from `GET /api/consultations/{id}/key` after admission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// Index of that key.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
    /// Path of the media.
    #[serde(default)]
    pub transport: Transport,
}

/// Answer of `GET /api/consultations/{id}/key`: the current end-to-end key for sending.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationKey {
    /// The key, 64 hexadecimal digits. A secret.
    pub key: String,
    /// Index of the key: 0 for the first, then 1, 2, 3, … Clients store it in slot `index % 16` of their key ring.
    #[serde(deserialize_with = "crate::whole::required")]
    pub index: u32,
}

impl std::fmt::Debug for ConsultationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsultationKey").field("index", &self.index).finish_non_exhaustive()
    }
}

/// Answer of `GET /api/consultations/{id}/presence`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// `true` if a participant with the caller's identity and a valid token is in the room.
    pub present: bool,
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Joined")
            .field("consultation_id", &self.consultation_id)
            .field("role", &self.role)
            .field("livekit_url", &self.livekit_url)
            .field("waiting_room", &self.waiting_room)
            .field("admitted", &self.admitted)
            .finish_non_exhaustive()
    }
}
