//! Microphones and speakers, connected to the engine by 48 kHz mono audio in chunks of 10 ms.
//!
//! ```text
//! cpal callback ─> ring ─> microphone's thread: resample ─> 10 ms ─> AudioProcessing::captured ─> the sink (engine)
//! engine ─> MixerInput ─> ring ─> speaker's thread: mix ─> AudioProcessing::played ─> meter ─> resample ─> ring ─> cpal callback
//! ```
//!
//! The sound system's callbacks only move samples between its buffer and a lock-free ring.

mod chunk;
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

pub use chunk::{CHUNK_LEN, Chunk, SAMPLE_RATE};
pub(crate) use cpal_stream::identified_devices;
pub use cpal_stream::{list_microphones, list_speakers};
pub use level::{Level, LevelMeter};
pub use microphone::{Microphone, MicrophoneOptions};
pub use mixer::{Mixer, MixerInput};
pub use processing::AudioProcessing;
pub use speaker::{PlayoutMeter, Speaker};
pub use tone::{Tone, ToneMeter};
