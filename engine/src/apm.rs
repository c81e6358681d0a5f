//! Audio processing: echo cancellation, noise suppression, gain control, high-pass filter.

use std::fmt;

use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;

use crate::dispatch::{Engine, take};
use crate::error::{ApmError, EngineError};
use crate::ffi::Handle;
use crate::proto;

/// What is to be done to the microphone's sound. All off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AudioProcessingOptions {
    /// Take out what the speaker plays.
    pub echo_cancellation: bool,
    /// Take out steady noise.
    pub noise_suppression: bool,
    /// Make quiet voices louder, and loud ones quieter.
    pub auto_gain_control: bool,
    /// Take out rumble.
    pub high_pass_filter: bool,
}

/// WebRTC's audio processing for one microphone.
///
/// Every 10 ms: first [`process_reverse_stream`](Self::process_reverse_stream) with what the speaker plays, then
/// [`set_stream_delay_ms`](Self::set_stream_delay_ms) if it has changed, then
/// [`process_stream`](Self::process_stream) with what the microphone heard.
pub struct AudioProcessingModule {
    handle: Handle,
}

impl AudioProcessingModule {
    /// A module that does what the options say.
    ///
    /// # Errors
    /// When the engine cannot.
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

    /// Processes 10 ms of the microphone's sound in place: interleaved samples.
    ///
    /// # Errors
    /// [`ApmError::Length`] unless it is exactly 10 ms, [`ApmError::Format`] for a format that is none.
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
        failed(take!(response, Response::ApmProcessStream)?.error)
    }

    /// Tells what the speaker plays: 10 ms of interleaved samples, which may be changed.
    ///
    /// # Errors
    /// [`ApmError::Length`] unless it is exactly 10 ms, [`ApmError::Format`] for a format that is none.
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
        failed(take!(response, Response::ApmProcessReverseStream)?.error)
    }

    /// Tells how long sound takes from [`process_reverse_stream`](Self::process_reverse_stream) through speaker, air and
    /// microphone to [`process_stream`](Self::process_stream), in milliseconds.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), ApmError> {
        let request = proto::ApmSetStreamDelayRequest { apm_handle: self.handle.id(), delay_ms };
        let response = Engine::get()?.request("ApmSetStreamDelay", Request::ApmSetStreamDelay(request))?;
        failed(take!(response, Response::ApmSetStreamDelay)?.error)
    }
}

impl fmt::Debug for AudioProcessingModule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AudioProcessingModule").finish_non_exhaustive()
    }
}

fn failed(error: Option<String>) -> Result<(), ApmError> {
    error.map_or(Ok(()), |error| Err(ApmError::Failed(error)))
}

/// The size in bytes of exactly 10 ms. With anything else, the engine would abort the process.
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
    fn only_ten_milliseconds_pass() {
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
