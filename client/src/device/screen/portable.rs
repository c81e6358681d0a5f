//! Screens through xcap: macOS, Windows, and Wayland, where the desktop asks the person what to share.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::Duration;

use xcap::{Frame, Monitor, VideoRecorder, Window};

use super::{Captured, ScreenInfo, ScreenSource, ScreenStream, WindowInfo};
use crate::device::DeviceProblem;
use crate::device::clock::now_us;
use crate::device::i420::{PixelFormat, to_i420};

/// Timeout of the first picture, while the desktop asks the person.
const FIRST_FRAME: Duration = Duration::from_secs(60);

pub fn list() -> Vec<ScreenInfo> {
    let monitors = Monitor::all().unwrap_or_else(|error| {
        tracing::warn!(%error, "monitors not listed");
        Vec::new()
    });
    monitors
        .iter()
        .map(|monitor| ScreenInfo {
            name: name_of(monitor),
            width: monitor.width().unwrap_or_default(),
            height: monitor.height().unwrap_or_default(),
            primary: monitor.is_primary().unwrap_or_default(),
        })
        .collect()
}

fn name_of(monitor: &Monitor) -> String {
    monitor.friendly_name().or_else(|_| monitor.name()).unwrap_or_default()
}

/// Lists windows, except on Wayland, where the person selects one when sharing starts.
pub fn list_windows() -> Vec<WindowInfo> {
    if cfg!(target_os = "linux") {
        return Vec::new();
    }
    let windows = Window::all().unwrap_or_else(|error| {
        tracing::warn!(%error, "windows not listed");
        Vec::new()
    });
    let ours = |window: &Window| window.pid().is_ok_and(|pid| pid == std::process::id());
    let info = |window: Window| {
        let name = window.title().ok().filter(|title| !title.is_empty())?;
        let (width, height) = (window.width().ok()?, window.height().ok()?);
        let minimized = window.is_minimized().unwrap_or_default();
        Some(WindowInfo { id: window.id().ok()?, name, width, height, minimized })
    };
    windows.into_iter().filter(|window| !ours(window)).filter_map(info).collect()
}

pub fn open(source: &ScreenSource) -> Result<Box<dyn ScreenStream>, DeviceProblem> {
    if let ScreenSource::Window { id, .. } = source {
        let windows = Window::all().map_err(|error| refused(&error))?;
        let window = windows.into_iter().find(|window| window.id().is_ok_and(|found| found == *id));
        return Ok(Box::new(WindowPictures { window: window.ok_or(DeviceProblem::NotFound)? }));
    }
    let monitors = Monitor::all().map_err(|error| refused(&error))?;
    let monitor = match source {
        ScreenSource::Monitor(name) => monitors.into_iter().find(|monitor| name_of(monitor) == *name),
        ScreenSource::Primary | ScreenSource::Window { .. } => {
            let primary = monitors.iter().position(|monitor| monitor.is_primary().unwrap_or_default());
            monitors.into_iter().nth(primary.unwrap_or(0))
        }
    };
    let monitor = monitor.ok_or(DeviceProblem::NotFound)?;
    if cfg!(target_os = "linux") {
        // Single captures would ask the person each time; the recorder asks once.
        let (recorder, frames) = monitor.video_recorder().map_err(|error| refused(&error))?;
        recorder.start().map_err(|error| refused(&error))?;
        return Ok(Box::new(Recorded { name: name_of(&monitor), recorder, frames, last: None }));
    }
    Ok(Box::new(Pictures { monitor }))
}

fn refused(error: &xcap::XCapError) -> DeviceProblem {
    tracing::info!(%error, "screen capture refused");
    if is_denied(error) { DeviceProblem::Denied } else { DeviceProblem::Failed }
}

/// Returns whether the person or the desktop refused. xcap has no code for the person's answer, only this very text, which
/// it creates from the portal's response code. D-Bus errors begin with their name.
#[cfg(target_os = "linux")]
fn is_denied(error: &xcap::XCapError) -> bool {
    const NAMES: [&str; 3] = [
        "org.freedesktop.DBus.Error.AccessDenied",
        "org.freedesktop.portal.Error.NotAllowed",
        "org.freedesktop.portal.Error.Cancelled",
    ];
    match error {
        xcap::XCapError::Error(text) => text == "Z-Bus canceled",
        xcap::XCapError::ZbusError(error) => {
            let text = error.to_string();
            text.split(':').next().is_some_and(|name| NAMES.contains(&name))
        }
        _ => false,
    }
}

/// xcap reports no refusal on macOS and Windows.
#[cfg(not(target_os = "linux"))]
fn is_denied(_: &xcap::XCapError) -> bool {
    false
}

/// Captures single pictures of a monitor.
struct Pictures {
    monitor: Monitor,
}

impl ScreenStream for Pictures {
    fn name(&self) -> String {
        name_of(&self.monitor)
    }

    fn capture(&mut self, _repeat: bool) -> Result<Captured, DeviceProblem> {
        let captured = now_us();
        let image = self.monitor.capture_image().map_err(|error| refused(&error))?;
        let frame = Frame::new(image.width(), image.height(), image.into_raw());
        converted(&frame, captured)
    }
}

/// Captures single pictures of a window.
struct WindowPictures {
    window: Window,
}

impl ScreenStream for WindowPictures {
    fn name(&self) -> String {
        self.window.title().unwrap_or_default()
    }

    fn capture(&mut self, _repeat: bool) -> Result<Captured, DeviceProblem> {
        if self.window.is_minimized().unwrap_or_default() {
            return Ok(Captured::Unchanged);
        }
        let captured = now_us();
        let image = self.window.capture_image().map_err(|error| refused(&error))?;
        let frame = Frame::new(image.width(), image.height(), image.into_raw());
        converted(&frame, captured)
    }
}

/// Receives a stream from the desktop.
struct Recorded {
    name: String,
    recorder: VideoRecorder,
    frames: Receiver<Frame>,
    last: Option<Frame>,
}

impl ScreenStream for Recorded {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn capture(&mut self, repeat: bool) -> Result<Captured, DeviceProblem> {
        if self.last.is_none() {
            self.last = Some(self.frames.recv_timeout(FIRST_FRAME).map_err(|error| match error {
                RecvTimeoutError::Timeout => DeviceProblem::Silent,
                RecvTimeoutError::Disconnected => DeviceProblem::Failed,
            })?);
        } else if !self.take_newest()? && !repeat {
            return Ok(Captured::Unchanged);
        }
        self.last.as_ref().map_or(Ok(Captured::Unchanged), |frame| converted(frame, now_us()))
    }
}

impl Recorded {
    /// Takes the newest frame. The desktop sends at its own rate.
    fn take_newest(&mut self) -> Result<bool, DeviceProblem> {
        let mut fresh = false;
        loop {
            match self.frames.try_recv() {
                Ok(frame) => (self.last, fresh) = (Some(frame), true),
                Err(TryRecvError::Empty) => return Ok(fresh),
                Err(TryRecvError::Disconnected) => return Err(DeviceProblem::Unplugged),
            }
        }
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        if let Err(error) = self.recorder.stop() {
            tracing::debug!(%error, "screen recorder not stopped");
        }
    }
}

fn converted(frame: &Frame, captured_us: i64) -> Result<Captured, DeviceProblem> {
    let stride = frame.width as usize * 4;
    to_i420(PixelFormat::Rgbx, &frame.raw, stride, frame.width, frame.height, captured_us)
        .map(Captured::Frame)
        .ok_or(DeviceProblem::Unsupported)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// Words in a monitor's name or another quoted text don't count.
    #[test]
    fn only_a_refusal_is_one() {
        for (text, problem) in [
            ("Z-Bus canceled", DeviceProblem::Denied),
            ("Response code is 2", DeviceProblem::Failed),
            ("Not found monitor Permission Denied 24", DeviceProblem::Failed),
        ] {
            assert_eq!(refused(&xcap::XCapError::new(text)), problem, "{text}");
        }
        let refused_file = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        assert_eq!(refused(&xcap::XCapError::StdIOError(refused_file)), DeviceProblem::Failed);
    }
}
