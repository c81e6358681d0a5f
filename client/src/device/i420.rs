//! From the pixel formats that cameras and screens deliver to I420.
//!
//! Colours are BT.601 in video range (luma 16–235), which is what VP8, the SFU's other clients and our shader expect.
//! Cameras deliver YUV in video range too, so it is only rearranged; RGB, grey and JPEG are full range and converted.
//! A picture with an odd side loses its last column or row: I420's chroma has half the size.

use autamedica_engine::VideoFrame;

/// How the bytes of an uncompressed picture are laid out. Rows follow each other; the stride says how far apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PixelFormat {
    /// 4:2:2 in pairs of pixels: Y0 U Y1 V.
    Yuyv,
    /// A plane Y, then a half-size plane of U and V in turn.
    Nv12,
    /// One full-range byte a pixel.
    Gray,
    /// R G B.
    Rgb,
    /// B G R.
    Bgr,
    /// R G B and one byte to ignore.
    Rgbx,
    /// B G R and one byte to ignore.
    Bgrx,
    /// Full-range Y U V of JPEG, unsubsampled.
    JpegYuv,
}

impl PixelFormat {
    /// Bytes of a row of this many pixels (of the Y plane, where there are several).
    pub const fn row_len(self, width: usize) -> usize {
        match self {
            Self::Yuyv => width.div_ceil(2) * 4,
            Self::Nv12 | Self::Gray => width,
            Self::Rgb | Self::Bgr | Self::JpegYuv => width * 3,
            Self::Rgbx | Self::Bgrx => width * 4,
        }
    }
}

/// Converts a picture to I420.
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
    let (w, h) = ((width & !1) as usize, (height & !1) as usize);
    let rows = if format == PixelFormat::Nv12 { height as usize + h / 2 } else { h };
    if w == 0 || h == 0 || stride < format.row_len(w) || bytes.len() < stride * (rows - 1) + format.row_len(w) {
        return None;
    }
    let mut out = vec![0; VideoFrame::packed_len(w as u32, h as u32)];
    let (y, chroma) = out.split_at_mut(w * h);
    let (u, v) = chroma.split_at_mut(w * h / 4);
    let source = Source { bytes, stride, w, h };
    match format {
        PixelFormat::Yuyv => yuyv(&source, y, u, v),
        PixelFormat::Nv12 => nv12(&source, height as usize, y, u, v),
        PixelFormat::Gray => gray(&source, y, chroma),
        PixelFormat::Rgb => rgb::<3, 0, 2>(&source, y, u, v),
        PixelFormat::Bgr => rgb::<3, 2, 0>(&source, y, u, v),
        PixelFormat::Rgbx => rgb::<4, 0, 2>(&source, y, u, v),
        PixelFormat::Bgrx => rgb::<4, 2, 0>(&source, y, u, v),
        PixelFormat::JpegYuv => jpeg_yuv(&source, y, u, v),
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

fn yuyv(source: &Source, y: &mut [u8], u: &mut [u8], v: &mut [u8]) {
    let (w, len) = (source.w, source.w * 2);
    for pair in 0..source.h / 2 {
        let (top, bottom) = (source.row(2 * pair, len), source.row(2 * pair + 1, len));
        let (y_top, y_bottom) = y[2 * pair * w..][..2 * w].split_at_mut(w);
        let chroma = u[pair * w / 2..][..w / 2].iter_mut().zip(&mut v[pair * w / 2..][..w / 2]);
        let luma = y_top.chunks_exact_mut(2).zip(y_bottom.chunks_exact_mut(2));
        for (((t, b), (u, v)), (yt, yb)) in top.chunks_exact(4).zip(bottom.chunks_exact(4)).zip(chroma).zip(luma) {
            (yt[0], yt[1], yb[0], yb[1]) = (t[0], t[2], b[0], b[2]);
            *u = (u16::from(t[1]) + u16::from(b[1])).div_ceil(2) as u8;
            *v = (u16::from(t[3]) + u16::from(b[3])).div_ceil(2) as u8;
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

/// Full-range luma to video range: 0–255 to 16–235.
const fn video_luma(full: u8) -> u8 {
    (16 + (full as u16 * 219 + 127) / 255) as u8
}

/// Full-range chroma to video range: 0–255 to 16–240, around 128.
const fn video_chroma(full: u8) -> u8 {
    let centred = full as i32 - 128;
    (128 + (centred * 224 + centred.signum() * 127) / 255) as u8
}

static VIDEO_LUMA: [u8; 256] = {
    let mut table = [0; 256];
    let mut full = 0;
    while full < 256 {
        table[full] = video_luma(full as u8);
        full += 1;
    }
    table
};
static VIDEO_CHROMA: [u8; 256] = {
    let mut table = [0; 256];
    let mut full = 0;
    while full < 256 {
        table[full] = video_chroma(full as u8);
        full += 1;
    }
    table
};

fn gray(source: &Source, y: &mut [u8], chroma: &mut [u8]) {
    for (row, out) in y.chunks_exact_mut(source.w).enumerate() {
        for (full, y) in source.row(row, source.w).iter().zip(out) {
            *y = VIDEO_LUMA[usize::from(*full)];
        }
    }
    chroma.fill(128);
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

/// `N` bytes a pixel, of which red is at `R`, green at 1 and blue at `B`. Sixteen bits are enough for all sums.
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

    /// A 4x2 picture: two columns of one colour, two of another.
    fn convert(format: PixelFormat, bytes: &[u8], stride: usize) -> [Vec<u8>; 3] {
        let frame = to_i420(format, bytes, stride, 4, 2, 7).expect("a picture");
        assert_eq!((frame.width(), frame.height(), frame.timestamp_us), (4, 2, 7));
        frame.planes().map(|plane| plane.data.to_vec())
    }

    /// BT.601 video range in floating point, the definition.
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
