use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Id, Role, Timestamp, Transport};

/// The body of `POST /api/join`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Join {
    /// A join link's code, or the eight digits that a patient types at a kiosk. A secret.
    pub code: String,
}

impl std::fmt::Debug for Join {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Join(…)")
    }
}

/// What `POST /api/join` answers: everything a client needs to come in.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Joined {
    /// Which consultation.
    pub consultation_id: Id,
    /// As whom.
    pub role: Role,
    /// The user's id, the identity in the room.
    pub user_id: Id,
    /// The room at the SFU.
    pub room_name: String,
    /// Where to connect, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// A fresh LiveKit token, good for two hours. A secret.
    pub token: String,
    /// Whether the doctor must admit the patient before media flows.
    pub waiting_room: bool,
    /// Whether media may flow now.
    pub admitted: bool,
    /// When the consultation is to begin, if it was scheduled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_at: Option<Timestamp>,
    /// How long it is to last, in minutes, if it was scheduled.
    #[serde(default, deserialize_with = "crate::whole::optional", skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
    /// Whether media is encrypted end to end.
    #[serde(default)]
    pub e2ee: bool,
    /// The end-to-end key, 64 hexadecimal digits, when media is encrypted end to end. A secret. Absent for a patient who
    /// waits: they get it from `GET /api/consultations/{id}/key` once they are admitted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// The number of that key.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
    /// The path of its media.
    #[serde(default)]
    pub transport: Transport,
}

/// What `GET /api/consultations/{id}/key` answers: the end-to-end key to send with now.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConsultationKey {
    /// The key, 64 hexadecimal digits. A secret.
    pub key: String,
    /// Its number: 0 for the first, then 1, 2, 3, … Clients hold it in slot `index % 16` of their keys.
    #[serde(deserialize_with = "crate::whole::required")]
    pub index: u32,
}

impl std::fmt::Debug for ConsultationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsultationKey").field("index", &self.index).finish_non_exhaustive()
    }
}

/// What `GET /api/consultations/{id}/presence` answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Presence {
    /// Whether the caller's place in the room is taken, by a holder of a token that is good.
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
