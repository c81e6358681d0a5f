//! Events of the signaling protocol, validated.

use autamedica_text::Secret;
use serde::Deserialize as _;
use serde_json::{Value, json};
use thiserror::Error;

use crate::candidate::Candidate;
use crate::client::Client;
use crate::extension::{Extension, KEY};
use crate::reason::Reason;
use crate::sdp::{Description, SdpError};
use crate::state::ConnectionStats;
use crate::text::is_plain;

/// Kind of client that native apps name when they join.
const NATIVE: &str = "native";

/// Maximum length of a token.
const MAX_TOKEN: usize = 16 * 1024;

/// User in the room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) id: String,
    pub(crate) role: String,
    /// Kind of the user's client, if the server tells it.
    pub(crate) client: Option<Client>,
}

impl User {
    /// User of whom only the id is known.
    pub(crate) fn of_id(id: String) -> Self {
        Self { id, role: String::new(), client: None }
    }
}

/// Event from the server. `from` is the id of the user that it comes from.
#[derive(Debug)]
pub(crate) enum ServerEvent {
    /// `tells_clients`: the server tells which users are native.
    RoomJoined {
        users: Vec<User>,
        tells_clients: bool,
    },
    /// The doctor has not admitted this side yet.
    RoomWaiting,
    /// The user in the waiting room, as the doctor learns it.
    WaitingRoom(Option<User>),
    /// The server replaced the token.
    TokenRefreshed(Secret),
    /// The consultation has a new end-to-end key.
    KeyChanged(u32),
    /// The server put this side out of the room.
    RoomLeft(Reason),
    UserJoined(User),
    UserLeft {
        from: String,
    },
    CallInit {
        from: String,
    },
    CallEnd {
        from: String,
    },
    Offer {
        from: String,
        description: Box<Description>,
        extension: Option<Extension>,
    },
    Answer {
        from: String,
        description: Box<Description>,
        extension: Option<Extension>,
    },
    Candidate {
        from: String,
        candidate: Candidate,
    },
    Extension {
        from: String,
        extension: Extension,
    },
    Stats {
        from: String,
        stats: ConnectionStats,
    },
    /// The consultation was moved over to an SFU.
    Moved,
    Error(Reason),
}

/// Reason why an event was dropped.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum EventError {
    #[error("unknown event")]
    Unknown,
    #[error("user missing or invalid")]
    User,
    #[error("description: {0}")]
    Sdp(#[from] SdpError),
    #[error("candidate empty or invalid")]
    Candidate,
    #[error("statistics invalid")]
    Stats,
    #[error("token or key index invalid")]
    Token,
}

impl ServerEvent {
    /// Reads and validates an event.
    pub(crate) fn parse(name: &str, data: &Value) -> Result<Self, EventError> {
        let from = || user_id(data);
        Ok(match name {
            "room-joined" => {
                let users = data["users"].as_array().ok_or(EventError::User)?;
                let users = users.iter().take(8).map(user).collect::<Result<_, _>>()?;
                Self::RoomJoined { users, tells_clients: data["client"] == NATIVE }
            }
            "room-waiting" => Self::RoomWaiting,
            "waiting-room" => {
                let users = data["users"].as_array().ok_or(EventError::User)?;
                Self::WaitingRoom(users.first().map(user).transpose()?)
            }
            "token-refreshed" => {
                let token = data["token"].as_str().filter(|token| (1..=MAX_TOKEN).contains(&token.len()));
                Self::TokenRefreshed(Secret::new(token.ok_or(EventError::Token)?))
            }
            "key-changed" => {
                let index = data["e2eeKeyIndex"].as_u64().and_then(|index| u32::try_from(index).ok());
                Self::KeyChanged(index.ok_or(EventError::Token)?)
            }
            "room-left" => Self::RoomLeft(Reason::of_removal(data)),
            "user-joined" => Self::UserJoined(user(data)?),
            "user-left" => Self::UserLeft { from: from()? },
            "call-init" => Self::CallInit { from: from()? },
            "call-end" => Self::CallEnd { from: from()? },
            "offer" => {
                let (description, extension) = description(&data["offer"])?;
                Self::Offer { from: from()?, description, extension }
            }
            "answer" => {
                let (description, extension) = description(&data["answer"])?;
                Self::Answer { from: from()?, description, extension }
            }
            "ice-candidate" => match Extension::of(&data["candidate"]) {
                Some(extension) => Self::Extension { from: from()?, extension },
                None => {
                    let candidate = Candidate::from_json(&data["candidate"]).ok_or(EventError::Candidate)?;
                    Self::Candidate { from: from()?, candidate }
                }
            },
            "peer-stats" => {
                let stats = ConnectionStats::deserialize(&data["stats"]).ok().filter(is_finite);
                Self::Stats { from: from()?, stats: stats.ok_or(EventError::Stats)? }
            }
            "transport-changed" if data["transport"] == "sfu" => Self::Moved,
            "error" => Self::Error(Reason::of_event(data)),
            _ => return Err(EventError::Unknown),
        })
    }
}

fn is_finite(stats: &ConnectionStats) -> bool {
    [stats.bitrate, stats.latency, stats.packet_loss].iter().all(|number| number.is_finite() && *number >= 0.0)
}

fn user_id(data: &Value) -> Result<String, EventError> {
    data["userId"].as_str().filter(|id| is_plain(id)).map(str::to_owned).ok_or(EventError::User)
}

fn user(data: &Value) -> Result<User, EventError> {
    let role = data["role"].as_str().filter(|role| is_plain(role)).unwrap_or_default();
    let client = (data["client"] == NATIVE).then_some(Client::Native);
    Ok(User { id: user_id(data)?, role: role.to_owned(), client })
}

fn description(payload: &Value) -> Result<(Box<Description>, Option<Extension>), EventError> {
    let description = Description::parse(payload["sdp"].as_str().unwrap_or_default())?;
    Ok((Box::new(description), Extension::of(payload)))
}

/// Event to the server.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClientEvent {
    JoinRoom,
    LeaveRoom,
    CallEnd,
    Offer {
        sdp: String,
        extension: Option<Extension>,
    },
    Answer {
        sdp: String,
        extension: Option<Extension>,
    },
    Candidate(Value),
    /// Message to a native peer.
    Extension(Extension),
    Stats(ConnectionStats),
}

impl ClientEvent {
    /// Name and payload of the event.
    pub(crate) fn encode(&self, room: &str) -> (&'static str, Value) {
        let describe = |kind: &str, sdp: &str, extension: &Option<Extension>| {
            let mut payload = json!({ "type": kind, "sdp": sdp });
            extend(&mut payload, extension.as_ref());
            payload
        };
        let (name, field, payload) = match self {
            Self::JoinRoom => ("join-room", "client", json!(NATIVE)),
            Self::LeaveRoom => ("leave-room", "", Value::Null),
            Self::CallEnd => ("call-end", "", Value::Null),
            Self::Offer { sdp, extension } => ("offer", "offer", describe("offer", sdp, extension)),
            Self::Answer { sdp, extension } => ("answer", "answer", describe("answer", sdp, extension)),
            Self::Candidate(candidate) => ("ice-candidate", "candidate", candidate.clone()),
            Self::Extension(extension) => {
                // For a browser this is the end of candidates, which changes nothing.
                let mut payload = json!({ "candidate": "", "sdpMid": "0", "sdpMLineIndex": 0 });
                extend(&mut payload, Some(extension));
                ("ice-candidate", "candidate", payload)
            }
            Self::Stats(stats) => ("connection-stats", "stats", json!(stats)),
        };
        let mut data = json!({ "roomId": room });
        if !field.is_empty() {
            data[field] = payload;
        }
        (name, data)
    }
}

fn extend(payload: &mut Value, extension: Option<&Extension>) {
    if let Some(extension) = extension {
        payload[KEY] = json!(extension);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::ConnectionQuality;

    #[test]
    fn invalid_events_are_refused() {
        for (name, data, error) in [
            (
                "offer",
                json!({ "userId": "ana", "offer": { "sdp": "x" } }),
                EventError::Sdp(SdpError::Malformed("version")),
            ),
            ("answer", json!({ "userId": "ana" }), EventError::Sdp(SdpError::Malformed("version"))),
            ("ice-candidate", json!({ "userId": "ana", "candidate": { "candidate": "" } }), EventError::Candidate),
            ("ice-candidate", json!({ "userId": "ana", "candidate": null }), EventError::Candidate),
            ("peer-stats", json!({ "userId": "ana", "stats": { "bitrate": -1 } }), EventError::Stats),
            ("user-left", json!({}), EventError::User),
            ("user-joined", json!({ "userId": "a\u{7}" }), EventError::User),
            ("room-joined", json!([]), EventError::User),
            ("waiting-room", json!({ "users": [{ "userId": "" }] }), EventError::User),
            ("token-refreshed", json!({ "token": "" }), EventError::Token),
            ("key-changed", json!({ "e2eeKeyIndex": -1 }), EventError::Token),
            ("constructor", json!({}), EventError::Unknown),
            ("transport-changed", json!({ "transport": "p2p" }), EventError::Unknown),
        ] {
            assert_eq!(ServerEvent::parse(name, &data).err(), Some(error), "{name}");
        }
    }

    #[test]
    fn a_message_to_a_native_peer_is_the_end_of_candidates_to_a_browser() {
        let extension = Extension { instance: "a".into(), ..Extension::default() };
        let (name, mut data) = ClientEvent::Extension(extension.clone()).encode("room");
        assert_eq!((name, &data["candidate"]["candidate"]), ("ice-candidate", &json!("")));
        data["userId"] = json!("ana");
        let Ok(ServerEvent::Extension { extension: received, .. }) = ServerEvent::parse(name, &data) else { panic!() };
        assert_eq!(received, extension);
    }

    #[test]
    fn statistics_have_the_fields_of_the_protocol() {
        let good = ConnectionStats { bitrate: 1.0, latency: 2.0, packet_loss: 3.0, quality: ConnectionQuality::Good };
        let stats = json!({ "bitrate": 1.0, "latency": 2.0, "packetLoss": 3.0, "quality": "good" });
        assert_eq!(
            ClientEvent::Stats(good).encode("room"),
            ("connection-stats", json!({ "roomId": "room", "stats": stats }))
        );
        let data = json!({ "userId": "ana", "stats": stats });
        let ServerEvent::Stats { stats, .. } = ServerEvent::parse("peer-stats", &data).unwrap() else { panic!() };
        assert_eq!(stats, good);
    }
}
