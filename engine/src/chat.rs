//! Chat messages: limits, duplicates, and the legacy format in JSON.

use std::collections::VecDeque;

use crate::data::ChatMessage;

/// Topic of the data packets of legacy chat.
pub(crate) const LEGACY_TOPIC: &str = "lk-chat-topic";
/// Limit on a message's text; longer messages are dropped.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
/// Limit on a message's id; messages with longer ids are dropped.
pub(crate) const MAX_ID_BYTES: usize = 256;
/// Number of messages remembered; duplicates arrive within a second of each other.
const MAX_RECENT_MESSAGES: usize = 64;

/// Sender and id of recent messages, for dropping duplicates: newer clients send each message in a legacy format, too.
#[derive(Default)]
pub(crate) struct RecentMessages(VecDeque<(String, String)>);

impl RecentMessages {
    /// Adds a message. Returns `false` for a duplicate.
    pub(crate) fn insert(&mut self, identity: &str, id: &str) -> bool {
        if self.0.iter().any(|(sender, seen)| sender == identity && seen == id) {
            return false;
        }
        self.0.truncate(MAX_RECENT_MESSAGES - 1);
        self.0.push_front((identity.into(), id.into()));
        true
    }
}

/// Parses a legacy JSON message. Returns `None` for malformed ones and for those that are also sent as a stream
/// (`ignoreLegacy`).
pub(crate) fn parse_json(payload: &[u8]) -> Option<ChatMessage> {
    let json: serde_json::Value = serde_json::from_slice(payload.get(..MAX_BYTES).unwrap_or(payload)).ok()?;
    if json.get("ignoreLegacy").and_then(serde_json::Value::as_bool) == Some(true) {
        return None;
    }
    let message = json.get("message")?.as_str()?.to_owned();
    let timestamp = json.get("timestamp")?.as_f64()? as i64;
    // Without an id, timestamp and text identify duplicates.
    let id = json.get("id").and_then(|id| id.as_str()).map_or_else(|| format!("{timestamp} {message}"), Into::into);
    Some(ChatMessage { id, timestamp, message })
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
        let expected = ChatMessage { id: "a".into(), timestamp: 1_700_000_000_000, message: "hola".into() };
        assert_eq!(message, Some(expected));
        assert_eq!(parse_json(br#"{"id":"a","timestamp":1,"message":"hola","ignoreLegacy":true}"#), None);
        assert_eq!(parse_json(b"{\"message\":"), None);
        assert_eq!(parse_json(b"[]"), None);
    }
}
