//! Microphones and speakers, and what lies between them and the engine: 48 kHz, mono, 10 ms at a time.
//!
//! ```text
//! cpal callback ─> ring ─> microphone's thread: resample ─> 10 ms ─> AudioProcessing::captured ─> the sink (engine)
//! engine ─> MixerInput ─> ring ─> speaker's thread: mix ─> AudioProcessing::played ─> meter ─> resample ─> ring ─> cpal callback
//! ```
//!
//! The callbacks of the sound system only move samples between its buffer and a lock-free ring.

mod cpal_stream;
mod downmix;
mod host;
mod level;
mod microphone;
mod mixer;
mod processing;
mod resample;
mod speaker;
mod tone;

pub use cpal_stream::{list_microphones, list_speakers};
pub use level::{Level, LevelMeter};
pub use microphone::{Microphone, MicrophoneOptions};
pub use mixer::{Mixer, MixerInput};
pub use processing::AudioProcessing;
pub use speaker::{PlayoutMeter, Speaker};
pub use tone::{Tone, ToneMeter};

/// Samples a second, everywhere but at the devices.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples in 10 ms.
pub const CHUNK_LEN: usize = SAMPLE_RATE as usize / 100;
/// 10 ms of mono sound.
pub type Chunk = [i16; CHUNK_LEN];
