//! Where a call leads.

use autamedica_api::{Id, JoinLink, Role};

/// What somebody wants to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinTarget {
    /// A link, as people get it.
    Link(JoinLink),
    /// A consultation of our own backend, which lets us create it (on loopback, for QA).
    Consultation {
        /// The consultation; made if it doesn't exist yet.
        id: Id,
        /// As whom.
        role: Role,
    },
    /// Any LiveKit room, with a token from elsewhere.
    Room {
        /// The SFU's address.
        url: String,
        /// The token for one room.
        token: Secret,
        /// As whom; what the token's metadata says wins once joined.
        role: Role,
    },
}

/// A token or key: usable, but never shown in a log or a panic.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Hides this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the one call that needs it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl JoinTarget {
    /// As whom we join, as far as known before joining; a link tells only when it is used.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Link(_) => None,
            Self::Consultation { role, .. } | Self::Room { role, .. } => Some(*role),
        }
    }
}
