//! Screens and windows to share, with thumbnails, for the person to select.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use autamedica_engine::LatestFrame;
use parking_lot::Mutex;

use super::{ScreenSource, list_screens, list_windows, thumbnail};

/// Interval of updates.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Maximum size of thumbnails in pixels.
const SMALL: (u32, u32) = (320, 200);

/// Screen or window to share. Equal ones share a thumbnail slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Shareable {
    /// Source for sharing it.
    pub source: ScreenSource,
    /// Name of the monitor or title of the window.
    pub name: String,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The window is minimised.
    pub minimized: bool,
    /// Current thumbnail; empty while there is none.
    pub thumbnail: LatestFrame,
}

/// Lists screens and windows to share: monitors first, then windows. Updates once a second on its own thread, until
/// dropped.
#[derive(Debug)]
pub struct Screens {
    list: Arc<Mutex<Arc<Vec<Shareable>>>>,
    _stop: mpsc::Sender<()>,
}

impl Screens {
    /// Starts updating. Returns at once with an empty list. `wake` is called on that thread after each change of the
    /// list or a thumbnail, and must return at once.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let list = Arc::<Mutex<Arc<Vec<Shareable>>>>::default();
        let shared = Arc::clone(&list);
        let watch = move || {
            let mut slots = HashMap::new();
            loop {
                // Driver bindings may panic; the list is empty then.
                let found = catch_unwind(AssertUnwindSafe(|| shareables(&mut slots))).unwrap_or_default();
                let pictures = found.clone();
                *shared.lock() = Arc::new(found);
                wake();
                for one in pictures.iter().filter(|one| !one.minimized) {
                    let picture = catch_unwind(AssertUnwindSafe(|| thumbnail(&one.source, SMALL))).ok().flatten();
                    if let Some(picture) = picture {
                        one.thumbnail.put(Arc::new(picture));
                    }
                    // Many windows take a while.
                    if stopped.try_recv() != Err(mpsc::TryRecvError::Empty) {
                        return;
                    }
                }
                wake();
                if stopped.recv_timeout(POLL_INTERVAL) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("screens".into()).spawn(watch) {
            tracing::error!(%error, "screen list thread not started");
        }
        Self { list, _stop: stop }
    }

    /// Returns the current list. Never blocks.
    pub fn list(&self) -> Arc<Vec<Shareable>> {
        self.list.lock().clone()
    }
}

/// Lists screens and windows. Known ones keep their thumbnail slots.
fn shareables(slots: &mut HashMap<String, LatestFrame>) -> Vec<Shareable> {
    let screens = list_screens().into_iter().map(|screen| {
        let source = ScreenSource::Monitor(screen.name.clone());
        (format!("monitor {}", screen.name), source, screen.name, (screen.width, screen.height), false)
    });
    let windows = list_windows().into_iter().map(|window| {
        let source = ScreenSource::Window { id: window.id, name: window.name.clone() };
        (format!("window {}", window.id), source, window.name, (window.width, window.height), window.minimized)
    });
    let mut kept = HashMap::new();
    let all = screens.chain(windows).map(|(key, source, name, (width, height), minimized)| {
        let thumbnail = slots.remove(&key).unwrap_or_default();
        kept.insert(key, thumbnail.clone());
        Shareable { source, name, width, height, minimized, thumbnail }
    });
    let all = all.collect();
    *slots = kept;
    all
}
