//! Access to the desktop around the window: file dialogs, screens to share, sounds.
//!
//! These calls may block, so [`BackgroundTask`] runs them on threads of their own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::time::{Duration, Instant};

use autamedica_engine::LatestFrame;
use autamedica_media::{DeviceProblem, DeviceState, Screen, ScreenOptions, ScreenSource, list_screens, list_windows};

use crate::sound::{self, Sound};

/// Shortest time in which a person can cancel a dialog. A faster "cancelled" means that there is no dialog.
const MIN_DIALOG_TIME: Duration = Duration::from_millis(400);
/// Frame rate and size of the thumbnails in the share picker.
const THUMBNAIL_FPS: u32 = 2;
const THUMBNAIL_SIZE: (u32, u32) = (480, 300);

/// Maximum number of windows offered: each is captured while the picker is open.
const MAX_WINDOWS: usize = 12;

/// Desktop around the window. Its methods may block, so the UI thread never calls them.
pub trait Desktop: Send + Sync {
    /// Asks the person for a file to send.
    fn pick_file(&self, title: &str) -> Picked;
    /// Asks the person where to save a file, suggesting this name.
    fn pick_place(&self, title: &str, name: &str) -> Picked;
    /// Lists the screens and windows that can be shared. Each captures thumbnails until it is dropped.
    fn shareables(&self) -> Vec<Shareable>;
    /// Plays a short sound. Returns at once.
    fn play(&self, sound: Sound);
}

/// Result of a file dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Picked {
    /// Chosen path.
    File(PathBuf),
    /// The person cancelled.
    Cancelled,
    /// This machine has no file dialog: the path has to be typed.
    Unavailable,
}

/// Screen or window that can be shared.
pub struct Shareable {
    /// Source to pass to the call.
    pub source: ScreenSource,
    /// Name for people; empty for the whole screen.
    pub name: String,
    /// Size in pixels; zero where the system doesn't report it.
    pub size: (u32, u32),
    /// Newest thumbnail; empty until the first one is captured.
    pub picture: LatestFrame,
    gone: Arc<AtomicBool>,
    /// Capture that fills `picture`.
    _capture: Option<Screen>,
}

impl Shareable {
    /// Creates an entry whose thumbnails are captured elsewhere.
    pub fn new(source: ScreenSource, name: String, size: (u32, u32), picture: LatestFrame) -> Self {
        Self { source, name, size, picture, gone: Arc::default(), _capture: None }
    }

    /// Returns whether the window was closed or the monitor unplugged.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Sets the flag that [`is_gone`](Self::is_gone) reads, for thumbnails captured elsewhere.
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

/// Real desktop: the system's file dialogs (on Linux through its portal), monitors and speaker.
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
        // On Wayland the desktop asks the person what to share, and would do so for each thumbnail.
        if std::env::var_os("WAYLAND_DISPLAY").is_some_and(|value| !value.is_empty()) {
            return vec![Shareable::new(ScreenSource::Primary, String::new(), (0, 0), LatestFrame::new())];
        }
        let screens = list_screens().into_iter().map(|screen| {
            let size = (screen.width, screen.height);
            Shareable::captured(ScreenSource::Monitor(screen.name.clone()), screen.name, size)
        });
        // Minimised windows have no picture.
        let windows = list_windows().into_iter().filter(|window| !window.minimized).take(MAX_WINDOWS).map(|window| {
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
    let opened = Instant::now();
    match dialog() {
        Some(path) => Picked::File(path),
        None if opened.elapsed() < MIN_DIALOG_TIME => Picked::Unavailable,
        None => Picked::Cancelled,
    }
}

/// Work on its own thread; the UI polls its result in each pass.
pub struct BackgroundTask<T> {
    result: Receiver<T>,
}

impl<T: Send + 'static> BackgroundTask<T> {
    /// Starts `work` and requests a repaint when it is done.
    pub fn start(ctx: &egui::Context, work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, result) = channel();
        let ctx = ctx.clone();
        let spawned = std::thread::Builder::new().name("background".into()).spawn(move || {
            // The screen may have been closed; then nobody receives the result.
            let _ = sender.send(work());
            ctx.request_repaint();
        });
        if let Err(error) = spawned {
            // The dropped sender makes `poll` return `Lost`.
            tracing::error!(%error, "thread not started");
        }
        Self { result }
    }

    /// Returns the result, once.
    ///
    /// # Errors
    /// [`Lost`] when the work ended without a result.
    pub fn poll(&self) -> Result<Option<T>, Lost> {
        match self.result.try_recv() {
            Ok(result) => Ok(Some(result)),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Disconnected) => Err(Lost),
        }
    }
}

/// The work ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work ended without a result")]
pub struct Lost;

/// Returns the real desktop.
pub fn system() -> Arc<dyn Desktop> {
    Arc::new(SystemDesktop)
}
