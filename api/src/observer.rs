use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Id;

/// Maximum number of observers of a consultation. With the patient and the doctor they fill its room.
pub const MAX_OBSERVERS: usize = 2;

/// Body of `POST /api/consultations/{id}/observers`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AddObserver {
    /// The observer's id; differs from the patient's and the doctor's.
    pub observer_id: Id,
    /// Label that the other participants see, such as `Intérprete`: 1 to 40 characters. A function rather than a name,
    /// because it is sent through the SFU. Default: the observer's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// Answer of `POST /api/consultations/{id}/observers`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObserverAdded {
    /// The observer's id, as in the request.
    pub observer_id: Id,
    /// The label, as in the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Name of the room at the SFU.
    pub room_name: String,
    /// URL of the SFU for clients.
    pub livekit_url: String,
    /// The observer's LiveKit token, valid for two hours. A secret.
    pub token: String,
    /// The observer's link, `https://…/join#…`. A secret.
    pub link: String,
    /// The observer's link that opens the app. A secret.
    pub app_link: String,
    /// The end-to-end key, if media is encrypted end to end. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2ee_key: Option<String>,
    /// Index of that key; absent for the first key, whose index is 0.
    #[serde(default, deserialize_with = "crate::whole::or_zero", skip_serializing_if = "crate::whole::is_zero")]
    pub e2ee_key_index: u32,
}

/// Omits the secrets.
impl std::fmt::Debug for ObserverAdded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObserverAdded")
            .field("observer_id", &self.observer_id)
            .field("room_name", &self.room_name)
            .finish_non_exhaustive()
    }
}

/// Body of `POST /api/consultations/{id}/participants/{identity}/permit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PermitObserver {
    /// `true` if the observer may publish audio and video and send messages.
    pub publish: bool,
}
