//! Composition of the recorded video: layout, scaling and drawing of all participants into one frame.

mod canvas;
mod compose;
mod frame_buffer;
mod label;
mod layout;
mod scale;

pub(crate) use canvas::Canvas;
pub(crate) use compose::Composer;
pub(crate) use frame_buffer::FrameBuffer;
pub(crate) use layout::{Person, Scene};

/// Width of the recording in pixels.
pub(crate) const WIDTH: usize = 1280;
/// Height of the recording in pixels.
pub(crate) const HEIGHT: usize = 720;
