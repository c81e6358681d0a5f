//! Encodes pictures and sound, and writes them to a Matroska file that is playable at every moment.
//!
//! GStreamer does nothing but that here: every buffer comes with its exact time, so no clock, no synchronisation and no
//! conversion of its is involved.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use gstreamer::prelude::*;
use gstreamer::{Buffer, BufferPool, Caps, ClockTime, Element, ElementFactory, MessageView, Pipeline, State};
use gstreamer_app::{AppSrc, AppStreamType};

use crate::error::RecorderError;
use crate::picture::{Canvas, HEIGHT, WIDTH};
use crate::sound::{BLOCK, Block, CHANNELS, RATE};

/// Pictures a second.
pub(crate) const FPS: u64 = 30;
/// Bits a second of the picture. Two faces and a slide need less; text that scrolls needs it.
const VIDEO_BITRATE: u32 = 2_000_000;
/// Bits a second of the sound.
const AUDIO_BITRATE: i32 = 96_000;
/// A picture that needs no other comes every two seconds: a player can go there.
const KEY_FRAME_EVERY: u32 = 2 * FPS as u32;
/// With more pictures than this waiting for the encoder (half a second), the next is left out.
const MOST_WAITING: u64 = FPS / 2;
/// How long the encoders may take for what they still hold.
const FINISH_WITHIN: ClockTime = ClockTime::from_seconds(20);

/// H.264 encoders, the preferred first: OpenH264 is BSD and costs about 24 % of a core, x264 is GPL and costs a little
/// less; what a machine has decides.
const VIDEO_ENCODERS: [&str; 2] = ["openh264enc", "x264enc"];
/// AAC encoders, the preferred first, and by how many samples each delays the sound: it puts that much before it, and no
/// player knows. Measured with clicks (`recorder/tests`).
const AUDIO_ENCODERS: [(&str, usize); 2] = [("voaacenc", 1600), ("avenc_aac", 1024)];

/// What became of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// It will be encoded.
    Taken,
    /// The encoder is behind: it was left out, and the one before stays longer.
    LeftOut,
}

/// A running encoder.
pub(crate) struct Encoder {
    pipeline: Pipeline,
    video: AppSrc,
    audio: AppSrc,
    pool: BufferPool,
    /// Moments of sound to leave out still: they make up for the encoder's delay.
    leave_out: usize,
    /// The delay that was made up for.
    delay: usize,
    /// Moments of sound pushed.
    moments: u64,
}

/// The first of `names` that is installed.
fn first_element(names: &[&str]) -> Result<Element, RecorderError> {
    names
        .iter()
        .find_map(|name| ElementFactory::make(name).build().ok())
        .ok_or_else(|| RecorderError::MissingElement(names.join(" or ")))
}

/// An element of this kind.
pub(crate) fn element(name: &str) -> Result<Element, RecorderError> {
    first_element(&[name])
}

fn video_encoder() -> Result<Element, RecorderError> {
    let encoder = first_element(&VIDEO_ENCODERS)?;
    if encoder.factory().is_some_and(|factory| factory.name() == "x264enc") {
        encoder.set_property_from_str("speed-preset", "ultrafast");
        encoder.set_property_from_str("tune", "zerolatency");
        encoder.set_property("bitrate", VIDEO_BITRATE / 1000);
        encoder.set_property("key-int-max", KEY_FRAME_EVERY);
    } else {
        encoder.set_property_from_str("complexity", "low");
        encoder.set_property_from_str("rate-control", "bitrate");
        encoder.set_property("bitrate", VIDEO_BITRATE);
        encoder.set_property("gop-size", KEY_FRAME_EVERY);
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
    // We bound what waits ourselves; a limit here would only hide it.
    AppSrc::builder().caps(caps).format(gstreamer::Format::Time).stream_type(AppStreamType::Stream).max_bytes(0).build()
}

impl Encoder {
    /// Starts to write a new file, which only its owner may read.
    ///
    /// # Errors
    /// When the file exists or can't be made, or GStreamer lacks something.
    pub(crate) fn start(file: &Path) -> Result<Self, RecorderError> {
        let (video_encoder, (audio_encoder, delay)) = (video_encoder()?, audio_encoder()?);
        let picture = Caps::builder("video/x-raw")
            .field("format", "I420")
            .field("width", WIDTH as i32)
            .field("height", HEIGHT as i32)
            .field("framerate", gstreamer::Fraction::new(FPS as i32, 1))
            // Left open, these are guessed anew by each element, and the guesses may not fit together.
            .field("colorimetry", "bt601")
            .field("chroma-site", "mpeg2")
            .field("pixel-aspect-ratio", gstreamer::Fraction::new(1, 1))
            .field("interlace-mode", "progressive")
            .build();
        let sound = Caps::builder("audio/x-raw")
            .field("format", "S16LE")
            .field("layout", "interleaved")
            .field("rate", RATE as i32)
            .field("channels", CHANNELS as i32)
            .field("channel-mask", gstreamer::Bitmask::new(0x3))
            .build();
        let (video, audio) = (source(&picture), source(&sound));
        let muxer = element("matroskamux")?;
        muxer.set_property_from_str("writing-app", "AutaMedica");
        let sink = element("filesink")?;
        sink.set_property(
            "location",
            file.to_str().ok_or_else(|| RecorderError::BadOrder("the path isn't UTF-8".into()))?,
        );
        // What is encoded is in the file at once: a killed recorder loses nothing that it had.
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
        config.set_params(Some(&picture), (WIDTH * HEIGHT * 3 / 2) as u32, 2, 0);
        pool.set_config(config)?;
        pool.set_active(true)?;
        // The sink opens it again, and leaves its mode as it is.
        OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(RecorderError::file(file))?;
        let encoder = Self { pipeline, video, audio, pool, leave_out: delay, delay, moments: 0 };
        encoder.pipeline.set_state(State::Playing)?;
        Ok(encoder)
    }

    /// Picture number `number`, shown from `number` thirtieths of a second.
    ///
    /// # Errors
    /// When the pipeline has failed.
    pub(crate) fn push_picture(&self, number: u64, canvas: &Canvas) -> Result<Pushed, RecorderError> {
        if self.video.current_level_buffers() > MOST_WAITING {
            return Ok(Pushed::LeftOut);
        }
        let failed = |_| RecorderError::GStreamer("the picture's pipeline has stopped".into());
        let mut buffer = self.pool.acquire_buffer(None).map_err(failed)?;
        {
            let buffer = buffer.make_mut();
            let (start, end) = (time(number, FPS), time(number + 1, FPS));
            buffer.set_pts(start);
            buffer.set_duration(end - start);
            buffer.map_writable()?.copy_from_slice(canvas.bytes());
        }
        self.video.push_buffer(buffer).map(|_| Pushed::Taken).map_err(failed)
    }

    /// The next 10 ms of sound.
    ///
    /// # Errors
    /// When the pipeline has failed.
    pub(crate) fn push_sound(&mut self, block: &Block) -> Result<(), RecorderError> {
        let left_out = self.leave_out.min(BLOCK);
        self.leave_out -= left_out;
        let samples = &block[left_out * CHANNELS..];
        if samples.is_empty() {
            return Ok(());
        }
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut buffer = Buffer::from_mut_slice(bytes);
        let until = self.moments + (BLOCK - left_out) as u64;
        if let Some(buffer) = buffer.get_mut() {
            let (start, end) = (time(self.moments, u64::from(RATE)), time(until, u64::from(RATE)));
            buffer.set_pts(start);
            buffer.set_duration(end - start);
        }
        self.moments = until;
        let failed = |_| RecorderError::GStreamer("the sound's pipeline has stopped".into());
        self.audio.push_buffer(buffer).map(drop).map_err(failed)
    }

    /// Whether all is well: a full disk shows here first, since pushing goes on to work.
    ///
    /// # Errors
    /// What has gone wrong, once.
    pub(crate) fn check(&self) -> Result<(), RecorderError> {
        let bus = self.pipeline.bus().ok_or_else(|| RecorderError::GStreamer("the pipeline has no bus".into()))?;
        while let Some(message) = bus.pop() {
            match message.view() {
                MessageView::Error(error) => return Err(error.error().into()),
                MessageView::Warning(warning) => tracing::warn!(error = %warning.error(), "GStreamer"),
                _ => {}
            }
        }
        Ok(())
    }

    /// Encodes what is left and completes the file.
    ///
    /// # Errors
    /// When that fails. What was written is as playable as before.
    pub(crate) fn finish(mut self) -> Result<(), RecorderError> {
        // The encoder's delay at the end, and what it needs to fill its last frame.
        for _ in 0..(self.delay + 1024).div_ceil(BLOCK) {
            self.push_sound(&[0; BLOCK * CHANNELS])?;
        }
        let failed = |_| RecorderError::GStreamer("the pipeline doesn't take the end".into());
        self.video.end_of_stream().map_err(failed)?;
        self.audio.end_of_stream().map_err(failed)?;
        wait_for_end(&self.pipeline, Some(FINISH_WITHIN))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        if self.pipeline.set_state(State::Null).is_err() {
            tracing::warn!("the encoder can't be stopped");
        }
        // Fails only when it was never active.
        let _ = self.pool.set_active(false);
    }
}

/// Waits until everything has arrived at the sink.
///
/// # Errors
/// What went wrong on the way there, or that it takes too long.
pub(crate) fn wait_for_end(pipeline: &Pipeline, within: Option<ClockTime>) -> Result<(), RecorderError> {
    let bus = pipeline.bus().ok_or_else(|| RecorderError::GStreamer("the pipeline has no bus".into()))?;
    let wanted = [gstreamer::MessageType::Eos, gstreamer::MessageType::Error];
    let message = bus.timed_pop_filtered(within, &wanted);
    match message.as_ref().map(|message| message.view()) {
        Some(MessageView::Eos(_)) => Ok(()),
        Some(MessageView::Error(error)) => Err(error.error().into()),
        _ => Err(RecorderError::GStreamer("the end never came".into())),
    }
}

/// `number` parts of a second that has `rate` of them, rounded to the nanosecond.
fn time(number: u64, rate: u64) -> ClockTime {
    ClockTime::from_nseconds(number / rate * 1_000_000_000 + (number % rate * 1_000_000_000 + rate / 2) / rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_after_years() {
        assert_eq!(time(1, 30).nseconds(), 33_333_333);
        assert_eq!(time(2, 30).nseconds(), 66_666_667);
        assert_eq!(time(30 * 86_400 * 365, 30), ClockTime::from_seconds(86_400 * 365));
    }
}
