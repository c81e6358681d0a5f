//! Repaint scheduling: one repaint for each frame or event, up to a maximum rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shortest repaint interval with several videos, each of which requests repaints.
const MIN_INTERVAL_SEVERAL_VIDEOS: Duration = Duration::from_millis(28);
/// Shortest repaint interval with one video: each of its frames is drawn on arrival.
const MIN_INTERVAL_ONE_VIDEO: Duration = Duration::from_millis(8);
/// Delay of an immediate repaint. egui draws *twice* for a request without delay, to let widgets settle; a video needs
/// one pass a frame, which any delay above zero gives.
const IMMEDIATE: Duration = Duration::from_micros(1);

/// Converts wake-ups from other threads to repaints.
pub struct RepaintScheduler {
    ctx: egui::Context,
    started: Instant,
    /// Start of the last pass, in microseconds after `started`.
    last_pass: AtomicU64,
    /// Shortest time between passes in microseconds.
    interval: AtomicU64,
}

impl RepaintScheduler {
    /// Creates the scheduler of this window.
    pub fn new(ctx: egui::Context) -> Self {
        Self {
            ctx,
            started: Instant::now(),
            last_pass: AtomicU64::new(0),
            interval: AtomicU64::new(MIN_INTERVAL_ONE_VIDEO.as_micros() as u64),
        }
    }

    /// Requests a repaint because of new content. Callable from any thread; returns at once.
    pub fn wake(&self) {
        let since_last = self.micros().saturating_sub(self.last_pass.load(Ordering::Relaxed));
        let wait = Duration::from_micros(self.interval.load(Ordering::Relaxed).saturating_sub(since_last));
        self.ctx.request_repaint_after(wait.max(IMMEDIATE));
    }

    /// Records the start of a pass.
    pub fn painting(&self) {
        self.last_pass.store(self.micros(), Ordering::Relaxed);
    }

    /// Sets the number of videos that request repaints.
    pub fn set_videos(&self, count: usize) {
        let interval = if count > 1 { MIN_INTERVAL_SEVERAL_VIDEOS } else { MIN_INTERVAL_ONE_VIDEO };
        self.interval.store(interval.as_micros() as u64, Ordering::Relaxed);
    }

    fn micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }
}
