//! One track's pictures of the last moment, from the engine's thread to the composer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use autamedica_engine::VideoFrame;
use parking_lot::Mutex;

/// No more wait than so many: a fifth of a second at 60 a second. They are the engine's memory, 1.4 MB each at 720p.
const MOST: usize = 14;

/// Keeps pictures until they are as old as the recording is behind. Clones are the same feed.
#[derive(Clone, Default)]
pub(crate) struct Feed {
    frames: Arc<Mutex<VecDeque<(Instant, Arc<VideoFrame>)>>>,
}

impl Feed {
    /// A picture has come. The same one twice is one.
    pub(crate) fn put(&self, frame: Arc<VideoFrame>, at: Instant) {
        let mut frames = self.frames.lock();
        if frames.back().is_some_and(|(_, last)| Arc::ptr_eq(last, &frame)) {
            return;
        }
        if frames.len() == MOST {
            frames.pop_front();
        }
        frames.push_back((at, frame));
    }

    /// The newest picture that had come at `moment`, and when it came. Older ones are forgotten.
    pub(crate) fn at(&self, moment: Instant) -> Option<(Instant, Arc<VideoFrame>)> {
        let mut frames = self.frames.lock();
        while frames.get(1).is_some_and(|(came, _)| *came <= moment) {
            frames.pop_front();
        }
        frames.front().filter(|(came, _)| *came <= moment).cloned()
    }

    /// Forgets all pictures.
    pub(crate) fn flush(&self) {
        self.frames.lock().clear();
    }
}

impl PartialEq for Feed {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.frames, &other.frames)
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Feed({} waiting)", self.frames.lock().len())
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
        assert_eq!(feed.frames.lock().len(), MOST);
    }
}
