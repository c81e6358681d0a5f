//! Errors of starting a peer-to-peer call.

use thiserror::Error;

/// Reason why a [`Peer`](crate::Peer) was not started.
#[derive(Debug, Error)]
pub enum StartError {
    /// The signaling URL is none of `http`, `https`, `ws`, `wss`, or has no host.
    #[error("invalid signaling URL")]
    Url,
    /// The user id, room id or display name is empty, or one of them or the role is too long or has control characters.
    #[error("invalid {0}")]
    Text(&'static str),
    /// The loopback listener could not be opened.
    #[error("loopback listener not opened: {0}")]
    Listen(#[from] std::io::Error),
    /// The operating system gave no random bytes.
    #[error("no random bytes available")]
    Random,
}
