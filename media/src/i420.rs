//! Converts the pixel formats of cameras and screens to I420.
//!
//! The result is BT.601 in video range (luma 16–235), which VP8, the SFU's other clients and our shader expect. Cameras
//! usually deliver YUV in video range, which is only rearranged; RGB, grey and JPEG are full range and converted.
//! [`Colours`] describe cameras that differ.
//!
//! A picture with an odd side loses its last column or row, because I420's chroma has half the size.

use autamedica_engine::VideoFrame;

use super::colours::{self, Colours, VIDEO_CHROMA, VIDEO_LUMA};

/// Layout of the bytes of an uncompressed picture. The stride is the distance of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// 4:2:2 in pairs of pixels: Y0 U Y1 V.
    Yuyv,
    /// 4:2:2 in pairs of pixels: Y0 V Y1 U.
    Yvyu,
    /// 4:2:2 in pairs of pixels: U Y0 V Y1.
    Uyvy,
    /// Plane of Y, then a half-size plane of alternating U and V.
    Nv12,
    /// Plane of Y, then a half-size plane of alternating V and U.
    Nv21,
    /// Plane of Y, then half-size planes of U and V with half the stride.
    Yu12,
    /// Plane of Y, then half-size planes of V and U with half the stride.
    Yv12,
    /// One full-range byte per pixel.
    Gray,
    /// R G B.
    Rgb,
    /// B G R.
    Bgr,
    /// R G B and one ignored byte.
    Rgbx,
    /// B G R and one ignored byte.
    Bgrx,
    /// Ten bits per channel in a little-endian word, red highest (displays of depth 30).
    Bgr30,
    /// Ten bits per channel in a little-endian word, blue highest.
    Rgb30,
    /// Full-range Y U V of JPEG, without subsampling.
    JpegYuv,
}

impl PixelFormat {
    /// Returns the bytes in a row of this many pixels (of the Y plane, where there are several).
    pub const fn row_len(self, width: usize) -> usize {
        match self {
            Self::Yuyv | Self::Yvyu | Self::Uyvy => width.div_ceil(2) * 4,
            Self::Nv12 | Self::Nv21 | Self::Yu12 | Self::Yv12 | Self::Gray => width,
            Self::Rgb | Self::Bgr | Self::JpegYuv => width * 3,
            Self::Rgbx | Self::Bgrx | Self::Bgr30 | Self::Rgb30 => width * 4,
        }
    }

    /// Returns the default colours of this format.
    pub const fn usual_colours(self) -> Colours {
        Colours { full_range: matches!(self, Self::Gray | Self::JpegYuv), bt709: false }
    }

    /// Returns the bytes of a picture with this stride; the last row may lack its padding.
    fn len(self, stride: usize, width: usize, height: usize) -> usize {
        let (w, h) = (width & !1, height & !1);
        match self {
            Self::Nv12 | Self::Nv21 => stride * (height + h / 2 - 1) + w,
            Self::Yu12 | Self::Yv12 => stride * height + stride / 2 * (height.div_ceil(2) + h / 2 - 1) + w / 2,
            _ => stride * (h - 1) + self.row_len(w),
        }
    }
}

/// Converts a picture to I420, with the default colours of its format.
///
/// `stride` is the distance between rows in bytes. Returns `None` when `bytes` is too short for the size, or when the
/// picture is less than two pixels wide or high.
pub fn to_i420(
    format: PixelFormat,
    bytes: &[u8],
    stride: usize,
    width: u32,
    height: u32,
    timestamp_us: i64,
) -> Option<VideoFrame> {
    to_i420_from(format, format.usual_colours(), bytes, stride, (width, height), timestamp_us)
}

/// Converts a picture with these colours to I420 in BT.601 and video range; otherwise like [`to_i420`]. RGB is always
/// full range.
pub fn to_i420_from(
    format: PixelFormat,
    colours: Colours,
    bytes: &[u8],
    stride: usize,
    (width, height): (u32, u32),
    timestamp_us: i64,
) -> Option<VideoFrame> {
    let (w, h) = ((width & !1) as usize, (height & !1) as usize);
    if w == 0
        || h == 0
        || stride < format.row_len(w)
        || bytes.len() < format.len(stride, width as usize, height as usize)
    {
        return None;
    }
    let mut out = vec![0; VideoFrame::packed_len(w as u32, h as u32)];
    let (y, chroma) = out.split_at_mut(w * h);
    let (u, v) = chroma.split_at_mut(w * h / 4);
    let source = Source { bytes, stride, w, h };
    let rows = height as usize;
    match format {
        PixelFormat::Yuyv => packed_422::<0, 1>(&source, y, u, v),
        PixelFormat::Yvyu => packed_422::<0, 1>(&source, y, v, u),
        PixelFormat::Uyvy => packed_422::<1, 0>(&source, y, u, v),
        PixelFormat::Nv12 => nv12(&source, rows, y, u, v),
        PixelFormat::Nv21 => nv12(&source, rows, y, v, u),
        PixelFormat::Yu12 => planar(&source, rows, y, u, v),
        PixelFormat::Yv12 => planar(&source, rows, y, v, u),
        PixelFormat::Gray => gray(&source, y, u, v),
        PixelFormat::Rgb => rgb::<3, 0, 2>(&source, y, u, v),
        PixelFormat::Bgr => rgb::<3, 2, 0>(&source, y, u, v),
        PixelFormat::Rgbx => rgb::<4, 0, 2>(&source, y, u, v),
        PixelFormat::Bgrx => rgb::<4, 2, 0>(&source, y, u, v),
        PixelFormat::Bgr30 | PixelFormat::Rgb30 => {
            let bytes = eight_bits(&source);
            let source = Source { bytes: &bytes, stride: w * 4, w, h };
            match format {
                PixelFormat::Bgr30 => rgb::<4, 2, 0>(&source, y, u, v),
                _ => rgb::<4, 0, 2>(&source, y, u, v),
            }
        }
        PixelFormat::JpegYuv => jpeg_yuv(&source, y, u, v),
    }
    use PixelFormat::{Gray, Nv12, Nv21, Uyvy, Yu12, Yuyv, Yv12, Yvyu};
    if matches!(format, Yuyv | Yvyu | Uyvy | Nv12 | Nv21 | Yu12 | Yv12 | Gray) {
        colours::to_video_bt601(colours, w, y, u, v);
    }
    VideoFrame::from_packed(w as u32, h as u32, out, timestamp_us)
}

struct Source<'a> {
    bytes: &'a [u8],
    stride: usize,
    /// Even width and height.
    w: usize,
    h: usize,
}

impl Source<'_> {
    fn row(&self, row: usize, len: usize) -> &[u8] {
        &self.bytes[row * self.stride..][..len]
    }
}

/// `LUMA` and `CHROMA` are the positions of the first of each in four bytes.
fn packed_422<const LUMA: usize, const CHROMA: usize>(source: &Source, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    let (w, len) = (source.w, source.w * 2);
    for pair in 0..source.h / 2 {
        let (top, bottom) = (source.row(2 * pair, len), source.row(2 * pair + 1, len));
        let (y_top, y_bottom) = y[2 * pair * w..][..2 * w].split_at_mut(w);
        let chroma = u[pair * w / 2..][..w / 2].iter_mut().zip(&mut v[pair * w / 2..][..w / 2]);
        let luma = y_top.chunks_exact_mut(2).zip(y_bottom.chunks_exact_mut(2));
        for (((t, b), (u, v)), (yt, yb)) in top.chunks_exact(4).zip(bottom.chunks_exact(4)).zip(chroma).zip(luma) {
            (yt[0], yt[1], yb[0], yb[1]) = (t[LUMA], t[LUMA + 2], b[LUMA], b[LUMA + 2]);
            *u = (u16::from(t[CHROMA]) + u16::from(b[CHROMA])).div_ceil(2) as u8;
            *v = (u16::from(t[CHROMA + 2]) + u16::from(b[CHROMA + 2])).div_ceil(2) as u8;
        }
    }
}

fn nv12(source: &Source, full_height: usize, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    let w = source.w;
    for (row, out) in y.chunks_exact_mut(w).enumerate() {
        out.copy_from_slice(source.row(row, w));
    }
    for (row, (u, v)) in u.chunks_exact_mut(w / 2).zip(v.chunks_exact_mut(w / 2)).enumerate() {
        for ((uv, u), v) in source.row(full_height + row, w).chunks_exact(2).zip(u).zip(v) {
            (*u, *v) = (uv[0], uv[1]);
        }
    }
}

fn planar(source: &Source, full_height: usize, y: &mut [u8], first: &mut [u8], second: &mut [u8]) {
    for (row, out) in y.chunks_exact_mut(source.w).enumerate() {
        out.copy_from_slice(source.row(row, source.w));
    }
    let (half, stride) = (source.w / 2, source.stride / 2);
    let start = source.stride * full_height;
    for (plane, out) in [first, second].into_iter().enumerate() {
        let start = start + plane * stride * full_height.div_ceil(2);
        for (row, out) in out.chunks_exact_mut(half).enumerate() {
            out.copy_from_slice(&source.bytes[start + row * stride..][..half]);
        }
    }
}

/// Returns the high eight of ten bits per channel, four bytes per pixel, the lowest channel first.
fn eight_bits(source: &Source) -> Vec<u8> {
    let mut out = Vec::with_capacity(source.w * source.h * 4);
    for row in 0..source.h {
        for pixel in source.row(row, source.w * 4).chunks_exact(4) {
            let word = u32::from_le_bytes([pixel[0], pixel[1], pixel[2], pixel[3]]);
            out.extend([(word >> 2) as u8, (word >> 12) as u8, (word >> 22) as u8, 0]);
        }
    }
    out
}

fn gray(source: &Source, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    for (row, out) in y.chunks_exact_mut(source.w).enumerate() {
        out.copy_from_slice(source.row(row, source.w));
    }
    u.fill(128);
    v.fill(128);
}

fn jpeg_yuv(source: &Source, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    let (w, len) = (source.w, source.w * 3);
    let sum = |a: u8, b: u8, c: u8, d: u8| (u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) / 4;
    for pair in 0..source.h / 2 {
        let (top, bottom) = (source.row(2 * pair, len), source.row(2 * pair + 1, len));
        let (y_top, y_bottom) = y[2 * pair * w..][..2 * w].split_at_mut(w);
        let chroma = u[pair * w / 2..][..w / 2].iter_mut().zip(&mut v[pair * w / 2..][..w / 2]);
        let luma = y_top.chunks_exact_mut(2).zip(y_bottom.chunks_exact_mut(2));
        for (((t, b), (u, v)), (yt, yb)) in top.chunks_exact(6).zip(bottom.chunks_exact(6)).zip(chroma).zip(luma) {
            (yt[0], yt[1]) = (VIDEO_LUMA[usize::from(t[0])], VIDEO_LUMA[usize::from(t[3])]);
            (yb[0], yb[1]) = (VIDEO_LUMA[usize::from(b[0])], VIDEO_LUMA[usize::from(b[3])]);
            *u = VIDEO_CHROMA[usize::from(sum(t[1], t[4], b[1], b[4]))];
            *v = VIDEO_CHROMA[usize::from(sum(t[2], t[5], b[2], b[5]))];
        }
    }
}

/// `N` bytes per pixel: red at `R`, green at 1, blue at `B`. Sixteen bits are enough for all sums.
fn rgb<const N: usize, const R: usize, const B: usize>(source: &Source, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    let (w, len) = (source.w, source.w * N);
    for (row, out) in y.chunks_exact_mut(w).enumerate() {
        for (p, y) in source.row(row, len).chunks_exact(N).zip(out) {
            *y = ((66 * u16::from(p[R]) + 129 * u16::from(p[1]) + 25 * u16::from(p[B]) + 128) >> 8) as u8 + 16;
        }
    }
    for (pair, (u, v)) in u.chunks_exact_mut(w / 2).zip(v.chunks_exact_mut(w / 2)).enumerate() {
        let (top, bottom) = (source.row(2 * pair, len), source.row(2 * pair + 1, len));
        for (((t, b), u), v) in top.chunks_exact(2 * N).zip(bottom.chunks_exact(2 * N)).zip(u).zip(v) {
            let mean =
                |i: usize| (i16::from(t[i]) + i16::from(t[N + i]) + i16::from(b[i]) + i16::from(b[N + i]) + 2) >> 2;
            let (red, green, blue) = (mean(R), mean(1), mean(B));
            *u = (((-38 * red - 74 * green + 112 * blue + 128) >> 8) + 128) as u8;
            *v = (((112 * red - 94 * green - 18 * blue + 128) >> 8) + 128) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Converts a 4x2 picture with two columns of one colour and two of another.
    fn convert(format: PixelFormat, bytes: &[u8], stride: usize) -> [Vec<u8>; 3] {
        let frame = to_i420(format, bytes, stride, 4, 2, 7).expect("a picture");
        assert_eq!((frame.width(), frame.height(), frame.timestamp_us), (4, 2, 7));
        frame.planes().map(|plane| plane.data.to_vec())
    }

    /// Computes BT.601 in video range in floating point, by definition.
    fn reference(r: f64, g: f64, b: f64) -> [f64; 3] {
        let y = 16.0 + (65.481 * r + 128.553 * g + 24.966 * b) / 255.0;
        let u = 128.0 + (-37.797 * r - 74.203 * g + 112.0 * b) / 255.0;
        let v = 128.0 + (112.0 * r - 93.786 * g - 18.214 * b) / 255.0;
        [y, u, v]
    }

    #[test]
    fn yuyv_is_rearranged_and_chroma_rows_are_averaged() {
        let rows = [[10, 100, 20, 200, 30, 110, 40, 210], [50, 102, 60, 204, 70, 113, 80, 211]];
        let [y, u, v] = convert(PixelFormat::Yuyv, rows.concat().as_slice(), 8);
        assert_eq!(y, [10, 20, 30, 40, 50, 60, 70, 80]);
        assert_eq!((u, v), (vec![101, 112], vec![202, 211]));
    }

    #[test]
    fn nv12_is_split_with_a_stride() {
        let bytes = [1, 2, 3, 4, 0, 0, 5, 6, 7, 8, 0, 0, 90, 91, 92, 93, 0, 0];
        let [y, u, v] = convert(PixelFormat::Nv12, &bytes, 6);
        assert_eq!(y, [1, 2, 3, 4, 5, 6, 7, 8]);
        assert_eq!((u, v), (vec![90, 92], vec![91, 93]));
    }

    #[test]
    fn every_order_of_planes_and_pairs_is_rearranged() {
        let luma = [10, 20, 30, 40, 50, 60, 70, 80];
        let (u, v) = ([100, 110], [200, 210]);
        let paired = |order: fn([u8; 2], u8, u8) -> [u8; 4]| {
            let pairs = luma.chunks_exact(2).enumerate().map(|(i, y)| order([y[0], y[1]], u[i % 2], v[i % 2]));
            pairs.flatten().collect::<Vec<u8>>()
        };
        for (format, bytes, stride) in [
            (PixelFormat::Yvyu, paired(|y, u, v| [y[0], v, y[1], u]), 8),
            (PixelFormat::Uyvy, paired(|y, u, v| [u, y[0], v, y[1]]), 8),
            (PixelFormat::Nv21, [&luma[..], &[200, 100, 210, 110]].concat(), 4),
            (PixelFormat::Yu12, [&luma[..], &u, &v].concat(), 4),
            (PixelFormat::Yv12, [&luma[..], &v, &u].concat(), 4),
        ] {
            let planes = convert(format, &bytes, stride);
            assert_eq!(planes, [luma.to_vec(), u.to_vec(), v.to_vec()], "{format:?}");
        }
        // Padded rows in all three planes.
        let padded = [10, 20, 30, 40, 0, 0, 50, 60, 70, 80, 0, 0, 100, 110, 0, 200, 210];
        assert_eq!(convert(PixelFormat::Yu12, &padded, 6), [luma.to_vec(), u.to_vec(), v.to_vec()]);
    }

    #[test]
    fn ten_bits_a_channel_are_told_by_their_order() {
        let word = |high: u32, middle: u32, low: u32| (high << 22 | middle << 12 | low << 2).to_le_bytes();
        let wanted = reference(200.0, 30.0, 40.0);
        for (format, pixel) in [(PixelFormat::Bgr30, word(200, 30, 40)), (PixelFormat::Rgb30, word(40, 30, 200))] {
            for (plane, wanted) in convert(format, &pixel.repeat(8), 16).iter().zip(wanted) {
                assert!(plane.iter().all(|value| (f64::from(*value) - wanted).abs() <= 1.0), "{format:?} {plane:?}");
            }
        }
    }

    #[test]
    fn gray_becomes_video_range() {
        let [y, u, v] = convert(PixelFormat::Gray, &[0, 255, 128, 1, 0, 255, 128, 254], 4);
        assert_eq!(y, [16, 235, 126, 17, 16, 235, 126, 234]);
        assert_eq!((u, v), (vec![128; 2], vec![128; 2]));
    }

    #[test]
    fn every_rgb_order_matches_the_definition() {
        let colours: [[u8; 3]; 8] = [
            [0, 0, 0],
            [255, 255, 255],
            [255, 0, 0],
            [0, 255, 0],
            [0, 0, 255],
            [255, 255, 0],
            [12, 200, 99],
            [250, 3, 128],
        ];
        for (format, size, order) in [
            (PixelFormat::Rgb, 3, [0, 1, 2]),
            (PixelFormat::Bgr, 3, [2, 1, 0]),
            (PixelFormat::Rgbx, 4, [0, 1, 2]),
            (PixelFormat::Bgrx, 4, [2, 1, 0]),
        ] {
            for colour in colours {
                let mut pixel = vec![0; size];
                for (channel, at) in order.into_iter().enumerate() {
                    pixel[at] = colour[channel];
                }
                let planes = convert(format, &pixel.repeat(8), size * 4);
                let [r, g, b] = colour.map(f64::from);
                for (plane, wanted) in planes.iter().zip(reference(r, g, b)) {
                    for value in plane {
                        assert!((f64::from(*value) - wanted).abs() <= 1.0, "{format:?} {colour:?}: {value} {wanted}");
                    }
                }
            }
        }
    }

    #[test]
    fn jpeg_yuv_becomes_video_range() {
        let [y, u, v] =
            convert(PixelFormat::JpegYuv, &[255, 255, 0, 255, 255, 0, 0, 128, 128, 0, 128, 128].repeat(2), 12);
        assert_eq!(y, [235, 235, 16, 16, 235, 235, 16, 16]);
        assert_eq!((u, v), (vec![240, 128], vec![16, 128]));
    }

    #[test]
    fn odd_sides_are_cropped_and_short_pictures_refused() {
        let frame = to_i420(PixelFormat::Rgb, &[9; 5 * 3 * 3], 15, 5, 3, 0).expect("a picture");
        assert_eq!((frame.width(), frame.height()), (4, 2));
        assert!(to_i420(PixelFormat::Rgb, &[9; 23], 12, 4, 2, 0).is_none());
        assert!(to_i420(PixelFormat::Rgb, &[9; 24], 11, 4, 2, 0).is_none());
        assert!(to_i420(PixelFormat::Gray, &[9; 9], 1, 1, 9, 0).is_none());
    }
}
