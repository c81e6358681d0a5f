//! Who is in which room now, and how to reach them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autamedica_api::{Id, Role, Timestamp, Transport};
use serde::Serialize;
use serde_json::json;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;

use super::admitted::Admitted;
use crate::state::AppState;

/// How many people a room holds.
const PEOPLE: usize = 2;
/// The rooms of this server.
#[derive(Debug, Default)]
pub struct Peers {
    rooms: Mutex<HashMap<Id, Vec<Peer>>>,
}

/// Somebody in a room.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Whose socket it is, and how that was proved.
    pub admitted: Arc<Admitted>,
    /// Their role.
    pub role: Role,
    /// When they came.
    pub joined_at: Timestamp,
    /// How their client calls the room: by its name or by the consultation's id.
    pub room_id: String,
    /// The way to them.
    pub socket: SocketRef,
}

/// A peer, as the others are told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    user_id: &'a Id,
    role: Role,
    joined_at: Timestamp,
}

impl Peers {
    /// Number of rooms that somebody is in.
    pub fn num_rooms(&self) -> usize {
        lock(&self.rooms).len()
    }

    /// Takes somebody into a room, and tells everybody there. Their own socket from before, as of a page that was loaded again,
    /// leaves.
    ///
    /// # Errors
    /// When the room is full.
    pub fn join(&self, room: &Id, peer: Peer) -> Result<(), Full> {
        // The lock is held while telling, which waits for nobody, so that everybody hears of changes in their order.
        let mut rooms = lock(&self.rooms);
        let peers = rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let (own, others): (Vec<_>, Vec<_>) =
            peers.iter().cloned().partition(|other| other.admitted.user == peer.admitted.user);
        if others.len() >= PEOPLE {
            return Err(Full);
        }
        for old in &own {
            tell_left(old, &others);
            if old.socket.id != peer.socket.id {
                old.say("error", &json!({"message": "you came into this room with another socket"}));
            }
        }
        let users: Vec<_> = others.iter().map(Peer::listed).collect();
        peer.say("room-joined", &json!({"roomId": peer.room_id, "users": users}));
        for other in &others {
            let user = &peer.admitted.user;
            other.say("user-joined", &json!({"roomId": other.room_id, "userId": user, "role": peer.role}));
        }
        let peers = others.into_iter().chain([peer]).collect();
        rooms.insert(room.clone(), peers);
        Ok(())
    }

    /// Takes a socket out of a room, and tells the others. `None` if it isn't there.
    pub fn leave(&self, room: &Id, sid: Sid) -> Option<Peer> {
        let mut rooms = lock(&self.rooms);
        let peers = rooms.get_mut(room)?;
        let gone = peers.remove(peers.iter().position(|peer| peer.socket.id == sid)?);
        tell_left(&gone, peers);
        if peers.is_empty() {
            rooms.remove(room);
        }
        Some(gone)
    }

    /// Whether a socket is in a room.
    pub fn has(&self, room: &Id, sid: Sid) -> bool {
        lock(&self.rooms).get(room).is_some_and(|peers| peers.iter().any(|peer| peer.socket.id == sid))
    }

    /// Sends an event of this socket to the others in the room, in the name of its user. Whether it is there.
    pub fn relay(&self, room: &Id, sid: Sid, event: &str, payload: serde_json::Map<String, serde_json::Value>) -> bool {
        let rooms = lock(&self.rooms);
        let peers = rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let Some(sender) = peers.iter().find(|peer| peer.socket.id == sid) else { return false };
        for other in peers.iter().filter(|peer| peer.socket.id != sid) {
            let mut message = payload.clone();
            message.insert("roomId".to_owned(), json!(other.room_id));
            message.insert("userId".to_owned(), json!(sender.admitted.user));
            other.say(event, &message.into());
        }
        true
    }

    /// The rooms that somebody is in.
    pub fn rooms(&self) -> Vec<Id> {
        lock(&self.rooms).keys().cloned().collect()
    }

    /// Those in a room.
    pub fn in_room(&self, room: &Id) -> Vec<Peer> {
        lock(&self.rooms).get(room).cloned().unwrap_or_default()
    }
}

/// Sends everybody in a room over to the SFU.
pub fn leave_for_sfu(state: &AppState, room: &Id) {
    for peer in state.peers.in_room(room) {
        peer.say("transport-changed", &json!({"roomId": peer.room_id, "transport": Transport::Sfu}));
        state.peers.leave(room, peer.socket.id);
    }
}

/// There are two people already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Peer {
    fn listed(&self) -> Listed<'_> {
        Listed { user_id: &self.admitted.user, role: self.role, joined_at: self.joined_at }
    }

    /// Sends an event to this peer.
    pub fn say(&self, event: &str, message: &serde_json::Value) {
        say(&self.socket, event, message);
    }
}

/// Sends an event to a socket. One that reads nothing is closed: what it misses now can't be made up for.
pub fn say(socket: &SocketRef, event: &str, message: &serde_json::Value) {
    if let Err(error) = socket.emit(event, message) {
        tracing::debug!(%error, event, "a socket can't be told");
        if matches!(error, socketioxide::SendError::Socket(socketioxide::SocketError::InternalChannelFull)) {
            let _ = socket.clone().disconnect();
        }
    }
}

fn tell_left(gone: &Peer, others: &[Peer]) {
    for other in others {
        other.say("user-left", &json!({"roomId": other.room_id, "userId": gone.admitted.user}));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
