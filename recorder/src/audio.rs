//! Audio: a lane for each track, and the mixer of all lanes.
//!
//! All audio is interleaved 48 kHz stereo in blocks of 10 ms.

mod lane;
mod mixer;

pub(crate) use mixer::Mixer;

/// Samples per second and channel.
pub(crate) const RATE: u32 = 48_000;
/// Number of channels.
pub(crate) const CHANNELS: usize = 2;
/// Samples per channel in a block of 10 ms.
pub(crate) const BLOCK: usize = RATE as usize / 100;
/// Block of 10 ms.
pub(crate) type Block = [i16; BLOCK * CHANNELS];
