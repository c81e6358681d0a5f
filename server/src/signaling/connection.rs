//! Message loop of a socket.

use std::sync::Arc;

use autamedica_api::{ErrorCode, Id, Timestamp, Transport, consultation_of};
use serde_json::json;
use socketioxide::extract::SocketRef;
use tokio::sync::{Notify, mpsc};

use super::admission::{self, Access, Refusal};
use super::admitted::Admitted;
use super::announced::Announced;
use super::check::{announce, check_room};
use super::message::{Event, Message};
use super::peers::{Peer, send};
use super::presence;
use crate::state::AppState;

/// Maximum number of rooms per socket.
const MAX_ROOMS: usize = 4;

/// An open socket.
pub struct Connection {
    state: AppState,
    socket: SocketRef,
    admitted: Arc<Admitted>,
    /// Rooms that the socket has joined, each with the client's name for it.
    rooms: Vec<(Id, String)>,
}

impl Connection {
    /// Creates the state of an admitted socket.
    pub fn new(state: AppState, socket: SocketRef, admitted: Arc<Admitted>) -> Self {
        Self { state, socket, admitted, rooms: Vec::new() }
    }

    /// Processes messages in order until the socket is `gone`.
    pub async fn run(mut self, mut messages: mpsc::Receiver<Message>, gone: Arc<Notify>) {
        loop {
            let message = tokio::select! {
                biased;
                () = gone.notified() => break,
                message = messages.recv() => message,
            };
            let Some(message) = message else { break };
            if let Err(refusal) = self.process(&message).await {
                send(&self.socket, "error", &refusal.event());
            }
        }
        for (room, _) in std::mem::take(&mut self.rooms) {
            self.leave(&room).await;
        }
    }

    async fn process(&mut self, message: &Message) -> Result<(), Refusal> {
        let name = message.room().map_err(Refusal::invalid)?;
        let unknown = || Refusal::new(ErrorCode::RoomNotFound, "there is no such room, or you may not join it");
        let room = self.room(name).await?.ok_or_else(unknown)?;
        match message.event {
            Event::JoinRoom => self.join(room, message, name).await,
            Event::LeaveRoom => {
                self.rooms.retain(|(own, _)| *own != room);
                self.leave(&room).await;
                Ok(())
            }
            event => {
                let payload = message.payload().map_err(Refusal::invalid)?;
                self.authorize(&room).await?.require_admitted()?;
                if self.state.peers.relay(&room, self.socket.id, event.relayed_name(), payload) {
                    return Ok(());
                }
                Err(Refusal::invalid("join the room first"))
            }
        }
    }

    /// Returns the consultation of a name, which is its id or its room's name. A name that could be both counts as an id.
    async fn room(&self, name: &str) -> Result<Option<Id>, Refusal> {
        if let Some((room, _)) = self.rooms.iter().find(|(_, called)| called == name) {
            return Ok(Some(room.clone()));
        }
        if let Ok(id) = Id::new(name)
            && self.state.store.consultation(&id).await?.is_some()
        {
            return Ok(Some(id));
        }
        Ok(consultation_of(name).or_else(|| Id::new(name).ok()))
    }

    async fn join(&mut self, room: Id, message: &Message, name: &str) -> Result<(), Refusal> {
        let access = match self.authorize(&room).await {
            Err(refusal @ Refusal::Refused { .. }) => {
                admission::audit_refusal(&self.state, &self.admitted, &room).await;
                return Err(refusal);
            }
            other => other?,
        };
        let peer = self.peer(&access, message, name);
        if peer.is_native() && access.stored.transport == Transport::Sfu {
            // The call was moved while this client was disconnected.
            peer.send_moved();
            return Ok(());
        }
        self.may_enter(&room)?;
        if !access.is_admitted {
            return self.wait(room, peer).await;
        }
        let event = self.admitted.event(Some(access.role), "signaling.join").consultation(&room);
        self.state.store.audit(event).await?;
        // A reloaded page has replaced this socket.
        if !self.socket.connected() {
            return Ok(());
        }
        let full = |_| Refusal::new(ErrorCode::RateLimited, "the room is full");
        self.state.peers.join(&room, peer.clone()).map_err(full)?;
        // The user may have been removed while the audit entry was written.
        match self.authorize(&room).await.and_then(Access::require_admitted) {
            Ok(access) => {
                announce(&self.state, &room, &peer, &access);
                presence::record_joined(&self.state, &access.stored).await;
            }
            // The periodic check repeats the authorization, and the reconciler stores the presence.
            Err(Refusal::Failed) => {}
            Err(refusal) => {
                if let Some(peer) = self.leave(&room).await {
                    peer.send_removed(&json!(refusal.code()));
                }
                return Err(refusal);
            }
        }
        self.rooms.retain(|(own, _)| *own != room);
        self.rooms.push((room, name.to_owned()));
        Ok(())
    }

    /// Lets a patient wait until the doctor admits them. Clients that don't name their kind get an error, as they always
    /// did, and are let in all the same.
    async fn wait(&mut self, room: Id, peer: Peer) -> Result<(), Refusal> {
        let event = self.admitted.event(Some(peer.role), "signaling.wait").consultation(&room);
        self.state.store.audit(event).await?;
        if !self.socket.connected() {
            return Ok(());
        }
        self.state.peers.wait(&room, peer.clone());
        self.rooms.retain(|(own, _)| *own != room);
        self.rooms.push((room.clone(), peer.room_id));
        // The doctor may have decided while the audit entry was written.
        check_room(&self.state, &room).await;
        presence::record_now(&self.state, &room).await;
        let waits = self.state.peers.waiting(&room).is_some_and(|waiting| waiting.socket.id == self.socket.id);
        if waits && peer.client.is_none() { Err(Refusal::NotAdmitted) } else { Ok(()) }
    }

    async fn authorize(&self, room: &Id) -> Result<Access, Refusal> {
        admission::authorize(&self.state, &self.admitted, room, self.socket.id).await
    }

    fn peer(&self, access: &Access, message: &Message, name: &str) -> Peer {
        Peer {
            admitted: self.admitted.clone(),
            role: access.role,
            joined_at: Timestamp::now(),
            room_id: name.to_owned(),
            client: message.client().map(str::to_owned),
            socket: self.socket.clone(),
            announced: Arc::new(Announced::new(&self.admitted, access.is_admitted)),
        }
    }

    /// Checks that this socket isn't in too many rooms.
    fn may_enter(&mut self, room: &Id) -> Result<(), Refusal> {
        // The socket may have been removed from some rooms.
        self.rooms.retain(|(own, _)| self.state.peers.has(own, self.socket.id));
        if self.rooms.len() >= MAX_ROOMS && self.rooms.iter().all(|(own, _)| own != room) {
            return Err(Refusal::new(ErrorCode::RateLimited, "leave another room first"));
        }
        Ok(())
    }

    async fn leave(&self, room: &Id) -> Option<Peer> {
        let peer = self.state.peers.leave(room, self.socket.id)?;
        let event = self.admitted.event(Some(peer.role), "signaling.leave").consultation(room);
        if let Err(error) = self.state.store.audit(event).await {
            tracing::warn!(%error, "auditing that a peer left failed");
        }
        presence::record_now(&self.state, room).await;
        Some(peer)
    }
}
