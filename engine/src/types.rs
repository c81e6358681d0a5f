//! Plain values shared by rooms, participants and tracks.

/// Quality of a participant's connection, as measured by the SFU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionQuality {
    /// Barely usable.
    Poor,
    /// Some loss or delay.
    Good,
    /// No noticeable loss or delay.
    #[default]
    Excellent,
    /// Not connected.
    Lost,
}

/// State of the room's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionState {
    /// The room was left, or reconnecting failed.
    Disconnected,
    /// Media and messages flow.
    #[default]
    Connected,
    /// The connection was lost and the engine reconnects.
    Reconnecting,
}

/// Reason for which a participant left the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// No reason given.
    #[default]
    UnknownReason,
    /// The participant left.
    ClientInitiated,
    /// Another client joined with the same identity.
    DuplicateIdentity,
    /// The server is going down.
    ServerShutdown,
    /// The participant was removed through the server's API.
    ParticipantRemoved,
    /// The room was deleted through the server's API.
    RoomDeleted,
    /// The client tried to resume a session that the server doesn't know.
    StateMismatch,
    /// Joining failed.
    JoinFailure,
    /// The participant moves to another server.
    Migration,
    /// The signaling connection closed.
    SignalClose,
    /// The room ended because all standard participants had left.
    RoomClosed,
    /// The participant did not answer a call.
    UserUnavailable,
    /// The participant rejected a call.
    UserRejected,
    /// The SIP trunk failed.
    SipTrunkFailure,
    /// The server received nothing from the client for too long.
    ConnectionTimeout,
    /// The media connection was never established.
    MediaFailure,
    /// An agent failed.
    AgentError,
    /// The connection was lost and reconnecting failed.
    ReconnectFailed,
}

/// Kind of a track's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Audio.
    Audio,
    /// Video.
    Video,
}

/// Source of a track; grants name these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TrackSource {
    /// Not declared by the publisher.
    #[default]
    Unknown,
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// A shared screen.
    Screenshare,
    /// Audio of a shared screen.
    ScreenshareAudio,
}

/// Simulcast layer of a video.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoQuality {
    /// Smallest layer.
    Low,
    /// Middle layer.
    Medium,
    /// Largest layer.
    High,
}

/// The size of a video in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TrackDimension(
    /// Width.
    pub u32,
    /// Height.
    pub u32,
);

/// The size of a video in pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoResolution {
    /// Width.
    pub width: u32,
    /// Height.
    pub height: u32,
}

/// End-to-end encryption of a track.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionType {
    /// Not end-to-end encrypted.
    #[default]
    None,
    /// AES-GCM.
    Gcm,
    /// An application's own encryption.
    Custom,
}

/// State of the encryption of a participant's media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncryptionState {
    /// Not started.
    New,
    /// Media is encrypted or decrypted.
    Ok,
    /// Local media could not be encrypted.
    EncryptionFailed,
    /// Remote media could not be decrypted, because its key differs.
    DecryptionFailed,
    /// No key is set.
    MissingKey,
    /// The key was ratcheted.
    KeyRatcheted,
    /// Internal error of the engine.
    InternalError,
}

/// Kind of a participant's client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParticipantKind {
    /// A person with an app or a browser.
    #[default]
    Standard,
    /// An ingress stream.
    Ingress,
    /// A recorder or a broadcaster.
    Egress,
    /// A telephone.
    Sip,
    /// An agent program.
    Agent,
    /// A connector to another service.
    Connector,
    /// A bridge to another room or network.
    Bridge,
}

/// Permissions of a participant, from its token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParticipantPermission {
    /// May subscribe to tracks.
    pub can_subscribe: bool,
    /// May publish tracks.
    pub can_publish: bool,
    /// May send data and messages.
    pub can_publish_data: bool,
    /// Sources that may be published; empty for all.
    pub can_publish_sources: Vec<TrackSource>,
    /// Invisible to other participants.
    pub hidden: bool,
    /// May change its own name, metadata and attributes.
    pub can_update_metadata: bool,
}

impl ParticipantPermission {
    /// Returns `true` if a track with this source may be published.
    pub fn may_publish(&self, source: TrackSource) -> bool {
        self.can_publish && (self.can_publish_sources.is_empty() || self.can_publish_sources.contains(&source))
    }
}

/// Fault that a test can provoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SimulateScenario {
    /// The signaling connection breaks and is resumed.
    SignalReconnect,
    /// The server reports an active speaker.
    Speaker,
    /// The server fails.
    NodeFailure,
    /// The server asks this client to leave.
    ServerLeave,
    /// The server moves this client to another.
    Migration,
    /// Media is forced to TCP.
    ForceTcp,
    /// Media is forced to TLS.
    ForceTls,
    /// The client makes a full reconnect.
    FullReconnect,
    /// The signaling connection breaks while it is being resumed.
    DisconnectSignalOnResume,
}

/// Clockwise rotation that turns a frame upright.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VideoRotation {
    /// 0 degrees.
    #[default]
    Rotation0,
    /// 90 degrees.
    Rotation90,
    /// 180 degrees.
    Rotation180,
    /// 270 degrees.
    Rotation270,
}

/// Data channel of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataPacketKind {
    /// Lost packets are not retransmitted.
    Lossy,
    /// Lost packets are retransmitted.
    Reliable,
}
