//! Access to the loopback listener.

use std::sync::{Mutex, PoisonError};

use autamedica_text::Secret;

/// Who may connect at present. Shared by the adapter and the listener.
#[derive(Debug, Default)]
pub(crate) struct Access(Mutex<Option<Pass>>);

#[derive(Debug)]
struct Pass {
    token: Secret,
    presence: u64,
    dual: bool,
}

/// Answer to a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Admitted to this presence; `dual` if the engine shall use two PeerConnections.
    Admitted {
        presence: u64,
        dual: bool,
    },
    Refused,
}

impl Access {
    /// Admits the holder of `token` from now on, and nobody else.
    pub(crate) fn admit(&self, token: Secret, presence: u64, dual: bool) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Pass { token, presence, dual });
    }

    /// Admits nobody.
    pub(crate) fn close(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Checks a token.
    pub(crate) fn check(&self, token: &str) -> Admission {
        let pass = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*pass {
            Some(pass) if pass.token.matches(token) => Admission::Admitted { presence: pass.presence, dual: pass.dual },
            _ => Admission::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_token_is_admitted() {
        let access = Access::default();
        assert_eq!(access.check(""), Admission::Refused);
        access.admit(Secret::new("one"), 1, false);
        access.admit(Secret::new("two"), 2, true);
        assert_eq!(access.check("one"), Admission::Refused);
        assert_eq!(access.check("two"), Admission::Admitted { presence: 2, dual: true });
        access.close();
        assert_eq!(access.check("two"), Admission::Refused);
    }
}
