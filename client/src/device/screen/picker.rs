//! What could be shared, with a small picture of each, for somebody who chooses.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use autamedica_engine::LatestFrame;
use parking_lot::Mutex;

use super::{ScreenSource, list_screens, list_windows, thumbnail};

/// From one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// The size of the small pictures, in pixels at most.
const SMALL: (u32, u32) = (320, 200);

/// Something that could be shared. Equal ones have the same slot.
#[derive(Clone, Debug, PartialEq)]
pub struct Shareable {
    /// As a share is asked for.
    pub source: ScreenSource,
    /// For people: a monitor's name or a window's title.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// A window that is not to be seen now.
    pub minimized: bool,
    /// A small picture, kept fresh; empty while there is none.
    pub thumbnail: LatestFrame,
}

/// Lists what could be shared: monitors first, then windows. Looks once a second, on a thread of its own, until dropped.
#[derive(Debug)]
pub struct Screens {
    list: Arc<Mutex<Arc<Vec<Shareable>>>>,
    _stop: mpsc::Sender<()>,
}

impl Screens {
    /// Starts looking. Returns at once, with an empty list; `wake` is called on that thread after each change of the
    /// list or of a picture, and must return at once.
    pub fn start(wake: impl Fn() + Send + Sync + 'static) -> Self {
        let (stop, stopped) = mpsc::channel::<()>();
        let list = Arc::<Mutex<Arc<Vec<Shareable>>>>::default();
        let shared = Arc::clone(&list);
        let look = move || {
            let mut slots = HashMap::new();
            loop {
                // Drivers' bindings panic on what they don't expect; then there is nothing to choose from.
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
                if stopped.recv_timeout(LOOK_EVERY) != Err(mpsc::RecvTimeoutError::Timeout) {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("screens".into()).spawn(look) {
            tracing::error!(%error, "no thread to look for screens");
        }
        Self { list, _stop: stop }
    }

    /// What there is now. Never waits.
    pub fn list(&self) -> Arc<Vec<Shareable>> {
        self.list.lock().clone()
    }
}

/// What there is, in the slots that those have which were there before.
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
