use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Id;

/// The largest number of observers of a consultation: with the patient and the doctor they fill its room.
pub const MOST_OBSERVERS: usize = 2;

/// The body of `POST /api/consultations/{id}/observers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddObserver {
    /// The observer's id; another one than the patient's and the doctor's.
    pub observer_id: Id,
    /// How the others see them, such as `Intérprete`: 1 to 40 characters. What they are rather than who, because it goes through
    /// the SFU. Default: their id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// What `POST /api/consultations/{id}/observers` answers.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObserverAdded {
    /// As asked.
    pub observer_id: Id,
    /// As asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The room at the SFU.
    pub room_name: String,
    /// Where clients connect.
    pub livekit_url: String,
    /// The observer's LiveKit token, good for two hours. A secret.
    pub token: String,
    /// The observer's link, `https://…/join#…`. A secret.
    pub link: String,
    /// The observer's link that opens the app. A secret.
    pub app_link: String,
    /// The end-to-end key, when media is encrypted end to end. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// The number of that key; absent for the first, which has 0.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
}

/// Secrets stay out of logs.
impl std::fmt::Debug for ObserverAdded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObserverAdded")
            .field("observer_id", &self.observer_id)
            .field("room_name", &self.room_name)
            .finish_non_exhaustive()
    }
}

/// The body of `POST /api/consultations/{id}/participants/{identity}/permit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermitObserver {
    /// Whether the observer may speak, be seen and write.
    pub publish: bool,
}
