//! State of a subscription: requests that supersede each other, and settings that wait for the end of a pause.

use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::types::{TrackDimension, VideoQuality};

/// Interval at which a resubscription checks for its track.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// State of a remote publication's subscription.
#[derive(Default)]
pub(crate) struct Subscription {
    pub restarts: AtomicU32,
    /// Settings to apply after the pause; `None` when not paused.
    pub paused: Mutex<Option<PendingSettings>>,
    /// Number of the newest request to subscribe or unsubscribe. A resubscription with an older number stops.
    newest: Mutex<u64>,
    superseded: Condvar,
}

/// Settings of a paused video, sent to the SFU when it resumes.
#[derive(Clone, Copy)]
pub(crate) struct PendingSettings {
    /// End of the pause.
    pub until: Instant,
    pub enabled: bool,
    pub dimension: Option<TrackDimension>,
    pub quality: Option<VideoQuality>,
}

impl Subscription {
    /// Sends a request that supersedes any running resubscription. Returns the request's number and result.
    pub(crate) fn supersede<T>(&self, request: impl FnOnce() -> T) -> (u64, T) {
        let mut newest = self.newest.lock();
        *newest += 1;
        self.superseded.notify_all();
        (*newest, request())
    }

    /// Sends a request of the resubscription with this number, unless that is superseded.
    pub(crate) fn unless_superseded<T>(&self, number: u64, request: impl FnOnce() -> T) -> Option<T> {
        let newest = self.newest.lock();
        (*newest == number).then(request)
    }

    /// Waits until `done` returns `true`, for at most `limit`. Returns the last result of `done`, or `None` when the
    /// resubscription with this number is superseded.
    pub(crate) fn wait(&self, number: u64, limit: Duration, done: impl Fn() -> bool) -> Option<bool> {
        let until = Instant::now() + limit;
        let mut newest = self.newest.lock();
        while *newest == number {
            // Unlocked, because `done` takes locks that the events thread holds.
            let is_done = MutexGuard::unlocked(&mut newest, &done);
            let left = until.saturating_duration_since(Instant::now());
            if is_done || left.is_zero() {
                return (*newest == number).then_some(is_done);
            }
            self.superseded.wait_for(&mut newest, left.min(POLL_INTERVAL));
        }
        None
    }

    /// Stores a setting until the video resumes. Returns `false` when the video is not paused.
    pub(crate) fn defer(&self, change: impl FnOnce(&mut PendingSettings)) -> bool {
        self.paused.lock().as_mut().map(change).is_some()
    }
}
