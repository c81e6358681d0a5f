//! A decoded recording: its formats, the time codes in its frames and the beeps in its audio.

use std::f64::consts::TAU;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use autamedica_engine::VideoFrame;
use autamedica_media::timecode;
use gstreamer::prelude::*;
use gstreamer::{Caps, ClockTime, MessageView, Pipeline, State};
use gstreamer_app::AppSink;

const RATE: f64 = 48_000.0;
const WIDTH: usize = 1280;

/// Area of the frame: x, y, width, height.
pub type Place = (usize, usize, usize, usize);
pub const WHOLE: Place = (0, 0, 1280, 720);
pub const LEFT: Place = (0, 180, 640, 360);
/// Area of a shared screen beside which people are shown.
pub const STAGE: Place = (0, 72, 1024, 576);
/// Area of the first of two people beside a shared screen.
pub const FIRST_AT_SIDE: Place = (1024, 216, 256, 144);
pub const RIGHT: Place = (640, 180, 640, 360);

/// Tolerance of the synchronization of audio and video, in seconds.
pub const IN_STEP: f64 = 0.040;

/// A decoded recording.
pub struct Film {
    /// Start of each frame in seconds, and the time code (seconds since 1970) at each requested place.
    pub pictures: Vec<(f64, Vec<Option<f64>>)>,
    /// Mean luma at each place of each frame.
    pub luma: Vec<Vec<f64>>,
    /// Samples of the left channel, from the start of the file.
    pub sound: Vec<f32>,
    /// Caps of the streams, as GStreamer reports them.
    pub video_caps: String,
    pub audio_caps: String,
}

impl Film {
    /// Decodes a file and reads the time codes at these places of each frame.
    pub fn open(file: &Path, places: &[Place]) -> Result<Self> {
        gstreamer::init()?;
        let demuxer = if file.extension().is_some_and(|it| it == "mp4") { "qtdemux" } else { "matroskademux" };
        let description = format!(
            "filesrc name=file ! {demuxer} name=d d.video_0 ! queue ! h264parse name=video ! {} ! videoconvert ! appsink name=pictures sync=false max-buffers=8 \
             d.audio_0 ! queue ! aacparse name=audio ! {} ! audioconvert ! appsink name=sound sync=false",
            first_installed(&["openh264dec", "avdec_h264"])?,
            first_installed(&["avdec_aac", "faad"])?,
        );
        let pipeline = gstreamer::parse::launch(&description)?.downcast::<Pipeline>().expect("a pipeline");
        let named = |name: &str| pipeline.by_name(name).context("named in the description");
        named("file")?.set_property("location", file.to_str().context("UTF-8")?);
        let sink = |name: &str| anyhow::Ok(named(name)?.downcast::<AppSink>().expect("an appsink"));
        let (pictures, sound) = (sink("pictures")?, sink("sound")?);
        pictures.set_caps(Some(&Caps::builder("video/x-raw").field("format", "I420").build()));
        let pcm = Caps::builder("audio/x-raw").field("format", "F32LE").field("layout", "interleaved");
        sound.set_caps(Some(&pcm.build()));
        pipeline.set_state(State::Playing)?;
        let audio = std::thread::spawn(move || read_audio(&sound));
        let mut film = Self {
            pictures: vec![],
            luma: vec![],
            sound: vec![],
            video_caps: String::new(),
            audio_caps: String::new(),
        };
        while let Ok(sample) = pictures.pull_sample() {
            film.add_frame(&sample, places)?;
        }
        film.sound = audio.join().expect("the thread doesn't panic")?;
        let caps = |name: &str| {
            anyhow::Ok(named(name)?.static_pad("src").and_then(|pad| pad.current_caps()).context("caps")?.to_string())
        };
        (film.video_caps, film.audio_caps) = (caps("video")?, caps("audio")?);
        let error = pipeline.bus().and_then(|bus| bus.pop_filtered(&[gstreamer::MessageType::Error]));
        pipeline.set_state(State::Null)?;
        if let Some(MessageView::Error(error)) = error.as_ref().map(|message| message.view()) {
            bail!("{}: {}", file.display(), error.error());
        }
        ensure!(!film.pictures.is_empty(), "no frame in {}", file.display());
        Ok(film)
    }

    fn add_frame(&mut self, sample: &gstreamer::Sample, places: &[Place]) -> Result<()> {
        let buffer = sample.buffer().context("a frame")?;
        let bytes = buffer.map_readable()?;
        let start = buffer.pts().context("a time")?;
        let tiles: Vec<VideoFrame> = places.iter().map(|place| tile(&bytes, *place)).collect();
        let codes = tiles.iter().map(|tile| timecode::read(tile).map(|us| us as f64 / 1e6)).collect();
        self.pictures.push((seconds(start), codes));
        self.luma.push(tiles.iter().map(|tile| mean(tile.planes()[0].data)).collect());
        Ok(())
    }

    /// Checks that the formats are those of docs/recording.md.
    pub fn is_as_documented(&self) -> Result<()> {
        println!("{}\n{}", self.video_caps, self.audio_caps);
        for wanted in ["video/x-h264", "width=(int)1280", "height=(int)720", "framerate=(fraction)30/1"] {
            ensure!(self.video_caps.contains(wanted), "{wanted}");
        }
        for wanted in ["audio/mpeg", "mpegversion=(int)4", "rate=(int)48000", "channels=(int)2"] {
            ensure!(self.audio_caps.contains(wanted), "{wanted}");
        }
        Ok(())
    }

    /// Length in seconds of the longer stream.
    pub fn seconds(&self) -> f64 {
        let pictures = self.pictures.last().map_or(0.0, |(start, _)| start + 1.0 / 30.0);
        pictures.max(self.sound.len() as f64 / RATE)
    }

    /// For each second of the file, the median difference of a frame's position and its time code at place `index`; `None`
    /// when less than half of the frames have a time code.
    pub fn delays(&self, index: usize) -> Vec<Option<f64>> {
        let seconds = self.pictures.last().map_or(0, |(start, _)| *start as usize + 1);
        let mut delays: Vec<Vec<f64>> = vec![Vec::new(); seconds];
        for (start, codes) in &self.pictures {
            if let Some(code) = codes[index] {
                delays[*start as usize].push(start - code);
            }
        }
        delays.into_iter().map(|delays| (delays.len() >= 15).then(|| median(&delays))).collect()
    }

    /// Start times of the beeps of this frequency, in seconds.
    pub fn beeps(&self, hz: f64) -> Vec<f64> {
        // Amplitude in windows of 10 ms, each millisecond. A beep starts after silence, at half of its peak within 12 ms,
        // because the codec may attenuate its start.
        let (window, hop) = (480, 48);
        let loud: Vec<f64> = (0..self.sound.len().saturating_sub(window) / hop)
            .map(|i| loudness(&self.sound[i * hop..][..window], hz))
            .collect();
        let mut begins = Vec::new();
        let (silence, rise) = (0.025, 12);
        let mut i = 1;
        while i + 100 < loud.len() {
            let is_first = loud[i] >= silence && loud[i.saturating_sub(50)..i].iter().all(|loud| *loud < silence);
            // Shorter sounds are crackles.
            if is_first && loud[i..i + 100].iter().filter(|loud| **loud >= silence).count() > 50 {
                let peak = loud[i..i + rise].iter().copied().fold(0.0, f64::max);
                let begin = (i..i + rise).find(|at| loud[*at] >= peak / 2.0).unwrap_or(i);
                begins.push((begin * hop + window / 2) as f64 / RATE);
                i += 500;
            } else {
                i += 1;
            }
        }
        begins
    }

    /// Amplitude of this frequency every 5 ms for 250 ms, starting 50 ms before `at` (in seconds).
    pub fn loudness_around(&self, at: f64, hz: f64) -> Vec<f64> {
        let start = ((at - 0.05).max(0.0) * RATE) as usize;
        let windows = self.sound[start.min(self.sound.len())..].windows(480).step_by(240).take(50);
        windows.map(|window| (loudness(window, hz) * 1000.0).round() / 1000.0).collect()
    }

    /// For each beep, its position in the file and its delay in seconds after the frame of the same whole second at place
    /// `index`.
    pub fn beeps_after_picture(&self, index: usize, hz: f64) -> Vec<(f64, f64)> {
        after(&self.delays(index), self.beeps(hz))
    }

    /// [`beeps_after_picture`](Self::beeps_after_picture) with any place that has a time code at that second.
    pub fn beeps_after_any_picture(&self, hz: f64) -> Vec<(f64, f64)> {
        let places = self.pictures.first().map_or(0, |(_, codes)| codes.len());
        let mut found = self.delays(0);
        for index in 1..places {
            for (found, other) in found.iter_mut().zip(self.delays(index)) {
                *found = found.or(other);
            }
        }
        after(&found, self.beeps(hz))
    }

    /// Times in seconds at which a continuous tone doubles its amplitude, as the app's test microphone beeps.
    pub fn swells(&self, hz: f64) -> Vec<f64> {
        // Long windows with a Hann weighting, to separate two simultaneous tones.
        let (window, hop) = (960, 48);
        let loud: Vec<f64> = (0..self.sound.len().saturating_sub(window) / hop)
            .map(|i| loudness(&windowed(&self.sound[i * hop..][..window]), hz))
            .collect();
        let mut begins = Vec::new();
        let mut i = 30;
        while i + 80 < loud.len() {
            let (before, after) = (loud[i - 30], loud[i + 30]);
            if after > 0.02
                && before < 0.65 * after
                && loud[i] >= f64::midpoint(before, after)
                && loud[i + 60] > 0.85 * after
            {
                begins.push((i * hop + window / 2) as f64 / RATE);
                i += 500;
            } else {
                i += 1;
            }
        }
        begins
    }

    /// For each event of a whole second of the clock, its position in the file and its delay in seconds after the frame of
    /// that second at place `index`.
    pub fn after_picture(&self, index: usize, moments: Vec<f64>) -> Vec<(f64, f64)> {
        after(&self.delays(index), moments)
    }
}

fn after(delays: &[Option<f64>], moments: Vec<f64>) -> Vec<(f64, f64)> {
    let of_picture = |begin: f64| {
        let delay = (*delays.get(begin as usize)?)?;
        let of_clock = begin - delay;
        Some((begin, of_clock - of_clock.round()))
    };
    moments.into_iter().filter_map(of_picture).collect()
}

/// Applies a Hann window of mean 1.
fn windowed(samples: &[f32]) -> Vec<f32> {
    let step = TAU / samples.len() as f64;
    samples.iter().enumerate().map(|(i, sample)| sample * (1.0 - (i as f64 * step).cos()) as f32).collect()
}

/// Returns the median of at least one number.
pub fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// Returns the first of these elements that is installed.
fn first_installed(names: &[&'static str]) -> Result<&'static str> {
    let found = names.iter().find(|name| gstreamer::ElementFactory::find(name).is_some());
    found.copied().with_context(|| format!("none of {names:?} is installed"))
}

fn seconds(time: ClockTime) -> f64 {
    time.nseconds() as f64 / 1e9
}

fn mean(bytes: &[u8]) -> f64 {
    bytes.iter().map(|byte| f64::from(*byte)).sum::<f64>() / bytes.len() as f64
}

/// Reads the left channel and places each buffer at its timestamp.
fn read_audio(sink: &AppSink) -> Result<Vec<f32>> {
    let mut sound = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let buffer = sample.buffer().context("an audio buffer")?;
        let channels = sample.caps().and_then(|caps| caps.structure(0)?.get::<i32>("channels").ok()).context("caps")?;
        let start = (seconds(buffer.pts().context("a time")?) * RATE).round() as usize;
        let bytes = buffer.map_readable()?;
        let left = bytes
            .chunks_exact(4 * channels as usize)
            .map(|bytes| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
        // Differences below 1 ms are rounding errors of timestamps.
        if start.abs_diff(sound.len()) > 48 {
            sound.resize(start, 0.0);
        }
        sound.extend(left);
    }
    Ok(sound)
}

/// Cuts an area out of a packed I420 frame of 1280x720.
fn tile(bytes: &[u8], (x, y, width, height): Place) -> VideoFrame {
    let rows = bytes[y * WIDTH..].chunks(WIDTH).take(height);
    let mut packed: Vec<u8> = rows.flat_map(|row| &row[x..x + width]).copied().collect();
    packed.resize(VideoFrame::packed_len(width as u32, height as u32), 128);
    VideoFrame::from_packed(width as u32, height as u32, packed, 0).expect("the size fits")
}

/// Returns the amplitude at a frequency (Goertzel).
fn loudness(samples: &[f32], hz: f64) -> f64 {
    let coefficient = 2.0 * (TAU * hz / RATE).cos();
    let (mut before, mut last) = (0.0, 0.0);
    for sample in samples {
        (before, last) = (last, f64::from(*sample) + coefficient * last - before);
    }
    2.0 * (last * last + before * before - coefficient * last * before).max(0.0).sqrt() / samples.len() as f64
}
