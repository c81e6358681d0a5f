//! Target of a call.

use autamedica_api::{Id, JoinLink, Role};
use autamedica_text::Secret;

/// Consultation or room to join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JoinTarget {
    /// Join link.
    Link(JoinLink),
    /// Consultation of our own backend, which allows creating it (on loopback, for QA).
    Consultation {
        /// Id of the consultation, which is created if it does not exist.
        id: Id,
        /// Our role.
        role: Role,
    },
    /// Existing consultation of the backend with which this app is paired, to join as its doctor.
    Scheduled {
        /// Id of the consultation.
        id: Id,
    },
    /// Kiosk code of a patient at a paired kiosk.
    Digits(Secret),
    /// Any LiveKit room, with a token from elsewhere.
    Room {
        /// The SFU's address.
        url: String,
        /// Access token of the room.
        token: Secret,
        /// Our role, unless the token's metadata names another.
        role: Role,
    },
}

/// Returns six digits derived from the key, by which two people can verify that they have the same key. They do not
/// reveal the key.
///
/// They prove no more than that: the backend distributes the key, and six digits are 20 bits. Protection against the
/// backend itself needs a key agreement between the clients (docs/security.md, "What isn't protected").
pub(super) fn comparison_code(key: &Secret) -> String {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(b"AutaMedica comparison code\0");
    context.update(key.expose().as_bytes());
    let digest = context.finish();
    let number = digest.as_ref().iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % 1_000_000;
    format!("{:03} {:03}", number / 1000, number % 1000)
}

impl JoinTarget {
    /// Returns our role if it is known before joining; the role of a join link is not.
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
