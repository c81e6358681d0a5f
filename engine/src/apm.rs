//! Audio processing: echo cancellation, noise suppression, gain control, high-pass filter.

use std::fmt;

use crate::backend;
use crate::error::{ApmError, EngineError};
use crate::options::AudioProcessingOptions;

/// WebRTC's audio processing for one microphone.
///
/// To be called every 10 ms in this order: [`process_reverse_stream`](Self::process_reverse_stream) with the played
/// audio, [`set_stream_delay_ms`](Self::set_stream_delay_ms) if the delay has changed,
/// [`process_stream`](Self::process_stream) with the captured audio.
pub struct AudioProcessingModule {
    object: backend::AudioProcessor,
}

impl AudioProcessingModule {
    /// Creates a module with these options.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn new(options: AudioProcessingOptions) -> Result<Self, EngineError> {
        Ok(Self { object: backend::AudioProcessor::new(options)? })
    }

    /// Processes 10 ms of captured audio, interleaved, in place.
    ///
    /// # Errors
    /// [`ApmError::Length`] unless `data` is exactly 10 ms, [`ApmError::Format`] for an unsupported format,
    /// [`ApmError::Failed`], [`ApmError::Engine`].
    pub fn process_stream(&mut self, data: &mut [i16], sample_rate: u32, num_channels: u32) -> Result<(), ApmError> {
        check_length(data.len(), sample_rate, num_channels)?;
        self.object.process_stream(data, sample_rate, num_channels)
    }

    /// Passes 10 ms of played audio, interleaved, as the reference of the echo canceller. May modify `data`.
    ///
    /// # Errors
    /// As [`process_stream`](Self::process_stream).
    pub fn process_reverse_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: u32,
        num_channels: u32,
    ) -> Result<(), ApmError> {
        check_length(data.len(), sample_rate, num_channels)?;
        self.object.process_reverse_stream(data, sample_rate, num_channels)
    }

    /// Sets the delay in milliseconds between the same audio in
    /// [`process_reverse_stream`](Self::process_reverse_stream) and, through speaker, air and microphone, in
    /// [`process_stream`](Self::process_stream).
    ///
    /// # Errors
    /// [`ApmError::Failed`] or [`ApmError::Engine`].
    pub fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), ApmError> {
        self.object.set_stream_delay_ms(delay_ms)
    }
}

impl fmt::Debug for AudioProcessingModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioProcessingModule").finish_non_exhaustive()
    }
}

/// Checks that the samples are exactly 10 ms: the engine would abort the process at any other length.
fn check_length(samples: usize, sample_rate: u32, num_channels: u32) -> Result<(), ApmError> {
    if !(8_000..=384_000).contains(&sample_rate) || !sample_rate.is_multiple_of(100) || !(1..=2).contains(&num_channels)
    {
        return Err(ApmError::Format { sample_rate, num_channels });
    }
    let expected = (sample_rate / 100 * num_channels) as usize;
    if samples != expected {
        return Err(ApmError::Length { samples, expected, sample_rate, num_channels });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_of_ten_milliseconds_are_accepted() {
        assert_eq!(check_length(480, 48_000, 1), Ok(()));
        assert_eq!(check_length(882, 44_100, 2), Ok(()));
        for (samples, rate, channels) in [(479, 48_000, 1), (480, 48_000, 2), (0, 48_000, 1), (960, 48_000, 1)] {
            assert!(matches!(check_length(samples, rate, channels), Err(ApmError::Length { .. })));
        }
        for (samples, rate, channels) in [(0, 0, 1), (110, 11_025, 1), (0, 48_000, 0), (1440, 48_000, 3)] {
            assert!(matches!(check_length(samples, rate, channels), Err(ApmError::Format { .. })));
        }
    }
}
