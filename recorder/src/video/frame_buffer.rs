//! Delays the frames of one track, between the engine's thread and the composer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use autamedica_engine::VideoFrame;
use parking_lot::Mutex;

/// Maximum number of buffered frames: the playout delay at 60 frames per second. Each takes 1.4 MB of the engine's memory at
/// 720p.
const MAX_FRAMES: usize = 28;

/// Weight of a new age in the moving average.
const WEIGHT: f64 = 1.0 / 16.0;

/// Time of arrival, and the frame.
type Arrival = (Instant, Arc<VideoFrame>);

/// Buffer of recent frames, read with a delay. Clones share one buffer.
#[derive(Clone, Default)]
pub(crate) struct FrameBuffer {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    frames: VecDeque<Arrival>,
    /// Time of arrival of the frame returned last.
    last_returned: Option<Instant>,
    /// Mean age in seconds; see [`FrameBuffer::age`].
    age: Option<f64>,
}

impl FrameBuffer {
    /// Adds a frame, unless it is the newest one already.
    pub(crate) fn push(&self, frame: Arc<VideoFrame>, at: Instant) {
        let frames = &mut self.inner.lock().frames;
        if frames.back().is_some_and(|(_, last)| Arc::ptr_eq(last, &frame)) {
            return;
        }
        if frames.len() == MAX_FRAMES {
            frames.pop_front();
        }
        frames.push_back((at, frame));
    }

    /// Returns the newest frame that had arrived at `moment`, with its time of arrival. Drops older frames.
    pub(crate) fn at(&self, moment: Instant) -> Option<Arrival> {
        let mut inner = self.inner.lock();
        while inner.frames.get(1).is_some_and(|(arrived, _)| *arrived <= moment) {
            inner.frames.pop_front();
        }
        let arrival = inner.frames.front().filter(|(arrived, _)| *arrived <= moment).cloned()?;
        if inner.last_returned.replace(arrival.0) != Some(arrival.0) {
            let age = moment.saturating_duration_since(arrival.0).as_secs_f64();
            inner.age = Some(inner.age.map_or(age, |mean| mean + (age - mean) * WEIGHT));
        }
        Some(arrival)
    }

    /// Mean age of frames when [`at`](Self::at) first returns them. It is between zero and the interval of the calls,
    /// depending on their phase.
    pub(crate) fn age(&self) -> Option<Duration> {
        self.inner.lock().age.map(Duration::from_secs_f64)
    }

    /// Drops all frames. The mean [age](Self::age) is kept, because the phase of a camera stays.
    pub(crate) fn flush(&self) {
        self.inner.lock().frames.clear();
    }
}

impl PartialEq for FrameBuffer {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl std::fmt::Debug for FrameBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FrameBuffer({} frames)", self.inner.lock().frames.len())
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
    fn the_newest_frame_of_a_moment_is_returned() {
        let (buffer, start) = (FrameBuffer::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        for i in 0..5 {
            buffer.push(frame(i), at(100 + 33 * i as u64));
        }
        let returned = |ms: u64| buffer.at(at(ms)).map(|(_, frame)| frame.timestamp_us);
        assert_eq!(returned(99), None);
        assert_eq!(returned(100), Some(0));
        assert_eq!(returned(170), Some(2));
        assert_eq!(returned(1000), Some(4));
        assert_eq!(returned(2000), Some(4), "the last frame stays");
        buffer.flush();
        assert_eq!(returned(2000), None);
    }

    #[test]
    fn the_number_of_frames_is_bounded() {
        let (buffer, start) = (FrameBuffer::default(), Instant::now());
        (0..100).for_each(|i| buffer.push(frame(i), start));
        assert_eq!(buffer.inner.lock().frames.len(), MAX_FRAMES);
    }

    #[test]
    fn the_age_is_the_time_from_arrival_to_the_first_return() {
        let (buffer, start) = (FrameBuffer::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(buffer.age(), None);
        for i in 0..100 {
            buffer.push(frame(0), at(1000 + 33 * i));
            // Returning a frame again does not change the age.
            for _ in 0..2 {
                buffer.at(at(1010 + 33 * i));
            }
        }
        let age = buffer.age().unwrap().as_secs_f64();
        assert!((age - 0.010).abs() < 1e-6, "{age}");
    }
}
