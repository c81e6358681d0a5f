//! Records one room to one file: see `docs/recording.md`.
//!
//! ```text
//! engine ─ pictures ─> Feed (one a track, 200 ms deep) ─> Composer ─ 30 a second ─┐
//! engine ─ sound ────> Lane (one a track, holds back) ──> Mixer ─ 10 ms a block ──┴─> Encoder (GStreamer) ─> .mkv ─> .mp4
//! ```
//!
//! One clock rules: the recording's thread takes a picture each thirtieth of a second and 10 ms of sound each hundredth,
//! and gives both their exact place in the file. Whatever comes late, in bursts or not at all is evened out before it.

mod encoder;
mod error;
mod part;
mod picture;
mod recording;
mod remux;
mod session;
mod sound;
mod texts;

use std::sync::OnceLock;

pub use error::RecorderError;
pub use part::{Part, recover};
pub use recording::{Outcome, record};

/// Starts GStreamer, once.
pub(crate) fn init() -> Result<(), RecorderError> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| gstreamer::init().map_err(|error| error.to_string()));
    started.clone().map_err(RecorderError::GStreamer)
}
