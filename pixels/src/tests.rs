//! Conversion compared with its definition in floating point.

use proptest::prelude::*;

use super::*;

/// Frame whose planes have padding (except after the last row) that must not be read.
struct Frame {
    planes: [Vec<u8>; 3],
    strides: [usize; 3],
    width: u32,
    height: u32,
}

impl Frame {
    fn new(width: u32, height: u32, padding: usize, value: impl Fn(usize, u32, u32) -> u8) -> Self {
        let mut frame = Self { planes: Default::default(), strides: [0; 3], width, height };
        for index in 0..3 {
            let (w, h) = frame.side(index);
            let stride = w as usize + padding;
            let plane = &mut frame.planes[index];
            for y in 0..h {
                plane.extend((0..w).map(|x| value(index, x, y)));
                plane.resize(stride * (y as usize + 1), if index == 0 { 255 } else { 0 });
            }
            plane.truncate(stride * (h as usize - 1) + w as usize);
            frame.strides[index] = stride;
        }
        frame
    }

    fn side(&self, index: usize) -> (u32, u32) {
        let divisor = if index == 0 { 1 } else { 2 };
        (self.width.div_ceil(divisor), self.height.div_ceil(divisor))
    }

    fn view(&self) -> I420<'_> {
        let plane = |index: usize| Plane { data: &self.planes[index], stride: self.strides[index] };
        I420 { planes: [plane(0), plane(1), plane(2)], width: self.width, height: self.height }
    }

    /// Returns the BGRA of one pixel by the definition.
    fn pixel(&self, x: u32, y: u32) -> [f64; 4] {
        let value =
            |index: usize, x: u32, y: u32| f64::from(self.planes[index][y as usize * self.strides[index] + x as usize]);
        reference(value(0, x, y), value(1, x / 2, y / 2), value(2, x / 2, y / 2))
    }
}

fn reference(y: f64, u: f64, v: f64) -> [f64; 4] {
    let (y, u, v) = (255.0 / 219.0 * (y - 16.0), 255.0 / 112.0 * (u - 128.0), 255.0 / 112.0 * (v - 128.0));
    let (red, blue) = (y + 0.701 * v, y + 0.886 * u);
    let green = y - 0.886 * 0.114 / 0.587 * u - 0.701 * 0.299 / 0.587 * v;
    [blue.clamp(0.0, 255.0), green.clamp(0.0, 255.0), red.clamp(0.0, 255.0), 255.0]
}

fn noise(index: usize, x: u32, y: u32) -> u8 {
    let mixed = (x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(2_246_822_519)).wrapping_add(index as u32 * 977);
    (mixed.wrapping_mul(3_266_489_917) >> 24) as u8
}

fn crop(left: f64, top: f64, width: f64, height: f64) -> Crop {
    Crop { left, top, width, height }
}

fn assert_near(pixel: &[u8], wanted: [f64; 4], tolerance: f64, place: &str) {
    for (value, wanted) in pixel.iter().zip(wanted) {
        assert!((f64::from(*value) - wanted).abs() <= tolerance, "{place}: {pixel:?} instead of {wanted:?}");
    }
}

#[test]
fn unscaled_pixels_follow_the_definition_wherever_the_crop_begins() {
    let frame = Frame::new(71, 37, 9, noise);
    let mut converter = Converter::default();
    let mut out = Vec::new();
    for (left, top, width, height) in [(0, 0, 71, 37), (4, 2, 40, 20), (5, 3, 40, 21), (1, 0, 70, 37), (70, 36, 1, 1)] {
        let part = crop(left.into(), top.into(), width.into(), height.into());
        converter.convert(&frame.view(), part, Turn::default(), [width, height], &mut out).expect("converted");
        assert_eq!(out.len(), (width * height * 4) as usize);
        for (index, pixel) in out.chunks(4).enumerate() {
            let (x, y) = (left + index as u32 % width, top + index as u32 / width);
            assert_near(pixel, frame.pixel(x, y), 1.6, &format!("{x}, {y} of {part:?}"));
        }
    }
}

#[test]
fn every_luma_and_chroma_is_within_rounding() {
    // Luma encodes pairs of columns, chroma pairs of rows.
    let frame = Frame::new(512, 512, 0, |index, x, y| match index {
        0 => (x / 2) as u8,
        1 => y as u8,
        _ => (255 - x / 4 * 2) as u8,
    });
    let mut out = Vec::new();
    Converter::default()
        .convert(&frame.view(), crop(0.0, 0.0, 512.0, 512.0), Turn::default(), [512, 512], &mut out)
        .expect("converted");
    for (index, pixel) in out.chunks(4).enumerate() {
        let (x, y) = (index as u32 % 512, index as u32 / 512);
        assert_near(pixel, frame.pixel(x, y), 1.6, &format!("{x}, {y}"));
    }
}

#[test]
fn scaling_keeps_a_slope_and_reads_no_padding() {
    let slope = |index: usize, x: u32, y: u32| match index {
        0 => (30 + x + y / 2) as u8,
        1 => (100 + x / 2) as u8,
        _ => (150 - y / 2) as u8,
    };
    let frame = Frame::new(160, 90, 32, slope);
    let mut converter = Converter::default();
    let mut out = Vec::new();
    for size in [[80, 45], [37, 21], [200, 111], [161, 90]] {
        let part = crop(8.0, 6.0, 140.0, 80.0);
        converter.convert(&frame.view(), part, Turn::default(), size, &mut out).expect("converted");
        for (index, pixel) in out.chunks(4).enumerate() {
            let (x, y) = (index as u32 % size[0], index as u32 / size[0]);
            let at = |along: u32, tile: u32, start: f64, length: f64| {
                start + (f64::from(along) + 0.5) * length / f64::from(tile) - 0.5
            };
            let (fx, fy) = (at(x, size[0], 8.0, 140.0), at(y, size[1], 6.0, 80.0));
            let wanted = reference(30.0 + fx + fy / 2.0, 100.0 + fx / 4.0 - 0.25, 150.0 - fy / 4.0 + 0.25);
            assert_near(pixel, wanted, 5.0, &format!("{x}, {y} of {size:?}"));
        }
    }
}

#[test]
fn turned_tiles_have_the_turned_pixels() {
    let frame = Frame::new(10, 6, 0, noise);
    let part = crop(1.0, 1.0, 8.0, 4.0);
    let mut out = Vec::new();
    let turn = Turn { swapped: true, reversed_columns: false, reversed_rows: true };
    Converter::default().convert(&frame.view(), part, turn, [4, 8], &mut out).expect("converted");
    for (index, pixel) in out.chunks(4).enumerate() {
        let (x, y) = (index as u32 % 4, index as u32 / 4);
        assert_near(pixel, frame.pixel(1 + y, 1 + 3 - x), 1.6, &format!("{x}, {y}"));
    }
}

#[test]
fn invalid_arguments_are_refused() {
    let frame = Frame::new(10, 6, 0, noise);
    let mut out = Vec::new();
    let mut convert = |frame: &I420, part: Crop, size: [u32; 2]| {
        Converter::default().convert(frame, part, Turn::default(), size, &mut out)
    };
    for (part, size) in [
        (crop(0.0, 0.0, 10.0, 6.0), [0, 6]),
        (crop(0.0, 0.0, 0.0, 6.0), [4, 4]),
        (crop(-1.0, 0.0, 4.0, 4.0), [4, 4]),
        (crop(7.0, 0.0, 4.0, 4.0), [4, 4]),
        (crop(f64::NAN, 0.0, 4.0, 4.0), [4, 4]),
    ] {
        assert!(matches!(convert(&frame.view(), part, size), Err(ConvertError::Empty)), "{part:?} {size:?}");
    }
    let mut short = frame.view();
    short.planes[2].data = &frame.planes[2][1..];
    let all = crop(0.0, 0.0, 10.0, 6.0);
    assert!(matches!(convert(&short, all, [10, 6]), Err(ConvertError::ShortPlane)));
}

proptest! {
    #[test]
    fn every_crop_of_every_frame_fills_the_tile(
        (width, height, padding) in (1u32..90, 1u32..90, 0usize..20),
        (left, top, across, down) in (0.0f64..1.0, 0.0f64..1.0, 0.001f64..1.0, 0.001f64..1.0),
        size in [1u32..120, 1u32..120],
        (swapped, reversed_columns, reversed_rows) in any::<(bool, bool, bool)>(),
    ) {
        let frame = Frame::new(width, height, padding, |index, _, _| [81, 90, 240][index]);
        let (w, h) = (f64::from(width), f64::from(height));
        let part = crop(left * w, top * h, (across * (1.0 - left) * w).max(1e-4), (down * (1.0 - top) * h).max(1e-4));
        prop_assume!(part.left + part.width <= w && part.top + part.height <= h);
        let mut out = Vec::new();
        let turn = Turn { swapped, reversed_columns, reversed_rows };
        Converter::default().convert(&frame.view(), part, turn, size, &mut out).expect("converted");
        prop_assert_eq!(out.len(), (size[0] * size[1] * 4) as usize);
        let wanted = reference(81.0, 90.0, 240.0);
        for pixel in out.chunks(4) {
            for (value, wanted) in pixel.iter().zip(wanted) {
                prop_assert!((f64::from(*value) - wanted).abs() <= 2.0, "{:?}", pixel);
            }
        }
    }
}

/// Measures, when asked: `cargo test -p autamedica-pixels --release -- --ignored --nocapture`.
#[test]
#[ignore = "prints how long conversions take"]
fn time_of_conversions() {
    let frame = Frame::new(1280, 720, 64, noise);
    let mut converter = Converter::default();
    let mut out = Vec::new();
    let mirrored = Turn { reversed_columns: true, ..Turn::default() };
    let quarter = Turn { swapped: true, reversed_rows: true, ..Turn::default() };
    for (name, turn, size) in [
        ("as it is", Turn::default(), [1280, 720]),
        ("mirrored", mirrored, [1280, 720]),
        ("small, mirrored", mirrored, [288, 162]),
        ("enlarged", Turn::default(), [1920, 1080]),
        ("quarter turn", quarter, [405, 720]),
    ] {
        let begun = std::time::Instant::now();
        for _ in 0..50 {
            converter.convert(&frame.view(), crop(0.0, 0.0, 1280.0, 720.0), turn, size, &mut out).expect("converted");
        }
        println!("{name}: {:.2} ms", begun.elapsed().as_secs_f64() * 20.0);
    }
}
