//! What can go wrong, told apart by what a caller can do about it.

use std::time::Duration;

/// The engine itself cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The library is nowhere it is looked for.
    #[error("the media engine is not installed (looked in {searched}); run `cargo xtask setup`")]
    Missing {
        /// The folders that were searched.
        searched: String,
    },
    /// The library is there but the system cannot load it.
    #[error("the media engine cannot be loaded: {0}; run `cargo xtask setup`")]
    Load(String),
    /// The library is of another build than the protocol types.
    #[error("the media engine is version {found}, but this program needs {expected}; run `cargo xtask setup`")]
    Version {
        /// What the library says it is.
        found: String,
        /// What it has to be.
        expected: &'static str,
    },
    /// A part of the engine panicked: what it was doing is lost.
    #[error("the media engine failed inside: {0}")]
    Panicked(String),
    /// The engine refused a request; its log says why.
    #[error("the media engine refused the request {0}")]
    Refused(&'static str),
    /// The engine answered something that the protocol does not allow.
    #[error("the media engine answered out of turn: {0}")]
    Protocol(&'static str),
    /// [`shutdown`](crate::shutdown) was called.
    #[error("the media engine has been shut down")]
    ShutDown,
}

/// A room could not be joined, or an operation in it failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoomError {
    /// Nothing answers at the server's address.
    #[error("the server cannot be reached: {0}")]
    Unreachable(String),
    /// The server refused: a bad, foreign or expired token, or a grant that it lacks.
    #[error("the server does not allow it: {0}")]
    NotAllowed(String),
    /// The address is not one of a LiveKit server.
    #[error("the server's address is not valid: {0}")]
    InvalidUrl(String),
    /// No answer, after waiting for so long.
    #[error("no answer within {:.0} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The room has been left.
    #[error("the room is closed")]
    Closed,
    /// The connection to the server is down at the moment.
    #[error("the connection is down: {0}")]
    Disconnected(String),
    /// Anything else that the server or the engine reported.
    #[error("{0}")]
    Other(String),
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl RoomError {
    /// Sorts a message of the engine, which gives errors as text only.
    pub(crate) fn classify(message: &str) -> Self {
        let text = crate::log::redact(message);
        let lower = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&["401", "403", "unauthorized", "invalid token", "not allowed", "permission", "forbidden"]) {
            Self::NotAllowed(text)
        } else if has(&["url error", "url parse", "invalid url", "relative url", "unsupported scheme"]) {
            Self::InvalidUrl(text)
        } else if has(&["timed out", "timeout"]) {
            Self::Timeout(Duration::ZERO)
        } else if has(&["room closed", "engine is closed", "already closed"]) {
            Self::Closed
        } else if has(&[
            "io error",
            "refused",
            "dns",
            "lookup",
            "unreachable",
            "ws failure",
            "failed to retrieve region",
            "404",
        ]) {
            Self::Unreachable(text)
        } else if has(&["connection error", "not connected", "disconnected"]) {
            Self::Disconnected(text)
        } else {
            Self::Other(text)
        }
    }
}

/// A stream of media cannot be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StreamError {
    /// The track is end-to-end encrypted and encryption is off here: all that would come is noise.
    #[error("the track is encrypted and end-to-end encryption is off")]
    Encrypted,
    /// The sample rate or the number of channels cannot be used.
    #[error("{sample_rate} Hz with {num_channels} channels is not a format of the engine")]
    Format {
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        num_channels: u32,
    },
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A frame could not be given to a source.
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
    /// The source still holds as much sound as it can; this frame was dropped.
    #[error("the audio source's queue is full")]
    QueueFull,
    /// The engine did not take it.
    #[error("the engine did not take the frame: {0}")]
    Rejected(String),
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// Sound could not be processed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApmError {
    /// Only exactly 10 ms can be processed at a time.
    #[error("{samples} samples are not 10 ms at {sample_rate} Hz with {num_channels} channels, which are {expected}")]
    Length {
        /// Samples given, all channels together.
        samples: usize,
        /// Samples that 10 ms are, all channels together.
        expected: usize,
        /// Samples a second.
        sample_rate: u32,
        /// Channels.
        num_channels: u32,
    },
    /// The sample rate or the number of channels cannot be processed.
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
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A text or byte stream broke off.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DataStreamError {
    /// The sender or the engine aborted it.
    #[error("the stream was aborted: {0}")]
    Aborted(String),
    /// The room ended while the stream was open.
    #[error("the room ended before the stream did")]
    Disconnected,
    /// It would be longer than the reader takes.
    #[error("the stream is longer than {limit} bytes")]
    TooLong {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The file could not be written.
    #[error("the file could not be written: {0}")]
    File(String),
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// End-to-end encryption could not be changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum E2eeError {
    /// The room was joined without [`RoomOptions::e2ee`](crate::RoomOptions::e2ee).
    #[error("the room was joined without end-to-end encryption")]
    NotConfigured,
    /// The engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}
