//! Snapshot of a call, which the call task publishes to the UI and replaces as a whole.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_api::{QueuePosition, Role};
use autamedica_engine::{ConnectionQuality, LatestFrame, TrackSource};
use autamedica_media::{DeviceKind, DeviceLists, DeviceState};

use super::{CameraAbsence, ChatLog, Invitation, Photo};
use crate::backend::Admission;

/// State of a call at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct CallState {
    /// Phase of the call.
    pub phase: CallPhase,
    /// Our role, which decides the available controls.
    pub role: Role,
    /// We may receive but not send: an observer without permission to speak.
    pub listening: bool,
    /// Our identity in the room; empty until joined.
    pub identity: String,
    /// Our connection quality according to the SFU.
    pub quality: ConnectionQuality,
    /// Start of the call; the zero of its timer.
    pub joined_at: Option<Instant>,
    /// Our camera.
    pub camera: MediaState,
    /// Preview of our camera.
    pub self_view: LatestFrame,
    /// Our microphone.
    pub microphone: MediaState,
    /// Our microphone is sent as it is: without echo cancellation, noise suppression and gain control.
    pub original_sound: bool,
    /// Our second camera. After a failure it is closed.
    pub second_camera: DeviceState,
    /// Preview of our second camera.
    pub second_view: LatestFrame,
    /// Our speaker.
    pub speaker: DeviceState,
    /// Our screen share.
    pub screen: ShareState,
    /// The other participants, in the order in which they joined.
    pub participants: Vec<ParticipantState>,
    /// Chat, oldest message first.
    pub chat: ChatLog,
    /// Number of received chat messages and files dropped by the rate limit.
    pub dropped_messages: u64,
    /// A waiting patient's place in the queue, once known.
    pub queue: Option<QueuePosition>,
    /// Recording of this consultation.
    pub recording: RecordingState,
    /// Trouble of the current recording or its storage, as the backend names it.
    pub recording_trouble: Option<String>,
    /// First failure of joining, while joining is retried.
    pub first_join_failure: Option<Instant>,
    /// Consent to the recording is asked for and not answered yet.
    pub recording_question: bool,
    /// A recording was started without the backend, which stopped it.
    pub foreign_recording: bool,
    /// End-to-end encryption.
    pub encryption: EncryptionState,
    /// Six digits derived from the end-to-end key, to compare with the other side.
    pub comparison_code: Option<String>,
    /// Media goes from peer to peer, through no SFU.
    pub direct: bool,
    /// The other side is a browser page without chat.
    pub no_chat: bool,
    /// Planned end of a scheduled consultation.
    pub planned_end: Option<SystemTime>,
    /// Available devices.
    pub devices: Arc<DeviceLists>,
    /// Device connected during the call and not in use.
    pub offer: Option<DeviceOffer>,
    /// Our camera's video is reduced because the connection is too weak; audio continues.
    pub video_reduced: bool,
    /// Statistics of the last minute.
    pub statistics: Arc<CallStatistics>,
    /// The doctor's last request that failed.
    pub control_failure: Option<ControlFailure>,
    /// Doctor: newest invitation of an observer.
    pub invitation: Invitation,
    /// Another client has taken our identity or not, asked after the SFU disconnected us.
    pub admission: Option<Arc<Admission>>,
}

/// Phase of a call.
#[derive(Clone, Debug, PartialEq)]
pub enum CallPhase {
    /// Asking the backend for admission or connecting to the SFU.
    Joining,
    /// In the waiting room: nothing is sent or received.
    Waiting {
        /// Start of waiting.
        since: Instant,
    },
    /// Admitted.
    InCall,
    /// Connection lost; trying to restore it.
    Reconnecting {
        /// Time of the loss.
        since: Instant,
    },
    /// Ended; the last phase.
    Ended {
        /// Reason of the end.
        reason: EndReason,
        /// Duration from joined to ended.
        lasted: Duration,
    },
}

/// Reason for which a call ended. The later ones end a call before it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// We hung up.
    HungUp,
    /// The consultation was ended for all participants.
    RoomClosed,
    /// The doctor or the backend removed us.
    Removed,
    /// The doctor refused us.
    Refused,
    /// The same identity joined from another device.
    JoinedElsewhere,
    /// The connection could not be restored in time.
    ConnectionLost,
    /// No answer from the server's address.
    ServerUnreachable,
    /// The link or token is wrong, expired or used up.
    NotAllowed,
    /// The clinic's servers failed.
    ClinicTrouble,
    /// No clinic knows the kiosk code.
    NoAppointment,
    /// A kiosk code was entered, but this app is paired with no clinic that takes them.
    NoClinic,
    /// The appointment is later.
    TooEarly,
    /// The consultation is over.
    Over,
    /// The consultation was cancelled.
    Cancelled,
    /// Internal error.
    JoinFailed,
}

/// State of our camera or microphone.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MediaState {
    /// Muted by the person.
    pub muted: bool,
    /// State of the device.
    pub device: DeviceState,
}

/// State of our screen share.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum ShareState {
    /// Nothing is shared.
    #[default]
    Off,
    /// Requested, not published yet.
    Starting,
    /// Published.
    On,
    /// Refused by the SFU or the system.
    Failed,
}

/// State of another participant.
#[derive(Clone, Debug, PartialEq)]
pub struct ParticipantState {
    /// Identity in the room.
    pub identity: String,
    /// Display name; may be empty.
    pub name: String,
    /// Role from the token's metadata; `None` for a foreign participant without one.
    pub role: Option<Role>,
    /// Camera video, while it is published and not muted.
    pub camera: Option<LatestFrame>,
    /// Screen share, while it is published.
    pub screen: Option<LatestFrame>,
    /// Further videos, such as a second camera, in the order in which they were published.
    pub others: Vec<OtherVideo>,
    /// Reason why there is no camera video, if the participant's app knows and says it.
    pub camera_absence: Option<CameraAbsence>,
    /// The microphone is sent as it is, according to the participant's app.
    pub original_sound: bool,
    /// The microphone is muted or not published.
    pub microphone_muted: bool,
    /// Speaking now.
    pub speaking: bool,
    /// May send something.
    pub may_send: bool,
    /// Start of waiting for admission; nothing is exchanged with a waiting participant.
    pub waiting_since: Option<SystemTime>,
    /// Time of joining.
    pub joined_at: Option<SystemTime>,
    /// Connection quality according to the SFU.
    pub quality: ConnectionQuality,
}

/// Further video of a participant.
#[derive(Clone, Debug, PartialEq)]
pub struct OtherVideo {
    /// The SFU's id of the track.
    pub sid: String,
    /// Frames.
    pub frames: LatestFrame,
}

/// One of a participant's videos.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VideoKind {
    /// The camera that shows the face.
    Camera,
    /// Screen share.
    Screen,
    /// A further video, by its track's sid.
    Other(String),
}

impl ParticipantState {
    /// Returns the frames of one of the videos, if it is sent.
    pub fn frames(&self, video: &VideoKind) -> Option<&LatestFrame> {
        match video {
            VideoKind::Camera => self.camera.as_ref(),
            VideoKind::Screen => self.screen.as_ref(),
            VideoKind::Other(sid) => self.others.iter().find(|other| other.sid == *sid).map(|other| &other.frames),
        }
    }
}

/// File or photo in the chat.
#[derive(Clone, Debug, PartialEq)]
pub struct SharedFile {
    /// Id, unique in this call.
    pub id: String,
    /// MIME type, derived from the content, not the name.
    pub mime_type: String,
    /// Size in bytes.
    pub size: u64,
    /// Progress of the transfer.
    pub progress: FileProgress,
    /// Preview of an image that is small enough.
    pub preview: Option<Photo>,
}

/// Progress of a file transfer.
#[derive(Clone, Debug, PartialEq)]
pub enum FileProgress {
    /// In transfer, with the number of bytes so far.
    InProgress(u64),
    /// Completely transferred.
    Done,
    /// Saved at this path.
    Saved(PathBuf),
    /// Not sent: too large.
    TooLarge,
    /// Not sent or received: type not allowed.
    WrongType,
    /// Transfer or saving failed.
    Failed,
}

/// Newly connected device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceOffer {
    /// Kind of the device.
    pub kind: DeviceKind,
    /// Name, as in [`DeviceChoice::Named`](autamedica_media::DeviceChoice::Named).
    pub name: String,
}

/// Statistics of the last minute.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CallStatistics {
    /// One sample a second, oldest first, sixty at most.
    pub samples: VecDeque<StatisticsSample>,
}

/// Statistics of one second.
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticsSample {
    /// Time of the measurement.
    pub at: Instant,
    /// Round-trip time to the SFU in milliseconds.
    pub round_trip_ms: Option<f64>,
    /// Packet loss of received media in percent.
    pub loss_percent: f64,
    /// Largest jitter of the received tracks, in milliseconds.
    pub jitter_ms: f64,
    /// Sent bitrate in kbit/s.
    pub sent_kbps: f64,
    /// Received bitrate in kbit/s.
    pub received_kbps: f64,
    /// All tracks, ours first.
    pub tracks: Vec<TrackStatistics>,
}

/// Statistics of one track in one second.
#[derive(Clone, Debug, PartialEq)]
pub struct TrackStatistics {
    /// The SFU's id of the track.
    pub sid: String,
    /// Identity of the sender; `None` for our own track.
    pub identity: Option<String>,
    /// Source of the track.
    pub source: TrackSource,
    /// Codec, such as `VP8`.
    pub codec: String,
    /// Encoder of our own video, such as `OpenH264`; empty for audio, remote tracks, and until known.
    pub encoder: String,
    /// Bitrate in kbit/s.
    pub kbps: f64,
    /// Width in pixels; 0 for audio.
    pub width: u32,
    /// Height in pixels; 0 for audio.
    pub height: u32,
    /// Frames per second; 0 for audio.
    pub fps: f64,
    /// Packet loss in percent.
    pub loss_percent: f64,
    /// Jitter in milliseconds.
    pub jitter_ms: f64,
}

/// Request to the backend that only a doctor may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ControlRequest {
    /// Admit a participant.
    Admit,
    /// Refuse a waiting participant.
    Refuse,
    /// Remove a participant.
    Remove,
    /// Mute a participant.
    Mute,
    /// Grant an observer permission to speak.
    Permit,
    /// Revoke an observer's permission to speak.
    Forbid,
    /// End the consultation.
    End,
    /// To move the call over to the SFU.
    MoveToSfu,
}

/// Failed request of a doctor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFailure {
    /// The request.
    pub request: ControlRequest,
    /// Counter that tells repeated failures apart.
    pub number: u64,
}

/// State of the recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecordingState {
    /// Not recording.
    #[default]
    Off,
    /// Requested; the patient has not answered yet.
    Asking,
    /// Requested.
    Starting,
    /// Recording since this time.
    On(Instant),
    /// Paused until a participant who joined later has answered.
    Paused,
    /// The patient refused. Nothing was recorded.
    Declined,
    /// Not started, or broken off.
    Failed(RecordingProblem),
}

/// Reason for which a recording failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordingProblem {
    /// There is no backend, or the backend has no recorder.
    Unavailable,
    /// Another recording is active.
    Active,
    /// The patient refused a moment ago and cannot be asked again yet.
    JustRefused,
    /// The consultation is end-to-end encrypted and the recorder has no key.
    Encrypted,
    /// The backend does not answer.
    Unreachable,
    /// The backend refused or failed.
    Denied,
    /// The recorder failed after starting.
    Broke,
}

/// State of end-to-end encryption.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncryptionState {
    /// Off: DTLS-SRTP to the SFU only.
    #[default]
    Off,
    /// On, and frames decrypt.
    On,
    /// Frames do not decrypt: the other side has another key or none.
    KeyMismatch,
}

impl CallState {
    /// Returns the state of a new call.
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
            original_sound: false,
            second_camera: DeviceState::default(),
            second_view: LatestFrame::new(),
            speaker: DeviceState::default(),
            screen: ShareState::default(),
            participants: Vec::new(),
            chat: ChatLog::default(),
            dropped_messages: 0,
            queue: None,
            recording: RecordingState::default(),
            recording_trouble: None,
            first_join_failure: None,
            recording_question: false,
            foreign_recording: false,
            encryption: EncryptionState::default(),
            comparison_code: None,
            direct: false,
            no_chat: false,
            planned_end: None,
            devices: Arc::default(),
            offer: None,
            video_reduced: false,
            statistics: Arc::default(),
            control_failure: None,
            invitation: Invitation::None,
            admission: None,
        }
    }
}
