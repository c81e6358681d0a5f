//! Audio between devices and engine.

/// Sample rate everywhere but at the devices.
pub const SAMPLE_RATE: u32 = 48_000;
/// Number of samples in 10 ms.
pub const CHUNK_LEN: usize = SAMPLE_RATE as usize / 100;
/// 10 ms of mono audio.
pub type Chunk = [i16; CHUNK_LEN];
