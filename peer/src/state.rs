//! State of a peer-to-peer call as the call layer sees it.

use autamedica_text::Secret;
use serde::{Deserialize, Serialize};
/// Snapshot of a peer-to-peer call.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerState {
    /// Connection to the signaling server. Media goes on without it.
    pub signaling: Signaling,
    /// Progress of the call.
    pub phase: Phase,
    /// Newest statistics reported by the peer.
    pub peer_stats: Option<ConnectionStats>,
    /// Newest token that the signaling server sent in place of the one before.
    pub token: Option<Secret>,
    /// Newest index of the end-to-end key that the signaling server announced.
    pub key_index: u32,
    /// Doctor: user in the waiting room.
    pub waiting: Option<WaitingUser>,
}

impl PeerState {
    /// State before the first connection.
    pub(crate) const INITIAL: Self = Self {
        signaling: Signaling::Connecting,
        phase: Phase::Joining,
        peer_stats: None,
        token: None,
        key_index: 0,
        waiting: None,
    };
}

/// User in the waiting room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingUser {
    /// The user's id.
    pub user_id: String,
    /// The user's role.
    pub role: String,
}

/// Connection to the signaling server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signaling {
    /// The first connection is being made.
    Connecting,
    /// Connected.
    Connected,
    /// Lost; reconnecting.
    Lost,
    /// Lost, and the server refuses the token, which may have expired. [`Peer::set_token`](crate::Peer::set_token) makes it
    /// reconnect.
    TokenRefused,
}

/// Progress of the call.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// The room has not been joined yet.
    Joining,
    /// In the waiting room, until the doctor admits the user.
    WaitingRoom,
    /// Alone in the room.
    Waiting {
        /// How the last peer left.
        departure: Option<Departure>,
    },
    /// The peer is present.
    Present(Presence),
    /// The signaling server refused the user for good.
    Refused(Refusal),
    /// The consultation was moved over to an SFU.
    Moved,
}

/// One presence of the peer. Each one needs a new `Room`.
#[derive(Clone, Debug, PartialEq)]
pub struct Presence {
    /// Ascending number, different for each presence.
    pub number: u64,
    /// The peer's user id.
    pub user_id: String,
    /// The peer's role, as the signaling server reports it.
    pub role: String,
    /// The peer's name; the user id unless the peer sent another.
    pub name: String,
    /// Features that the peer supports.
    pub capabilities: Capabilities,
    /// Address for `Room::connect`, on loopback.
    pub url: String,
    /// Token for `Room::connect`. Only valid for this presence.
    pub token: Secret,
}

/// Features that the peer supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Chat and files.
    pub chat: bool,
    /// The mute state is transmitted.
    pub mute: bool,
    /// A second video, such as a screen share.
    pub second_video: bool,
    /// End-to-end encryption with a key, in addition to DTLS-SRTP.
    pub encryption: bool,
}

impl Capabilities {
    /// Another instance of this application.
    pub const NATIVE: Self = Self { chat: true, mute: true, second_video: true, encryption: true };
    /// A browser with one RTCPeerConnection and nothing else.
    pub const BROWSER: Self = Self { chat: false, mute: false, second_video: false, encryption: false };
}

/// How a peer left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It ended the call.
    CallEnded,
    /// It left the room or lost its connection to the signaling server.
    Left,
    /// The connection is being rebuilt: the peer, or the engine, began anew.
    Rebuilt,
}

/// Refusal by the signaling server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token is not valid here.
    Token(String),
    /// The room is closed to the user.
    Room(String),
    /// The consultation is over.
    Over,
    /// Another connection of the same user took the place of this one.
    Replaced,
}

/// Statistics that the two sides show each other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConnectionStats {
    /// Received bits per second.
    pub bitrate: f64,
    /// Round-trip time in milliseconds.
    pub latency: f64,
    /// Packet loss in percent.
    pub packet_loss: f64,
    /// Overall quality.
    pub quality: ConnectionQuality,
}

/// Overall quality of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectionQuality {
    /// Excellent.
    Excellent,
    /// Good.
    Good,
    /// Fair.
    Fair,
    /// Poor.
    Poor,
}
