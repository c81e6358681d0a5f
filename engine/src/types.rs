//! The small words of the field, and how the protocol spells them.

use crate::proto;

/// How good a participant's connection is, as the SFU sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionQuality {
    /// Barely usable.
    Poor,
    /// Some loss or delay.
    Good,
    /// Nothing to complain about.
    #[default]
    Excellent,
    /// Not connected.
    Lost,
}

/// Whether the room's connection stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionState {
    /// Left, or lost for good.
    Disconnected,
    /// Media and messages flow.
    #[default]
    Connected,
    /// Lost, and being made again.
    Reconnecting,
}

/// Why a participant is no longer in the room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// Nobody said.
    #[default]
    UnknownReason,
    /// It left by itself.
    ClientInitiated,
    /// Somebody joined with the same identity.
    DuplicateIdentity,
    /// The server is going down.
    ServerShutdown,
    /// It was removed through the server's API.
    ParticipantRemoved,
    /// The room was deleted through the server's API.
    RoomDeleted,
    /// It tried to resume, and the server knew nothing of it.
    StateMismatch,
    /// It could not join.
    JoinFailure,
    /// It moves to another server.
    Migration,
    /// The signaling connection closed.
    SignalClose,
    /// The room ended because all standard participants had left.
    RoomClosed,
    /// It did not answer a call.
    UserUnavailable,
    /// It rejected a call.
    UserRejected,
    /// The telephone line failed.
    SipTrunkFailure,
    /// It was silent for too long.
    ConnectionTimeout,
    /// Its media never flowed.
    MediaFailure,
    /// An agent failed.
    AgentError,
    /// The connection was lost and could not be made again.
    ReconnectFailed,
}

/// Sound or picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackKind {
    /// Sound.
    Audio,
    /// Picture.
    Video,
}

/// Where a track comes from; grants name these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TrackSource {
    /// Not said.
    #[default]
    Unknown,
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// A shared screen.
    Screenshare,
    /// The sound of a shared screen.
    ScreenshareAudio,
}

/// Which simulcast layer of a video is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VideoQuality {
    /// The smallest.
    Low,
    /// The one between.
    Medium,
    /// The largest.
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
