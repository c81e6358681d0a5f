//! Opens the sound system's devices in the format that they have.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use cpal::traits::{DeviceTrait, HostTrait, StreamTrait};
use cpal::{BufferSize, Data, ErrorKind, FromSample, I24, Sample, SampleFormat, SizedSample, StreamConfig};
use cpal::{SupportedBufferSize, SupportedStreamConfig};
use parking_lot::Mutex;
use rtrb::{Consumer, Producer, RingBuffer};

use super::downmix::Downmix;
use super::host;
use crate::device::{DeviceChoice, DeviceProblem, named, selected};

/// Timeout of opening a device.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Capacity in seconds of the ring between callback and thread.
const RING_SECONDS: f32 = 0.5;

/// Open device. Dropping it closes it, which may take a while.
pub(super) struct OpenDevice<Ring> {
    pub name: String,
    /// Sample rate of the device.
    pub rate: u32,
    /// Mono samples from (microphone) or to (speaker) the device.
    pub ring: Ring,
    pub status: Arc<Status>,
    _stream: cpal::Stream,
}

/// State that the sound system's callbacks share with the device's thread.
#[derive(Debug, Default)]
pub(super) struct Status {
    problem: Mutex<Option<DeviceProblem>>,
    callbacks: AtomicU64,
    /// Recent maximum of frames per callback.
    period: AtomicU32,
    delay_us: AtomicU64,
    missed: AtomicU64,
}

impl Status {
    /// Returns the problem that ended the stream, if any.
    pub fn problem(&self) -> Option<DeviceProblem> {
        *self.problem.lock()
    }

    /// Returns the number of callbacks; a stalled device has no more.
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    /// Returns the recent maximum of frames per callback.
    pub fn period(&self) -> usize {
        self.period.load(Ordering::Relaxed) as usize
    }

    /// Returns the delay between the callback and the air.
    pub fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_us.load(Ordering::Relaxed))
    }

    /// Returns the number of samples that were not available in time (speaker) or did not fit into the ring
    /// (microphone).
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn called(&self, frames: usize, delay: Duration, missed: usize) {
        // Decays, because the first callbacks of a device that fills its buffer are large.
        let lately = self.period.load(Ordering::Relaxed);
        self.period.store((frames as u32).max(lately - lately / 8), Ordering::Relaxed);
        self.delay_us.store(delay.as_micros() as u64, Ordering::Relaxed);
        self.missed.fetch_add(missed as u64, Ordering::Relaxed);
        self.callbacks.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, error: &cpal::Error) {
        match error.kind() {
            ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {
                tracing::debug!(%error, "sound stream interrupted");
            }
            _ => {
                // Some drivers report the error repeatedly until the stream is closed.
                self.problem.lock().get_or_insert_with(|| {
                    tracing::info!(%error, "sound device failed");
                    match problem_of(error) {
                        // The device was there when it was opened.
                        DeviceProblem::NotFound => DeviceProblem::Unplugged,
                        problem => problem,
                    }
                });
            }
        }
    }
}

fn problem_of(error: &cpal::Error) -> DeviceProblem {
    match error.kind() {
        ErrorKind::DeviceBusy => DeviceProblem::Busy,
        ErrorKind::PermissionDenied => DeviceProblem::Denied,
        ErrorKind::DeviceNotAvailable | ErrorKind::HostUnavailable => DeviceProblem::NotFound,
        ErrorKind::UnsupportedConfig | ErrorKind::UnsupportedOperation => DeviceProblem::Unsupported,
        _ => DeviceProblem::Failed,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Direction {
    Input,
    Output,
}

/// Returns the names of this machine's microphones; equal names are numbered. Blocks on the sound system: not for the
/// UI thread.
pub fn list_microphones() -> Vec<String> {
    named_devices(Direction::Input).into_iter().map(|(name, _)| name).collect()
}

/// Returns the names of this machine's speakers; equal names are numbered. Blocks on the sound system: not for the UI
/// thread.
pub fn list_speakers() -> Vec<String> {
    named_devices(Direction::Output).into_iter().map(|(name, _)| name).collect()
}

/// Returns microphones and speakers, each with its name and identifier. Blocks on the sound system.
pub fn identified_devices() -> [Vec<(String, Option<String>)>; 2] {
    [Direction::Input, Direction::Output].map(|direction| {
        named_devices(direction).into_iter().map(|(name, device)| (name, stable_id(&device))).collect()
    })
}

/// Returns the devices in the system's order, with unique names.
///
/// Equal names are numbered by the system's identifier, which contains the USB port or serial number, so that "(2)"
/// stays the same device.
fn named_devices(direction: Direction) -> Vec<(String, cpal::Device)> {
    let mut found: Vec<(Option<String>, cpal::Device)> = Vec::new();
    for device in devices(direction) {
        let id = stable_id(&device);
        // ALSA lists a device repeatedly.
        if id.is_some() || found.iter().all(|(_, known)| name_of(known) != name_of(&device)) {
            found.push((id, device));
        }
    }
    let named = named(found, |(_, device)| name_of(device), |(id, _)| id.clone());
    named.into_iter().map(|(name, (_, device))| (name, device)).collect()
}

fn devices(direction: Direction) -> Vec<cpal::Device> {
    let list = |host: &cpal::Host| {
        let devices: Result<Vec<_>, _> = match direction {
            Direction::Input => host.input_devices().map(Iterator::collect),
            Direction::Output => host.output_devices().map(Iterator::collect),
        };
        devices.inspect_err(|error| tracing::debug!(%error, "sound devices not listed")).ok()
    };
    let mut devices = host::ask(list).unwrap_or_default();
    if direction == Direction::Input {
        devices.retain(|device| !is_monitor(device));
    }
    devices
}

/// Returns whether a microphone is a monitor of a speaker. PulseAudio lists those too and makes one the default when
/// there is no microphone, so that participants would hear themselves.
fn is_monitor(device: &cpal::Device) -> bool {
    stable_id(device).is_some_and(|id| id.ends_with(".monitor"))
}

/// Returns the system's identifier of a device; ALSA's do not tell devices apart.
fn stable_id(device: &cpal::Device) -> Option<String> {
    let id = device.id().ok()?;
    (id.host().name() != "ALSA").then(|| id.id().to_owned())
}

fn name_of(device: &cpal::Device) -> String {
    device.description().map_or_else(|_| "?".to_owned(), |description| description.name().to_owned())
}

/// Finds the device and its name.
fn find(choice: &DeviceChoice, direction: Direction) -> Result<(String, cpal::Device), DeviceProblem> {
    let named = named_devices(direction);
    if choice.name().is_some() {
        let named = selected(named, choice, |(name, _)| name.clone(), |(_, device)| stable_id(device));
        return named.into_iter().next().ok_or(DeviceProblem::NotFound);
    }
    let default = host::ask(|host| match direction {
        Direction::Input => host.default_input_device(),
        Direction::Output => host.default_output_device(),
    });
    let default = default.filter(|device| direction == Direction::Output || !is_monitor(device));
    let Some(default) = default else {
        return named.into_iter().next().ok_or(DeviceProblem::NotFound);
    };
    let id = stable_id(&default);
    let known = named.into_iter().find(|(_, device)| id.is_some() && stable_id(device) == id);
    Ok((known.map_or_else(|| name_of(&default), |(name, _)| name), default))
}

/// Returns the number of channels to request. If the microphone's channels are numbered (aux0, aux1, …), the stream's
/// must be too: a stream of eight channels would be one for cinema speakers, which the sound server fills with silence.
fn input_channels(device: &cpal::Device, channels: u16) -> u16 {
    let numbered = stable_id(device).is_some_and(|id| host::has_numbered_channels(&id));
    match channels {
        1..=9 if numbered => 9,
        10 | 11 if numbered => 11,
        12 | 13 if numbered => 13,
        channels => channels,
    }
}

/// Returns the device's own rate and channels, with callbacks of `period` where that can be selected.
fn config(supported: &SupportedStreamConfig, period: Duration) -> StreamConfig {
    let frames = (period.as_secs_f32() * supported.sample_rate() as f32) as u32;
    let mut config = supported.config();
    config.buffer_size = match supported.buffer_size() {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(frames.clamp(*min, (*max).max(*min))),
        SupportedBufferSize::Unknown => BufferSize::Default,
    };
    config
}

/// Opens a microphone. Calls `wake` after each callback.
///
/// # Errors
/// [`DeviceProblem`] when the device is not found, not usable, or its stream does not start.
pub(super) fn open_input(
    choice: &DeviceChoice,
    period: Duration,
    wake: impl Fn() + Send + 'static,
) -> Result<OpenDevice<Consumer<f32>>, DeviceProblem> {
    let (name, device) = find(choice, Direction::Input)?;
    let supported = device.default_input_config().map_err(|error| refused(&device, &error))?;
    let (producer, consumer) = ring(supported.sample_rate());
    let wanted_channels = input_channels(&device, supported.channels());
    let mix = Downmix::new(wanted_channels.into());
    let (input, status) = (Arc::new(Mutex::new(Input { ring: producer, mix, wake })), Arc::<Status>::default());
    let build = |config: StreamConfig| {
        let config = StreamConfig { channels: wanted_channels, ..config };
        let (input, status, failed) = (Arc::clone(&input), Arc::clone(&status), Arc::clone(&status));
        let channels = usize::from(config.channels);
        let data = move |data: &Data, info: &cpal::InputCallbackInfo| {
            let times = info.timestamp();
            let delay = times.callback.duration_since(times.capture);
            // Uncontended: only the callback of the stream that works locks it.
            let missed = input.lock().take(data, channels);
            status.called(data.len() / channels, delay, missed);
        };
        let error = move |error| failed.failed(&error);
        device.build_input_stream_raw(config, supported.sample_format(), data, error, Some(OPEN_TIMEOUT))
    };
    let stream = build_and_play(&device, &supported, period, build)?;
    Ok(OpenDevice { name, rate: supported.sample_rate(), ring: consumer, status, _stream: stream })
}

/// Opens a speaker. Calls `wake` after each callback.
///
/// # Errors
/// As [`open_input`].
pub(super) fn open_output(
    choice: &DeviceChoice,
    period: Duration,
    wake: impl Fn() + Send + 'static,
) -> Result<OpenDevice<Producer<f32>>, DeviceProblem> {
    let (name, device) = find(choice, Direction::Output)?;
    let supported = device.default_output_config().map_err(|error| refused(&device, &error))?;
    let (producer, consumer) = ring(supported.sample_rate());
    let (output, status) = (Arc::new(Mutex::new(Output { ring: consumer, wake })), Arc::<Status>::default());
    let build = |config: StreamConfig| {
        let (output, status, failed) = (Arc::clone(&output), Arc::clone(&status), Arc::clone(&status));
        let channels = usize::from(config.channels);
        let data = move |data: &mut Data, info: &cpal::OutputCallbackInfo| {
            let times = info.timestamp();
            let delay = times.playback.duration_since(times.callback);
            let missed = output.lock().give(data, channels);
            status.called(data.len() / channels, delay, missed);
        };
        let error = move |error| failed.failed(&error);
        device.build_output_stream_raw(config, supported.sample_format(), data, error, Some(OPEN_TIMEOUT))
    };
    let stream = build_and_play(&device, &supported, period, build)?;
    Ok(OpenDevice { name, rate: supported.sample_rate(), ring: producer, status, _stream: stream })
}

fn ring(rate: u32) -> (Producer<f32>, Consumer<f32>) {
    RingBuffer::new((rate as f32 * RING_SECONDS) as usize)
}

fn refused(device: &cpal::Device, error: &cpal::Error) -> DeviceProblem {
    tracing::info!(device = name_of(device), %error, "sound device not usable");
    problem_of(error)
}

fn build_and_play(
    device: &cpal::Device,
    supported: &SupportedStreamConfig,
    period: Duration,
    build: impl Fn(StreamConfig) -> Result<cpal::Stream, cpal::Error>,
) -> Result<cpal::Stream, DeviceProblem> {
    let wanted = config(supported, period);
    // Some ALSA devices list a period and refuse it.
    let stream = build(wanted)
        .or_else(|error| match error.kind() {
            ErrorKind::UnsupportedConfig | ErrorKind::InvalidInput if wanted.buffer_size != BufferSize::Default => {
                build(StreamConfig { buffer_size: BufferSize::Default, ..wanted })
            }
            _ => Err(error),
        })
        .map_err(|error| refused(device, &error))?;
    stream.play().map_err(|error| refused(device, &error))?;
    tracing::info!(device = name_of(device), ?supported, "sound device opened");
    Ok(stream)
}

struct Input<W> {
    ring: Producer<f32>,
    mix: Downmix,
    wake: W,
}

struct Output<W> {
    ring: Consumer<f32>,
    wake: W,
}

/// Calls a generic method with the type of a sample format.
macro_rules! with_sample_type {
    ($format:expr, $call:ident!($($argument:expr),*), $otherwise:expr) => {
        match $format {
            SampleFormat::I8 => $call!(i8, $($argument),*),
            SampleFormat::I16 => $call!(i16, $($argument),*),
            SampleFormat::I24 => $call!(I24, $($argument),*),
            SampleFormat::I32 => $call!(i32, $($argument),*),
            SampleFormat::I64 => $call!(i64, $($argument),*),
            SampleFormat::U8 => $call!(u8, $($argument),*),
            SampleFormat::U16 => $call!(u16, $($argument),*),
            SampleFormat::U32 => $call!(u32, $($argument),*),
            SampleFormat::U64 => $call!(u64, $($argument),*),
            SampleFormat::F32 => $call!(f32, $($argument),*),
            SampleFormat::F64 => $call!(f64, $($argument),*),
            _ => $otherwise,
        }
    };
}

impl<W: Fn()> Input<W> {
    /// Mixes the channels to one. Returns the number of samples that did not fit into the ring.
    fn take(&mut self, data: &Data, channels: usize) -> usize {
        macro_rules! take {
            ($sample:ty, $data:expr) => {
                $data.as_slice::<$sample>().map_or(0, |samples| self.push(samples, channels))
            };
        }
        let missed = with_sample_type!(data.sample_format(), take!(data), 0);
        (self.wake)();
        missed
    }

    fn push<T: SizedSample>(&mut self, samples: &[T], channels: usize) -> usize
    where
        f32: FromSample<T>,
    {
        let mut missed = 0;
        for frame in samples.chunks_exact(channels) {
            let sample = self.mix.mix(frame.iter().map(|sample| f32::from_sample(*sample)));
            missed += usize::from(self.ring.push(sample).is_err());
        }
        missed
    }
}

impl<W: Fn()> Output<W> {
    /// Copies the one channel to all. Returns the number of samples that were not available.
    fn give(&mut self, data: &mut Data, channels: usize) -> usize {
        macro_rules! give {
            ($sample:ty, $data:expr) => {
                $data.as_slice_mut::<$sample>().map_or(0, |samples| self.pop(samples, channels))
            };
        }
        let missed = with_sample_type!(data.sample_format(), give!(data), 0);
        (self.wake)();
        missed
    }

    fn pop<T: SizedSample + FromSample<f32>>(&mut self, samples: &mut [T], channels: usize) -> usize {
        let mut missed = 0;
        for frame in samples.chunks_exact_mut(channels) {
            let sample = self.ring.pop().unwrap_or_else(|_| {
                missed += 1;
                0.0
            });
            frame.fill(T::from_sample(sample));
        }
        missed
    }
}
