//! Remuxes the Matroska file of a recording to MP4, without encoding.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use autamedica_api::RecordedPart;
use gstreamer::prelude::*;
use gstreamer::{ClockTime, Element, Pad, PadProbeReturn, PadProbeType, Pipeline, State};

use crate::audio::RATE;
use crate::encoder::{FPS, element, wait_for_end};
use crate::error::RecorderError;

/// Samples of an AAC frame.
const AAC_FRAME: u64 = 1024;
/// Time without progress after which remuxing fails.
const STALL_TIMEOUT: ClockTime = ClockTime::from_seconds(30);

/// Remuxes a Matroska file, which may be truncated anywhere, to MP4 and removes it.
///
/// # Errors
/// [`RecorderError::DiskFull`], [`RecorderError::File`], [`RecorderError::GStreamer`] or [`RecorderError::Timeout`]. The
/// Matroska file is kept.
pub(crate) fn to_mp4(matroska: &Path) -> Result<RecordedPart, RecorderError> {
    let (partial, mp4) = (matroska.with_extension("mp4.partial"), matroska.with_extension("mp4"));
    // Truncated, because a killed remux may have left it.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .map_err(RecorderError::file(&partial))?;
    let made = process(matroska, Some(&partial)).and_then(|seconds| {
        // Synced before the rename and before the Matroska file is removed.
        File::open(&partial).and_then(|file| file.sync_all()).map_err(RecorderError::file(&partial))?;
        fs::rename(&partial, &mp4).map_err(RecorderError::file(&mp4))?;
        let part = with_hash(&mp4, seconds)?;
        if let Some(folder) = mp4.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(RecorderError::file(folder))?;
        }
        fs::remove_file(matroska).map_err(RecorderError::file(matroska))?;
        Ok(part)
    });
    if made.is_err() {
        // Fails when the file was renamed. If it stays, the next remux truncates it.
        let _ = fs::remove_file(&partial);
    }
    made
}

/// Determines length, size and hash of a recorded file.
///
/// # Errors
/// [`RecorderError::File`] when the file can't be read, [`RecorderError::GStreamer`] or [`RecorderError::Timeout`] when it is
/// not a recording.
pub(crate) fn describe(file: &Path) -> Result<RecordedPart, RecorderError> {
    let seconds = process(file, None)?;
    with_hash(file, seconds)
}

fn with_hash(path: &Path, seconds: f64) -> Result<RecordedPart, RecorderError> {
    let mut file = File::open(path).map_err(RecorderError::file(path))?;
    let (mut context, mut bytes) = (ring::digest::Context::new(&ring::digest::SHA256), 0);
    let mut buffer = vec![0; 1 << 18];
    loop {
        let read = file.read(&mut buffer).map_err(RecorderError::file(path))?;
        if read == 0 {
            break;
        }
        context.update(&buffer[..read]);
        bytes += read as u64;
    }
    let sha256 = context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(RecordedPart { file: PathBuf::from(path), seconds, bytes, sha256 })
}

/// Reads a recording to its end, writes it to `mp4` if given, and returns its length in seconds.
fn process(file: &Path, mp4: Option<&Path>) -> Result<f64, RecorderError> {
    crate::init()?;
    let pipeline = Pipeline::new();
    let source = element("filesrc")?;
    source.set_property("location", utf8(file)?);
    let is_mp4 = file.extension().is_some_and(|extension| extension == "mp4");
    let demuxer = element(if is_mp4 { "qtdemux" } else { "matroskademux" })?;
    pipeline.add_many([&source, &demuxer])?;
    Element::link_many([&source, &demuxer])?;
    let muxer = match mp4 {
        Some(mp4) => {
            let (muxer, sink) = (element("mp4mux")?, element("filesink")?);
            sink.set_property("location", utf8(mp4)?);
            pipeline.add_many([&muxer, &sink])?;
            Element::link_many([&muxer, &sink])?;
            Some(muxer)
        }
        None => None,
    };

    let end = Arc::new(AtomicU64::new(0));
    let (weak, last) = (pipeline.downgrade(), end.clone());
    demuxer.connect_pad_added(move |demuxer, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if let Err(error) = link_stream(&pipeline, pad, muxer.as_ref(), &last) {
            let details = error.to_string();
            gstreamer::element_error!(demuxer, gstreamer::CoreError::Pad, ("stream not linked"), ["{details}"]);
        }
    });
    pipeline.set_state(State::Playing)?;
    let ended = wait_while_progressing(&pipeline, &end);
    pipeline.set_state(State::Null)?;
    ended?;
    let end = ClockTime::from_nseconds(end.load(Ordering::Relaxed));
    if end.is_zero() {
        return Err(RecorderError::GStreamer("the file has no complete frame".into()));
    }
    Ok(end.nseconds() as f64 / 1e9)
}

/// Waits for the end of the stream as long as there is progress.
fn wait_while_progressing(pipeline: &Pipeline, read: &AtomicU64) -> Result<(), RecorderError> {
    loop {
        let before = read.load(Ordering::Relaxed);
        match wait_for_end(pipeline, STALL_TIMEOUT) {
            Err(RecorderError::Timeout) if read.load(Ordering::Relaxed) != before => {}
            ended => return ended,
        }
    }
}

fn utf8(path: &Path) -> Result<&str, RecorderError> {
    path.to_str().ok_or_else(|| RecorderError::BadOrder("the path isn't UTF-8".into()))
}

/// Links a stream of the demuxer to the muxer, or to a sink that discards it.
fn link_stream(
    pipeline: &Pipeline,
    pad: &Pad,
    muxer: Option<&Element>,
    end: &Arc<AtomicU64>,
) -> Result<(), RecorderError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let kind = caps.structure(0).map(|caps| caps.name().to_string()).unwrap_or_default();
    let (parser, grid) = match kind.as_str() {
        "video/x-h264" => (element("h264parse")?, (1, FPS)),
        "audio/mpeg" => (element("aacparse")?, (AAC_FRAME, u64::from(RATE))),
        _ => return Err(RecorderError::GStreamer(format!("unsupported stream {kind}"))),
    };
    // A queue, because the muxer waits for both streams and the demuxer has one thread. Unlimited, because during a gap in
    // one stream the queue of the other fills; with a limit both would block for ever. The streams are interleaved, so the
    // queues stay short.
    let queue = element("queue")?;
    for limit in ["max-size-buffers", "max-size-bytes"] {
        queue.set_property(limit, 0_u32);
    }
    queue.set_property("max-size-time", 0_u64);
    pipeline.add_many([&queue, &parser])?;
    Element::link_many([&queue, &parser])?;
    let end = end.clone();
    let no_pad = || RecorderError::GStreamer("an element has no pad".into());
    let out = parser.static_pad("src").ok_or_else(no_pad)?;
    out.add_probe(PadProbeType::BUFFER, move |_, info| {
        if let Some(buffer) = info.buffer_mut() {
            let buffer = buffer.make_mut();
            if let Some(start) = buffer.pts() {
                let (start, duration) = on_grid(start, grid);
                buffer.set_pts(start);
                buffer.set_dts(start);
                buffer.set_duration(duration);
                end.fetch_max((start + duration).nseconds(), Ordering::Relaxed);
            }
        }
        PadProbeReturn::Ok
    });
    match muxer {
        Some(muxer) => parser.link(muxer)?,
        None => {
            let sink = element("fakesink")?;
            sink.set_property("sync", false);
            // Pads are added one after the other; a sink that waits for preroll would block the demuxer.
            sink.set_property("async", false);
            pipeline.add(&sink)?;
            parser.link(&sink)?;
            sink.sync_state_with_parent()?;
        }
    }
    parser.sync_state_with_parent()?;
    queue.sync_state_with_parent()?;
    pad.link(&queue.static_pad("sink").ok_or_else(no_pad)?)
        .map_err(|error| RecorderError::GStreamer(error.to_string()))?;
    Ok(())
}

/// Rounds a time to a multiple of `parts / rate` seconds and returns it with the duration up to the next one. Matroska
/// rounds to milliseconds, which would make an uneven frame rate in the MP4.
fn on_grid(time: ClockTime, (parts, rate): (u64, u64)) -> (ClockTime, ClockTime) {
    let (parts, rate, second) = (u128::from(parts), u128::from(rate), 1_000_000_000_u128);
    let number = (u128::from(time.nseconds()) * rate + parts * second / 2) / (parts * second);
    let at = |number: u128| ClockTime::from_nseconds(((number * parts * second + rate / 2) / rate) as u64);
    (at(number), at(number + 1) - at(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_rounded_to_milliseconds_are_restored() {
        for (parts, rate) in [(1, FPS), (AAC_FRAME, u64::from(RATE))] {
            let mut next = ClockTime::ZERO;
            for number in 0..200_000_u64 {
                let exact = u128::from(number * parts) * 1_000_000_000 / u128::from(rate);
                let rounded = ClockTime::from_mseconds(((exact + 500_000) / 1_000_000) as u64);
                let (start, duration) = on_grid(rounded, (parts, rate));
                assert_eq!(start, next, "number {number}");
                next = start + duration;
            }
        }
    }

    #[test]
    fn invalid_files_are_left_unchanged() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("empty", &b""[..]), ("other", b"this is no Matroska file, but it is long enough")] {
            let file = folder.path().join(name).with_extension("mkv");
            fs::write(&file, bytes).unwrap();
            assert!(to_mp4(&file).is_err(), "{name}");
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "a partial file is left");
    }
}
