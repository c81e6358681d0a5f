//! An open camera.

use std::sync::Arc;

use autamedica_engine::VideoFrame;

use crate::DeviceProblem;

/// Maximum number of damaged frames in a row. Single ones are common with USB cameras.
pub(super) const MAX_DAMAGED: u32 = 60;

/// Open camera. Abstracts from nokhwa.
pub trait CameraStream {
    /// Returns the name to display.
    fn name(&self) -> &str;

    /// Waits for the next frame, for as long as the driver blocks.
    ///
    /// # Errors
    /// [`DeviceProblem`] that ended the stream.
    fn next_frame(&mut self) -> Result<VideoFrame, DeviceProblem>;
}

/// Opens a camera on the thread that reads from it.
pub(super) type Open = Arc<dyn Fn() -> Result<Box<dyn CameraStream>, DeviceProblem> + Send + Sync>;

/// Returns the problem of a V4L2 error number.
pub(super) fn problem_of_number(number: i32) -> DeviceProblem {
    match number {
        libc::EBUSY => DeviceProblem::Busy,
        libc::EACCES | libc::EPERM => DeviceProblem::Denied,
        libc::ENODEV | libc::ENXIO | libc::ENOENT => DeviceProblem::NotFound,
        libc::EINVAL | libc::ENOTTY => DeviceProblem::Unsupported,
        _ => DeviceProblem::Failed,
    }
}
