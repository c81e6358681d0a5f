//! Mixes the audio of all remote participants into one stream.

use std::sync::Arc;

use parking_lot::Mutex;
use rtrb::{Consumer, Producer, RingBuffer};

use super::{CHUNK_LEN, Chunk};

/// Capacity of a stream: half a second. A stalled speaker loses the rest.
const CAPACITY: usize = 50 * CHUNK_LEN;
/// Queued samples from which on a stream plays. The engine has a jitter buffer of its own; this only absorbs thread
/// scheduling.
const START_AT: usize = 2 * CHUNK_LEN;
/// Maximum of the start threshold, which each gap raises by 10 ms.
const MAX_START_AT: usize = 8 * CHUNK_LEN;
/// Queued samples above which the oldest are dropped, because they would delay everything after them.
const LATE_AT: usize = 12 * CHUNK_LEN;
/// Number of chunks (2 s) after which samples that were never needed are dropped.
const WINDOW: u32 = 200;
/// Number of samples (2.5 ms) of fading around a gap, to avoid clicks.
const FADE: usize = CHUNK_LEN / 4;

/// Mixer of any number of streams. Clones share one mixer.
#[derive(Clone, Default)]
pub struct Mixer {
    streams: Arc<Mutex<Vec<Stream>>>,
}

/// Input of a stream. Dropping it ends the stream.
pub struct MixerInput {
    ring: Producer<i16>,
}

struct Stream {
    ring: Consumer<i16>,
    playing: bool,
    last: i16,
    /// Queued samples needed to start.
    start_at: usize,
    /// Minimum left in the queue after a chunk, in this window.
    lowest: usize,
    /// Number of chunks in this window so far.
    chunks: u32,
}

impl Mixer {
    /// Creates a mixer without streams.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a stream.
    pub fn add_stream(&self) -> MixerInput {
        let (producer, consumer) = RingBuffer::new(CAPACITY);
        self.streams.lock().push(Stream::new(consumer));
        MixerInput { ring: producer }
    }

    /// Mixes the next 10 ms of all streams. Streams without audio are silent; the sum is clipped.
    pub fn mix(&self, out: &mut Chunk) {
        let mut sum = [0_i32; CHUNK_LEN];
        self.streams.lock().retain_mut(|stream| {
            stream.add_to(&mut sum);
            !(stream.ring.is_abandoned() && stream.ring.is_empty())
        });
        for (out, sum) in out.iter_mut().zip(sum) {
            *out = sum.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16;
        }
    }

    /// Returns the number of streams.
    pub fn streams(&self) -> usize {
        self.streams.lock().len()
    }
}

impl MixerInput {
    /// Queues samples: 48 kHz mono, any number, usually 10 ms. Never blocks; drops what does not fit.
    pub fn push(&mut self, samples: &[i16]) {
        let (_, lost) = self.ring.push_partial_slice(samples);
        if !lost.is_empty() {
            tracing::trace!(samples = lost.len(), "audio dropped: stream is not played");
        }
    }
}

impl Stream {
    fn new(ring: Consumer<i16>) -> Self {
        Self { ring, playing: false, last: 0, start_at: START_AT, lowest: usize::MAX, chunks: 0 }
    }

    fn add_to(&mut self, sum: &mut [i32; CHUNK_LEN]) {
        let waiting = self.ring.slots();
        let fade_in = !self.playing;
        if fade_in && waiting < self.start_at && !self.ring.is_abandoned() {
            return;
        }
        if waiting > LATE_AT {
            self.skip(waiting - self.start_at);
        }
        let mut samples = [0; CHUNK_LEN];
        let len = self.ring.pop_partial_slice(&mut samples).0.len();
        if fade_in {
            for (i, sample) in samples[..len].iter_mut().take(FADE).enumerate() {
                *sample = (i32::from(*sample) * i as i32 / FADE as i32) as i16;
            }
        }
        self.playing = len == CHUNK_LEN;
        self.last = samples[..len].last().copied().unwrap_or(self.last);
        if !self.playing {
            for (i, sample) in samples[len..].iter_mut().take(FADE).enumerate() {
                *sample = (i32::from(self.last) * (FADE - i) as i32 / FADE as i32) as i16;
            }
            self.last = 0;
            self.start_at = (self.start_at + CHUNK_LEN).min(MAX_START_AT);
            (self.lowest, self.chunks) = (usize::MAX, 0);
        }
        self.drop_surplus();
        for (sum, sample) in sum.iter_mut().zip(samples) {
            *sum += i32::from(sample);
        }
    }

    /// Drops samples that the last window never needed, to reduce the delay.
    fn drop_surplus(&mut self) {
        self.lowest = self.lowest.min(self.ring.slots());
        self.chunks += 1;
        if self.chunks < WINDOW {
            return;
        }
        if self.lowest >= 2 * CHUNK_LEN {
            self.skip(self.lowest - CHUNK_LEN);
            self.start_at = (self.start_at - CHUNK_LEN).max(START_AT);
        }
        (self.lowest, self.chunks) = (usize::MAX, 0);
    }

    fn skip(&mut self, count: usize) {
        if let Ok(late) = self.ring.read_chunk(count) {
            tracing::debug!(ms = count / 48, "late audio dropped");
            late.commit_all();
        }
    }
}

impl std::fmt::Debug for Mixer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Mixer({} streams)", self.streams())
    }
}

impl std::fmt::Debug for MixerInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MixerInput({} samples free)", self.ring.slots())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(mixer: &Mixer) -> Chunk {
        let mut chunk = [1; CHUNK_LEN];
        mixer.mix(&mut chunk);
        chunk
    }

    #[test]
    fn streams_are_added_up_and_cut_off() {
        let mixer = Mixer::new();
        assert_eq!(mixed(&mixer), [0; CHUNK_LEN]);
        let (mut one, mut other) = (mixer.add_stream(), mixer.add_stream());
        one.push(&[100; 3 * CHUNK_LEN]);
        other.push(&[-30; CHUNK_LEN]);
        other.push(&[32_767; 2 * CHUNK_LEN]);
        assert_eq!(mixed(&mixer)[FADE..], [70; CHUNK_LEN - FADE], "faded in, then the sum");
        assert_eq!(mixed(&mixer), [32_767; CHUNK_LEN]);
    }

    #[test]
    fn a_stream_starts_once_enough_waits_and_a_gap_is_silent() {
        let mixer = Mixer::new();
        let mut input = mixer.add_stream();
        input.push(&[1000; CHUNK_LEN]);
        assert_eq!(mixed(&mixer), [0; CHUNK_LEN], "10 ms is not enough to start");
        input.push(&[1000; CHUNK_LEN + CHUNK_LEN / 2]);
        assert_eq!(mixed(&mixer)[FADE..], [1000; CHUNK_LEN - FADE]);
        assert_eq!(mixed(&mixer), [1000; CHUNK_LEN]);
        let last = mixed(&mixer);
        assert!(last.is_sorted_by(|a, b| a >= b) && last[CHUNK_LEN / 2 + FADE] == 0, "faded out: {last:?}");
        assert_eq!(mixed(&mixer), [0; CHUNK_LEN]);
        input.push(&[1000; CHUNK_LEN]);
        assert_eq!(mixed(&mixer), [0; CHUNK_LEN], "buffers again");
    }

    #[test]
    fn late_sound_is_dropped_oldest_first() {
        let mixer = Mixer::new();
        let mut input = mixer.add_stream();
        for i in 1..=20 {
            input.push(&[i * 100; CHUNK_LEN]);
        }
        assert_eq!(mixed(&mixer)[FADE..], [1900; CHUNK_LEN - FADE]);
        assert_eq!(mixed(&mixer), [2000; CHUNK_LEN]);
    }

    #[test]
    fn delay_that_is_never_needed_is_dropped() {
        let mixer = Mixer::new();
        let mut input = mixer.add_stream();
        input.push(&[0; 8 * CHUNK_LEN]);
        // Each sample is the number of its chunk; `late` is the delay in chunks.
        let mut late = |count: i16| {
            input.push(&[count; CHUNK_LEN]);
            count - mixed(&mixer)[CHUNK_LEN - 1]
        };
        let mut delays = Vec::new();
        (1..=300).for_each(|count| delays.push(late(count)));
        assert_eq!((delays[99], delays[299]), (8, 1));
    }

    #[test]
    fn gaps_make_a_stream_wait_for_more() {
        let mixer = Mixer::new();
        let mut input = mixer.add_stream();
        let mut chunks_to_start = || {
            (1..).find(|_| {
                input.push(&[9; CHUNK_LEN]);
                mixed(&mixer)[CHUNK_LEN - 1] == 9
            })
        };
        let run_dry = || while mixed(&mixer) != [0; CHUNK_LEN] {};
        for wanted in [2, 3, 4, 5, 6, 7, 8, 8] {
            assert_eq!(chunks_to_start(), Some(wanted));
            run_dry();
        }
    }

    #[test]
    fn a_stream_that_nobody_plays_takes_no_more_than_its_room() {
        let mixer = Mixer::new();
        let mut input = mixer.add_stream();
        for _ in 0..1000 {
            input.push(&[5; 333]);
        }
        assert_eq!(mixed(&mixer)[FADE..], [5; CHUNK_LEN - FADE]);
    }

    #[test]
    fn a_stream_ends_with_its_input_after_what_was_left() {
        let mixer = Mixer::new();
        let mut input = mixer.add_stream();
        input.push(&[700; CHUNK_LEN / 2]);
        drop(input);
        assert_eq!(mixed(&mixer)[FADE], 700);
        assert_eq!(mixer.streams(), 0);
    }
}
