//! Safe async Rust over LiveKit's prebuilt media engine.
//!
//! The names are those of the `livekit` crate, so a LiveKit user is at home: a [`Room`] is joined with
//! [`Room::connect`], which also gives the receiver of its [`RoomEvent`]s; what is said and shown goes out through a
//! [`LocalTrack`] that feeds from a [`NativeVideoSource`] or [`NativeAudioSource`], and comes in as a [`RemoteTrack`],
//! read by a [`VideoStream`] or an [`AudioStream`].
//!
//! ```no_run
//! # async fn join(url: &str, token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use autamedica_engine::{RemoteTrack, Room, RoomEvent, RoomOptions, VideoStream};
//!
//! let (room, mut events) = Room::connect(url, token, RoomOptions::default()).await?;
//! while let Some(event) = events.recv().await {
//!     if let RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), .. } = event {
//!         let video = VideoStream::new(&track)?;
//!         video.frames().on_frame(|| println!("a new picture"));
//!     }
//! }
//! room.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The library is found at run time (`AUTAMEDICA_ENGINE_DIR`, else beside the program, else `.engine/` in a folder above
//! it) and started by the first use; [`load`] does so on purpose. A process that has used it must not fork.

mod apm;
mod audio;
mod data;
mod dispatch;
mod e2ee;
mod error;
mod event;
mod ffi;
mod frame;
mod local_participant;
mod log;
mod options;
mod participant;
mod proto;
mod publication;
mod room;
mod start;
mod stats;
#[cfg(test)]
mod tests;
mod track;
mod types;
mod video;
mod writer;

pub use apm::{AudioProcessingModule, AudioProcessingOptions};
pub use audio::{AudioFrame, AudioStream, NativeAudioSource};
pub use data::{
    ByteStreamInfo, ByteStreamReader, CHAT_TOPIC, DataPacket, StreamByteOptions, StreamTextOptions, TextStreamInfo,
    TextStreamReader,
};
pub use e2ee::{E2eeManager, E2eeOptions, EncryptionKey, EncryptionState, EncryptionType};
pub use error::{ApmError, CaptureError, DataStreamError, E2eeError, EngineError, RoomError, StreamError};
pub use event::{ChatMessage, Once, RoomEvent, Token};
pub use frame::{LatestFrame, Plane, VideoFrame, VideoRotation};
pub use local_participant::LocalParticipant;
pub use options::{
    AudioEncoding, DegradationPreference, IceServer, IceTransportsType, RoomOptions, RtcConfiguration,
    TrackPublishOptions, VideoCodec, VideoEncoding,
};
pub use participant::{Participant, ParticipantKind, ParticipantPermission, RemoteParticipant};
pub use publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication};
pub use room::{Room, SimulateScenario};
pub use start::FirstPicture;
pub use stats::{
    CandidatePairStats, InboundRtpStats, OutboundRtpStats, PeerStats, QualityLimitationReason, RemoteInboundStats,
    SessionStats,
};
pub use track::{LocalAudioTrack, LocalTrack, LocalVideoTrack, RemoteAudioTrack, RemoteTrack, RemoteVideoTrack};
pub use types::{
    ConnectionQuality, ConnectionState, DisconnectReason, TrackDimension, TrackKind, TrackSource, VideoQuality,
};
pub use video::{NativeVideoSource, VideoResolution, VideoStream};
pub use writer::ByteStreamWriter;

/// Loads and starts the engine, if that has not happened yet.
///
/// Everything else does so by itself; a program calls this to find out early. A failure is not remembered: the next
/// call tries again.
///
/// # Errors
/// [`EngineError::Missing`], [`EngineError::Load`] or [`EngineError::Version`], which say what to do.
pub fn load() -> Result<(), EngineError> {
    dispatch::Engine::get().map(drop)
}

/// The engine's build version, which is checked when it is loaded.
pub fn version() -> &'static str {
    ffi::ENGINE_VERSION
}

/// Ends the engine, at the end of a program: waits until its rooms are left and its threads are idle.
///
/// Nothing works after it; handles may still be dropped. Blocks, also while a room cannot be left because the network
/// is down: close rooms first, and call it on a thread that may wait.
pub fn shutdown() {
    dispatch::Engine::shut_down();
}
