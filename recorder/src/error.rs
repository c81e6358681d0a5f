//! Errors of the recorder.

use std::path::PathBuf;

use autamedica_engine::RoomError;

/// Failure to record, to complete a file or to recover one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The order is invalid.
    #[error("the order is invalid: {0}")]
    BadOrder(String),
    /// The room can't be joined.
    #[error("the room can't be joined")]
    NotJoined(#[source] RoomError),
    /// A folder or file is not accessible.
    #[error("{path} is not accessible")]
    File {
        /// Path of the folder or file.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// A GStreamer element isn't installed.
    #[error("GStreamer has none of {0}: install the packages that docs/recording.md names")]
    MissingElement(String),
    /// Error of GStreamer.
    #[error("GStreamer: {0}")]
    GStreamer(String),
    /// GStreamer did not reach the end of the stream in time.
    #[error("GStreamer did not reach the end of the stream in time")]
    Timeout,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The runtime of the session can't be started.
    #[error("the runtime can't be started")]
    Thread(#[source] std::io::Error),
    /// The recording to recover does not exist.
    #[error("there is no recording {0}")]
    NoSuchRecording(PathBuf),
}

impl RecorderError {
    /// Converts an I/O error about this path, for `map_err`.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| {
            if source.kind() == std::io::ErrorKind::StorageFull { Self::DiskFull } else { Self::File { path, source } }
        }
    }
}

impl From<gstreamer::glib::Error> for RecorderError {
    fn from(error: gstreamer::glib::Error) -> Self {
        if error.matches(gstreamer::ResourceError::NoSpaceLeft) {
            return Self::DiskFull;
        }
        Self::GStreamer(error.to_string())
    }
}

impl From<gstreamer::glib::BoolError> for RecorderError {
    fn from(error: gstreamer::glib::BoolError) -> Self {
        Self::GStreamer(error.to_string())
    }
}

impl From<gstreamer::StateChangeError> for RecorderError {
    fn from(error: gstreamer::StateChangeError) -> Self {
        Self::GStreamer(error.to_string())
    }
}
