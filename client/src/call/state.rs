//! What the call task tells the UI: one snapshot, replaced as a whole.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::Role;
use autamedica_engine::{ConnectionQuality, LatestFrame, TrackSource};

use super::{ChatLog, Photo};
use crate::backend::Admission;
use crate::device::{DeviceLists, DeviceState};

/// Everything a screen needs to know about the call, at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CallState {
    /// Where the call stands.
    pub phase: CallPhase,
    /// Our own role: decides which controls exist.
    pub role: Role,
    /// We see and hear, and may send nothing: an observer whom the doctor doesn't let speak.
    pub listening: bool,
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
    pub chat: ChatLog,
    /// Chat lines and files of the others that were left out, because too many came at once.
    pub chat_left_out: u64,
    /// The recording of this consultation.
    pub recording: RecordingState,
    /// What is wrong with the recording that goes on or is being stored, by the backend's name for that.
    pub recording_trouble: Option<String>,
    /// Since when joining fails for reasons that may pass, and is tried again.
    pub joining_again_since: Option<Instant>,
    /// We are asked whether we may be recorded, and haven't answered.
    pub recording_question: bool,
    /// Somebody recorded the room without the backend, which stopped it.
    pub foreign_recording: bool,
    /// Media is end-to-end encrypted, and with the right key as far as we can tell.
    pub encryption: EncryptionState,
    /// Six digits made from the end-to-end key: the same on both sides when they hold the same key.
    pub comparison_code: Option<String>,
    /// Media goes from peer to peer, through no SFU.
    pub direct: bool,
    /// When the consultation is to end, if it was scheduled.
    pub planned_end: Option<SystemTime>,
    /// The devices that there are, for choosing another.
    pub devices: Arc<DeviceLists>,
    /// A device that was plugged in during the call and isn't in use.
    pub offer: Option<DeviceOffer>,
    /// The connection is too weak for pictures just now: sound goes on.
    pub video_held_back: bool,
    /// What was measured in the last minute, oldest first, one a second.
    pub statistics: Arc<CallStatistics>,
    /// What the doctor asked of the backend last, and it didn't do.
    pub control_failure: Option<ControlFailure>,
    /// What we came in with, for what follows the call: telling how it was.
    pub admission: Option<Arc<Admission>>,
}

/// Where a call stands.
#[derive(Clone, Debug, PartialEq)]
pub enum CallPhase {
    /// Asking the backend for the consultation and the SFU for the room.
    Joining,
    /// In the room, but the doctor hasn't let us in yet: nothing is sent or received.
    Waiting {
        /// Since when.
        since: Instant,
    },
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// We hung up.
    HungUp,
    /// The consultation was closed for everybody.
    RoomClosed,
    /// We were removed by the doctor or the backend.
    Removed,
    /// The doctor didn't let us in.
    Refused,
    /// The same person joined from elsewhere.
    JoinedElsewhere,
    /// The connection could not be restored in time.
    ConnectionLost,
    /// It never began: nothing answered at the server's address.
    ServerUnreachable,
    /// It never began: the link or token is wrong, expired or used up.
    NotAllowed,
    /// It never began: the clinic's servers have troubles of their own.
    ClinicTrouble,
    /// It never began: no clinic knows the eight digits.
    NoAppointment,
    /// It never began: eight digits were typed, and this app is connected to no clinic that takes them.
    NoClinic,
    /// It never began: the appointment is later.
    TooEarly,
    /// It never began: the consultation is over.
    Over,
    /// It never began: the consultation was cancelled.
    Cancelled,
    /// It never began: this program failed.
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
    /// They may send something.
    pub may_send: bool,
    /// They wait to be let in, since then: nothing is sent to them or received from them.
    pub waiting_since: Option<SystemTime>,
    /// When they joined.
    pub joined_at: Option<SystemTime>,
    /// Their connection as the SFU sees it.
    pub quality: ConnectionQuality,
}

/// A file or photo in the chat.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedFile {
    /// Unique in this call.
    pub id: String,
    /// Its type, as far as its bytes (not its name) tell.
    pub mime_type: String,
    /// Bytes, whole.
    pub size: u64,
    /// How far it is.
    pub progress: FileProgress,
    /// An image small enough to show.
    pub preview: Option<Photo>,
}

/// How far a file is.
#[derive(Clone, Debug, PartialEq)]
pub enum FileProgress {
    /// On its way: so many bytes so far.
    Moving(u64),
    /// All of it is here (or there).
    Done,
    /// Kept at this place.
    Saved(PathBuf),
    /// Not sent: it is larger than allowed.
    TooLarge,
    /// Not sent or taken: of a type that isn't allowed.
    WrongType,
    /// It didn't arrive whole, or could not be saved.
    Failed,
}

/// A kind of device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceKind {
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// A speaker or headphones.
    Speaker,
}

/// A device that appeared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceOffer {
    /// Of which kind.
    pub kind: DeviceKind,
    /// Its name, as a [`DeviceChoice::Named`](crate::device::DeviceChoice::Named) takes it.
    pub name: String,
}

/// What was measured in the last minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallStatistics {
    /// One a second, oldest first, sixty at most.
    pub samples: VecDeque<StatisticsSample>,
}

/// What was measured in one second.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticsSample {
    /// When.
    pub at: Instant,
    /// To the SFU and back, in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Packets lost of those that the others sent us, of a hundred.
    pub loss_percent: f64,
    /// The largest of the tracks received, in milliseconds.
    pub jitter_ms: f64,
    /// Thousand bits a second.
    pub sent_kbps: f64,
    /// Thousand bits a second.
    pub received_kbps: f64,
    /// Each track, ours first.
    pub tracks: Vec<TrackStatistics>,
}

/// One track in one second.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackStatistics {
    /// The SFU's id of the track.
    pub sid: String,
    /// Whose; `None` for our own.
    pub identity: Option<String>,
    /// Which of theirs.
    pub source: TrackSource,
    /// Such as `VP8`.
    pub codec: String,
    /// Encoder of our own video, such as `OpenH264`; empty for sound, for theirs, and until it is known.
    pub encoder: String,
    /// Thousand bits a second.
    pub kbps: f64,
    /// Pixels; 0 for sound.
    pub width: u32,
    /// Pixels; 0 for sound.
    pub height: u32,
    /// Frames a second; 0 for sound.
    pub fps: f64,
    /// Of a hundred.
    pub loss_percent: f64,
    /// In milliseconds.
    pub jitter_ms: f64,
}

/// What only a doctor may ask of the backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// To let somebody in.
    Admit,
    /// To send somebody away who waits.
    Refuse,
    /// To send somebody out.
    Remove,
    /// To mute somebody.
    Mute,
    /// To let an observer speak.
    Permit,
    /// To let an observer speak no longer.
    Forbid,
    /// To end the consultation.
    End,
    /// To move the call over to the SFU.
    MoveToSfu,
}

/// What a doctor asked for and the backend didn't do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFailure {
    /// What was asked.
    pub asked: ControlRequest,
    /// Counts up, so that the same failure twice is told twice.
    pub number: u64,
}

/// The recording of the consultation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingState {
    /// Not recording.
    #[default]
    Off,
    /// Asked for, and the patient hasn't said yet whether they may be recorded.
    Asking,
    /// Asked for.
    Starting,
    /// Recording since.
    On(Instant),
    /// Nothing is recorded until somebody who came later has answered.
    Paused,
    /// The patient doesn't want it. Nothing was recorded.
    Declined,
    /// It didn't come to be, or broke.
    Failed(RecordingProblem),
}

/// Why nothing is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingProblem {
    /// The backend has no recorder, or there is no backend.
    Unavailable,
    /// A recording goes on already.
    Active,
    /// The patient said no a moment ago: they may be asked again a little later.
    JustRefused,
    /// The consultation is encrypted end to end, and the backend's recorder has no key.
    Encrypted,
    /// The backend doesn't answer.
    Unreachable,
    /// The backend doesn't allow it, or failed.
    Denied,
    /// It had begun, and the recorder couldn't go on.
    Broke,
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
            listening: false,
            identity: String::new(),
            quality: ConnectionQuality::Excellent,
            joined_at: None,
            camera: MediaState::default(),
            self_view: LatestFrame::new(),
            microphone: MediaState::default(),
            speaker: DeviceState::default(),
            screen: ShareState::default(),
            participants: Vec::new(),
            chat: ChatLog::default(),
            chat_left_out: 0,
            recording: RecordingState::default(),
            recording_trouble: None,
            joining_again_since: None,
            recording_question: false,
            foreign_recording: false,
            encryption: EncryptionState::default(),
            comparison_code: None,
            direct: false,
            planned_end: None,
            devices: Arc::default(),
            offer: None,
            video_held_back: false,
            statistics: Arc::default(),
            control_failure: None,
            admission: None,
        }
    }
}
