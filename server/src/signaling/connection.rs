//! Message loop of a socket.

use std::sync::Arc;

use autamedica_api::{ErrorCode, Id, Timestamp, consultation_of};
use serde_json::json;
use socketioxide::extract::SocketRef;
use tokio::sync::{Notify, mpsc};

use super::admission::{self, Refusal};
use super::admitted::Admitted;
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
                admission::authorize(&self.state, &self.admitted, &room).await?;
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
        let role = match admission::authorize(&self.state, &self.admitted, &room).await {
            Ok((role, _)) => role,
            Err(refusal) => {
                if matches!(refusal, Refusal::Refused { .. }) {
                    admission::audit_refusal(&self.state, &self.admitted, &room).await;
                }
                return Err(refusal);
            }
        };
        // The socket may have been removed from some rooms.
        self.rooms.retain(|(own, _)| self.state.peers.has(own, self.socket.id));
        if self.rooms.len() >= MAX_ROOMS && self.rooms.iter().all(|(own, _)| *own != room) {
            return Err(Refusal::new(ErrorCode::RateLimited, "leave another room first"));
        }
        let event = self.admitted.event(Some(role), "signaling.join").consultation(&room);
        self.state.store.audit(event).await?;
        let peer = Peer {
            admitted: self.admitted.clone(),
            role,
            joined_at: Timestamp::now(),
            room_id: name.to_owned(),
            client: message.client().map(str::to_owned),
            socket: self.socket.clone(),
        };
        // A reloaded page has replaced this socket.
        if !self.socket.connected() {
            return Ok(());
        }
        let full = |_| Refusal::new(ErrorCode::RateLimited, "the room is full");
        self.state.peers.join(&room, peer).map_err(full)?;
        // The user may have been removed while the audit entry was written.
        match admission::authorize(&self.state, &self.admitted, &room).await {
            Ok((_, stored)) => presence::record_joined(&self.state, &stored).await,
            Err(refusal @ Refusal::Refused { .. }) => {
                if let Some(peer) = self.leave(&room).await {
                    peer.send_removed(&json!(refusal.code()));
                }
                return Err(refusal);
            }
            // The periodic check repeats the authorization, and the reconciler stores the presence.
            Err(Refusal::Failed) => {}
        }
        self.rooms.retain(|(own, _)| *own != room);
        self.rooms.push((room, name.to_owned()));
        Ok(())
    }

    async fn leave(&self, room: &Id) -> Option<Peer> {
        let peer = self.state.peers.leave(room, self.socket.id)?;
        let event = self.admitted.event(Some(peer.role), "signaling.leave").consultation(room);
        if let Err(error) = self.state.store.audit(event).await {
            tracing::warn!(%error, "auditing that a peer left failed");
        }
        presence::record_left(&self.state, room).await;
        Some(peer)
    }
}
