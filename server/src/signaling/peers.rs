//! Peers in the rooms of this server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autamedica_api::{Id, Role, Timestamp};
use serde::Serialize;
use serde_json::json;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;

use super::admitted::Admitted;

/// Maximum number of users in a room.
const MAX_USERS: usize = 2;

/// Rooms of this server.
#[derive(Debug, Default)]
pub struct Peers {
    rooms: Mutex<HashMap<Id, Vec<Peer>>>,
}

/// A peer in a room.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Authenticated identity of the socket.
    pub admitted: Arc<Admitted>,
    /// Role of the user.
    pub role: Role,
    /// Time of joining.
    pub joined_at: Timestamp,
    /// The client's name for the room: the room's name or the consultation's id.
    pub room_id: String,
    /// Kind of the client, if it names one.
    pub client: Option<String>,
    /// Socket of the peer.
    pub socket: SocketRef,
}

/// A peer in the list for other peers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed<'a> {
    user_id: &'a Id,
    role: Role,
    joined_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
}

impl Peers {
    /// Returns the number of rooms with peers.
    pub fn num_rooms(&self) -> usize {
        lock(&self.rooms).len()
    }

    /// Adds a peer to a room and notifies the others. Replaces the user's earlier socket, such as that of a reloaded
    /// page.
    ///
    /// # Errors
    /// [`Full`] if the room has two other users.
    pub fn join(&self, room: &Id, peer: Peer) -> Result<(), Full> {
        // Sending doesn't block, so the lock is held to keep the notifications in order.
        let mut rooms = lock(&self.rooms);
        let peers = rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let (own, others): (Vec<_>, Vec<_>) =
            peers.iter().cloned().partition(|other| other.admitted.user == peer.admitted.user);
        if others.len() >= MAX_USERS {
            return Err(Full);
        }
        for old in &own {
            notify_left(old, &others);
            if old.socket.id != peer.socket.id {
                old.send("error", &json!({"message": "another socket of yours has joined this room"}));
                old.send_removed(&json!("replaced"));
            }
        }
        let users: Vec<_> = others.iter().map(Peer::listed).collect();
        let mut joined = json!({"roomId": peer.room_id, "users": users});
        // Confirms that the server announces the kinds of clients.
        peer.add_client(&mut joined);
        peer.send("room-joined", &joined);
        for other in &others {
            let user = &peer.admitted.user;
            let mut joined = json!({"roomId": other.room_id, "userId": user, "role": peer.role});
            peer.add_client(&mut joined);
            other.send("user-joined", &joined);
        }
        let peers = others.into_iter().chain([peer]).collect();
        rooms.insert(room.clone(), peers);
        Ok(())
    }

    /// Removes a socket from a room and notifies the others. Returns `None` if it isn't in the room.
    pub fn leave(&self, room: &Id, sid: Sid) -> Option<Peer> {
        let mut rooms = lock(&self.rooms);
        let peers = rooms.get_mut(room)?;
        let gone = peers.remove(peers.iter().position(|peer| peer.socket.id == sid)?);
        notify_left(&gone, peers);
        if peers.is_empty() {
            rooms.remove(room);
        }
        Some(gone)
    }

    /// Returns `true` if a socket is in a room.
    pub fn has(&self, room: &Id, sid: Sid) -> bool {
        lock(&self.rooms).get(room).is_some_and(|peers| peers.iter().any(|peer| peer.socket.id == sid))
    }

    /// Relays an event to the other peers of the room. Returns `false` if the socket isn't in it.
    pub fn relay(&self, room: &Id, sid: Sid, event: &str, payload: serde_json::Map<String, serde_json::Value>) -> bool {
        let rooms = lock(&self.rooms);
        let peers = rooms.get(room).map(Vec::as_slice).unwrap_or_default();
        let Some(sender) = peers.iter().find(|peer| peer.socket.id == sid) else { return false };
        for other in peers.iter().filter(|peer| peer.socket.id != sid) {
            let mut message = payload.clone();
            message.insert("roomId".to_owned(), json!(other.room_id));
            message.insert("userId".to_owned(), json!(sender.admitted.user));
            other.send(event, &message.into());
        }
        true
    }

    /// Returns the rooms with peers.
    pub fn rooms(&self) -> Vec<Id> {
        lock(&self.rooms).keys().cloned().collect()
    }

    /// Returns the peers in a room.
    pub fn in_room(&self, room: &Id) -> Vec<Peer> {
        lock(&self.rooms).get(room).cloned().unwrap_or_default()
    }
}

/// Error of joining a full room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

impl Peer {
    fn listed(&self) -> Listed<'_> {
        let client = self.client.as_deref();
        Listed { user_id: &self.admitted.user, role: self.role, joined_at: self.joined_at, client }
    }

    fn add_client(&self, message: &mut serde_json::Value) {
        if let Some(client) = &self.client {
            message["client"] = json!(client);
        }
    }

    /// Notifies this peer that the server removed it from the room.
    pub fn send_removed(&self, reason: &serde_json::Value) {
        self.send("room-left", &json!({"roomId": self.room_id, "reason": reason}));
    }

    /// Sends an event to this peer.
    pub fn send(&self, event: &str, message: &serde_json::Value) {
        send(&self.socket, event, message);
    }
}

/// Sends an event to a socket. Disconnects a socket whose buffer is full, because lost messages can't be repeated.
pub fn send(socket: &SocketRef, event: &str, message: &serde_json::Value) {
    if let Err(error) = socket.emit(event, message) {
        tracing::debug!(%error, event, "sending to a socket failed");
        if matches!(error, socketioxide::SendError::Socket(socketioxide::SocketError::InternalChannelFull)) {
            let _ = socket.clone().disconnect();
        }
    }
}

fn notify_left(gone: &Peer, others: &[Peer]) {
    for other in others {
        other.send("user-left", &json!({"roomId": other.room_id, "userId": gone.admitted.user}));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
