//! Microphones and speakers, connected to the engine by 48 kHz mono audio in chunks of 10 ms.
//!
//! ```text
//! cpal callback ─> ring ─> microphone's thread: resample ─> 10 ms ─> AudioProcessing::captured ─> the sink (engine)
//! engine ─> MixerInput ─> ring ─> speaker's thread: mix ─> AudioProcessing::played ─> meter ─> resample ─> ring ─> cpal callback
//! ```
//!
//! The sound system's callbacks only move samples between its buffer and a lock-free ring.

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

pub(super) use cpal_stream::identified_devices;
pub use cpal_stream::{list_microphones, list_speakers};
pub use level::{Level, LevelMeter};
pub use microphone::{Microphone, MicrophoneOptions};
pub use mixer::{Mixer, MixerInput};
pub use processing::AudioProcessing;
pub use speaker::{PlayoutMeter, Speaker};
pub use tone::{Tone, ToneMeter};

/// Sample rate everywhere but at the devices.
pub const SAMPLE_RATE: u32 = 48_000;
/// Number of samples in 10 ms.
pub const CHUNK_LEN: usize = SAMPLE_RATE as usize / 100;
/// 10 ms of mono audio.
pub type Chunk = [i16; CHUNK_LEN];
