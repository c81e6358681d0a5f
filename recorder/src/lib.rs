//! Records one room to one file: see `docs/recording.md`.
//!
//! ```text
//! engine ─ video ─> FrameBuffer (per track, 400 ms) ─> Composer ─ 30 frames per second ─┐
//! engine ─ audio ─> Lane (per track, delays) ────────> Mixer ─ blocks of 10 ms ─────────┴─> Encoder (GStreamer) ─> .mkv ─> .mp4
//! ```
//!
//! The recording's thread is the only clock: it takes a frame every 1/30 s and a block of audio every 10 ms, and gives
//! both their exact timestamps. The buffers before it absorb jitter, bursts and gaps.

mod audio;
mod encoder;
mod error;
mod part;
mod recording;
mod remux;
mod session;
mod texts;
mod video;

use std::sync::OnceLock;

pub use error::RecorderError;
pub use part::{Part, recover};
pub use recording::{Outcome, record};

/// Initializes GStreamer, once.
pub(crate) fn init() -> Result<(), RecorderError> {
    static STARTED: OnceLock<Result<(), String>> = OnceLock::new();
    let started = STARTED.get_or_init(|| gstreamer::init().map_err(|error| error.to_string()));
    started.clone().map_err(RecorderError::GStreamer)
}
