//! Audio processing: echo cancellation, noise suppression, gain control, high-pass filter.

use std::fmt;

use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;

use crate::dispatch::{Engine, take};
use crate::error::{ApmError, EngineError};
use crate::ffi::Handle;
use crate::proto;

/// Processing steps for the captured audio. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioProcessingOptions {
    /// Removes the audio of the speaker.
    pub echo_cancellation: bool,
    /// Removes steady noise.
    pub noise_suppression: bool,
    /// Levels loud and quiet voices.
    pub auto_gain_control: bool,
    /// Removes low-frequency rumble.
    pub high_pass_filter: bool,
}

/// WebRTC's audio processing for one microphone.
///
/// To be called every 10 ms in this order: [`process_reverse_stream`](Self::process_reverse_stream) with the played
/// audio, [`set_stream_delay_ms`](Self::set_stream_delay_ms) if the delay has changed,
/// [`process_stream`](Self::process_stream) with the captured audio.
pub struct AudioProcessingModule {
    handle: Handle,
}

impl AudioProcessingModule {
    /// Creates a module with these options.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn new(options: AudioProcessingOptions) -> Result<Self, EngineError> {
        let request = proto::NewApmRequest {
            echo_canceller_enabled: options.echo_cancellation,
            gain_controller_enabled: options.auto_gain_control,
            high_pass_filter_enabled: options.high_pass_filter,
            noise_suppression_enabled: options.noise_suppression,
        };
        let response = Engine::get()?.request("NewApm", Request::NewApm(request))?;
        let response = take!(response, Response::NewApm)?;
        Ok(Self { handle: Handle::new(response.apm.handle) })
    }

    /// Processes 10 ms of captured audio, interleaved, in place.
    ///
    /// # Errors
    /// [`ApmError::Length`] unless `data` is exactly 10 ms, [`ApmError::Format`] for an unsupported format,
    /// [`ApmError::Failed`], [`ApmError::Engine`].
    pub fn process_stream(&mut self, data: &mut [i16], sample_rate: u32, num_channels: u32) -> Result<(), ApmError> {
        let size = checked_size(data.len(), sample_rate, num_channels)?;
        let request = proto::ApmProcessStreamRequest {
            apm_handle: self.handle.id(),
            data_ptr: data.as_mut_ptr() as usize as u64,
            size,
            sample_rate,
            num_channels,
        };
        let response = Engine::get()?.request("ApmProcessStream", Request::ApmProcessStream(request))?;
        check(take!(response, Response::ApmProcessStream)?.error)
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
        let size = checked_size(data.len(), sample_rate, num_channels)?;
        let request = proto::ApmProcessReverseStreamRequest {
            apm_handle: self.handle.id(),
            data_ptr: data.as_mut_ptr() as usize as u64,
            size,
            sample_rate,
            num_channels,
        };
        let response = Engine::get()?.request("ApmProcessReverseStream", Request::ApmProcessReverseStream(request))?;
        check(take!(response, Response::ApmProcessReverseStream)?.error)
    }

    /// Sets the delay in milliseconds between the same audio in
    /// [`process_reverse_stream`](Self::process_reverse_stream) and, through speaker, air and microphone, in
    /// [`process_stream`](Self::process_stream).
    ///
    /// # Errors
    /// [`ApmError::Failed`] or [`ApmError::Engine`].
    pub fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), ApmError> {
        let request = proto::ApmSetStreamDelayRequest { apm_handle: self.handle.id(), delay_ms };
        let response = Engine::get()?.request("ApmSetStreamDelay", Request::ApmSetStreamDelay(request))?;
        check(take!(response, Response::ApmSetStreamDelay)?.error)
    }
}

impl fmt::Debug for AudioProcessingModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioProcessingModule").finish_non_exhaustive()
    }
}

fn check(error: Option<String>) -> Result<(), ApmError> {
    error.map_or(Ok(()), |error| Err(ApmError::Failed(error)))
}

/// Returns the size in bytes of exactly 10 ms, and an error for any other length: the engine would abort the process.
fn checked_size(samples: usize, sample_rate: u32, num_channels: u32) -> Result<u32, ApmError> {
    if !(8_000..=384_000).contains(&sample_rate) || !sample_rate.is_multiple_of(100) || !(1..=2).contains(&num_channels)
    {
        return Err(ApmError::Format { sample_rate, num_channels });
    }
    let expected = (sample_rate / 100 * num_channels) as usize;
    if samples != expected {
        return Err(ApmError::Length { samples, expected, sample_rate, num_channels });
    }
    Ok((samples * size_of::<i16>()) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_frames_of_ten_milliseconds_are_accepted() {
        assert_eq!(checked_size(480, 48_000, 1), Ok(960));
        assert_eq!(checked_size(882, 44_100, 2), Ok(1764));
        for (samples, rate, channels) in [(479, 48_000, 1), (480, 48_000, 2), (0, 48_000, 1), (960, 48_000, 1)] {
            assert!(matches!(checked_size(samples, rate, channels), Err(ApmError::Length { .. })));
        }
        for (samples, rate, channels) in [(0, 0, 1), (110, 11_025, 1), (0, 48_000, 0), (1440, 48_000, 3)] {
            assert!(matches!(checked_size(samples, rate, channels), Err(ApmError::Format { .. })));
        }
    }
}
