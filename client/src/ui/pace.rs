//! When to draw: for each new frame or event, but never faster than is worth it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// With several videos, each waking us on its own, we draw this often at most.
const SEVERAL_VIDEOS: Duration = Duration::from_millis(28);
/// With one, each of its frames is drawn when it comes.
const ONE_VIDEO: Duration = Duration::from_millis(8);
/// egui draws *twice* for a request without delay, to let widgets settle. A video needs one pass a frame, and
/// any delay above zero gets that.
const AT_ONCE: Duration = Duration::from_micros(1);

/// Turns wake-ups from other threads into repaints.
pub struct Pace {
    ctx: egui::Context,
    started: Instant,
    /// Microseconds after `started` when the last pass began.
    last_pass: AtomicU64,
    /// The least microseconds from one pass to the next.
    interval: AtomicU64,
}

impl Pace {
    /// For this window.
    pub fn new(ctx: egui::Context) -> Self {
        Self {
            ctx,
            started: Instant::now(),
            last_pass: AtomicU64::new(0),
            interval: AtomicU64::new(ONE_VIDEO.as_micros() as u64),
        }
    }

    /// There is something new: draw soon. From any thread; returns at once.
    pub fn wake(&self) {
        let since_last = self.micros().saturating_sub(self.last_pass.load(Ordering::Relaxed));
        let wait = Duration::from_micros(self.interval.load(Ordering::Relaxed).saturating_sub(since_last));
        self.ctx.request_repaint_after(wait.max(AT_ONCE));
    }

    /// A pass begins.
    pub fn painting(&self) {
        self.last_pass.store(self.micros(), Ordering::Relaxed);
    }

    /// How many videos wake us.
    pub fn set_videos(&self, count: usize) {
        let interval = if count > 1 { SEVERAL_VIDEOS } else { ONE_VIDEO };
        self.interval.store(interval.as_micros() as u64, Ordering::Relaxed);
    }

    fn micros(&self) -> u64 {
        self.started.elapsed().as_micros() as u64
    }
}
