//! Safe async Rust over LiveKit's prebuilt media engine.
//!
//! Names follow the `livekit` crate 0.10; the README lists the differences. [`Room::connect`] joins a [`Room`] and returns
//! the receiver of its [`RoomEvent`]s. A [`LocalTrack`] publishes the frames of a [`NativeVideoSource`] or
//! [`NativeAudioSource`]; a [`VideoStream`] or an [`AudioStream`] reads those of a [`RemoteTrack`].
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
mod audio_source;
mod audio_stream;
mod chat;
mod data;
mod delivery;
mod e2ee;
mod error;
mod event;
mod frame;
mod info;
mod limits;
mod options;
mod participant;
mod prebuilt;
mod publication;
mod reader;
mod room;
mod start;
mod stats;
mod subscription;
#[cfg(test)]
mod tests;
mod track;
mod types;
mod video_source;
mod video_stream;
mod writer;

pub use apm::AudioProcessingModule;
pub use audio_source::NativeAudioSource;
pub use audio_stream::AudioStream;
pub use data::{
    ByteStreamInfo, CHAT_TOPIC, ChatMessage, DataPacket, StreamByteOptions, StreamTextOptions, TextStreamInfo,
};
pub use e2ee::E2eeManager;
pub use error::{ApmError, CaptureError, DataStreamError, E2eeError, EngineError, RoomError, StreamError};
pub use event::{RoomEvent, TakeCell, Token};
pub use frame::{AudioFrame, LatestFrame, Plane, VideoFrame};
pub use info::RoomInfo;
pub use limits::ReceiveLimits;
pub use options::{
    AudioEncoding, AudioProcessingOptions, DegradationPreference, E2eeOptions, EncryptionKey, IceServer,
    IceTransportsType, RoomOptions, RtcConfiguration, TrackPublishOptions, VideoCodec, VideoEncoderBackend,
    VideoEncoding,
};
pub use participant::{LocalParticipant, Participant, RemoteParticipant};
pub use publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication};
pub use reader::{ByteStreamReader, TextStreamReader};
pub use room::Room;
pub use start::FirstPicture;
pub use stats::{
    CandidatePairStats, InboundRtpStats, OutboundRtpStats, PeerStats, QualityLimitationReason, RemoteInboundStats,
    SessionStats,
};
pub use track::{LocalAudioTrack, LocalTrack, LocalVideoTrack, RemoteAudioTrack, RemoteTrack, RemoteVideoTrack};
pub use types::{
    ConnectionQuality, ConnectionState, DataPacketKind, DisconnectReason, EncryptionState, EncryptionType,
    ParticipantKind, ParticipantPermission, SimulateScenario, TrackDimension, TrackKind, TrackSource, VideoQuality,
    VideoResolution, VideoRotation,
};
pub use video_source::NativeVideoSource;
pub use video_stream::VideoStream;
pub use writer::ByteStreamWriter;

/// The backend that this build uses.
use prebuilt as backend;

/// Loads and starts the engine unless it runs already.
///
/// Every other function loads it on demand; a program calls this to report a broken installation early. The next call
/// after a failure tries again.
///
/// # Errors
/// [`EngineError::Missing`], [`EngineError::Load`] or [`EngineError::Version`]; their texts name the remedy.
pub fn load() -> Result<(), EngineError> {
    backend::load()
}

/// Build version of the engine; loading fails for any other.
pub fn version() -> &'static str {
    backend::VERSION
}

/// Stops the engine before the program exits: waits until all rooms are left and its threads are idle.
///
/// Every later request fails with [`EngineError::ShutDown`]; handles may still be dropped. Close rooms first and call
/// this on a thread that may block: while the network is down, leaving a room takes long.
pub fn shutdown() {
    backend::shut_down();
}
