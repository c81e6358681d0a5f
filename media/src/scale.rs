//! Scales video frames down.

use autamedica_engine::{Plane, VideoFrame};

/// Scales a frame down to `max` (width and height, at least 2) if it is larger. Keeps the aspect ratio.
pub fn fit(frame: VideoFrame, max: (u32, u32)) -> VideoFrame {
    shrink(&frame, max).unwrap_or(frame)
}

/// Returns a frame scaled down to `max`; `None` if it fits as it is.
pub fn shrink(frame: &VideoFrame, max: (u32, u32)) -> Option<VideoFrame> {
    let (width, height) = fitting((frame.width(), frame.height()), max);
    if (width, height) == (frame.width(), frame.height()) {
        return None;
    }
    let mut bytes = Vec::with_capacity(VideoFrame::packed_len(width, height));
    for (i, plane) in frame.planes().into_iter().enumerate() {
        let divisor = if i == 0 { 1 } else { 2 };
        let size = |width: u32, height: u32| (width.div_ceil(divisor) as usize, height.div_ceil(divisor) as usize);
        scale(plane, size(frame.width(), frame.height()), size(width, height), &mut bytes);
    }
    Some(VideoFrame::from_packed(width, height, bytes, frame.timestamp_us).expect("invariant: three whole planes"))
}

/// Returns the largest even size within `max` with the aspect ratio of `size`.
fn fitting(size: (u32, u32), max: (u32, u32)) -> (u32, u32) {
    let (width, height) = size;
    if width <= max.0 && height <= max.1 {
        return size;
    }
    let ratio = (f64::from(max.0) / f64::from(width)).min(f64::from(max.1) / f64::from(height));
    let even = |side: u32| ((f64::from(side) * ratio).round() as u32 & !1).max(2);
    (even(width), even(height))
}

/// Scales bilinearly. Halves the plane first while it is more than twice too large, so that thin lines stay visible.
fn scale(plane: Plane<'_>, from: (usize, usize), to: (usize, usize), out: &mut Vec<u8>) {
    if from.0 >= to.0 * 2 && from.1 >= to.1 * 2 {
        let half = (from.0 / 2, from.1 / 2);
        let mut halved = Vec::with_capacity(half.0 * half.1);
        for row in 0..half.1 {
            let [top, bottom] = [2 * row, 2 * row + 1].map(|row| &plane.data[row * plane.stride..][..half.0 * 2]);
            halved.extend(
                top.chunks_exact(2).zip(bottom.chunks_exact(2)).map(|(t, b)| {
                    ((u16::from(t[0]) + u16::from(t[1]) + u16::from(b[0]) + u16::from(b[1]) + 2) / 4) as u8
                }),
            );
        }
        if half == to {
            out.append(&mut halved);
        } else {
            scale(Plane { data: &halved, stride: half.0 }, half, to, out);
        }
        return;
    }
    let columns: Vec<(usize, usize, u32)> = positions(from.0, to.0).collect();
    for (top, bottom, down) in positions(from.1, to.1) {
        let [top, bottom] = [top, bottom].map(|row| &plane.data[row * plane.stride..][..from.0]);
        out.extend(columns.iter().map(|&(left, right, across)| {
            let mix = |row: &[u8]| u32::from(row[left]) * (256 - across) + u32::from(row[right]) * across;
            ((mix(top) * (256 - down) + mix(bottom) * down + 0x8000) >> 16) as u8
        }));
    }
}

/// Returns for each new position the two surrounding old ones and the weight (of 256) of the second.
fn positions(from: usize, to: usize) -> impl Iterator<Item = (usize, usize, u32)> {
    (0..to).map(move |i| {
        let centre = ((2 * i + 1) * from * 128 / to).saturating_sub(128);
        let first = (centre / 256).min(from - 1);
        (first, (first + 1).min(from - 1), (centre % 256) as u32)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: u32, height: u32, luma: impl Fn(u32, u32) -> u8) -> VideoFrame {
        let mut bytes = Vec::new();
        for y in 0..height {
            bytes.extend((0..width).map(|x| luma(x, y)));
        }
        bytes.resize(VideoFrame::packed_len(width, height), 77);
        VideoFrame::from_packed(width, height, bytes, 5).expect("a picture")
    }

    #[test]
    fn sizes_keep_their_shape_and_are_even() {
        assert_eq!(fitting((1280, 720), (1920, 1080)), (1280, 720));
        assert_eq!(fitting((3840, 2160), (1920, 1080)), (1920, 1080));
        assert_eq!(fitting((2560, 1600), (1920, 1080)), (1728, 1080));
        assert_eq!(fitting((5120, 1440), (1920, 1080)), (1920, 540));
        assert_eq!(fitting((1081, 1921), (1920, 1080)), (608, 1080));
    }

    #[test]
    fn a_ramp_stays_a_ramp() {
        for (width, height) in [(3840, 2160), (2560, 1440), (5000, 3000)] {
            let scaled = fit(picture(width, height, |x, _| (x * 255 / (width - 1)) as u8), (1920, 1080));
            let (w, h) = (scaled.width(), scaled.height());
            assert!(w <= 1920 && h <= 1080 && scaled.timestamp_us == 5);
            let [y, u, _] = scaled.planes();
            for x in 0..w {
                let wanted = f64::from(x) / f64::from(w - 1) * 255.0;
                let found = f64::from(y.data[(h / 2) as usize * y.stride + x as usize]);
                assert!((found - wanted).abs() < 2.0, "{width}x{height} at {x}: {found}, not {wanted}");
            }
            assert!(u.data.iter().all(|value| *value == 77));
        }
    }
}
