//! Identity of a socket.

use std::net::IpAddr;
use std::sync::Arc;

use autamedica_api::{Id, Role, Timestamp};
use socketioxide::socket::Sid;

use super::sessions::Session;
use super::sockets::OpenSocket;
use crate::store::AuditEvent;

/// Authenticated identity of a socket.
#[derive(Debug)]
pub struct Admitted {
    /// The user's id.
    pub user: Id,
    /// Credentials of the user.
    pub proof: Proof,
    /// IP address of the client.
    pub address: IpAddr,
    /// Connection of the socket.
    pub session: Arc<Session>,
    /// Counts the socket as open.
    _open: OpenSocket,
}

/// Kind of credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// Token of this server for one consultation.
    Token {
        /// Id of the consultation.
        consultation: Id,
        /// Role of the user.
        role: Role,
        /// Generation of the token.
        generation: u32,
        /// Time at which the token expires.
        expires_at: Timestamp,
    },
    /// Token of the clinic's accounts.
    Account,
    /// Connection from this machine while there is no API key, or with the local key.
    Local,
}

/// Returns the id of a socket's session in the store.
pub fn participant_sid(sid: Sid) -> String {
    format!("signaling-{sid}")
}

impl Admitted {
    /// Creates the identity of a socket.
    pub fn new(user: Id, proof: Proof, address: IpAddr, session: Arc<Session>, open: OpenSocket) -> Self {
        Self { user, proof, address, session, _open: open }
    }

    /// Creates an audit entry with this user as actor.
    pub fn event(&self, role: Option<Role>, action: &'static str) -> AuditEvent {
        let actor = match role {
            Some(role) => format!("{role}:{}", self.user),
            None => format!("user:{}", self.user),
        };
        AuditEvent { origin: Some(self.address.to_string()), ..AuditEvent::ok(actor, action) }
    }
}
