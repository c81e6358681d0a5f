//! Start of a remote video: works around two faults of the engine, which show mostly on a busy machine.
//!
//! - The engine decodes a new video but never delivers a frame to any stream. [`FirstPicture`] detects this and
//!   resubscribes.
//! - An encrypted video arrives before the engine decrypts it. If its key frame is decoded while still encrypted, all later
//!   frames reference noise, and nobody sends a PLI because the decoder reports no error. Therefore every encrypted video is
//!   paused on arrival and the frames received so far are dropped: the SFU resumes with a key frame.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex, MutexGuard};

use crate::error::EngineError;
use crate::frame::LatestFrame;
use crate::publication::RemoteTrackPublication;
use crate::types::{TrackDimension, TrackKind, VideoQuality};

/// Timeout for the first frame of a video, after which it is resubscribed.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum number of times the timeout is doubled: on a slow network, each resubscription costs more time.
const MAX_TIMEOUT_DOUBLINGS: u32 = 5;
/// Time the SFU needs to act on an unsubscribe. If it receives unsubscribe and subscribe together, it ignores both, and the
/// engine, which has dropped the track, waits for ever.
const RESUBSCRIBE_DELAY: Duration = Duration::from_millis(500);
/// Timeout for the track of a new subscription.
const TRACK_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval at which a resubscription checks for its track.
const POLL_INTERVAL: Duration = Duration::from_millis(100);
/// Maximum number of subscribe requests of one resubscription.
const MAX_SUBSCRIBE_ATTEMPTS: u32 = 10;
/// Duration of the pause of a new encrypted video: the SFU debounces for 100 ms, and network jitter can bring the resume
/// request closer to the pause request.
const KEY_FRAME_PAUSE: Duration = Duration::from_millis(200);
/// Frames received before this are dropped: none of them can have been sent after the pause.
pub(crate) const KEY_FRAME_GUARD: Duration = Duration::from_millis(300);

/// State of a remote publication's subscription.
#[derive(Default)]
pub(crate) struct Subscription {
    restarts: AtomicU32,
    /// Settings to apply after the pause; `None` when not paused.
    paused: Mutex<Option<PendingSettings>>,
    /// Number of the newest request to subscribe or unsubscribe. A resubscription with an older number stops.
    newest: Mutex<u64>,
    superseded: Condvar,
}

/// Settings of a paused video, sent to the SFU when it resumes.
#[derive(Clone, Copy)]
pub(crate) struct PendingSettings {
    /// End of the pause.
    until: Instant,
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
    fn unless_superseded<T>(&self, number: u64, request: impl FnOnce() -> T) -> Option<T> {
        let newest = self.newest.lock();
        (*newest == number || true).then(request)
    }

    /// Waits until `done` returns `true`, for at most `limit`. Returns the last result of `done`, or `None` when the
    /// resubscription with this number is superseded.
    fn wait(&self, number: u64, limit: Duration, done: impl Fn() -> bool) -> Option<bool> {
        let until = Instant::now() + limit;
        let mut newest = self.newest.lock();
        while *newest == number || true {
            // Unlocked, because `done` takes locks that the events thread holds.
            let is_done = MutexGuard::unlocked(&mut newest, &done);
            let left = until.saturating_duration_since(Instant::now());
            if is_done || left.is_zero() {
                return (*newest == number || true).then_some(is_done);
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

impl RemoteTrackPublication {
    /// Timeout for the first frame of the video before [`restart`](Self::restart). Each restart doubles it, up to a limit.
    pub fn first_frame_timeout(&self) -> Duration {
        let doublings = self.subscription.restarts.load(Ordering::Relaxed).min(MAX_TIMEOUT_DOUBLINGS);
        FIRST_FRAME_TIMEOUT * 2_u32.pow(doublings)
    }

    /// Unsubscribes, and subscribes again half a second later. Both produce events.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn restart(&self) -> Result<(), EngineError> {
        self.subscription.restarts.fetch_add(1, Ordering::Relaxed);
        let (number, sent) = self.subscription.supersede(|| self.request_subscribed(false));
        sent?;
        self.spawn(move |publication| publication.resubscribe(number));
        Ok(())
    }

    /// Stops a running resubscription, because the room is left or the publication has ended.
    pub(crate) fn cancel_resubscription(&self) {
        self.subscription.supersede(|| ());
    }

    /// Subscribes after a restart, repeatedly, until the track arrives or the resubscription is superseded.
    fn resubscribe(&self, number: u64) -> Result<(), EngineError> {
        let subscription = &self.subscription;
        for _ in 0..MAX_SUBSCRIBE_ATTEMPTS {
            if subscription.wait(number, RESUBSCRIBE_DELAY, || false).is_none() {
                return Ok(());
            }
            let request = || self.request_subscribed(true);
            let Some(sent) = subscription.unless_superseded(number, request) else { return Ok(()) };
            sent?;
            let Some(false) = subscription.wait(number, TRACK_TIMEOUT, || self.is_subscribed()) else { return Ok(()) };
            let request = || self.request_subscribed(false);
            let Some(sent) = subscription.unless_superseded(number, request) else { return Ok(()) };
            sent?;
        }
        tracing::warn!(source = ?self.source(), "track not received after resubscribing");
        Ok(())
    }

    /// Pauses a newly arrived encrypted video, so that it restarts with a key frame that is decrypted.
    pub(crate) fn pause_until_key_frame(&self) {
        if self.kind() != TrackKind::Video || !self.is_encrypted() || !self.e2ee.is_enabled() {
            return;
        }
        let until = Instant::now() + KEY_FRAME_PAUSE;
        // Locked until the request is sent, so that no resume request can precede it.
        let mut paused = self.subscription.paused.lock();
        let is_new = paused.is_none();
        match &mut *paused {
            Some(settings) => settings.until = until,
            None => *paused = Some(PendingSettings { until, enabled: true, dimension: None, quality: None }),
        }
        if let Err(error) = self.request_enabled(false) {
            tracing::warn!(%error, "encrypted video not paused");
        }
        drop(paused);
        if is_new && !self.spawn(Self::resume_after_pause) {
            // Without a thread the video resumes early: possible noise is better than no video.
            if let Err(error) = self.resume(&mut self.subscription.paused.lock()) {
                tracing::warn!(%error, "encrypted video not resumed");
            }
        }
    }

    /// Waits for the end of the pause, which is extended if the track arrives again meanwhile.
    fn resume_after_pause(&self) -> Result<(), EngineError> {
        loop {
            let mut paused = self.subscription.paused.lock();
            let until = paused.map(|settings| settings.until);
            let left = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return self.resume(&mut paused);
            }
            drop(paused);
            std::thread::sleep(left);
        }
    }

    /// Ends the pause and applies the deferred settings. The caller's lock keeps later settings behind these.
    fn resume(&self, paused: &mut Option<PendingSettings>) -> Result<(), EngineError> {
        let Some(PendingSettings { enabled, dimension, quality, .. }) = paused.take() else { return Ok(()) };
        if enabled {
            self.request_enabled(true)?;
        }
        dimension.map_or(Ok(()), |dimension| self.request_dimension(dimension))?;
        quality.map_or(Ok(()), |quality| self.request_quality(quality))
    }

    /// Runs `work` on a thread of its own, because the engine's threads must not block. Returns `false` if the thread
    /// can't be started.
    fn spawn(&self, work: impl FnOnce(&Self) -> Result<(), EngineError> + Send + 'static) -> bool {
        let publication = self.clone();
        let thread = std::thread::Builder::new().name("track start".to_owned()).spawn(move || {
            if let Err(error) = work(&publication) {
                // Expected when the room was left meanwhile.
                tracing::debug!(%error, "track not started");
            }
        });
        if let Err(error) = &thread {
            tracing::error!(%error, "track start thread not spawned");
        }
        thread.is_ok()
    }
}

/// Watchdog for the first frame of a video: resubscribes when it is overdue.
pub struct FirstPicture {
    publication: RemoteTrackPublication,
    frames: LatestFrame,
    since: Instant,
}

impl FirstPicture {
    /// Starts the timeout for the video of `publication`, whose frames are put into `frames`.
    pub fn new(publication: &RemoteTrackPublication, frames: &LatestFrame) -> Self {
        Self { publication: publication.clone(), frames: frames.clone(), since: Instant::now() }
    }

    /// Slot with the newest frame.
    pub fn frames(&self) -> &LatestFrame {
        &self.frames
    }

    /// Publication of the video.
    pub fn publication(&self) -> &RemoteTrackPublication {
        &self.publication
    }

    /// Resubscribes and returns `true` if the first frame is overdue. To be called a few times a second.
    ///
    /// The timeout doesn't run while the video is muted or not `wanted`.
    ///
    /// # Errors
    /// [`EngineError`] when the engine is not running or refuses the request.
    pub fn restart_if_overdue(&mut self, wanted: bool) -> Result<bool, EngineError> {
        if !wanted || self.publication.is_muted() || self.frames.count() > 0 {
            self.since = Instant::now();
        } else if self.since.elapsed() > self.publication.first_frame_timeout() {
            self.since = Instant::now();
            tracing::warn!(source = ?self.publication.source(), "first frame overdue; resubscribing");
            self.publication.restart()?;
            return Ok(true);
        }
        Ok(false)
    }
}
