//! Encodes video and audio to a Matroska file that is playable at every moment.
//!
//! Every buffer has its exact timestamp, so that GStreamer's clock and synchronization are not used.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gstreamer::prelude::*;
use gstreamer::{Buffer, BufferPool, Caps, ClockTime, Element, ElementFactory, MessageView, Pipeline, State};
use gstreamer_app::{AppSrc, AppStreamType};

use crate::audio::{BLOCK, Block, CHANNELS, RATE};
use crate::error::RecorderError;
use crate::video::{Canvas, HEIGHT, WIDTH};

/// Frames per second.
pub(crate) const FPS: u64 = 30;
/// Video bitrate in bits per second, sufficient for scrolling text.
const VIDEO_BITRATE: u32 = 2_000_000;
/// Audio bitrate in bits per second.
const AUDIO_BITRATE: i32 = 96_000;
/// Frames between key frames (2 s), to which players can seek.
const KEY_FRAME_INTERVAL: u32 = 2 * FPS as u32;
/// Maximum number of frames queued for the encoder (half a second). Further ones are dropped.
const MAX_QUEUED_FRAMES: u64 = FPS / 2;
/// Timeout for flushing the encoders.
const FINISH_TIMEOUT: ClockTime = ClockTime::from_seconds(20);

/// H.264 encoders in order of preference: OpenH264 (BSD, about 24 % of a core), x264 (GPL, a little less).
const VIDEO_ENCODERS: [&str; 2] = ["openh264enc", "x264enc"];
/// AAC encoders in order of preference, with the delay in samples that each adds without declaring it in the file. Measured
/// with clicks (`recorder/tests`).
const AUDIO_ENCODERS: [(&str, usize); 2] = [("voaacenc", 1600), ("avenc_aac", 1024)];

/// Result of pushing a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// The frame will be encoded.
    Queued,
    /// The encoder is behind and the frame was dropped; players show the previous one longer.
    Dropped,
}

/// A running encoder.
pub(crate) struct Encoder {
    pipeline: Pipeline,
    video: AppSrc,
    audio: AppSrc,
    pool: BufferPool,
    /// Samples per channel still to skip, to compensate for the encoder's delay.
    to_skip: usize,
    /// Delay of the audio encoder in samples.
    delay: usize,
    /// Samples per channel pushed.
    samples: u64,
}

/// Creates the first of these elements that is installed.
fn first_element(names: &[&str]) -> Result<Element, RecorderError> {
    names
        .iter()
        .find_map(|name| ElementFactory::make(name).build().ok())
        .ok_or_else(|| RecorderError::MissingElement(names.join(" or ")))
}

/// Creates an element.
pub(crate) fn element(name: &str) -> Result<Element, RecorderError> {
    first_element(&[name])
}

fn video_encoder() -> Result<Element, RecorderError> {
    let encoder = first_element(&VIDEO_ENCODERS)?;
    if encoder.factory().is_some_and(|factory| factory.name() == "x264enc") {
        encoder.set_property_from_str("speed-preset", "ultrafast");
        encoder.set_property_from_str("tune", "zerolatency");
        encoder.set_property("bitrate", VIDEO_BITRATE / 1000);
        encoder.set_property("key-int-max", KEY_FRAME_INTERVAL);
    } else {
        encoder.set_property_from_str("complexity", "low");
        encoder.set_property_from_str("rate-control", "bitrate");
        encoder.set_property("bitrate", VIDEO_BITRATE);
        encoder.set_property("gop-size", KEY_FRAME_INTERVAL);
    }
    Ok(encoder)
}

fn audio_encoder() -> Result<(Element, usize), RecorderError> {
    let encoder = first_element(&AUDIO_ENCODERS.map(|(name, _)| name))?;
    encoder.set_property("bitrate", AUDIO_BITRATE);
    let name = encoder.factory().map(|factory| factory.name());
    let delay = AUDIO_ENCODERS.iter().find(|(known, _)| name.as_deref() == Some(known)).map_or(0, |(_, delay)| *delay);
    Ok((encoder, delay))
}

fn source(caps: &Caps) -> AppSrc {
    // No limit here, because the queue is bounded by `MAX_QUEUED_FRAMES`.
    AppSrc::builder().caps(caps).format(gstreamer::Format::Time).stream_type(AppStreamType::Stream).max_bytes(0).build()
}

impl Encoder {
    /// Starts to write a new file with mode 0600.
    ///
    /// # Errors
    /// [`RecorderError::File`] when the file exists or can't be created, [`RecorderError::MissingElement`],
    /// [`RecorderError::GStreamer`].
    pub(crate) fn start(file: &Path) -> Result<Self, RecorderError> {
        let (video_encoder, (audio_encoder, delay)) = (video_encoder()?, audio_encoder()?);
        let video_caps = Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", WIDTH as i32)
            .field("height", HEIGHT as i32)
            .field("framerate", gstreamer::Fraction::new(FPS as i32, 1))
            // Set explicitly, because elements guess these fields independently and may disagree.
            .field("colorimetry", "bt601")
            .field("chroma-site", "mpeg2")
            .field("pixel-aspect-ratio", gstreamer::Fraction::new(1, 1))
            .field("interlace-mode", "progressive")
            .build();
        let audio_caps = Caps::builder("audio/x-raw")
            .field("format", "S16LE")
            .field("layout", "interleaved")
            .field("rate", RATE as i32)
            .field("channels", CHANNELS as i32)
            .field("channel-mask", gstreamer::Bitmask::new(0x3))
            .build();
        let (video, audio) = (source(&video_caps), source(&audio_caps));
        let muxer = element("matroskamux")?;
        muxer.set_property_from_str("writing-app", "AutaMedica");
        let sink = element("filesink")?;
        sink.set_property(
            "location",
            file.to_str().ok_or_else(|| RecorderError::BadOrder("the path isn't UTF-8".into()))?,
        );
        // Unbuffered, so that a killed recorder loses no encoded data.
        sink.set_property_from_str("buffer-mode", "unbuffered");
        sink.set_property("async", false);
        sink.set_property("sync", false);

        let pipeline = Pipeline::new();
        let (video_parser, audio_parser, convert) =
            (element("h264parse")?, element("aacparse")?, element("audioconvert")?);
        let elements = [video.upcast_ref(), &video_encoder, &video_parser, &muxer, &sink, audio.upcast_ref(), &convert];
        pipeline.add_many(elements.into_iter().chain([&audio_encoder, &audio_parser]))?;
        Element::link_many([video.upcast_ref(), &video_encoder, &video_parser, &muxer, &sink])?;
        Element::link_many([audio.upcast_ref(), &convert, &audio_encoder, &audio_parser, &muxer])?;

        let pool = BufferPool::new();
        let mut config = pool.config();
        config.set_params(Some(&video_caps), (WIDTH * HEIGHT * 3 / 2) as u32, 2, 0);
        pool.set_config(config)?;
        pool.set_active(true)?;
        // Created here, because the sink keeps the mode of an existing file.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(RecorderError::file(file))?;
        let encoder = Self { pipeline, video, audio, pool, to_skip: delay, delay, samples: 0 };
        encoder.pipeline.set_state(State::Playing)?;
        Ok(encoder)
    }

    /// Pushes a frame, to be shown at `number` / 30 s.
    ///
    /// # Errors
    /// [`RecorderError::GStreamer`] when the pipeline has failed.
    pub(crate) fn push_frame(&self, number: u64, canvas: &Canvas) -> Result<Pushed, RecorderError> {
        if self.video.current_level_buffers() > MAX_QUEUED_FRAMES {
            return Ok(Pushed::Dropped);
        }
        let failed = |_| RecorderError::GStreamer("the video pipeline has stopped".into());
        let mut buffer = self.pool.acquire_buffer(None).map_err(failed)?;
        {
            let buffer = buffer.make_mut();
            let (start, end) = (time(number, FPS), time(number + 1, FPS));
            buffer.set_pts(start);
            buffer.set_duration(end - start);
            buffer.map_writable()?.copy_from_slice(canvas.bytes());
        }
        self.video.push_buffer(buffer).map(|_| Pushed::Queued).map_err(failed)
    }

    /// Pushes the next 10 ms of audio.
    ///
    /// # Errors
    /// [`RecorderError::GStreamer`] when the pipeline has failed.
    pub(crate) fn push_audio(&mut self, block: &Block) -> Result<(), RecorderError> {
        let skipped = self.to_skip.min(BLOCK);
        self.to_skip -= skipped;
        let samples = &block[skipped * CHANNELS..];
        if samples.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = Buffer::from_mut_slice(bytes);
        let until = self.samples + (BLOCK - skipped) as u64;
        if let Some(buffer) = buffer.get_mut() {
            let (start, end) = (time(self.samples, u64::from(RATE)), time(until, u64::from(RATE)));
            buffer.set_pts(start);
            buffer.set_duration(end - start);
        }
        self.samples = until;
        let failed = |_| RecorderError::GStreamer("the audio pipeline has stopped".into());
        self.audio.push_buffer(buffer).map(drop).map_err(failed)
    }

    /// Checks for errors of the pipeline, such as a full disk, which pushing does not report.
    ///
    /// # Errors
    /// The pending error, once.
    pub(crate) fn check(&self) -> Result<(), RecorderError> {
        let bus = self.pipeline.bus().ok_or_else(|| RecorderError::GStreamer("the pipeline has no bus".into()))?;
        while let Some(message) = bus.pop() {
            match message.view() {
                MessageView::Error(error) => return Err(error.error().into()),
                MessageView::Warning(warning) => tracing::warn!(warning = %warning.error(), "GStreamer warning"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Flushes the encoders and completes the file.
    ///
    /// # Errors
    /// [`RecorderError::GStreamer`], [`RecorderError::DiskFull`] or [`RecorderError::Timeout`]. The file stays playable.
    pub(crate) fn finish(mut self) -> Result<(), RecorderError> {
        // Silence for the skipped delay, and to fill the last AAC frame.
        for _ in 0..(self.delay + 1024).div_ceil(BLOCK) {
            self.push_audio(&[0; BLOCK * CHANNELS])?;
        }
        let failed = |_| RecorderError::GStreamer("the pipeline rejected the end of the stream".into());
        self.video.end_of_stream().map_err(failed)?;
        self.audio.end_of_stream().map_err(failed)?;
        wait_for_end(&self.pipeline, FINISH_TIMEOUT)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if self.pipeline.set_state(State::Null).is_err() {
            tracing::warn!("encoder pipeline not stopped");
        }
        // Fails only if the pool was never active.
        let _ = self.pool.set_active(false);
    }
}

/// Waits for the end of the stream at the sink.
///
/// # Errors
/// The error of the pipeline, or [`RecorderError::Timeout`].
pub(crate) fn wait_for_end(pipeline: &Pipeline, timeout: ClockTime) -> Result<(), RecorderError> {
    let bus = pipeline.bus().ok_or_else(|| RecorderError::GStreamer("the pipeline has no bus".into()))?;
    let wanted = [gstreamer::MessageType::Eos, gstreamer::MessageType::Error];
    let message = bus.timed_pop_filtered(timeout, &wanted);
    match message.as_ref().map(|message| message.view()) {
        Some(MessageView::Eos(_)) => Ok(()),
        Some(MessageView::Error(error)) => Err(error.error().into()),
        _ => Err(RecorderError::Timeout),
    }
}

/// Returns `number` / `rate` seconds, rounded to the nanosecond.
fn time(number: u64, rate: u64) -> ClockTime {
    ClockTime::from_nseconds(number / rate * 1_000_000_000 + (number % rate * 1_000_000_000 + rate / 2) / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_exact_after_a_year() {
        assert_eq!(time(1, 30).nseconds(), 33_333_333);
        assert_eq!(time(2, 30).nseconds(), 66_666_667);
        assert_eq!(time(30 * 86_400 * 365, 30), ClockTime::from_seconds(86_400 * 365));
    }
}
