//! Rendering statistics for reports.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::video::PictureId;

/// Period over which rates are computed.
const WINDOW: Duration = Duration::from_secs(10);
/// Number of seconds that are counted one by one.
const SECONDS: usize = 300;

/// Counters of drawn passes and frames.
#[derive(Default)]
pub struct UiStats {
    drawn: AtomicU64,
    recent: Mutex<VecDeque<Instant>>,
    /// Passes in each second, by Unix time; seconds without passes are absent.
    seconds: Mutex<VecDeque<(u64, u32)>>,
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
        drop(recent);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let mut seconds = self.seconds.lock();
        match seconds.back_mut() {
            Some((second, count)) if *second == now => *count += 1,
            _ => seconds.push_back((now, 1)),
        }
        if seconds.len() > SECONDS {
            seconds.pop_front();
        }
    }

    /// Returns the passes in each of the last 300 seconds, by Unix time. Seconds without passes are absent.
    pub fn drawn_each_second(&self) -> Vec<(u64, u32)> {
        self.seconds.lock().iter().copied().collect()
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

    /// Returns the passes since the start.
    pub fn drawn(&self) -> u64 {
        self.drawn.load(Ordering::Relaxed)
    }

    /// Returns the passes per second over the last ten seconds, or since the first pass if that is less.
    pub fn ui_fps(&self) -> f32 {
        let recent = self.recent.lock();
        let Some(first) = recent.iter().find(|at| at.elapsed() <= WINDOW) else { return 0.0 };
        let within = recent.iter().filter(|at| *at >= first).count();
        within as f32 / first.elapsed().as_secs_f32().max(1.0)
    }

    /// Returns the number of this picture's frames that were painted.
    pub fn frames_shown(&self, picture: &PictureId) -> u64 {
        self.shown.lock().get(picture).copied().unwrap_or_default()
    }

    /// Returns the number of painted frames of every picture.
    pub fn all_frames_shown(&self) -> HashMap<PictureId, u64> {
        self.shown.lock().clone()
    }
}
