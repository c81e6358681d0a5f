//! The picture: who and what there is, arranged, scaled and drawn into one.

mod canvas;
mod compose;
mod feed;
mod layout;
mod scale;
mod sticker;

pub(crate) use canvas::Canvas;
pub(crate) use compose::Composer;
pub(crate) use feed::Feed;
pub(crate) use layout::{Person, Scene};

/// Width of the recording in pixels.
pub(crate) const WIDTH: usize = 1280;
/// Height of the recording in pixels.
pub(crate) const HEIGHT: usize = 720;
