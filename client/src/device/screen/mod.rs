//! Our own screen, to be shared: frames at a modest rate, only while something changes.

mod picker;
mod portable;
#[cfg(all(unix, not(target_os = "macos")))]
mod x11;

pub use picker::{Screens, Shareable};

use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::VideoFrame;

use super::scale;
use super::thread::{DeviceThread, Session};
use super::{DeviceProblem, DeviceState};

/// A picture that doesn't change is sent again so often, for those who joined in between.
const REPEAT_EVERY: Duration = Duration::from_secs(1);

/// How long the thread of a capture that has ended sleeps at a time, until it is dropped.
const PAUSE_WHEN_ENDED: Duration = Duration::from_secs(60);

/// What can be shared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ScreenSource {
    /// The monitor that the system calls the primary one; on Wayland the one that the person picks.
    #[default]
    Primary,
    /// The monitor of this name, from [`list_screens`].
    Monitor(String),
    /// One window, also where others cover it; from [`list_windows`]. While it is minimised its last picture stays.
    Window {
        /// [`WindowInfo::id`].
        id: u32,
        /// [`WindowInfo::name`].
        name: String,
    },
}

/// A monitor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenInfo {
    /// The system's name for it, such as `HDMI-1`.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The system's primary monitor.
    pub primary: bool,
}

/// A window of another program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowInfo {
    /// The system's number for it.
    pub id: u32,
    /// Its title.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// It is not to be seen now.
    pub minimized: bool,
}

/// What to share, and how finely.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScreenOptions {
    /// Which monitor.
    pub source: ScreenSource,
    /// Frames a second at most.
    pub max_fps: u32,
    /// A larger picture is scaled down to this width and height in pixels, in its own shape.
    pub max_size: (u32, u32),
}

impl Default for ScreenOptions {
    /// The primary monitor, 15 frames a second, 1920x1080.
    fn default() -> Self {
        Self { source: ScreenSource::Primary, max_fps: 15, max_size: (1920, 1080) }
    }
}

/// What a look at the screen gave.
enum Look {
    /// A new picture, full size.
    Frame(VideoFrame),
    /// The same as before.
    Unchanged,
}

/// A monitor that is open for looking at.
trait ScreenStream {
    fn name(&self) -> String;

    /// Looks now. `repeat` asks for a picture even when it is the same as before.
    fn look(&mut self, repeat: bool) -> Result<Look, DeviceProblem>;
}

/// A running screen capture; dropping it stops it, at once.
#[derive(Debug)]
pub struct Screen {
    _thread: DeviceThread,
}

impl Screen {
    /// Starts capturing. Returns at once.
    ///
    /// `on_frame` is called from the capture's thread: up to `max_fps` times a second while the picture changes, once a
    /// second otherwise. `on_state` is called on each change; a screen that can't be captured is tried again every two
    /// seconds until it was captured once. After that its end is the end: another may have taken its place.
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

/// This machine's monitors. Asks the system: not for the UI thread.
pub fn list_screens() -> Vec<ScreenInfo> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::is_here() {
        return x11::list().unwrap_or_default();
    }
    portable::list()
}

/// Other programs' windows. Asks the system: not for the UI thread. Empty where the desktop doesn't tell (Wayland).
pub fn list_windows() -> Vec<WindowInfo> {
    #[cfg(all(unix, not(target_os = "macos")))]
    if x11::is_here() {
        return x11::list_windows().unwrap_or_default();
    }
    portable::list_windows()
}

/// One picture of what could be shared, within `max` (width and height in pixels); `None` where it can't be had, or only
/// by asking the person.
fn thumbnail(source: &ScreenSource, max: (u32, u32)) -> Option<VideoFrame> {
    if !can_look_unasked() {
        return None;
    }
    match open(source).ok()?.look(true).ok()? {
        Look::Frame(frame) => Some(scale::fit(frame, max)),
        Look::Unchanged => None,
    }
}

/// Whether this desktop has a setting that allows or forbids to capture the screen: X11 and Windows have none.
pub(crate) fn capture_needs_permission() -> bool {
    cfg!(target_os = "macos") || std::env::var_os("WAYLAND_DISPLAY").is_some_and(|value| !value.is_empty())
}

/// Under Wayland each look at the screen asks the person.
fn can_look_unasked() -> bool {
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

/// From the first look until something goes wrong.
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
        let repeat = last_frame.is_none_or(|last| last.elapsed() >= REPEAT_EVERY);
        match stream.look(repeat) {
            Ok(Look::Frame(frame)) => {
                session.on(&stream.name());
                on_frame(Arc::new(scale::fit(frame, options.max_size)));
                last_frame = Some(started);
            }
            Ok(Look::Unchanged) => {}
            Err(problem) => return problem,
        }
        session.wait_until(started + interval);
    }
    DeviceProblem::Failed
}
