//! What client and server say to each other: the REST bodies, roles, error codes and join links.
//!
//! Only plain data lives here, so that neither side drags in the other's machinery. Every body is camelCase JSON, and
//! every answer is wrapped in [`Success`] or [`Failure`].

mod consultation;
mod envelope;
mod error_code;
mod health;
mod id;
mod join_link;
mod role;
mod room;
mod timestamp;

pub use consultation::{
    Consultation, CreateConsultation, ParticipantMetadata, RecordingStarted, RecordingStopped, StartRecording,
    consultation_of, room_name,
};
pub use envelope::{Failure, FailureBody, Success};
pub use error_code::ErrorCode;
pub use health::{ComponentHealth, Health, HealthStatus, SfuHealth};
pub use id::{Id, InvalidId};
pub use join_link::{InvalidJoinLink, JoinCode, JoinLink};
pub use role::{Role, UnknownRole};
pub use room::{ActiveRoom, ActiveRooms, ParticipantStats, QualitySummary, RoomStats, TrackStats};
pub use timestamp::Timestamp;
