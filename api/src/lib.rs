//! Interface between client and server: REST bodies, roles, error codes and join links.
//!
//! It contains plain data without dependencies on either side. Every body is camelCase JSON, and every answer is
//! wrapped in [`Success`] or [`Failure`].

mod check;
mod consultation;
mod envelope;
mod error_code;
mod feedback;
mod health;
mod ice;
mod id;
mod join;
mod join_link;
mod language;
mod local_key;
mod observer;
mod pasted;
mod quality;
mod recorder;
mod recording;
mod role;
mod room;
mod timestamp;
mod transport;
mod whole;

pub use check::{Check, CheckRoom};
pub use consultation::{
    ChangeTransport, Consultation, ConsultationDetails, ConsultationLinks, ConsultationList, ConsultationState,
    CreateConsultation, MediaSource, MoveConsultation, MuteParticipant, NewTransport, ParticipantChanged,
    ParticipantMetadata, ParticipantRemoved, QueuePosition, consultation_of, room_name,
};
pub use envelope::{Done, Failure, Success};
pub use error_code::ErrorCode;
pub use feedback::{Feedback, FeedbackReason, GivenFeedback};
pub use health::{ComponentHealth, Health, HealthAnswer, HealthStatus, SfuHealth};
pub use ice::{IceServer, IceServers};
pub use id::{Id, InvalidId};
pub use join::{ConsultationKey, Join, Joined, Presence};
pub use join_link::{InvalidJoinLink, JoinCode, JoinLink};
pub use language::Language;
pub use local_key::local_key_file;
pub use observer::{AddObserver, MAX_OBSERVERS, ObserverAdded, PermitObserver};
pub use pasted::{KIOSK_CODE_DIGITS, PasteError, Pasted, read as read_pasted};
pub use quality::{LatestQuality, QualityFigures, QualitySample, QualitySummary, TrackQuality};
pub use recorder::{RecordedPart, RecorderCommand, RecorderEvent, RecorderOrder, RecorderProblem};
pub use recording::{
    AnnouncedRecording, CONSENT_TEXT_VERSION, ConsentAnswer, GiveConsent, Recording, RecordingConsent, RecordingList,
    RecordingPart, RecordingStarted, RecordingState, RecordingStopped, RoomAnnouncement, RoomProblem, RoomProblemKind,
    StartRecording, StopAnswer, StopRecording,
};
pub use role::{Role, UnknownRole};
pub use room::{ActiveRoom, ParticipantStats, RoomMetadata, RoomStats, TrackStats};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use transport::Transport;
