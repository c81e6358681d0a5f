//! ICE candidates from the peer, checked and rewritten from their parts.
//!
//! The engine panics on a candidate that it can't parse.

use std::fmt::Write as _;
use std::net::IpAddr;

use serde_json::{Value, json};

use crate::text::{is_ice, is_id};

/// Longest candidate line.
const MAX_LINE: usize = 512;
/// Highest index of a media section.
const MAX_INDEX: u64 = 32;

/// A valid candidate with the media section it belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    line: String,
    mid: String,
    index: u64,
    /// User fragment of the description it belongs to.
    pub(crate) ufrag: Option<String>,
}

impl Candidate {
    /// Parses an `RTCIceCandidateInit`. Returns `None` when it is malformed or marks the end of candidates.
    pub(crate) fn from_json(value: &Value) -> Option<Self> {
        let (line, in_line) = rewrite(value["candidate"].as_str()?)?;
        let index = value["sdpMLineIndex"].as_u64().unwrap_or_default();
        let mid = match &value["sdpMid"] {
            Value::Null => index.to_string(),
            mid => mid.as_str()?.to_owned(),
        };
        let ufrag = value["usernameFragment"].as_str().map(str::to_owned).or(in_line);
        let is_valid = is_id(&mid, 16) && index <= MAX_INDEX && ufrag.as_ref().is_none_or(|text| is_ice(text, 4..=256));
        is_valid.then_some(Self { line, mid, index, ufrag })
    }

    /// The `RTCIceCandidateInit` for the engine.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "candidate": self.line, "sdpMid": self.mid, "sdpMLineIndex": self.index })
    }
}

/// Parses a candidate line and writes it again. Returns the user fragment that is in it as well.
pub(crate) fn rewrite(line: &str) -> Option<(String, Option<String>)> {
    if line.len() > MAX_LINE {
        return None;
    }
    let mut words = line.strip_prefix("candidate:")?.split(' ');
    let foundation = words.next().filter(|word| is_ice(word, 1..=32))?;
    let component: u8 = words.next()?.parse().ok().filter(|component| (1..=2).contains(component))?;
    let transport = words.next()?.to_ascii_lowercase();
    let priority: u32 = words.next()?.parse().ok()?;
    let address = words.next().filter(|word| is_address(word))?;
    let port: u16 = words.next()?.parse().ok()?;
    let (Some("typ"), kind) = (words.next(), words.next()?) else { return None };
    if !matches!(transport.as_str(), "udp" | "tcp") || !matches!(kind, "host" | "srflx" | "prflx" | "relay") {
        return None;
    }
    let mut out = format!("candidate:{foundation} {component} {transport} {priority} {address} {port} typ {kind}");
    let (mut ufrag, mut has_tcp_type) = (None, false);
    while let Some(name) = words.next() {
        let value = words.next()?;
        let is_valid = match name {
            "raddr" => is_address(value),
            "rport" => value.parse::<u16>().is_ok(),
            "tcptype" => matches!(value, "active" | "passive" | "so"),
            "generation" | "network-id" | "network-cost" => value.parse::<u16>().is_ok(),
            "ufrag" => is_ice(value, 4..=256),
            _ => continue,
        };
        if !is_valid {
            return None;
        }
        has_tcp_type |= name == "tcptype";
        if name == "ufrag" {
            ufrag = Some(value.to_owned());
        }
        write!(out, " {name} {value}").ok()?;
    }
    (has_tcp_type == (transport == "tcp")).then_some((out, ufrag))
}

/// Returns `true` for an IP address or an mDNS name.
fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || text.strip_suffix(".local").is_some_and(|name| is_id(name, 64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HOST: &str =
        "candidate:842163049 1 udp 1677729535 192.168.1.4 46154 typ host generation 0 ufrag aB3d network-id 1";

    #[test]
    fn candidates_of_browsers_are_kept() {
        let relay = "candidate:1 1 udp 1 10.0.0.1 3478 typ relay raddr 0.0.0.0 rport 0";
        let mdns = "candidate:1 1 udp 1 5b2c-e1.local 4000 typ host";
        let tcp = "candidate:1 1 tcp 1 ::1 9 typ host tcptype active";
        for line in [HOST, relay, mdns, tcp] {
            assert_eq!(rewrite(line).map(|(line, _)| line).as_deref(), Some(line));
        }
        let value = json!({ "candidate": HOST, "sdpMid": "0", "sdpMLineIndex": 0 });
        assert_eq!(Candidate::from_json(&value).unwrap().ufrag.as_deref(), Some("aB3d"));
        let unknown = format!("{HOST} x-new 7");
        assert_eq!(rewrite(&unknown).unwrap().0, HOST);
    }

    #[test]
    fn malformed_candidates_are_dropped() {
        for line in [
            "",
            "candidate:",
            "candidate:1 1 udp 1 example.com 9 typ host",
            "candidate:1 1 udp 1 10.0.0.1 99999 typ host",
            "candidate:1 1 udp 4294967296 10.0.0.1 9 typ host",
            "candidate:1 1 udp 1 10.0.0.1 9 typ other",
            "candidate:1 1 tcp 1 10.0.0.1 9 typ host",
            "candidate:1 1 udp 1 10.0.0.1 9 typ host raddr",
            "candidate:1 1 udp 1 10.0.0.1 9 typ host\r\na=x",
        ] {
            assert_eq!(rewrite(line), None, "{line:?}");
        }
        for mid in ["a b", "", "0|1", "00000000000000000"] {
            assert_eq!(Candidate::from_json(&json!({ "candidate": HOST, "sdpMid": mid })), None, "{mid:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_accepted_ones_are_stable(tail in "\\PC{0,80}", words in "[ -~]{0,120}") {
            for line in [tail.clone(), format!("candidate:{words}"), format!("{HOST} {tail}")] {
                if let Some((once, _)) = rewrite(&line) {
                    prop_assert_eq!(rewrite(&once).map(|(line, _)| line), Some(once));
                }
            }
        }
    }
}
