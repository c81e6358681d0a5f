//! From the Matroska file of a recording to an MP4, without encoding anything again.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use autamedica_api::RecordedPart;
use gstreamer::prelude::*;
use gstreamer::{ClockTime, Element, Pad, PadProbeReturn, PadProbeType, Pipeline, State};

use crate::encoder::{FPS, element, wait_for_end};
use crate::error::RecorderError;
use crate::sound::RATE;

/// Samples in a frame of AAC.
const AAC_FRAME: u64 = 1024;

/// Makes an MP4 of a Matroska file, whole or cut off anywhere, and removes the Matroska file.
///
/// # Errors
/// [`RecorderError::DiskFull`] when there is no room for it; the Matroska file stays, then and in any other case.
pub(crate) fn to_mp4(matroska: &Path) -> Result<RecordedPart, RecorderError> {
    let (partial, mp4) = (matroska.with_extension("mp4.partial"), matroska.with_extension("mp4"));
    // One that a killed remux left is no good.
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&partial)
        .map_err(RecorderError::file(&partial))?;
    let made = walk(matroska, Some(&partial)).and_then(|seconds| {
        // Whole on the disk before it takes its name, and before the other goes.
        File::open(&partial).and_then(|file| file.sync_all()).map_err(RecorderError::file(&partial))?;
        fs::rename(&partial, &mp4).map_err(RecorderError::file(&mp4))?;
        let part = described(&mp4, seconds)?;
        if let Some(folder) = mp4.parent() {
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(RecorderError::file(folder))?;
        }
        fs::remove_file(matroska).map_err(RecorderError::file(matroska))?;
        Ok(part)
    });
    if made.is_err() {
        // Gone already when it had its name; and the next remux writes over it.
        let _ = fs::remove_file(&partial);
    }
    made
}

/// A file as it is.
///
/// # Errors
/// When it can't be read, or isn't a recording.
pub(crate) fn as_it_is(file: &Path) -> Result<RecordedPart, RecorderError> {
    let seconds = walk(file, None)?;
    described(file, seconds)
}

fn described(path: &Path, seconds: f64) -> Result<RecordedPart, RecorderError> {
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

/// Reads a recording from its beginning to its end, into an MP4 if one is wanted, and says how many seconds it has.
fn walk(file: &Path, mp4: Option<&Path>) -> Result<f64, RecorderError> {
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
    let (weak, until) = (pipeline.downgrade(), end.clone());
    demuxer.connect_pad_added(move |demuxer, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if let Err(error) = branch(&pipeline, pad, muxer.as_ref(), &until) {
            let details = error.to_string();
            gstreamer::element_error!(demuxer, gstreamer::CoreError::Pad, ("a stream can't be read"), ["{details}"]);
        }
    });
    pipeline.set_state(State::Playing)?;
    let ended = wait_for_end(&pipeline, None);
    pipeline.set_state(State::Null)?;
    ended?;
    let end = ClockTime::from_nseconds(end.load(Ordering::Relaxed));
    if end.is_zero() {
        return Err(RecorderError::GStreamer("there is no whole picture in the file".into()));
    }
    Ok(end.nseconds() as f64 / 1e9)
}

fn utf8(path: &Path) -> Result<&str, RecorderError> {
    path.to_str().ok_or_else(|| RecorderError::BadOrder("the path isn't UTF-8".into()))
}

/// From one of the demuxer's streams to the muxer, or to nowhere.
fn branch(pipeline: &Pipeline, pad: &Pad, muxer: Option<&Element>, end: &Arc<AtomicU64>) -> Result<(), RecorderError> {
    let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
    let kind = caps.structure(0).map(|caps| caps.name().to_string()).unwrap_or_default();
    let (parser, grid) = match kind.as_str() {
        "video/x-h264" => (element("h264parse")?, (1, FPS)),
        "audio/mpeg" => (element("aacparse")?, (AAC_FRAME, u64::from(RATE))),
        _ => return Err(RecorderError::GStreamer(format!("a stream of {kind}"))),
    };
    // The muxer waits for both streams, and the demuxer has one thread.
    let queue = element("queue")?;
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
            // Streams come one after the other; a sink that waits for all to begin would wait for ever.
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

/// The nearest multiple of `parts / rate` seconds, and the way to the next: Matroska rounds to milliseconds, which an MP4
/// would show as an uneven frame rate.
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
    fn milliseconds_are_put_back_on_the_grid() {
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
    fn what_is_no_recording_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [("empty", &b""[..]), ("other", b"this is no Matroska file, but it is long enough")] {
            let file = folder.path().join(name).with_extension("mkv");
            fs::write(&file, bytes).unwrap();
            assert!(to_mp4(&file).is_err(), "{name}");
            assert_eq!(fs::read(&file).unwrap(), bytes);
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left behind");
    }
}
