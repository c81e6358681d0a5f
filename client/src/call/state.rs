//! What the call task tells the UI: one snapshot, replaced as a whole.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::Role;
use autamedica_engine::{ConnectionQuality, LatestFrame};

use crate::device::DeviceState;

/// Everything a screen needs to know about the call, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CallState {
    /// Where the call stands.
    pub phase: CallPhase,
    /// Our own role: decides which controls exist.
    pub role: Role,
    /// Our own identity in the room; empty until joined.
    pub identity: String,
    /// Our connection as the SFU sees it.
    pub quality: ConnectionQuality,
    /// Since when the call is up (the timer's zero).
    pub joined_at: Option<Instant>,
    /// Our own camera.
    pub camera: MediaState,
    /// The picture of our own camera, before it is sent.
    pub self_view: LatestFrame,
    /// Our own microphone.
    pub microphone: MediaState,
    /// What we hear the others through.
    pub speaker: DeviceState,
    /// Our own screen share.
    pub screen: ShareState,
    /// The others, in the order they joined.
    pub participants: Vec<ParticipantState>,
    /// Chat, oldest first.
    pub chat: Arc<Vec<ChatMessage>>,
    /// The recording of this consultation.
    pub recording: RecordingState,
    /// Media is end-to-end encrypted, and with the right key as far as we can tell.
    pub encryption: EncryptionState,
    /// Six digits made from the end-to-end key: the same on both sides when they hold the same key.
    pub comparison_code: Option<String>,
}

/// Where a call stands.
#[derive(Clone, Debug, PartialEq)]
pub enum CallPhase {
    /// Asking the backend for the consultation and the SFU for the room.
    Joining,
    /// In the room.
    InCall,
    /// The connection is gone and being restored.
    Reconnecting {
        /// Since when.
        since: Instant,
    },
    /// Over; nothing comes after this.
    Ended {
        /// Why.
        reason: EndReason,
        /// How long it lasted, from joined to ended.
        lasted: Duration,
    },
}

/// Why a call is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// We hung up.
    HungUp,
    /// The consultation was closed for everybody.
    RoomClosed,
    /// We were removed by the doctor or the backend.
    Removed,
    /// The same person joined from elsewhere.
    JoinedElsewhere,
    /// The connection could not be restored in time.
    ConnectionLost,
    /// It never began: nothing answered at the server's address.
    ServerUnreachable,
    /// It never began: the link or token is wrong, expired or used up.
    NotAllowed,
    /// It never began: the SFU or the engine refused.
    JoinFailed,
}

/// One of our own sources: what the person chose, and what the device makes of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaState {
    /// The person switched it off.
    pub muted: bool,
    /// The device behind it.
    pub device: DeviceState,
}

/// Our own screen share.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ShareState {
    /// Nothing is shared.
    #[default]
    Off,
    /// Asked for, not yet in the room.
    Starting,
    /// The others see our screen.
    On,
    /// The SFU or the system refused.
    Failed,
}

/// One of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticipantState {
    /// Their identity in the room.
    pub identity: String,
    /// Their display name; may be empty.
    pub name: String,
    /// Their role, from the token's metadata; `None` for a foreign participant without one.
    pub role: Option<Role>,
    /// Their camera's picture, while they publish one and it isn't muted.
    pub camera: Option<LatestFrame>,
    /// Their screen, while they share it.
    pub screen: Option<LatestFrame>,
    /// No microphone is published, or it is muted.
    pub microphone_muted: bool,
    /// They are speaking now.
    pub speaking: bool,
    /// Their connection as the SFU sees it.
    pub quality: ConnectionQuality,
}

/// A chat line.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatMessage {
    /// Who wrote it: an identity in the room.
    pub from: String,
    /// Their role when it arrived, if known.
    pub role: Option<Role>,
    /// We wrote it.
    pub own: bool,
    /// The text, as written.
    pub text: String,
    /// When it was written.
    pub at: SystemTime,
    /// It could not be sent (own lines only).
    pub failed: bool,
}

/// The recording of the consultation.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum RecordingState {
    /// Not recording.
    #[default]
    Off,
    /// Asked for.
    Starting,
    /// Recording since.
    On(Instant),
    /// The server said no; its message, to be shown.
    Refused(String),
}

/// End-to-end encryption, as far as we can tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionState {
    /// Not asked for: DTLS-SRTP to the SFU only.
    #[default]
    Off,
    /// On, and frames decrypt.
    On,
    /// Frames don't decrypt: the other side has another key or none.
    KeyMismatch,
}

impl CallState {
    /// The state of a call that was just asked for.
    pub fn joining(role: Role) -> Self {
        Self {
            phase: CallPhase::Joining,
            role,
            identity: String::new(),
            quality: ConnectionQuality::Excellent,
            joined_at: None,
            camera: MediaState::default(),
            self_view: LatestFrame::new(),
            microphone: MediaState::default(),
            speaker: DeviceState::default(),
            screen: ShareState::default(),
            participants: Vec::new(),
            chat: Arc::default(),
            recording: RecordingState::default(),
            encryption: EncryptionState::default(),
            comparison_code: None,
        }
    }
}
