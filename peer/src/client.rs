//! Kind of a peer's client.

/// Client of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// One PeerConnection, in which the engine offers.
    Browser,
    /// Two PeerConnections, each with an offering publisher.
    Native,
}
