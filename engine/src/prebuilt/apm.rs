//! Audio processing.

use proto::ffi_request::Message as Request;
use proto::ffi_response::Message as Response;

use crate::error::{ApmError, EngineError};
use crate::options::AudioProcessingOptions;
use crate::prebuilt::dispatch::{Engine, take};
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;

/// An audio processing module of the engine. Its callers pass frames of exactly 10 ms: the engine aborts the process at any
/// other length.
pub(crate) struct AudioProcessor(Handle);

impl AudioProcessor {
    pub(crate) fn new(options: AudioProcessingOptions) -> Result<Self, EngineError> {
        let request = proto::NewApmRequest {
            echo_canceller_enabled: options.echo_cancellation,
            gain_controller_enabled: options.auto_gain_control,
            high_pass_filter_enabled: options.high_pass_filter,
            noise_suppression_enabled: options.noise_suppression,
        };
        let response = Engine::get()?.request("NewApm", Request::NewApm(request))?;
        let response = take!(response, Response::NewApm)?;
        Ok(Self(Handle::new(response.apm.handle)))
    }

    pub(crate) fn process_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: u32,
        num_channels: u32,
    ) -> Result<(), ApmError> {
        let request = proto::ApmProcessStreamRequest {
            apm_handle: self.0.id(),
            data_ptr: data.as_mut_ptr() as usize as u64,
            size: size_of_val(data) as u32,
            sample_rate,
            num_channels,
        };
        let response = Engine::get()?.request("ApmProcessStream", Request::ApmProcessStream(request))?;
        check(take!(response, Response::ApmProcessStream)?.error)
    }

    pub(crate) fn process_reverse_stream(
        &mut self,
        data: &mut [i16],
        sample_rate: u32,
        num_channels: u32,
    ) -> Result<(), ApmError> {
        let request = proto::ApmProcessReverseStreamRequest {
            apm_handle: self.0.id(),
            data_ptr: data.as_mut_ptr() as usize as u64,
            size: size_of_val(data) as u32,
            sample_rate,
            num_channels,
        };
        let response = Engine::get()?.request("ApmProcessReverseStream", Request::ApmProcessReverseStream(request))?;
        check(take!(response, Response::ApmProcessReverseStream)?.error)
    }

    pub(crate) fn set_stream_delay_ms(&mut self, delay_ms: i32) -> Result<(), ApmError> {
        let request = proto::ApmSetStreamDelayRequest { apm_handle: self.0.id(), delay_ms };
        let response = Engine::get()?.request("ApmSetStreamDelay", Request::ApmSetStreamDelay(request))?;
        check(take!(response, Response::ApmSetStreamDelay)?.error)
    }
}

fn check(error: Option<String>) -> Result<(), ApmError> {
    error.map_or(Ok(()), |error| Err(ApmError::Failed(error)))
}
