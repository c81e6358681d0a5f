//! Structural similarity (Wang et al. 2004), over windows of 8x8 pixels at every fourth pixel.

use autamedica_engine::{Plane, VideoFrame};

const WINDOW: usize = 8;
const STEP: usize = 4;
/// Part of the height, at the top, that holds the frame's number and isn't compared: 16 rows of 720.
const SKIPPED: usize = 45;

/// Returns the similarity of the planes Y, U and V, 1 at most. A smaller frame is enlarged first.
pub fn of_frames(captured: &VideoFrame, shown: &VideoFrame) -> [f64; 3] {
    let sizes = |frame: &VideoFrame, index: usize| {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        if index == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) }
    };
    let (before, after) = (captured.planes(), shown.planes());
    std::array::from_fn(|index| {
        let (width, height) = sizes(captured, index);
        let shown = enlarge(&after[index], sizes(shown, index), (width, height));
        of_planes(&before[index], &Plane { data: &shown, stride: width }, width, height)
    })
}

fn of_planes(a: &Plane<'_>, b: &Plane<'_>, width: usize, height: usize) -> f64 {
    let (mut sum, mut windows) = (0.0, 0_u32);
    for top in (height / SKIPPED..=height - WINDOW).step_by(STEP) {
        for left in (0..=width - WINDOW).step_by(STEP) {
            sum += of_windows(a, b, left, top);
            windows += 1;
        }
    }
    sum / f64::from(windows)
}

fn of_windows(a: &Plane<'_>, b: &Plane<'_>, left: usize, top: usize) -> f64 {
    const PIXELS: f64 = (WINDOW * WINDOW) as f64;
    let (mut sum_a, mut sum_b, mut squares_a, mut squares_b, mut products) = (0_u32, 0_u32, 0_u32, 0_u32, 0_u32);
    for y in top..top + WINDOW {
        let row = |plane: &Plane<'_>| -> [u8; WINDOW] {
            std::array::from_fn(|x| plane.data.get(y * plane.stride + left + x).copied().unwrap_or_default())
        };
        for (a, b) in row(a).into_iter().zip(row(b)).map(|(a, b)| (u32::from(a), u32::from(b))) {
            sum_a += a;
            sum_b += b;
            squares_a += a * a;
            squares_b += b * b;
            products += a * b;
        }
    }
    let (mean_a, mean_b) = (f64::from(sum_a) / PIXELS, f64::from(sum_b) / PIXELS);
    let variance = |squares: u32, mean: f64| f64::from(squares) / PIXELS - mean * mean;
    let covariance = f64::from(products) / PIXELS - mean_a * mean_b;
    // The paper's constants for 8 bits: (0.01 * 255)² and (0.03 * 255)².
    const C1: f64 = 6.5025;
    const C2: f64 = 58.5225;
    (2.0 * mean_a * mean_b + C1) * (2.0 * covariance + C2)
        / ((mean_a * mean_a + mean_b * mean_b + C1) * (variance(squares_a, mean_a) + variance(squares_b, mean_b) + C2))
}

/// Interpolates a plane to a larger size, as a window does.
fn enlarge(plane: &Plane<'_>, (width, height): (usize, usize), (to_width, to_height): (usize, usize)) -> Vec<u8> {
    let at = |x: usize, y: usize| f64::from(plane.data[y.min(height - 1) * plane.stride + x.min(width - 1)]);
    let mut enlarged = Vec::with_capacity(to_width * to_height);
    for y in 0..to_height {
        let from_y = ((y as f64 + 0.5) * height as f64 / to_height as f64 - 0.5).max(0.0);
        for x in 0..to_width {
            let from_x = ((x as f64 + 0.5) * width as f64 / to_width as f64 - 0.5).max(0.0);
            let (left, top) = (from_x as usize, from_y as usize);
            let (right, bottom) = (from_x - left as f64, from_y - top as f64);
            let row = |y| at(left, y) + (at(left + 1, y) - at(left, y)) * right;
            enlarged.push((row(top) + (row(top + 1) - row(top)) * bottom).round() as u8);
        }
    }
    enlarged
}
