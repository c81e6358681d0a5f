//! Peer-to-peer calls with the same media engine as calls over an SFU.
//!
//! An adapter on loopback speaks LiveKit's signaling protocol to the engine and Socket.io to the signaling server. The
//! engine's own PeerConnection then talks to the peer directly. See the crate's README for the protocol.

mod access;
mod adapter;
mod candidate;
mod client;
mod error;
mod events;
mod extension;
mod join_request;
mod livekit;
mod loopback;
mod options;
mod outbox;
mod peer;
mod random;
mod reason;
mod sdp;
mod session;
mod socketio;
mod state;
mod text;

pub use error::StartError;
pub use options::{IceServer, PeerOptions};
pub use peer::Peer;
pub use state::{
    Capabilities, ConnectionQuality, ConnectionStats, Departure, PeerState, Phase, Presence, Refusal, Signaling,
    WaitingUser,
};
