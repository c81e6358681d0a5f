//! Options of a peer-to-peer call.

use autamedica_text::Secret;

/// Options of a peer-to-peer call.
#[derive(Clone, Debug)]
pub struct PeerOptions {
    /// Address of the signaling server: `http`, `https`, `ws` or `wss`, without `/socket.io/`.
    pub signaling_url: String,
    /// Token for the signaling server.
    pub token: Secret,
    /// Id of the local user, as in the token.
    pub user_id: String,
    /// Id of the room.
    pub room_id: String,
    /// Name shown to a native peer.
    pub display_name: String,
    /// Role of the local user, such as `doctor`; empty if it is not known.
    pub role: String,
    /// STUN and TURN servers for the engine.
    pub ice_servers: Vec<IceServer>,
}

/// A STUN or TURN server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IceServer {
    /// Addresses, such as `turn:turn.example.com:3478`.
    pub urls: Vec<String>,
    /// User name for TURN.
    pub username: String,
    /// Password for TURN.
    pub credential: Secret,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_has_no_secret() {
        let server = IceServer { urls: vec![], username: "u".into(), credential: Secret::new("hunter2") };
        let options = PeerOptions {
            signaling_url: "ws://host".into(),
            token: Secret::new("hunter2"),
            user_id: "ana".into(),
            room_id: "room".into(),
            display_name: "Ana".into(),
            role: "doctor".into(),
            ice_servers: vec![server],
        };
        assert!(!format!("{options:?}").contains("hunter2"));
    }
}
