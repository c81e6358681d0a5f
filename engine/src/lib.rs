//! Safe async Rust over LiveKit's prebuilt media engine.

mod frame;

pub use frame::{LatestFrame, Plane, VideoFrame, VideoRotation};

/// How good a participant's connection is, as the SFU sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ConnectionQuality {
    /// Barely usable.
    Poor,
    /// Some loss or delay.
    Good,
    /// Nothing to complain about.
    #[default]
    Excellent,
    /// Not connected.
    Lost,
}
