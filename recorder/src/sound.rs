//! Sound: a lane for each track, all mixed into one.
//!
//! Everything is 48 kHz stereo, in blocks of 10 ms, interleaved.

mod lane;
mod mixer;

pub(crate) use mixer::Mixer;

/// Samples a second of each channel.
pub(crate) const RATE: u32 = 48_000;
/// Channels.
pub(crate) const CHANNELS: usize = 2;
/// Moments in a block of 10 ms.
pub(crate) const BLOCK: usize = RATE as usize / 100;
/// 10 ms of sound.
pub(crate) type Block = [i16; BLOCK * CHANNELS];
