//! Newest token and key that a peer has from the server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use autamedica_api::Timestamp;

use super::admitted::{Admitted, Proof};

/// Newest token and key that a peer has.
#[derive(Debug)]
pub struct Announced(Mutex<Newest>);

#[derive(Debug)]
struct Newest {
    /// `None` for other credentials than a token.
    token: Option<Token>,
    key_index: u32,
}

#[derive(Clone, Copy, Debug)]
struct Token {
    generation: u32,
    expires_at: Timestamp,
    /// Grants to send and receive at the SFU.
    has_grants: bool,
}

impl Announced {
    /// Creates the state of a peer from its credentials. `has_grants`: its token grants to send and receive.
    pub fn new(admitted: &Admitted, has_grants: bool) -> Self {
        let token = match admitted.proof {
            Proof::Token { generation, expires_at, .. } => Some(Token { generation, expires_at, has_grants }),
            Proof::Account | Proof::Local => None,
        };
        Self(Mutex::new(Newest { token, key_index: 0 }))
    }

    /// Calls `send` if the peer's token is revoked, lacks grants that the user has, or expires within `before`. It returns
    /// `true` if it sent a token that is valid for `validity`.
    pub fn refresh_token(
        &self,
        (generation, has_grants): (u32, bool),
        (validity, before): (Duration, Duration),
        send: impl FnOnce() -> bool,
    ) {
        let mut newest = self.lock();
        let Some(token) = newest.token else { return };
        let lacks_grants = has_grants && !token.has_grants;
        if (token.generation < generation || lacks_grants || token.expires_at < after(before)) && send() {
            newest.token = Some(Token { generation, expires_at: after(validity), has_grants });
        }
    }

    /// Returns `true` if the peer has an older key, once.
    pub fn is_new_key(&self, index: u32) -> bool {
        let mut newest = self.lock();
        let is_new = index > newest.key_index;
        newest.key_index = newest.key_index.max(index);
        is_new
    }

    fn lock(&self) -> MutexGuard<'_, Newest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn after(time: Duration) -> Timestamp {
    let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp::from_millis(Timestamp::now().as_millis().saturating_add(millis))
}
