//! Enums shared by rooms, participants and tracks, and their conversions from and to the protocol.

use crate::proto;

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

impl From<proto::ConnectionQuality> for ConnectionQuality {
    fn from(quality: proto::ConnectionQuality) -> Self {
        match quality {
            proto::ConnectionQuality::QualityPoor => Self::Poor,
            proto::ConnectionQuality::QualityGood => Self::Good,
            proto::ConnectionQuality::QualityExcellent => Self::Excellent,
            proto::ConnectionQuality::QualityLost => Self::Lost,
        }
    }
}

impl From<proto::ConnectionState> for ConnectionState {
    fn from(state: proto::ConnectionState) -> Self {
        match state {
            proto::ConnectionState::ConnDisconnected => Self::Disconnected,
            proto::ConnectionState::ConnConnected => Self::Connected,
            proto::ConnectionState::ConnReconnecting => Self::Reconnecting,
        }
    }
}

impl From<proto::DisconnectReason> for DisconnectReason {
    fn from(reason: proto::DisconnectReason) -> Self {
        use proto::DisconnectReason as P;
        match reason {
            P::UnknownReason => Self::UnknownReason,
            P::ClientInitiated => Self::ClientInitiated,
            P::DuplicateIdentity => Self::DuplicateIdentity,
            P::ServerShutdown => Self::ServerShutdown,
            P::ParticipantRemoved => Self::ParticipantRemoved,
            P::RoomDeleted => Self::RoomDeleted,
            P::StateMismatch => Self::StateMismatch,
            P::JoinFailure => Self::JoinFailure,
            P::Migration => Self::Migration,
            P::SignalClose => Self::SignalClose,
            P::RoomClosed => Self::RoomClosed,
            P::UserUnavailable => Self::UserUnavailable,
            P::UserRejected => Self::UserRejected,
            P::SipTrunkFailure => Self::SipTrunkFailure,
            P::ConnectionTimeout => Self::ConnectionTimeout,
            P::MediaFailure => Self::MediaFailure,
            P::AgentError => Self::AgentError,
        }
    }
}

impl From<proto::TrackKind> for TrackKind {
    fn from(kind: proto::TrackKind) -> Self {
        match kind {
            proto::TrackKind::KindVideo => Self::Video,
            proto::TrackKind::KindAudio | proto::TrackKind::KindUnknown => Self::Audio,
        }
    }
}

impl From<proto::TrackSource> for TrackSource {
    fn from(source: proto::TrackSource) -> Self {
        match source {
            proto::TrackSource::SourceUnknown => Self::Unknown,
            proto::TrackSource::SourceCamera => Self::Camera,
            proto::TrackSource::SourceMicrophone => Self::Microphone,
            proto::TrackSource::SourceScreenshare => Self::Screenshare,
            proto::TrackSource::SourceScreenshareAudio => Self::ScreenshareAudio,
        }
    }
}

impl From<TrackSource> for proto::TrackSource {
    fn from(source: TrackSource) -> Self {
        match source {
            TrackSource::Unknown => Self::SourceUnknown,
            TrackSource::Camera => Self::SourceCamera,
            TrackSource::Microphone => Self::SourceMicrophone,
            TrackSource::Screenshare => Self::SourceScreenshare,
            TrackSource::ScreenshareAudio => Self::SourceScreenshareAudio,
        }
    }
}

impl From<VideoQuality> for proto::VideoQuality {
    fn from(quality: VideoQuality) -> Self {
        match quality {
            VideoQuality::Low => Self::Low,
            VideoQuality::Medium => Self::Medium,
            VideoQuality::High => Self::High,
        }
    }
}
