//! Safe async Rust over LiveKit's prebuilt media engine.
//!
//! Names follow the `livekit` crate. [`Room::connect`] joins a [`Room`] and returns the receiver of its [`RoomEvent`]s.
//! A [`LocalTrack`] publishes the frames of a [`NativeVideoSource`] or [`NativeAudioSource`]; a [`VideoStream`] or an
//! [`AudioStream`] reads those of a [`RemoteTrack`].
//!
//! ```no_run
//! # async fn join(url: &str, token: &str) -> Result<(), Box<dyn std::error::Error>> {
//! use autamedica_engine::{RemoteTrack, Room, RoomEvent, RoomOptions, VideoStream};
//!
//! let (room, mut events) = Room::connect(url, token, RoomOptions::default()).await?;
//! while let Some(event) = events.recv().await {
//!     if let RoomEvent::TrackSubscribed { track: RemoteTrack::Video(track), .. } = event {
//!         let video = VideoStream::new(&track)?;
//!         video.frames().on_frame(|| println!("a new frame"));
//!     }
//! }
//! room.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! The first use loads the library from `AUTAMEDICA_ENGINE_DIR`, else from the program's folder or the app's data folder
//! (development builds also search `.engine/` in the folders above the program). [`load`] does so explicitly. A process
//! that has loaded it must not fork.

mod apm;
mod audio;
mod data;
mod dispatch;
mod e2ee;
mod error;
mod event;
mod ffi;
mod frame;
mod library;
mod limits;
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
pub use limits::ReceiveLimits;
pub use local_participant::LocalParticipant;
pub use options::{
    AudioEncoding, DegradationPreference, IceServer, IceTransportsType, RoomOptions, RtcConfiguration,
    TrackPublishOptions, VideoCodec, VideoEncoderBackend, VideoEncoding,
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

/// Loads and starts the engine unless it runs already.
///
/// Every other function loads it on demand; a program calls this to report a broken installation early. The next call
/// after a failure tries again.
///
/// # Errors
/// [`EngineError::Missing`], [`EngineError::Load`] or [`EngineError::Version`]; their texts name the remedy.
pub fn load() -> Result<(), EngineError> {
    dispatch::Engine::get().map(drop)
}

/// Build version of the engine; loading fails for any other.
pub fn version() -> &'static str {
    ffi::ENGINE_VERSION
}

/// Stops the engine before the program exits: waits until all rooms are left and its threads are idle.
///
/// Every later request fails with [`EngineError::ShutDown`]; handles may still be dropped. Close rooms first and call
/// this on a thread that may block: while the network is down, leaving a room takes long.
pub fn shutdown() {
    dispatch::Engine::shut_down();
}
