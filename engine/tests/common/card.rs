//! Moving test card with a frame counter in black and white blocks and one colour per half.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use autamedica_engine::{NativeVideoSource, VideoFrame};

/// Bits of the counter, side by side in the top rows, lowest first.
const BITS: usize = 16;
/// Side of a bit's block in pixels, large enough to survive compression.
const BLOCK: usize = 16;
/// Chroma of the left and the right half.
const SIDES: [(u8, u8); 2] = [(90, 200), (200, 90)];

/// Paints frame `counter`.
pub fn paint(width: u32, height: u32, counter: u32) -> VideoFrame {
    let (w, h) = (width as usize, height as usize);
    let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
    let mut bytes = vec![0; VideoFrame::packed_len(width, height)];
    let (luma, chroma) = bytes.split_at_mut(w * h);
    for (y, row) in luma.chunks_exact_mut(w).enumerate() {
        for (x, pixel) in row.iter_mut().enumerate() {
            *pixel = if y < BLOCK && x < BITS * BLOCK {
                if counter >> (x / BLOCK) & 1 == 1 { 235 } else { 16 }
            } else {
                // Gradient that moves to the right.
                60 + ((x + 4 * counter as usize + y / 4) % 256 / 2) as u8
            };
        }
    }
    let (u, v) = chroma.split_at_mut(cw * ch);
    for (index, (u, v)) in u.iter_mut().zip(v).enumerate() {
        (*u, *v) = SIDES[usize::from(index % cw >= cw / 2)];
    }
    VideoFrame::from_packed(width, height, bytes, 0).expect("the size fits")
}

/// Reads the counter of a received frame. Returns `None` if a block is neither black nor white.
pub fn read_counter(frame: &VideoFrame) -> Option<u32> {
    let [luma, ..] = frame.planes();
    let mut counter = 0;
    for bit in 0..BITS {
        let (x, y) = (bit * BLOCK + BLOCK / 2, BLOCK / 2);
        match luma.data[y * luma.stride + x] {
            0..=90 => {}
            160..=255 => counter |= 1 << bit,
            _ => return None,
        }
    }
    Some(counter)
}

/// Returns `true` if both halves have their painted colours.
pub fn sides_are_painted(frame: &VideoFrame) -> bool {
    let [_, u, v] = frame.planes();
    let (cw, ch) = (frame.width().div_ceil(2) as usize, frame.height().div_ceil(2) as usize);
    let near = |a: u8, b: u8| a.abs_diff(b) < 25;
    [(cw / 4, SIDES[0]), (3 * cw / 4, SIDES[1])].into_iter().all(|(x, (want_u, want_v))| {
        let y = ch / 2;
        near(u.data[y * u.stride + x], want_u) && near(v.data[y * v.stride + x], want_v)
    })
}

/// Captures the test card into a source with 30 frames per second until dropped.
pub struct Camera {
    stop: Arc<AtomicBool>,
    sent: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Camera {
    pub fn start(source: NativeVideoSource, width: u32, height: u32) -> Self {
        let (stop, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (stopped, counter) = (stop.clone(), sent.clone());
        let feed = move || {
            let started = Instant::now();
            let period = Duration::from_secs(1) / 30;
            let mut due = started;
            while !stopped.load(Ordering::Acquire) {
                let frame = paint(width, height, counter.load(Ordering::Relaxed));
                let timestamp = started.elapsed().as_micros() as i64;
                source.capture_frame(&frame, timestamp).expect("the engine accepts the frame");
                counter.fetch_add(1, Ordering::Release);
                // After a delay, no frames are sent to catch up.
                due = (due + period).max(Instant::now());
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
        };
        Self { stop, sent, thread: Some(std::thread::spawn(feed)) }
    }

    /// Frames sent so far.
    pub fn sent(&self) -> u32 {
        self.sent.load(Ordering::Acquire)
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
