//! Opening the sound system's devices, in whatever format they have.

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
use crate::device::{DeviceChoice, DeviceProblem, by_name, named};

/// A device that doesn't even open in this time hangs.
const OPEN_TIMEOUT: Duration = Duration::from_secs(5);
/// Room in a ring between callback and thread, in seconds.
const RING_SECONDS: f32 = 0.5;

/// An open device; dropping it closes it, which may take a while.
pub(super) struct OpenDevice<Ring> {
    pub name: String,
    /// Samples a second at the device.
    pub rate: u32,
    /// Mono samples from (microphone) or to (speaker) the device.
    pub ring: Ring,
    pub status: Arc<Status>,
    _stream: cpal::Stream,
}

/// What the sound system's callbacks tell the device's thread.
#[derive(Debug, Default)]
pub(super) struct Status {
    problem: Mutex<Option<DeviceProblem>>,
    callbacks: AtomicU64,
    /// Frames of the largest callback lately.
    period: AtomicU32,
    delay_us: AtomicU64,
    missed: AtomicU64,
}

impl Status {
    /// What ended the stream, if anything did.
    pub fn problem(&self) -> Option<DeviceProblem> {
        *self.problem.lock()
    }

    /// How often the sound system has called: stands still when the device does.
    pub fn callbacks(&self) -> u64 {
        self.callbacks.load(Ordering::Relaxed)
    }

    /// How many samples the device takes or gives at a time.
    pub fn period(&self) -> usize {
        self.period.load(Ordering::Relaxed) as usize
    }

    /// How long sound takes between the callback and the air.
    pub fn delay(&self) -> Duration {
        Duration::from_micros(self.delay_us.load(Ordering::Relaxed))
    }

    /// Samples that weren't there in time (speaker) or found no room (microphone).
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn called(&self, frames: usize, delay: Duration, missed: usize) {
        // Large at first, when the device fills its buffer: forgotten after a while.
        let lately = self.period.load(Ordering::Relaxed);
        self.period.store((frames as u32).max(lately - lately / 8), Ordering::Relaxed);
        self.delay_us.store(delay.as_micros() as u64, Ordering::Relaxed);
        self.missed.fetch_add(missed as u64, Ordering::Relaxed);
        self.callbacks.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, error: &cpal::Error) {
        match error.kind() {
            ErrorKind::Xrun | ErrorKind::RealtimeDenied | ErrorKind::DeviceChanged => {
                tracing::debug!(%error, "sound goes on");
            }
            _ => {
                // Some drivers say so again and again until the stream is closed.
                self.problem.lock().get_or_insert_with(|| {
                    tracing::info!(%error, "sound device failed");
                    match problem_of(error) {
                        // It was there a moment ago.
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

/// The names of this machine's microphones, equal ones told apart. Asks the sound system: not for the UI thread.
pub fn list_microphones() -> Vec<String> {
    named_devices(Direction::Input).into_iter().map(|(name, _)| name).collect()
}

/// The names of this machine's speakers, equal ones told apart. Asks the sound system: not for the UI thread.
pub fn list_speakers() -> Vec<String> {
    named_devices(Direction::Output).into_iter().map(|(name, _)| name).collect()
}

/// The devices in the system's order, each with a name of its own.
///
/// Numbers go by the system's identifier, which names the USB port or serial number, so that "(2)" stays the same device.
fn named_devices(direction: Direction) -> Vec<(String, cpal::Device)> {
    let mut found: Vec<(Option<String>, cpal::Device)> = Vec::new();
    for device in devices(direction) {
        let id = stable_id(&device);
        // ALSA lists one device many times.
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
        devices.inspect_err(|error| tracing::debug!(%error, "sound devices can't be listed")).ok()
    };
    let mut devices = host::ask(list).unwrap_or_default();
    if direction == Direction::Input {
        devices.retain(|device| !is_monitor(device));
    }
    devices
}

/// PulseAudio lists what each speaker plays as a microphone, too, and makes it the default when there is no other. Whoever
/// speaks to us would hear themselves.
fn is_monitor(device: &cpal::Device) -> bool {
    stable_id(device).is_some_and(|id| id.ends_with(".monitor"))
}

/// The system's own name for a device; ALSA has none that tells two apart.
fn stable_id(device: &cpal::Device) -> Option<String> {
    let id = device.id().ok()?;
    (id.host().name() != "ALSA").then(|| id.id().to_owned())
}

fn name_of(device: &cpal::Device) -> String {
    device.description().map_or_else(|_| "?".to_owned(), |description| description.name().to_owned())
}

/// The device and its name.
fn find(choice: &DeviceChoice, direction: Direction) -> Result<(String, cpal::Device), DeviceProblem> {
    let mut named = named_devices(direction);
    if let DeviceChoice::Named(name) = choice {
        named = by_name(named, name, |(name, _)| name.clone());
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

/// The channels to ask for: where a microphone's are numbered (aux0, aux1, …), as many as are numbered in our stream too.
/// For eight, the stream would be one of a cinema's speakers, which the server fills with nothing.
fn input_channels(device: &cpal::Device, channels: u16) -> u16 {
    let numbered = stable_id(device).is_some_and(|id| host::has_numbered_channels(&id));
    match channels {
        1..=9 if numbered => 9,
        10 | 11 if numbered => 11,
        12 | 13 if numbered => 13,
        channels => channels,
    }
}

/// The device's own rate and channels, in a format we can convert; callbacks of `period` where it lets us choose.
fn config(supported: &SupportedStreamConfig, period: Duration) -> StreamConfig {
    let frames = (period.as_secs_f32() * supported.sample_rate() as f32) as u32;
    let mut config = supported.config();
    config.buffer_size = match supported.buffer_size() {
        SupportedBufferSize::Range { min, max } => BufferSize::Fixed(frames.clamp(*min, (*max).max(*min))),
        SupportedBufferSize::Unknown => BufferSize::Default,
    };
    config
}

/// Opens a microphone. `wake` is called after each callback.
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
            // Only the callback of the one stream that works takes this lock.
            let missed = input.lock().take(data, channels);
            status.called(data.len() / channels, delay, missed);
        };
        let error = move |error| failed.failed(&error);
        device.build_input_stream_raw(config, supported.sample_format(), data, error, Some(OPEN_TIMEOUT))
    };
    let stream = build_and_play(&device, &supported, period, build)?;
    Ok(OpenDevice { name, rate: supported.sample_rate(), ring: consumer, status, _stream: stream })
}

/// Opens a speaker. `wake` is called after each callback.
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
    tracing::info!(device = name_of(device), %error, "sound device can't be used");
    problem_of(error)
}

fn build_and_play(
    device: &cpal::Device,
    supported: &SupportedStreamConfig,
    period: Duration,
    build: impl Fn(StreamConfig) -> Result<cpal::Stream, cpal::Error>,
) -> Result<cpal::Stream, DeviceProblem> {
    let wanted = config(supported, period);
    // Some ALSA devices list a period and then refuse it.
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

/// Calls a generic method with the type that a sample format stands for.
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
    /// Mixes the channels down to one; returns how many samples found no room.
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
    /// Plays the one channel on all; returns how many samples weren't there.
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
