//! Fake desktop around the window.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use autamedica_client::sound::Sound;
use autamedica_client::ui::desktop::{Desktop, Picked, Shareable};
use autamedica_media::ScreenSource;
use parking_lot::Mutex;

use super::harness::picture;

/// Desktop whose dialogs answer by themselves, and which records sounds.
#[derive(Default)]
pub struct FakeDesktop {
    /// Answer of each file dialog; `None` means that there are no dialogs.
    pub picks: Mutex<Option<Picked>>,
    pub played: Mutex<Vec<Sound>>,
    /// The second monitor is unplugged.
    pub unplugged: Arc<AtomicBool>,
    /// Number of windows that can be shared, besides the two monitors.
    pub windows: Mutex<u32>,
}

impl FakeDesktop {
    fn pick(&self) -> Picked {
        self.picks.lock().clone().unwrap_or(Picked::Unavailable)
    }
}

impl Desktop for FakeDesktop {
    fn pick_file(&self, _: &str) -> Picked {
        self.pick()
    }

    fn pick_place(&self, _: &str, _: &str) -> Picked {
        self.pick()
    }

    fn shareables(&self) -> Vec<Shareable> {
        let monitor =
            |name: &str| Shareable::new(ScreenSource::Monitor(name.into()), name.into(), (1920, 1080), picture());
        let window = |id| {
            let name = format!("Window {id}");
            Shareable::new(ScreenSource::Window { id, name: name.clone() }, name, (800, 600), picture())
        };
        let monitors = [monitor("HDMI-1"), monitor("DP-2").gone(Arc::clone(&self.unplugged))];
        monitors.into_iter().chain((0..*self.windows.lock()).map(window)).collect()
    }

    fn play(&self, sound: Sound) {
        self.played.lock().push(sound);
    }
}
