//! What the screens ask of the machine around the window: files, screens to share, a short sound.
//!
//! Everything here may take its time, so nothing of it is called on the UI thread: [`Errand`] runs it beside.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use autamedica_engine::LatestFrame;

use crate::device::{DeviceProblem, DeviceState, Screen, ScreenOptions, ScreenSource, list_screens, list_windows};
use crate::sound::{self, Sound};

/// A dialog that "was cancelled" faster than anybody could read it wasn't there.
const NOBODY_IS_SO_FAST: Duration = Duration::from_millis(400);
/// How often and how large a screen is looked at for the picker.
const THUMBNAIL_FPS: u32 = 2;
const THUMBNAIL_SIZE: (u32, u32) = (480, 300);

/// Each is looked at while the picker is open.
const MOST_WINDOWS: usize = 12;

/// The machine around the window. Each method may block: never on the UI thread.
pub trait Desktop: Send + Sync {
    /// Lets the person pick a file to send.
    fn pick_file(&self, title: &str) -> Picked;
    /// Lets the person say where a file of this name goes.
    fn pick_place(&self, title: &str, name: &str) -> Picked;
    /// What can be shared of the screen, with pictures that go on for as long as the result is kept.
    fn shareables(&self) -> Vec<Shareable>;
    /// Plays a short sound. Returns at once.
    fn play(&self, sound: Sound);
}

/// What came of a file dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picked {
    /// This one.
    File(PathBuf),
    /// None.
    Cancelled,
    /// There is no dialog on this machine: the path has to be typed.
    Unavailable,
}

/// Something that can be shared.
pub struct Shareable {
    /// What to ask the call for.
    pub source: ScreenSource,
    /// Its name for people; empty for "the whole screen".
    pub name: String,
    /// Pixels; zero where the system doesn't say.
    pub size: (u32, u32),
    /// What it looks like now; empty until the first picture came.
    pub picture: LatestFrame,
    gone: Arc<AtomicBool>,
    /// What keeps the pictures coming.
    _capture: Option<Screen>,
}

impl Shareable {
    /// One whose pictures come from elsewhere.
    pub fn new(source: ScreenSource, name: String, size: (u32, u32), picture: LatestFrame) -> Self {
        Self { source, name, size, picture, gone: Arc::default(), _capture: None }
    }

    /// Whether the window was closed or the monitor pulled out since.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Lets it be gone; for one whose pictures come from elsewhere.
    pub fn gone(self, gone: Arc<AtomicBool>) -> Self {
        Self { gone, ..self }
    }

    fn captured(source: ScreenSource, name: String, size: (u32, u32)) -> Self {
        let picture = LatestFrame::new();
        let slot = picture.clone();
        let options = ScreenOptions { source: source.clone(), max_fps: THUMBNAIL_FPS, max_size: THUMBNAIL_SIZE };
        let gone = Arc::<AtomicBool>::default();
        let ended = Arc::clone(&gone);
        let on_state = move |state| {
            if matches!(state, DeviceState::Failed(DeviceProblem::Unplugged | DeviceProblem::NotFound)) {
                ended.store(true, Ordering::Release);
            }
        };
        let capture = Screen::open(options, move |frame| slot.put(frame), on_state);
        Self { source, name, size, picture, gone, _capture: Some(capture) }
    }
}

/// The real desktop: the system's file dialogs (on Linux through its portal), its monitors, its speaker.
#[derive(Debug, Default)]
pub struct SystemDesktop;

impl Desktop for SystemDesktop {
    fn pick_file(&self, title: &str) -> Picked {
        ask(|| rfd::FileDialog::new().set_title(title).pick_file())
    }

    fn pick_place(&self, title: &str, name: &str) -> Picked {
        ask(|| rfd::FileDialog::new().set_title(title).set_file_name(name).save_file())
    }

    fn shareables(&self) -> Vec<Shareable> {
        // On Wayland the desktop itself asks what to share, and would do so for each thumbnail.
        if std::env::var_os("WAYLAND_DISPLAY").is_some_and(|value| !value.is_empty()) {
            return vec![Shareable::new(ScreenSource::Primary, String::new(), (0, 0), LatestFrame::new())];
        }
        let screens = list_screens().into_iter().map(|screen| {
            let size = (screen.width, screen.height);
            Shareable::captured(ScreenSource::Monitor(screen.name.clone()), screen.name, size)
        });
        // One that is minimised has nothing to show.
        let windows = list_windows().into_iter().filter(|window| !window.minimized).take(MOST_WINDOWS).map(|window| {
            let size = (window.width, window.height);
            let source = ScreenSource::Window { id: window.id, name: window.name.clone() };
            Shareable::captured(source, window.name, size)
        });
        screens.chain(windows).collect()
    }

    fn play(&self, sound: Sound) {
        sound::play(sound);
    }
}

fn ask(dialog: impl FnOnce() -> Option<PathBuf>) -> Picked {
    let asked = Instant::now();
    match dialog() {
        Some(path) => Picked::File(path),
        None if asked.elapsed() < NOBODY_IS_SO_FAST => Picked::Unavailable,
        None => Picked::Cancelled,
    }
}

/// Work on a thread of its own, whose result the UI looks for in each pass.
pub struct Errand<T> {
    result: Receiver<T>,
}

impl<T: Send + 'static> Errand<T> {
    /// Starts `work`; the window is drawn again when it is done.
    pub fn start(ctx: &egui::Context, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, result) = channel();
        let ctx = ctx.clone();
        let spawned = std::thread::Builder::new().name("errand".into()).spawn(move || {
            // The screen may be gone by now, and then nobody waits for it.
            let _ = sender.send(work());
            ctx.request_repaint();
        });
        if let Err(error) = spawned {
            // The sender went with it, so that the errand ends without a result.
            tracing::error!(%error, "no thread to be had");
        }
        Self { result }
    }

    /// The result, once; `Err` when there will never be one.
    pub fn poll(&self) -> Result<Option<T>, Lost> {
        match self.result.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Lost),
        }
    }
}

/// The errand ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work ended without a result")]
pub struct Lost;

/// The desktop that screens use unless told otherwise.
pub fn system() -> Arc<dyn Desktop> {
    Arc::new(SystemDesktop)
}
