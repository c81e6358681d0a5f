//! Screen capture: frames at a moderate rate, only while something changes.

mod picker;
mod portable;
mod stream;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

pub use picker::{Screens, Shareable};
pub use stream::{ScreenInfo, ScreenSource, WindowInfo};

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::VideoFrame;

use stream::{Captured, ScreenStream};

use super::scale;
use super::thread::{DeviceThread, Session};
use super::{DeviceProblem, DeviceState};

/// Interval at which an unchanged picture is sent again, for participants who join.
const REPEAT_INTERVAL: Duration = Duration::from_secs(1);

/// Interval of wake-ups of a capture thread that has ended, until it is dropped.
const PAUSE_WHEN_ENDED: Duration = Duration::from_secs(60);

/// Options of a screen capture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenOptions {
    /// Screen or window to share.
    pub source: ScreenSource,
    /// Maximum frames per second.
    pub max_fps: u32,
    /// Maximum width and height in pixels. Larger pictures are scaled down with their aspect ratio.
    pub max_size: (u32, u32),
}

impl Default for ScreenOptions {
    /// The primary monitor, 15 frames a second, 1920x1080.
    fn default() -> Self {
        Self { source: ScreenSource::Primary, max_fps: 15, max_size: (1920, 1080) }
    }
}

/// Running screen capture. Dropping it stops it at once.
#[derive(Debug)]
pub struct Screen {
    _thread: DeviceThread,
}

impl Screen {
    /// Starts capturing. Returns at once.
    ///
    /// `on_frame` is called on the capture's thread: up to `max_fps` times a second while the picture changes, else
    /// once a second. `on_state` is called on each change. A failed capture is retried every two seconds until the
    /// first success; after that a failure is final, because another screen may have taken its place.
    pub fn open(
        options: ScreenOptions,
        mut on_frame: impl FnMut(Arc<VideoFrame>) + Send + 'static,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
    ) -> Self {
        let mut ended = None;
        let thread = DeviceThread::start("screen", on_state, move |session| {
            if let Some(problem) = ended {
                session.wait(PAUSE_WHEN_ENDED);
                return problem;
            }
            let mut stream = match open(&options.source) {
                Ok(stream) => stream,
                Err(problem) => return problem,
            };
            let mut captured = false;
            let problem = capture(&mut *stream, &options, session, |frame| {
                captured = true;
                on_frame(frame);
            });
            if captured {
                ended = Some(problem);
            }
            problem
        });
        Self { _thread: thread }
    }
}

/// Lists this machine's monitors. Blocks on the system: not for the UI thread.
pub fn list_screens() -> Vec<ScreenInfo> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::is_here() {
        return x11::list().unwrap_or_default();
    }
    portable::list()
}

/// Lists the windows of other programs; empty on desktops that do not expose them (Wayland). Blocks on the system: not
/// for the UI thread.
pub fn list_windows() -> Vec<WindowInfo> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::is_here() {
        return x11::list_windows().unwrap_or_default();
    }
    portable::list_windows()
}

/// Captures one picture within `max` (width and height in pixels); `None` if that fails or would ask the person.
fn thumbnail(source: &ScreenSource, max: (u32, u32)) -> Option<VideoFrame> {
    if !can_capture_unprompted() {
        return None;
    }
    match open(source).ok()?.capture(true).ok()? {
        Captured::Frame(frame) => Some(scale::fit(frame, max)),
        Captured::Unchanged => None,
    }
}

/// Returns whether this desktop has a setting that permits screen capture: X11 and Windows have none.
pub fn capture_needs_permission() -> bool {
    cfg!(target_os = "macos") || std::env::var_os("WAYLAND_DISPLAY").is_some_and(|value| !value.is_empty())
}

/// Returns whether a capture starts without asking the person, unlike on Wayland.
fn can_capture_unprompted() -> bool {
    #[cfg(all(unix, not(target_os = "macos")))]
    return x11::is_here();
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    true
}

fn open(source: &ScreenSource) -> Result<Box<dyn ScreenStream>, DeviceProblem> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::is_here() {
        return Ok(Box::new(x11::X11Screen::open(source)?));
    }
    portable::open(source)
}

/// Captures until a problem occurs.
fn capture(
    stream: &mut dyn ScreenStream,
    options: &ScreenOptions,
    session: &mut Session,
    mut on_frame: impl FnMut(Arc<VideoFrame>),
) -> DeviceProblem {
    let interval = Duration::from_secs(1) / options.max_fps.max(1);
    let mut last_frame: Option<Instant> = None;
    while !session.stopped() {
        let started = Instant::now();
        let repeat = last_frame.is_none_or(|last| last.elapsed() >= REPEAT_INTERVAL);
        match stream.capture(repeat) {
            Ok(Captured::Frame(frame)) => {
                session.on(&stream.name());
                on_frame(Arc::new(scale::fit(frame, options.max_size)));
                last_frame = Some(started);
            }
            Ok(Captured::Unchanged) => {}
            Err(problem) => return problem,
        }
        session.wait_until(started + interval);
    }
    DeviceProblem::Failed
}
