//! Validation of messages from sockets.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// Event sent by clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Joins a room.
    JoinRoom,
    /// Leaves a room.
    LeaveRoom,
    /// Session description of an offer.
    Offer,
    /// Session description of an answer.
    Answer,
    /// ICE candidate of the sender.
    IceCandidate,
    /// Start of a call.
    CallInit,
    /// End of a call.
    CallEnd,
    /// Connection statistics of the sender.
    ConnectionStats,
}

impl Event {
    /// All events.
    pub const ALL: [Self; 8] = [
        Self::JoinRoom,
        Self::LeaveRoom,
        Self::Offer,
        Self::Answer,
        Self::IceCandidate,
        Self::CallInit,
        Self::CallEnd,
        Self::ConnectionStats,
    ];

    /// Returns the event's name in the protocol.
    pub const fn name(self) -> &'static str {
        match self {
            Self::JoinRoom => "join-room",
            Self::LeaveRoom => "leave-room",
            Self::Offer => "offer",
            Self::Answer => "answer",
            Self::IceCandidate => "ice-candidate",
            Self::CallInit => "call-init",
            Self::CallEnd => "call-end",
            Self::ConnectionStats => "connection-stats",
        }
    }

    /// Returns the name under which the event is relayed.
    pub const fn relayed_name(self) -> &'static str {
        match self {
            Self::ConnectionStats => "peer-stats",
            other => other.name(),
        }
    }

    /// Returns the field that is relayed.
    const fn field(self) -> Option<&'static str> {
        match self {
            Self::Offer => Some("offer"),
            Self::Answer => Some("answer"),
            Self::IceCandidate => Some("candidate"),
            Self::ConnectionStats => Some("stats"),
            Self::JoinRoom | Self::LeaveRoom | Self::CallInit | Self::CallEnd => None,
        }
    }
}

/// Message of a socket.
#[derive(Clone, Debug)]
pub struct Message {
    /// Event of the message.
    pub event: Event,
    /// Unvalidated content.
    pub data: Value,
}

/// Connection statistics in the protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ConnectionStats {
    bitrate: f64,
    latency: f64,
    packet_loss: f64,
    quality: Quality,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Quality {
    Excellent,
    Good,
    Fair,
    Poor,
}

impl Message {
    /// Returns the name of the message's room.
    ///
    /// # Errors
    /// A message for the client's developer if `roomId` is missing.
    pub fn room(&self) -> Result<&str, String> {
        self.data["roomId"].as_str().ok_or_else(|| format!("`{}` needs a `roomId`", self.event.name()))
    }

    /// Returns the kind of the sender's client, if the message names it.
    pub fn client(&self) -> Option<&str> {
        let is_word = |text: &&str| (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
        self.data["client"].as_str().filter(is_word)
    }

    /// Returns the content to relay, without room and sender.
    ///
    /// # Errors
    /// A message for the client's developer if the content is invalid.
    pub fn payload(&self) -> Result<Map<String, Value>, String> {
        let Some(field) = self.event.field() else { return Ok(Map::new()) };
        let value = self.data[field].clone();
        let value = match self.event {
            Event::Offer | Event::Answer => Some(value).filter(|value| value["sdp"].is_string()),
            // The last candidate is null or has an empty text.
            Event::IceCandidate => Some(value).filter(|value| value.is_object() || value.is_null()),
            Event::ConnectionStats => serde_json::from_value::<ConnectionStats>(value).ok().map(|stats| json!(stats)),
            _ => Some(value),
        };
        let value = value.ok_or_else(|| format!("`{}` needs a valid `{field}`", self.event.name()))?;
        Ok(Map::from_iter([(field.to_owned(), value)]))
    }
}

/// Returns the number of JSON values in a value, including itself.
pub fn count_values(value: &Value) -> usize {
    1 + match value {
        Value::Array(list) => list.iter().map(count_values).sum(),
        Value::Object(fields) => fields.values().map(count_values).sum(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(event: Event, data: Value) -> Result<Value, String> {
        Message { event, data }.payload().map(Value::Object)
    }

    #[test]
    fn descriptions_and_candidates_are_relayed_unchanged() {
        let offer = json!({"type": "offer", "sdp": "v=0", "more": [1]});
        let passed = payload(Event::Offer, json!({"roomId": "c", "offer": offer, "other": 1}));
        assert_eq!(passed, Ok(json!({"offer": offer})));
        let last = payload(Event::IceCandidate, json!({"roomId": "c", "candidate": null}));
        assert_eq!(last, Ok(json!({"candidate": null})));
        assert_eq!(payload(Event::CallEnd, json!({"roomId": "c", "why": "late"})), Ok(json!({})));
    }

    #[test]
    fn messages_that_violate_the_protocol_are_rejected() {
        for (event, data) in [
            (Event::Offer, json!({})),
            (Event::Answer, json!({"answer": "v=0"})),
            (Event::IceCandidate, json!({"candidate": 7})),
            (
                Event::ConnectionStats,
                json!({"stats": {"bitrate": 1, "latency": 1, "packetLoss": 0, "quality": "great"}}),
            ),
        ] {
            assert!(payload(event, data.clone()).is_err(), "{data}");
        }
        assert!(Message { event: Event::JoinRoom, data: json!([1]) }.room().is_err());
    }

    #[test]
    fn values_are_counted_at_every_depth() {
        assert_eq!(count_values(&json!({"a": [1, [2, 3]], "b": null})), 7);
        assert_eq!(count_values(&json!("text")), 1);
    }

    #[test]
    fn unknown_fields_of_statistics_are_dropped() {
        let stats = json!({"bitrate": 1.5e6, "latency": 40.0, "packetLoss": 0.1, "quality": "good"});
        let mut more = stats.clone();
        more["name"] = json!("somebody");
        assert_eq!(payload(Event::ConnectionStats, json!({"stats": more})), Ok(json!({"stats": stats})));
    }
}
