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
    /// A consultation of the backend that this app is paired with, as its doctor.
    Scheduled {
        /// The consultation.
        id: Id,
    },
    /// The digits that a patient types at a kiosk that is paired with a backend.
    Digits(Secret),
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

/// Six digits that two people read to each other to find out whether they hold the same key. They reveal nothing of it.
///
/// They prove no more than that: the backend hands the key out, and six digits are 20 bits. A key agreement between the clients
/// would be needed to rule out the backend itself (docs/security.md, "What isn't protected").
pub(super) fn comparison_code(key: &Secret) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(b"AutaMedica comparison code\0");
    context.update(key.expose().as_bytes());
    let digest = context.finish();
    let number = digest.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % 1_000_000;
    format!("{:03} {:03}", number / 1000, number % 1000)
}

impl JoinTarget {
    /// As whom we join, as far as known before joining; a link tells only when it is used.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Link(_) => None,
            Self::Scheduled { .. } => Some(Role::Doctor),
            Self::Digits(_) => Some(Role::Patient),
            Self::Consultation { role, .. } | Self::Room { role, .. } => Some(*role),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comparison_code_is_six_digits_and_tells_keys_apart() {
        let code = |key: &str| comparison_code(&Secret::new(key));
        assert_eq!(code("a"), code("a"));
        assert_ne!(code("a"), code("b"));
        for key in 0..100 {
            let code = code(&key.to_string());
            assert!(code.len() == 7 && code.bytes().filter(u8::is_ascii_digit).count() == 6, "{code}");
        }
    }
}
