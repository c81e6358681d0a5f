//! Peers in the rooms of this server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use autamedica_api::{Id, Role, Timestamp, Transport};
use serde::Serialize;
use serde_json::json;
use socketioxide::extract::SocketRef;
use socketioxide::socket::Sid;

use super::admitted::Admitted;
use super::announced::Announced;

/// Maximum number of users in a room.
const MAX_USERS: usize = 2;

/// Rooms of this server.
#[derive(Debug, Default)]
pub struct Peers {
    rooms: Mutex<HashMap<Id, Room>>,
}

/// Peers of one consultation.
#[derive(Debug, Default)]
struct Room {
    /// Admitted peers.
    peers: Vec<Peer>,
    /// The patient in the waiting room. Nothing is relayed to or from them.
    waiting: Option<Peer>,
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
    /// Newest token and key that the server announced to the peer.
    pub announced: Arc<Announced>,
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
        lock(&self.rooms).entry(room.clone()).or_default().join(peer)
    }

    /// Puts a peer into the room's waiting room and notifies the doctor. Replaces the user's earlier socket.
    pub fn wait(&self, room: &Id, peer: Peer) {
        lock(&self.rooms).entry(room.clone()).or_default().wait(peer);
    }

    /// Lets a waiting socket into the room. Returns `false` if it doesn't wait any more.
    ///
    /// # Errors
    /// [`Full`] if the room has two other users.
    pub fn admit(&self, room: &Id, sid: Sid) -> Result<bool, Full> {
        let mut rooms = lock(&self.rooms);
        let Some(found) = rooms.get_mut(room) else { return Ok(false) };
        let Some(peer) = found.waiting.take_if(|peer| peer.socket.id == sid) else { return Ok(false) };
        found.notify_waiting();
        found.join(peer).map(|()| true)
    }

    /// Removes a socket from a room and its waiting room, and notifies the others. Returns `None` if it was in neither.
    pub fn leave(&self, room: &Id, sid: Sid) -> Option<Peer> {
        let mut rooms = lock(&self.rooms);
        let gone = rooms.get_mut(room)?.leave(sid);
        forget_if_empty(&mut rooms, room);
        gone
    }

    /// Returns `true` if a socket is in a room or its waiting room.
    pub fn has(&self, room: &Id, sid: Sid) -> bool {
        lock(&self.rooms).get(room).is_some_and(|room| room.everybody().any(|peer| peer.socket.id == sid))
    }

    /// Relays an event to the other peers of the room. Returns `false` if the socket isn't in it.
    pub fn relay(&self, room: &Id, sid: Sid, event: &str, payload: serde_json::Map<String, serde_json::Value>) -> bool {
        let rooms = lock(&self.rooms);
        let peers = rooms.get(room).map(|room| room.peers.as_slice()).unwrap_or_default();
        let Some(sender) = peers.iter().find(|peer| peer.socket.id == sid) else { return false };
        for other in peers.iter().filter(|peer| peer.socket.id != sid) {
            let mut message = payload.clone();
            message.insert("roomId".to_owned(), json!(other.room_id));
            message.insert("userId".to_owned(), json!(sender.admitted.user));
            other.send(event, &message.into());
        }
        true
    }

    /// Returns the rooms with peers or a waiting patient.
    pub fn rooms(&self) -> Vec<Id> {
        lock(&self.rooms).keys().cloned().collect()
    }

    /// Returns the peers in a room.
    pub fn in_room(&self, room: &Id) -> Vec<Peer> {
        lock(&self.rooms).get(room).map(|room| room.peers.clone()).unwrap_or_default()
    }

    /// Returns the patient in a room's waiting room.
    pub fn waiting(&self, room: &Id) -> Option<Peer> {
        lock(&self.rooms).get(room)?.waiting.clone()
    }
}

fn forget_if_empty(rooms: &mut HashMap<Id, Room>, room: &Id) {
    if rooms.get(room).is_some_and(|room| room.everybody().next().is_none()) {
        rooms.remove(room);
    }
}

impl Room {
    fn everybody(&self) -> impl Iterator<Item = &Peer> {
        self.peers.iter().chain(&self.waiting)
    }

    fn join(&mut self, peer: Peer) -> Result<(), Full> {
        let is_own = |other: &Peer| other.admitted.user == peer.admitted.user;
        let (own, others): (Vec<_>, Vec<_>) = self.peers.iter().cloned().partition(is_own);
        if others.len() >= MAX_USERS {
            return Err(Full);
        }
        for old in &own {
            notify_left(old, &others);
        }
        let waited = self.waiting.take_if(|waiting| is_own(waiting));
        let has_waited = waited.is_some();
        for old in own.iter().chain(&waited) {
            old.send_replaced_by(&peer);
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
        let is_doctor = peer.role == Role::Doctor;
        self.peers = others.into_iter().chain([peer]).collect();
        if has_waited || is_doctor && self.waiting.is_some() {
            self.notify_waiting();
        }
        Ok(())
    }

    fn wait(&mut self, peer: Peer) {
        if let Some(old) = self.waiting.take() {
            old.send_replaced_by(&peer);
        }
        if peer.client.is_some() {
            peer.send("room-waiting", &json!({"roomId": peer.room_id}));
        }
        self.waiting = Some(peer);
        self.notify_waiting();
    }

    fn leave(&mut self, sid: Sid) -> Option<Peer> {
        if let Some(gone) = self.waiting.take_if(|peer| peer.socket.id == sid) {
            self.notify_waiting();
            return Some(gone);
        }
        let gone = self.peers.remove(self.peers.iter().position(|peer| peer.socket.id == sid)?);
        notify_left(&gone, &self.peers);
        Some(gone)
    }

    /// Notifies the doctor of who is in the waiting room.
    fn notify_waiting(&self) {
        let users: Vec<_> = self.waiting.iter().map(Peer::listed).collect();
        for doctor in self.peers.iter().filter(|peer| peer.role == Role::Doctor) {
            doctor.send("waiting-room", &json!({"roomId": doctor.room_id, "users": users}));
        }
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

    /// Returns `true` for our own app.
    pub fn is_native(&self) -> bool {
        self.client.as_deref() == Some("native")
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

    /// Notifies this peer that the consultation's media goes through the SFU now.
    pub fn send_moved(&self) {
        self.send("transport-changed", &json!({"roomId": self.room_id, "transport": Transport::Sfu}));
    }

    /// Notifies this peer that another socket of the same user took its place.
    fn send_replaced_by(&self, other: &Self) {
        if self.socket.id != other.socket.id {
            self.send("error", &json!({"message": "another socket of yours has joined this room"}));
            self.send_removed(&json!("replaced"));
        }
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
