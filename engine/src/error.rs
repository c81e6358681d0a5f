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

impl RoomError {
    /// Classifies an error message of the engine by its prefix.
    ///
    /// The FFI protocol carries errors as text only. In the pinned build the text begins with the variants of the engine's
    /// error types (`EngineError`, `SignalError`), outermost first, and then the HTTP status if there is one. The rest is
    /// ignored: it quotes addresses, ports and servers' answers, which may hold any word.
    pub(crate) fn classify(message: &str) -> Self {
        let text = crate::log::redact(message);
        let lower = text.to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| lower.contains(word));
        if has(&["401", "403", "unauthorized", "invalid token", "not allowed", "permission", "forbidden"]) {
            return Self::NotAllowed(text);
        }
        let mut cause = message;
        while let Some(inner) = WRAPPERS.iter().find_map(|wrapper| cause.strip_prefix(wrapper)) {
            cause = inner;
        }
        let is = |variants: &[&str]| variants.iter().any(|variant| cause.starts_with(variant));
        if let Some(status) = HTTP_ERRORS.iter().find_map(|variant| cause.strip_prefix(variant)) {
            let digits = status.split(' ').next().unwrap_or_default();
            return match digits.parse() {
                Ok(401_u16 | 403) => Self::NotAllowed(text),
                _ => Self::Unreachable(text),
            };
        }
        let timeouts = [
            "signal connection timed out",
            "transport timed out",
            "failed to receive ",
            "internal error: track publication timed out",
        ];
        if is(&["access token has invalid characters", "request error: NotAllowed"]) {
            Self::NotAllowed(text)
        } else if is(&["failed to parse the url: "]) {
            Self::InvalidUrl(text)
        } else if is(&timeouts) {
            Self::Timeout(Duration::ZERO)
        } else if is(&["room closed", "already closed", "engine is closed"]) {
            Self::Closed
        } else if is(&["transport connection error: ", "failed to retrieve region info: ", "ws failure: "]) {
            Self::Unreachable(text)
        } else if is(&["connection error: ", "transport closed", "failed to send message to the server"]) {
            Self::Disconnected(text)
        } else {
            Self::Other(text)
        }
    }
}

/// Prefixes of error types that wrap another.
const WRAPPERS: [&str; 3] = ["room error ", "engine: ", "signal failure: "];
/// Prefixes of errors that are followed by an HTTP status.
const HTTP_ERRORS: [&str; 3] = ["client error: ", "server error: ", "handshake error: "];

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
    /// The room was joined without [`RoomOptions::e2ee`](crate::RoomOptions::e2ee).
    #[error("the room was joined without end-to-end encryption")]
    NotConfigured,
    /// Failure of the engine itself.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(message: &str) -> String {
        let debug = format!("{:?}", RoomError::classify(message));
        debug.split('(').next().unwrap_or_default().to_owned()
    }

    #[test]
    fn http_refusals_are_classified_by_status() {
        assert_eq!(classified("engine: signal failure: client error: 401 Unauthorized - no permissions"), "NotAllowed");
        assert_eq!(classified("engine: signal failure: client error: 403 Forbidden - "), "NotAllowed");
        assert_eq!(classified("request error: NotAllowed - does not have permission to update"), "NotAllowed");
        assert_eq!(classified("engine: signal failure: client error: 404 Not Found - 401"), "Unreachable");
        assert_eq!(classified("engine: signal failure: server error: 503 Service Unavailable - 403"), "Unreachable");
    }

    #[test]
    fn quoted_text_does_not_affect_the_classification() {
        let port = "engine: signal failure: transport connection error: url (http://127.0.0.1:14010/rtc) refused";
        assert_eq!(classified(port), "Unreachable");
        let host = "engine: signal failure: transport connection error: permission.example: dns error";
        assert_eq!(classified(host), "Unreachable");
        assert_eq!(classified("internal error: not allowed: timeout 403"), "Other");
    }

    #[test]
    fn an_unanswered_publication_is_a_timeout() {
        let unanswered = "room error engine: internal error: track publication timed out, no response received";
        assert_eq!(classified(unanswered), "Timeout");
    }
}
