//! Chat: text streams on `lk.chat`, and the two older ways in which LiveKit's clients send a message.

use std::collections::VecDeque;

use crate::data::{StreamKind, read};
use crate::dispatch::Chunk;
use crate::event::{ChatMessage, RoomEvent};
use crate::ffi::Handle;
use crate::proto;
use crate::room::RoomInner;

/// The topic of the data packets that older clients chat with.
pub(super) const LEGACY_TOPIC: &str = "lk-chat-topic";
/// Longer messages are dropped: nobody types so much, and memory is finite.
const MAX_BYTES: usize = 64 * 1024;
/// Messages that are remembered: the ways a message can come twice are within a second of each other.
const REMEMBERED: usize = 64;

/// The messages that came lately, by sender and id: newer clients send each in the old way too.
#[derive(Default)]
pub(crate) struct Seen(VecDeque<(String, String)>);

impl Seen {
    fn is_new(&mut self, identity: &str, id: &str) -> bool {
        if self.0.iter().any(|(sender, seen)| sender == identity && seen == id) {
            return false;
        }
        self.0.truncate(REMEMBERED - 1);
        self.0.push_front((identity.into(), id.into()));
        true
    }
}

impl RoomInner {
    /// Tells a message, unless it has come before.
    fn on_chat(&self, participant_identity: String, message: ChatMessage) {
        if self.chat.lock().is_new(&participant_identity, &message.id) {
            self.emit(RoomEvent::ChatMessage { participant_identity, message });
        }
    }

    /// Collects a message that comes as a stream.
    pub(super) fn on_chat_stream(&self, owned: proto::OwnedTextStreamReader, identity: String) {
        let (room, info) = (self.this.clone(), owned.info);
        if self.e2ee.is_on() && info.encryption_type() == proto::EncryptionType::None {
            drop(Handle::new(owned.handle));
            return tracing::warn!("a chat message came in the clear and was dropped");
        }
        let mut text = String::new();
        let sink = move |chunk| match chunk {
            Chunk::Text(piece) if text.len() + piece.len() <= MAX_BYTES => {
                text.push_str(&piece);
                true
            }
            Chunk::End(None) => {
                if let Some(room) = room.upgrade() {
                    let id = info.stream_id.clone();
                    let message = ChatMessage { id, timestamp_ms: info.timestamp, text: std::mem::take(&mut text) };
                    room.on_chat(identity.clone(), message);
                }
                false
            }
            Chunk::End(Some(error)) => {
                tracing::warn!(error, "a chat message broke off");
                false
            }
            Chunk::Text(_) | Chunk::Bytes(_) => {
                tracing::warn!("a chat message is too long and was dropped");
                false
            }
        };
        if let Err(error) = read(Handle::new(owned.handle), StreamKind::Text, self.handle.id(), Box::new(sink)) {
            tracing::warn!(%error, "a chat message could not be read");
        }
    }

    /// A message in the form that LiveKit's own clients sent before there were streams.
    pub(super) fn on_chat_packet(&self, received: proto::ChatMessageReceived) {
        let proto::ChatMessage { id, timestamp, message, deleted, .. } = received.message;
        if self.takes_packets() && deleted != Some(true) && message.len() <= MAX_BYTES {
            self.on_chat(received.participant_identity, ChatMessage { id, timestamp_ms: timestamp, text: message });
        }
    }

    /// A message in the form that LiveKit's web components sent before there were streams: JSON in a data packet.
    pub(super) fn on_chat_json(&self, identity: String, payload: &[u8]) {
        if let Some(message) = parse_json(payload).filter(|_| self.takes_packets()) {
            self.on_chat(identity, message);
        }
    }

    /// Nothing tells of a packet whether it came encrypted, so that in an encrypted room only streams are taken: the SFU
    /// could forge the rest.
    fn takes_packets(&self) -> bool {
        !self.e2ee.is_on()
    }
}

/// `None` for what is no message, or one that says that it also comes as a stream.
fn parse_json(payload: &[u8]) -> Option<ChatMessage> {
    let json: serde_json::Value = serde_json::from_slice(payload.get(..MAX_BYTES).unwrap_or(payload)).ok()?;
    if json.get("ignoreLegacy").and_then(serde_json::Value::as_bool) == Some(true) {
        return None;
    }
    let text = json.get("message")?.as_str()?.to_owned();
    let timestamp_ms = json.get("timestamp")?.as_f64()? as i64;
    // Without an id, a message is told apart by what it is.
    let id = json.get("id").and_then(|id| id.as_str()).map_or_else(|| format!("{timestamp_ms} {text}"), Into::into);
    Some(ChatMessage { id, timestamp_ms, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_comes_twice_is_told_once() {
        let mut seen = Seen::default();
        assert!(seen.is_new("ana", "1"));
        assert!(!seen.is_new("ana", "1"));
        assert!(seen.is_new("luis", "1"), "ids are unique for their sender only");
        for id in 2..100 {
            assert!(seen.is_new("ana", &id.to_string()));
        }
        assert!(seen.0.len() <= REMEMBERED);
    }

    #[test]
    fn json_of_older_clients_is_read() {
        let message = parse_json(br#"{"id":"a","timestamp":1700000000000,"message":"hola"}"#);
        let expected = ChatMessage { id: "a".into(), timestamp_ms: 1_700_000_000_000, text: "hola".into() };
        assert_eq!(message, Some(expected));
        assert_eq!(parse_json(br#"{"id":"a","timestamp":1,"message":"hola","ignoreLegacy":true}"#), None);
        assert_eq!(parse_json(b"{\"message\":"), None);
        assert_eq!(parse_json(b"[]"), None);
    }
}
