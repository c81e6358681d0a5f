//! A machine around the window that needs none.

use autamedica_client::device::ScreenSource;
use autamedica_client::sound::Sound;
use autamedica_client::ui::desktop::{Desktop, Picked, Shareable};
use parking_lot::Mutex;

use super::harness::picture;

/// A desktop whose dialogs answer by themselves, and which plays nothing.
#[derive(Default)]
pub struct FakeDesktop {
    /// What each file dialog says; `None` means that there are no dialogs.
    pub picks: Mutex<Option<Picked>>,
    pub played: Mutex<Vec<Sound>>,
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
        vec![monitor("HDMI-1"), monitor("DP-2")]
    }

    fn play(&self, sound: Sound) {
        self.played.lock().push(sound);
    }
}
