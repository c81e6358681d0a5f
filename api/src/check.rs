use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of `POST /api/check`: asks for a room of one's own at the SFU, to test the network before a call.
///
/// Proved by a join code (which stays unused), or else by a key or by asking from this machine.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    /// A join link's code. A secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check(…)")
    }
}

/// What `POST /api/check` answers: two places in a room that nobody else is in, for two minutes.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CheckRoom {
    /// Where to connect, `wss://…` or `ws://…`.
    pub livekit_url: String,
    /// The room, `check-…`.
    pub room_name: String,
    /// May publish. A secret.
    pub sender_token: String,
    /// May subscribe. A secret.
    pub receiver_token: String,
}

impl std::fmt::Debug for CheckRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckRoom").field("livekit_url", &self.livekit_url).finish_non_exhaustive()
    }
}
