//! Conversions between the crate's plain types and the protocol.

use crate::info::{ParticipantInfo, PublicationInfo, RoomInfo};
use crate::prebuilt::proto;
use crate::types::{
    ConnectionQuality, ConnectionState, DataPacketKind, DisconnectReason, EncryptionState, EncryptionType,
    ParticipantKind, ParticipantPermission, SimulateScenario, TrackDimension, TrackKind, TrackSource, VideoQuality,
    VideoRotation,
};

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

impl From<proto::EncryptionType> for EncryptionType {
    fn from(kind: proto::EncryptionType) -> Self {
        match kind {
            proto::EncryptionType::None => Self::None,
            proto::EncryptionType::Gcm => Self::Gcm,
            proto::EncryptionType::Custom => Self::Custom,
        }
    }
}

impl From<proto::EncryptionState> for EncryptionState {
    fn from(state: proto::EncryptionState) -> Self {
        match state {
            proto::EncryptionState::New => Self::New,
            proto::EncryptionState::Ok => Self::Ok,
            proto::EncryptionState::EncryptionFailed => Self::EncryptionFailed,
            proto::EncryptionState::DecryptionFailed => Self::DecryptionFailed,
            proto::EncryptionState::MissingKey => Self::MissingKey,
            proto::EncryptionState::KeyRatcheted => Self::KeyRatcheted,
            proto::EncryptionState::InternalError => Self::InternalError,
        }
    }
}

impl From<SimulateScenario> for proto::SimulateScenarioKind {
    fn from(scenario: SimulateScenario) -> Self {
        match scenario {
            SimulateScenario::SignalReconnect => Self::SimulateSignalReconnect,
            SimulateScenario::Speaker => Self::SimulateSpeaker,
            SimulateScenario::NodeFailure => Self::SimulateNodeFailure,
            SimulateScenario::ServerLeave => Self::SimulateServerLeave,
            SimulateScenario::Migration => Self::SimulateMigration,
            SimulateScenario::ForceTcp => Self::SimulateForceTcp,
            SimulateScenario::ForceTls => Self::SimulateForceTls,
            SimulateScenario::FullReconnect => Self::SimulateFullReconnect,
            SimulateScenario::DisconnectSignalOnResume => Self::SimulateDisconnectSignalOnResume,
        }
    }
}

impl From<proto::ParticipantPermission> for ParticipantPermission {
    fn from(permission: proto::ParticipantPermission) -> Self {
        Self {
            can_subscribe: permission.can_subscribe,
            can_publish: permission.can_publish,
            can_publish_data: permission.can_publish_data,
            can_publish_sources: permission.can_publish_sources().map(TrackSource::from).collect(),
            hidden: permission.hidden,
            can_update_metadata: permission.can_update_metadata,
        }
    }
}

impl From<proto::ParticipantKind> for ParticipantKind {
    fn from(kind: proto::ParticipantKind) -> Self {
        match kind {
            proto::ParticipantKind::Standard => Self::Standard,
            proto::ParticipantKind::Ingress => Self::Ingress,
            proto::ParticipantKind::Egress => Self::Egress,
            proto::ParticipantKind::Sip => Self::Sip,
            proto::ParticipantKind::Agent => Self::Agent,
            proto::ParticipantKind::Connector => Self::Connector,
            proto::ParticipantKind::Bridge => Self::Bridge,
        }
    }
}

impl From<proto::DataPacketKind> for DataPacketKind {
    fn from(kind: proto::DataPacketKind) -> Self {
        match kind {
            proto::DataPacketKind::KindLossy => Self::Lossy,
            proto::DataPacketKind::KindReliable => Self::Reliable,
        }
    }
}

impl From<proto::VideoRotation> for VideoRotation {
    fn from(rotation: proto::VideoRotation) -> Self {
        match rotation {
            proto::VideoRotation::VideoRotation0 => Self::Rotation0,
            proto::VideoRotation::VideoRotation90 => Self::Rotation90,
            proto::VideoRotation::VideoRotation180 => Self::Rotation180,
            proto::VideoRotation::VideoRotation270 => Self::Rotation270,
        }
    }
}

impl From<VideoRotation> for proto::VideoRotation {
    fn from(rotation: VideoRotation) -> Self {
        match rotation {
            VideoRotation::Rotation0 => Self::VideoRotation0,
            VideoRotation::Rotation90 => Self::VideoRotation90,
            VideoRotation::Rotation180 => Self::VideoRotation180,
            VideoRotation::Rotation270 => Self::VideoRotation270,
        }
    }
}

impl From<proto::RoomInfo> for RoomInfo {
    fn from(info: proto::RoomInfo) -> Self {
        Self {
            sid: info.sid.filter(|sid| !sid.is_empty()),
            name: info.name,
            metadata: info.metadata,
            state: ConnectionState::default(),
            num_participants: info.num_participants,
            active_recording: info.active_recording,
        }
    }
}

impl From<proto::ParticipantInfo> for ParticipantInfo {
    fn from(info: proto::ParticipantInfo) -> Self {
        Self {
            kind: info.kind().into(),
            disconnect_reason: info.disconnect_reason().into(),
            sid: info.sid,
            identity: info.identity,
            name: info.name,
            metadata: info.metadata,
            attributes: info.attributes,
            joined_at: info.joined_at,
            permission: info.permission.map(Into::into),
        }
    }
}

impl From<proto::TrackPublicationInfo> for PublicationInfo {
    fn from(info: proto::TrackPublicationInfo) -> Self {
        Self {
            kind: info.kind().into(),
            source: info.source().into(),
            encryption_type: info.encryption_type().into(),
            sid: info.sid,
            name: info.name,
            simulcasted: info.simulcasted,
            dimension: TrackDimension(info.width, info.height),
            mime_type: info.mime_type,
            muted: info.muted,
        }
    }
}
