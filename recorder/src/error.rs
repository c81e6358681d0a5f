//! What can go wrong.

use std::path::PathBuf;

use autamedica_engine::RoomError;

/// Why nothing was recorded, or what was recorded isn't whole.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecorderError {
    /// The order can't be carried out.
    #[error("the order can't be carried out: {0}")]
    BadOrder(String),
    /// The room can't be joined.
    #[error("the room can't be joined")]
    NotJoined(#[source] RoomError),
    /// A folder or file can't be used.
    #[error("{path} can't be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A GStreamer element isn't installed.
    #[error("GStreamer has none of {0}: install the packages that docs/recording.md names")]
    MissingElement(String),
    /// GStreamer itself fails.
    #[error("GStreamer: {0}")]
    GStreamer(String),
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The clock or the encoder's thread can't be started.
    #[error("a thread can't be started")]
    Thread(#[source] std::io::Error),
    /// There is nothing to recover.
    #[error("no recording is called {0}")]
    NoSuchRecording(PathBuf),
}

impl RecorderError {
    /// For `map_err`: which file it was.
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
