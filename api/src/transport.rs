use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Path of a consultation's media.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Through the SFU.
    #[default]
    Sfu,
    /// From peer to peer, signaled over Socket.io: for two people, without recording.
    P2p,
}

impl Transport {
    /// Returns the name in JSON, in the database and in settings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sfu => "sfu",
            Self::P2p => "p2p",
        }
    }

    /// Parses a name: the inverse of [`as_str`](Self::as_str).
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Sfu, Self::P2p].into_iter().find(|transport| transport.as_str() == text)
    }
}
