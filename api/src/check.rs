use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /api/check`: requests a separate room at the SFU to test the network before a call.
///
/// Authorized by a join code (which stays unused), an API key, or a request from this machine.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// Code of a join link. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check(…)")
    }
}

/// Answer of `POST /api/check`: two tokens for a room without other participants, valid for two minutes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckRoom {
    /// URL of the SFU, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// Name of the room, `check-…`.
    pub room_name: String,
    /// Token that may publish. A secret.
    pub sender_token: String,
    /// Token that may subscribe. A secret.
    pub receiver_token: String,
}

impl std::fmt::Debug for CheckRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckRoom").field("livekit_url", &self.livekit_url).finish_non_exhaustive()
    }
}
