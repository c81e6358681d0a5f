//! Messages to the engine and to the peer, held while either is away.

use std::collections::VecDeque;

use livekit_protocol::signal_response::Message as Response;

use crate::events::ClientEvent;

/// Maximum number of messages held in one direction.
const MAX_HELD: usize = 256;

/// Messages of one session that have not been sent.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    engine: VecDeque<Response>,
    peer: VecDeque<ClientEvent>,
}

impl Outbox {
    /// Queues a message to the engine.
    pub(crate) fn send_to_engine(&mut self, message: Response) {
        push(&mut self.engine, message);
    }

    /// Queues a message to the peer.
    pub(crate) fn send_to_peer(&mut self, event: ClientEvent) {
        push(&mut self.peer, event);
    }

    /// Takes the next message to the engine.
    pub(crate) fn next_to_engine(&mut self) -> Option<Response> {
        self.engine.pop_front()
    }

    /// Puts a message to the engine back that was not sent.
    pub(crate) fn return_to_engine(&mut self, message: Response) {
        self.engine.push_front(message);
    }

    /// Drops all messages to the engine.
    pub(crate) fn clear_engine(&mut self) {
        self.engine.clear();
    }

    /// The next message to the peer. [`sent_to_peer`](Self::sent_to_peer) removes it.
    pub(crate) fn next_to_peer(&self) -> Option<&ClientEvent> {
        self.peer.front()
    }

    /// Removes the next message to the peer.
    pub(crate) fn sent_to_peer(&mut self) {
        self.peer.pop_front();
    }
}

fn push<T>(queue: &mut VecDeque<T>, message: T) {
    if queue.len() == MAX_HELD {
        tracing::warn!("message queue full; oldest message dropped");
        queue.pop_front();
    }
    queue.push_back(message);
}
