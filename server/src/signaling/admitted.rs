//! Whose a socket is.

use std::net::IpAddr;
use std::sync::Arc;

use autamedica_api::{Id, Role};

use super::sessions::Session;
use super::sockets::OpenSocket;
use crate::store::Event;

/// Whose socket it is.
#[derive(Debug)]
pub struct Admitted {
    /// The user.
    pub user: Id,
    /// What proved it.
    pub proof: Proof,
    /// From where they call.
    pub origin: IpAddr,
    /// The connection that it is on.
    pub session: Arc<Session>,
    /// Counts it among those that are open.
    _open: OpenSocket,
}

/// What proved who somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A token of ours, for one consultation.
    Token {
        /// Which.
        consultation: Id,
        /// Its holder's role.
        role: Role,
        /// Its generation.
        generation: u32,
    },
    /// A token of the clinic's own accounts.
    Account,
    /// They are on this machine, where nobody has made a key yet.
    Local,
}

impl Admitted {
    /// A socket of this user's.
    pub fn new(user: Id, proof: Proof, origin: IpAddr, session: Arc<Session>, open: OpenSocket) -> Self {
        Self { user, proof, origin, session, _open: open }
    }

    /// An audit entry by this user.
    pub fn event(&self, role: Option<Role>, action: &'static str) -> Event {
        let actor = match role {
            Some(role) => format!("{role}:{}", self.user),
            None => format!("user:{}", self.user),
        };
        Event { origin: Some(self.origin.to_string()), ..Event::ok(actor, action) }
    }
}
