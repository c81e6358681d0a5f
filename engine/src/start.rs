//! How a remote video begins.
//!
//! Two things go wrong in the engine, mostly on a busy machine:
//! - It decodes a new video and hands none of its pictures out, to any stream and for ever. A new subscription cures that:
//!   [`FirstPicture`].
//! - An encrypted video comes before the engine decrypts it. When its key frame is decoded like that, everything after it
//!   is built on noise, and nothing asks for another key frame, because nothing is known to be wrong. So an encrypted video
//!   is paused when it comes, and what has come until then is thrown away: the SFU goes on with a key frame.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::error::EngineError;
use crate::frame::LatestFrame;
use crate::publication::RemoteTrackPublication;
use crate::types::{TrackDimension, TrackKind, VideoQuality};

/// How long the first picture of a video may take before it is begun anew.
const PATIENCE: Duration = Duration::from_secs(3);
/// It is waited for twice as long each time, so often: on a slow network, beginning anew makes it slower.
const DOUBLINGS: u32 = 5;
/// So long after it was told to stop, the SFU sends nothing more. Told both at once, it does neither, and the engine, which
/// has given the track away, waits for ever.
const LET_GO: Duration = Duration::from_millis(500);
/// A track that was subscribed to comes much sooner, and is looked for so often.
const COME_BACK: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// How often it is subscribed to again.
const ATTEMPTS: u32 = 10;
/// How long an encrypted video is paused when it comes: the SFU takes 100 ms to believe it, and what it is told next may
/// arrive sooner after that than it was sent.
const PAUSE: Duration = Duration::from_millis(200);
/// Before this, nothing that was sent after the pause can have come.
pub(crate) const UNSURE: Duration = Duration::from_millis(300);

/// What is known of a video's beginning.
#[derive(Default)]
pub(crate) struct Start {
    restarts: AtomicU32,
    /// What was asked for while it is paused.
    paused: Mutex<Option<Wishes>>,
}

/// What is wanted of a video once it goes on.
#[derive(Clone, Copy)]
pub(crate) struct Wishes {
    /// When it goes on.
    until: Instant,
    pub enabled: bool,
    pub dimension: Option<TrackDimension>,
    pub quality: Option<VideoQuality>,
}

impl Start {
    /// Keeps a wish for later; `false` when there is nothing to wait for.
    pub(crate) fn keep(&self, wish: impl FnOnce(&mut Wishes)) -> bool {
        self.paused.lock().as_mut().map(wish).is_some()
    }
}

impl RemoteTrackPublication {
    /// For how long the first picture of a video may be waited for before [`restart`](Self::restart); each time longer.
    pub fn patience(&self) -> Duration {
        PATIENCE * 2_u32.pow(self.start.restarts.load(Ordering::Relaxed).min(DOUBLINGS))
    }

    /// Begins anew: unsubscribes, and subscribes again a moment later. Both come as events.
    ///
    /// # Errors
    /// When the engine cannot.
    pub fn restart(&self) -> Result<(), EngineError> {
        self.start.restarts.fetch_add(1, Ordering::Relaxed);
        self.set_subscribed(false)?;
        self.later(Self::subscribe_again);
        Ok(())
    }

    fn subscribe_again(&self) -> Result<(), EngineError> {
        for _ in 0..ATTEMPTS {
            std::thread::sleep(LET_GO);
            self.set_subscribed(true)?;
            let asked = Instant::now();
            while asked.elapsed() < COME_BACK {
                std::thread::sleep(LOOK_EVERY);
                if self.is_subscribed() {
                    return Ok(());
                }
            }
            self.set_subscribed(false)?;
        }
        tracing::warn!(source = ?self.source(), "a track doesn't come again");
        Ok(())
    }

    /// Its track has come: pauses it for a moment when it is an encrypted video.
    pub(crate) fn begin_cleanly(&self) {
        if self.kind() != TrackKind::Video || !self.is_encrypted() || !self.e2ee.is_on() {
            return;
        }
        let until = Instant::now() + PAUSE;
        // Held until it is asked for, so that nothing goes on before it is paused.
        let mut paused = self.start.paused.lock();
        let is_new = paused.is_none();
        match &mut *paused {
            Some(wishes) => wishes.until = until,
            None => *paused = Some(Wishes { until, enabled: true, dimension: None, quality: None }),
        }
        if let Err(error) = self.request_enabled(false) {
            tracing::warn!(%error, "an encrypted video isn't paused");
        }
        drop(paused);
        if is_new && !self.later(Self::wait_and_go_on) {
            // Rather noise, perhaps, than nothing.
            if let Err(error) = self.go_on(&mut self.start.paused.lock()) {
                tracing::warn!(%error, "an encrypted video stays paused");
            }
        }
    }

    /// Waits for the end of the pause, which moves when the track comes again meanwhile.
    fn wait_and_go_on(&self) -> Result<(), EngineError> {
        loop {
            let mut paused = self.start.paused.lock();
            let left = paused.map_or(Duration::ZERO, |wishes| wishes.until.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return self.go_on(&mut paused);
            }
            drop(paused);
            std::thread::sleep(left);
        }
    }

    /// Ends the pause; whatever is asked for once it is unlocked comes after this.
    fn go_on(&self, paused: &mut Option<Wishes>) -> Result<(), EngineError> {
        let Some(Wishes { enabled, dimension, quality, .. }) = paused.take() else { return Ok(()) };
        if enabled {
            self.request_enabled(true)?;
        }
        dimension.map_or(Ok(()), |dimension| self.request_dimension(dimension))?;
        quality.map_or(Ok(()), |quality| self.request_quality(quality))
    }

    /// Does something that takes a while. It happens a few times in a call, and the engine's own threads mustn't wait.
    /// `false` when it can't be done.
    fn later(&self, work: impl FnOnce(&Self) -> Result<(), EngineError> + Send + 'static) -> bool {
        let publication = self.clone();
        let thread = std::thread::Builder::new().name("track start".to_owned()).spawn(move || {
            if let Err(error) = work(&publication) {
                // The room was left meanwhile.
                tracing::debug!(%error, "a track isn't begun");
            }
        });
        if let Err(error) = &thread {
            tracing::error!(%error, "no thread can be started");
        }
        thread.is_ok()
    }
}

/// Waits for the first picture of a video, and begins the video anew when it should have come long ago.
pub struct FirstPicture {
    publication: RemoteTrackPublication,
    frames: LatestFrame,
    since: Instant,
}

impl FirstPicture {
    /// Of this video, whose pictures come into this slot. The waiting begins now.
    pub fn new(publication: &RemoteTrackPublication, frames: &LatestFrame) -> Self {
        Self { publication: publication.clone(), frames: frames.clone(), since: Instant::now() }
    }

    /// Where its newest picture is.
    pub fn frames(&self) -> &LatestFrame {
        &self.frames
    }

    /// The video.
    pub fn publication(&self) -> &RemoteTrackPublication {
        &self.publication
    }

    /// Looks whether it is overdue, and if so begins the video anew and says `true`; to be called a few times a second.
    /// While a picture isn't `wanted`, or is muted, none is waited for.
    ///
    /// # Errors
    /// When the engine can't begin it anew.
    pub fn restart_if_overdue(&mut self, wanted: bool) -> Result<bool, EngineError> {
        if !wanted || self.publication.is_muted() || self.frames.count() > 0 {
            self.since = Instant::now();
        } else if self.since.elapsed() > self.publication.patience() {
            self.since = Instant::now();
            tracing::warn!(source = ?self.publication.source(), "no picture came; subscribing again");
            self.publication.restart()?;
            return Ok(true);
        }
        Ok(false)
    }
}
