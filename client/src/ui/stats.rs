//! What was drawn, for reports.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::video::PictureId;

/// Rates are taken over this long.
const WINDOW: Duration = Duration::from_secs(10);

/// Counts what the UI draws.
#[derive(Default)]
pub struct UiStats {
    drawn: AtomicU64,
    recent: Mutex<VecDeque<Instant>>,
    shown: Mutex<HashMap<PictureId, u64>>,
}

impl UiStats {
    pub(crate) fn count_drawn(&self) {
        self.drawn.fetch_add(1, Ordering::Relaxed);
        let mut recent = self.recent.lock();
        recent.push_back(Instant::now());
        while recent.front().is_some_and(|at| at.elapsed() > WINDOW) {
            recent.pop_front();
        }
    }

    pub(crate) fn count_shown(&self, picture: &PictureId) {
        let mut shown = self.shown.lock();
        match shown.get_mut(picture) {
            Some(count) => *count += 1,
            None => {
                shown.insert(picture.clone(), 1);
            }
        }
    }

    /// Passes drawn since the start.
    pub fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// Passes drawn a second, over the last ten seconds (or since the first, if that is less).
    pub fn ui_fps(&self) -> f32 {
        let recent = self.recent.lock();
        let Some(first) = recent.iter().find(|at| at.elapsed() <= WINDOW) else { return 0.0 };
        let within = recent.iter().filter(|at| *at >= first).count();
        within as f32 / first.elapsed().as_secs_f32().max(1.0)
    }

    /// New frames of this picture that were painted, since the start.
    pub fn frames_shown(&self, picture: &PictureId) -> u64 {
        self.shown.lock().get(picture).copied().unwrap_or_default()
    }

    /// The same for every picture that was ever shown.
    pub fn all_frames_shown(&self) -> HashMap<PictureId, u64> {
        self.shown.lock().clone()
    }
}
