//! Areas and errors in replies of the X server.

use x11rb::errors::{ConnectionError, ReplyError};

use crate::DeviceProblem;

/// Position and size in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Area {
    pub(super) x: i16,
    pub(super) y: i16,
    pub(super) width: u16,
    pub(super) height: u16,
}

/// Logs a failed request and returns the problem of the device.
pub(super) fn failed(error: ReplyError) -> DeviceProblem {
    tracing::info!(%error, "request to the X server failed");
    match error {
        ReplyError::ConnectionError(_) => DeviceProblem::Unplugged,
        ReplyError::X11Error(_) => DeviceProblem::Failed,
    }
}

/// Logs a lost connection and returns the problem of the device.
pub(super) fn lost(error: ConnectionError) -> DeviceProblem {
    failed(error.into())
}
