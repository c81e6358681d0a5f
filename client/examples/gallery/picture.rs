//! Pictures that stand in for cameras and screens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use autamedica_engine::{LatestFrame, VideoFrame};

/// A slot fed with a moving picture: a simple figure before a wall, or a page of text for a screen.
pub fn moving_picture(width: u32, height: u32, fps: u32, look: u8, running: Arc<AtomicBool>) -> LatestFrame {
    let slot = LatestFrame::new();
    let feed = slot.clone();
    std::thread::spawn(move || {
        let still = paint(width, height, look);
        let started = Instant::now();
        for n in 0.. {
            if !running.load(Ordering::Relaxed) {
                return;
            }
            let mut bytes = still.clone();
            // A small bar that moves, so that each frame differs.
            let x = (n * 4) as usize % (width as usize - 40);
            for row in 0..8 {
                let start = (height as usize - 16 + row) * width as usize + x;
                bytes[start..start + 40].fill(200);
            }
            if let Some(frame) = VideoFrame::from_packed(width, height, bytes, i64::from(n)) {
                feed.put(Arc::new(frame));
            }
            let next = started + Duration::from_secs_f64(f64::from(n + 1) / f64::from(fps));
            std::thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    });
    slot
}

fn paint(width: u32, height: u32, look: u8) -> Vec<u8> {
    let (w, h) = (width as f32, height as f32);
    let color = |x: f32, y: f32| -> (f32, f32, f32) {
        if look == 2 {
            let line = !((y / 28.0) as u32).is_multiple_of(3)
                && (y % 28.0) < 12.0
                && x > w * 0.1
                && x < w * (0.6 + 0.3 * (y * 0.013).sin());
            return if line { (60.0, 70.0, 80.0) } else { (246.0, 246.0, 246.0) };
        }
        let (cx, s) = (w / 2.0, h.min(w));
        let head = ((x - cx) / (s * 0.16)).powi(2) + ((y - h * 0.42) / (s * 0.21)).powi(2) < 1.0;
        let hair = ((x - cx) / (s * 0.19)).powi(2) + ((y - h * 0.37) / (s * 0.23)).powi(2) < 1.0;
        let body = ((x - cx) / (s * 0.42)).powi(2) + ((y - h * 1.08) / (s * 0.42)).powi(2) < 1.0;
        let eye = |side: f32| (x - cx - side * s * 0.06).hypot(y - h * 0.41) < s * 0.013;
        let smile =
            (x - cx).hypot(y - h * 0.47) < s * 0.075 && (x - cx).hypot(y - h * 0.455) > s * 0.075 && y > h * 0.5;
        let (coat, wall) = match look {
            0 => ((70.0, 110.0, 150.0), (206.0, 214.0, 205.0)),
            1 => ((235.0, 238.0, 240.0), (150.0, 178.0, 186.0)),
            _ => ((120.0, 80.0, 110.0), (222.0, 205.0, 180.0)),
        };
        if eye(-1.0) || eye(1.0) || smile {
            (60.0, 40.0, 40.0)
        } else if head {
            (205.0, 158.0, 128.0)
        } else if hair {
            (58.0, 42.0, 36.0)
        } else if body {
            coat
        } else {
            let shade = 1.0 - 0.25 * (x / w - 0.3).hypot(y / h - 0.2);
            (wall.0 * shade, wall.1 * shade, wall.2 * shade)
        }
    };
    let mut bytes = Vec::with_capacity(VideoFrame::packed_len(width, height));
    for y in 0..height {
        for x in 0..width {
            let (r, g, b) = color(x as f32, y as f32);
            bytes.push((16.0 + 0.257 * r + 0.504 * g + 0.098 * b) as u8);
        }
    }
    for (kr, kg, kb) in [(-0.148, -0.291, 0.439), (0.439, -0.368, -0.071)] {
        for y in 0..height.div_ceil(2) {
            for x in 0..width.div_ceil(2) {
                let (r, g, b) = color(2.0 * x as f32, 2.0 * y as f32);
                bytes.push((128.0 + kr * r + kg * g + kb * b) as u8);
            }
        }
    }
    bytes
}
