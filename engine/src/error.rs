//! Error types, one variant for each thing that a caller can do about it.

use std::time::Duration;

/// Failure of the engine itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The library is in none of the searched folders.
    #[error("the media engine is not installed (looked in {searched}); run `cargo xtask setup`")]
    Missing {
        /// The folders that were searched.
        searched: String,
    },
    /// The library exists but the system cannot load it.
    #[error("the media engine cannot be loaded: {0}; run `cargo xtask setup`")]
    Load(String),
    /// The library is of another build than the protocol types.
    #[error("the media engine is version {found}, but this program needs {expected}; run `cargo xtask setup`")]
    Version {
        /// Version that the library reports.
        found: String,
        /// Version of the protocol types.
        expected: &'static str,
    },
    /// A task of the engine panicked; its request is lost.
    #[error("the media engine panicked: {0}")]
    Panicked(String),
    /// The engine refused a request; the reason is in its log.
    #[error("the media engine refused the request {0}")]
    Refused(&'static str),
    /// The engine's response violates the protocol.
    #[error("the media engine's response to {0} violates the protocol")]
    Protocol(&'static str),
    /// [`shutdown`](crate::shutdown) was called.
    #[error("the media engine has been shut down")]
    ShutDown,
}

/// Failure to join a room, or of an operation in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// No server answers at the address.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server refused: the token is invalid, expired or for another server, or lacks a grant.
    #[error("the server does not allow it: {0}")]
    NotAllowed(String),
    /// The address is not one of a LiveKit server.
    #[error("the server's address is not valid: {0}")]
    InvalidUrl(String),
    /// No answer within this time.
    #[error("no answer within {:.0} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The room has been left.
    #[error("the room is closed")]
    Closed,
    /// The connection to the server is down.
    #[error("the connection is down: {0}")]
    Disconnected(String),
    /// Another error that the server or the engine reported.
    #[error("{0}")]
    Other(String),
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Failure to open a media stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The track is end-to-end encrypted and this client's encryption is off, so that its media would be noise.
    #[error("the track is encrypted and end-to-end encryption is off")]
    Encrypted,
    /// Unsupported sample rate or number of channels.
    #[error("{sample_rate} Hz with {num_channels} channels is not a format of the engine")]
    Format {
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        num_channels: u32,
    },
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Failure to capture a frame into a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CaptureError {
    /// The number of samples does not fit the source.
    #[error(
        "{samples} samples are not a whole number of frames of {num_channels} channels, or not what the source takes"
    )]
    Length {
        /// Samples given.
        samples: usize,
        /// Channels of the source.
        num_channels: u32,
    },
    /// The source's queue is full; the frame was dropped.
    #[error("the audio source's queue is full")]
    QueueFull,
    /// The engine rejected the frame.
    #[error("the engine rejected the frame: {0}")]
    Rejected(String),
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Failure of audio processing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApmError {
    /// The samples are not exactly 10 ms.
    #[error("{samples} samples are not 10 ms at {sample_rate} Hz with {num_channels} channels, which are {expected}")]
    Length {
        /// Samples given, all channels together.
        samples: usize,
        /// Samples in 10 ms, all channels together.
        expected: usize,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        num_channels: u32,
    },
    /// Unsupported sample rate or number of channels.
    #[error("{sample_rate} Hz with {num_channels} channels cannot be processed")]
    Format {
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        num_channels: u32,
    },
    /// The engine reported an error.
    #[error("audio processing failed: {0}")]
    Failed(String),
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Failure of a text or byte stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataStreamError {
    /// The sender or the engine aborted the stream.
    #[error("the stream was aborted: {0}")]
    Aborted(String),
    /// The room ended while the stream was open.
    #[error("the room ended before the stream did")]
    Disconnected,
    /// The stream exceeds the reader's limit.
    #[error("the stream is longer than {limit} bytes")]
    TooLong {
        /// Limit in bytes.
        limit: usize,
    },
    /// The file could not be written.
    #[error("the file could not be written: {0}")]
    File(String),
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Failure to change end-to-end encryption.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum E2eeError {
    /// The room was joined without [`RoomOptions::encryption`](crate::RoomOptions::encryption).
    #[error("the room was joined without end-to-end encryption")]
    NotConfigured,
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
