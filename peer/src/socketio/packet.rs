//! Packets of Engine.io v4 and Socket.io v4, as text.

use std::time::Duration;

use serde_json::{Value, json};

/// Leaves the default namespace.
pub(super) const DISCONNECT: &str = "41";
/// Answers a ping.
pub(super) const PONG: &str = "3";

/// Packet from the server.
#[derive(Debug, PartialEq)]
pub(super) enum Packet {
    /// Handshake, with the longest time between two packets of the server.
    Open {
        silence: Duration,
    },
    /// The server closes the connection or the namespace.
    Close,
    Ping,
    Connected,
    Refused(String),
    Event {
        name: String,
        data: Value,
    },
    /// Acknowledgement, binary event, or a packet of another namespace.
    Other,
}

impl Packet {
    /// Decodes a packet. Returns `None` when it is malformed.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let rest = text.get(1..)?;
        match text.as_bytes().first()? {
            b'0' => {
                let open: Value = serde_json::from_str(rest).ok()?;
                let milliseconds = open["pingInterval"].as_u64()?.checked_add(open["pingTimeout"].as_u64()?)?;
                Some(Self::Open { silence: Duration::from_millis(milliseconds.clamp(1_000, 300_000)) })
            }
            b'1' => Some(Self::Close),
            b'2' => Some(Self::Ping),
            b'3' | b'5' | b'6' => Some(Self::Other),
            b'4' => Self::decode_message(rest),
            _ => None,
        }
    }

    fn decode_message(text: &str) -> Option<Self> {
        let rest = text.get(1..)?;
        if rest.starts_with('/') {
            return Some(Self::Other);
        }
        match text.as_bytes().first()? {
            b'0' => Some(Self::Connected),
            b'1' => Some(Self::Close),
            b'2' => {
                // An id asks for an acknowledgement, which no event of the protocol has.
                let mut parts: Vec<Value> =
                    serde_json::from_str(rest.trim_start_matches(|c: char| c.is_ascii_digit())).ok()?;
                let data = if parts.len() > 1 { parts.swap_remove(1) } else { Value::Null };
                Some(Self::Event { name: parts.first()?.as_str()?.to_owned(), data })
            }
            b'4' => {
                let error: Value = serde_json::from_str(rest).unwrap_or_default();
                Some(Self::Refused(error["message"].as_str().unwrap_or_default().to_owned()))
            }
            _ => Some(Self::Other),
        }
    }
}

/// Encodes the request to connect to the default namespace.
pub(super) fn connect(auth: &Value) -> String {
    format!("40{auth}")
}

/// Encodes an event.
pub(super) fn event(name: &str, data: &Value) -> String {
    format!("42{}", json!([name, data]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn packets_of_a_server_are_decoded() {
        let event = |name: &str, data| Some(Packet::Event { name: name.into(), data });
        for (text, packet) in [
            (
                r#"0{"sid":"x","pingInterval":25000,"pingTimeout":30000}"#,
                Some(Packet::Open { silence: Duration::from_secs(55) }),
            ),
            ("1", Some(Packet::Close)),
            ("2", Some(Packet::Ping)),
            ("6", Some(Packet::Other)),
            (r#"40{"sid":"x"}"#, Some(Packet::Connected)),
            ("41", Some(Packet::Close)),
            (r#"42["a",{"b":1}]"#, event("a", json!({ "b": 1 }))),
            (r#"4217["a"]"#, event("a", Value::Null)),
            (r#"42/other,["a"]"#, Some(Packet::Other)),
            (r#"44{"message":"no"}"#, Some(Packet::Refused("no".into()))),
            ("42[]", None),
            ("42[1]", None),
            ("42{", None),
            ("0{}", None),
            ("", None),
            ("4", None),
        ] {
            assert_eq!(Packet::decode(text), packet, "{text}");
        }
        assert_eq!(super::event("a", &json!({})), r#"42["a",{}]"#);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9]{0,3}\\PC{0,40}") {
            let _ = Packet::decode(&text);
        }
    }
}
