//! One track's pictures of the last moment, from the engine's thread to the composer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::VideoFrame;
use parking_lot::Mutex;

/// No more wait than so many: what a recording is behind, at 60 a second. They are the engine's memory, 1.4 MB each at 720p.
const MOST: usize = 28;

/// How much the newest picture's age counts.
const WEIGHT: f64 = 1.0 / 16.0;

/// When a picture came, and the picture.
type Arrival = (Instant, Arc<VideoFrame>);

/// Keeps pictures until they are as old as the recording is behind. Clones are the same feed.
#[derive(Clone, Default)]
pub(crate) struct Feed {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Arrival>,
    /// When the picture came that was asked for last.
    shown: Option<Instant>,
    /// See [`Feed::age`], in seconds.
    age: Option<f64>,
}

impl Feed {
    /// A picture has come. The same one twice is one.
    pub(crate) fn put(&self, frame: Arc<VideoFrame>, at: Instant) {
        let frames = &mut self.inner.lock().frames;
        if frames.back().is_some_and(|(_, last)| Arc::ptr_eq(last, &frame)) {
            return;
        }
        if frames.len() == MOST {
            frames.pop_front();
        }
        frames.push_back((at, frame));
    }

    /// The newest picture that had come at `moment`, and when it came. Older ones are forgotten.
    pub(crate) fn at(&self, moment: Instant) -> Option<Arrival> {
        let mut inner = self.inner.lock();
        while inner.frames.get(1).is_some_and(|(came, _)| *came <= moment) {
            inner.frames.pop_front();
        }
        let arrival = inner.frames.front().filter(|(came, _)| *came <= moment).cloned()?;
        if inner.shown.replace(arrival.0) != Some(arrival.0) {
            let age = moment.saturating_duration_since(arrival.0).as_secs_f64();
            inner.age = Some(inner.age.map_or(age, |mean| mean + (age - mean) * WEIGHT));
        }
        Some(arrival)
    }

    /// How old pictures are on average when they are asked for the first time: up to the pause between two questions,
    /// depending on where in it they come.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.inner.lock().age.map(Duration::from_secs_f64)
    }

    /// Forgets all pictures. Their [age](Self::age) stays: a camera keeps its rhythm.
    pub(crate) fn flush(&self) {
        self.inner.lock().frames.clear();
    }
}

impl PartialEq for Feed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feed({} waiting)", self.inner.lock().frames.len())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn frame(mark: i64) -> Arc<VideoFrame> {
        Arc::new(VideoFrame::from_packed(2, 2, vec![0; 6], mark).unwrap())
    }

    #[test]
    fn pictures_are_shown_as_late_as_asked() {
        let (feed, start) = (Feed::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        for i in 0..5 {
            feed.put(frame(i), at(100 + 33 * i as u64));
        }
        let shown = |ms: u64| feed.at(at(ms)).map(|(_, frame)| frame.timestamp_us);
        assert_eq!(shown(99), None);
        assert_eq!(shown(100), Some(0));
        assert_eq!(shown(170), Some(2));
        assert_eq!(shown(1000), Some(4));
        assert_eq!(shown(2000), Some(4), "the last stays");
        feed.flush();
        assert_eq!(shown(2000), None);
    }

    #[test]
    fn no_more_than_a_few_are_kept() {
        let (feed, start) = (Feed::default(), Instant::now());
        (0..100).for_each(|i| feed.put(frame(i), start));
        assert_eq!(feed.inner.lock().frames.len(), MOST);
    }

    #[test]
    fn pictures_are_as_old_as_they_come_early() {
        let (feed, start) = (Feed::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(feed.age(), None);
        for i in 0..100 {
            feed.put(frame(0), at(1000 + 33 * i));
            // Asked for again, it is no older.
            for _ in 0..2 {
                feed.at(at(1010 + 33 * i));
            }
        }
        let age = feed.age().unwrap().as_secs_f64();
        assert!((age - 0.010).abs() < 1e-6, "{age}");
    }
}
