//! Chat: text streams on `lk.chat`, and the two legacy formats of LiveKit's clients.

use std::collections::VecDeque;

use crate::data::{StreamKind, read};
use crate::dispatch::Chunk;
use crate::event::{ChatMessage, RoomEvent};
use crate::ffi::Handle;
use crate::proto;
use crate::room::RoomInner;

/// Topic of the data packets of legacy chat.
pub(super) const LEGACY_TOPIC: &str = "lk-chat-topic";
/// Limit on a message's text; longer messages are dropped.
const MAX_BYTES: usize = 16 * 1024;
/// Limit on a message's id; messages with longer ids are dropped.
const MAX_ID_BYTES: usize = 256;
/// Number of messages remembered; duplicates arrive within a second of each other.
const MAX_RECENT_MESSAGES: usize = 64;

/// Sender and id of recent messages, for dropping duplicates: newer clients send each message in a legacy format, too.
#[derive(Default)]
pub(crate) struct RecentMessages(VecDeque<(String, String)>);

impl RecentMessages {
    /// Adds a message. Returns `false` for a duplicate.
    fn insert(&mut self, identity: &str, id: &str) -> bool {
        if self.0.iter().any(|(sender, seen)| sender == identity && seen == id) {
            return false;
        }
        self.0.truncate(MAX_RECENT_MESSAGES - 1);
        self.0.push_front((identity.into(), id.into()));
        true
    }
}

impl RoomInner {
    /// Emits a message unless it is a duplicate.
    fn on_chat(&self, participant_identity: String, message: ChatMessage) {
        if message.id.len() > MAX_ID_BYTES {
            return tracing::warn!(participant_identity, "chat message dropped, because its id is too long");
        }
        if self.chat.lock().insert(&participant_identity, &message.id) {
            self.emit(RoomEvent::ChatMessage { participant_identity, message });
        }
    }

    /// Collects a message that arrives as a text stream.
    pub(super) fn on_chat_stream(&self, owned: proto::OwnedTextStreamReader, identity: String) {
        let (room, info) = (self.this.clone(), owned.info);
        if self.e2ee.is_enabled() && info.encryption_type() == proto::EncryptionType::None {
            drop(Handle::new(owned.handle));
            return tracing::warn!(identity, "chat message dropped, because it is not encrypted");
        }
        let Some(reservation) = self.quota.open_stream(&identity) else {
            drop(Handle::new(owned.handle));
            return tracing::debug!(identity, "chat message dropped, because its sender sends too many");
        };
        let mut text = String::new();
        let sink = move |chunk: Chunk| match chunk {
            Chunk::Text(piece) if reservation.reserve(piece.len()) && text.len() + piece.len() <= MAX_BYTES => {
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
                tracing::warn!(error, "chat message aborted");
                false
            }
            Chunk::Text(_) | Chunk::Bytes(_) => {
                tracing::warn!(limit = MAX_BYTES, "chat message dropped, because it is too long");
                false
            }
        };
        if let Err(error) = read(Handle::new(owned.handle), StreamKind::Text, self.handle.id(), Box::new(sink)) {
            tracing::warn!(%error, "chat message not read");
        }
    }

    /// Handles a message in the legacy format of LiveKit's SDKs.
    pub(super) fn on_chat_packet(&self, received: proto::ChatMessageReceived) {
        let proto::ChatMessage { id, timestamp, message, deleted, .. } = received.message;
        let allowed = self.accepts_legacy_chat() && deleted != Some(true) && message.len() <= MAX_BYTES;
        if allowed && self.quota.allows_message(&received.participant_identity) {
            self.on_chat(received.participant_identity, ChatMessage { id, timestamp_ms: timestamp, text: message });
        }
    }

    /// Handles a message in the legacy format of LiveKit's web components: JSON in a data packet.
    pub(super) fn on_chat_json(&self, identity: String, payload: &[u8]) {
        if let Some(message) = parse_json(payload).filter(|_| self.accepts_legacy_chat()) {
            self.on_chat(identity, message);
        }
    }

    /// Returns `false` in an encrypted room. The engine doesn't report which packets were encrypted, so that the SFU could
    /// forge messages in a legacy format.
    fn accepts_legacy_chat(&self) -> bool {
        !self.e2ee.is_enabled()
    }
}

/// Parses a legacy JSON message. Returns `None` for malformed ones and for those that are also sent as a stream
/// (`ignoreLegacy`).
fn parse_json(payload: &[u8]) -> Option<ChatMessage> {
    let json: serde_json::Value = serde_json::from_slice(payload.get(..MAX_BYTES).unwrap_or(payload)).ok()?;
    if json.get("ignoreLegacy").and_then(serde_json::Value::as_bool) == Some(true) {
        return None;
    }
    let text = json.get("message")?.as_str()?.to_owned();
    let timestamp_ms = json.get("timestamp")?.as_f64()? as i64;
    // Without an id, timestamp and text identify duplicates.
    let id = json.get("id").and_then(|id| id.as_str()).map_or_else(|| format!("{timestamp_ms} {text}"), Into::into);
    Some(ChatMessage { id, timestamp_ms, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn duplicate_messages_are_dropped() {
        let mut recent = RecentMessages::default();
        assert!(recent.insert("ana", "1"));
        assert!(!recent.insert("ana", "1"));
        assert!(recent.insert("luis", "1"), "ids are unique for their sender only");
        for id in 2..100 {
            assert!(recent.insert("ana", &id.to_string()));
        }
        assert!(recent.0.len() <= MAX_RECENT_MESSAGES);
    }

    #[test]
    fn legacy_json_is_parsed() {
        let message = parse_json(br#"{"id":"a","timestamp":1700000000000,"message":"hola"}"#);
        let expected = ChatMessage { id: "a".into(), timestamp_ms: 1_700_000_000_000, text: "hola".into() };
        assert_eq!(message, Some(expected));
        assert_eq!(parse_json(br#"{"id":"a","timestamp":1,"message":"hola","ignoreLegacy":true}"#), None);
        assert_eq!(parse_json(b"{\"message\":"), None);
        assert_eq!(parse_json(b"[]"), None);
    }
}
