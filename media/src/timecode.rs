//! Draws the capture time into video frames, so that a receiver can measure their delay.
//!
//! The top 4/45 of the frame (64 rows of 720) hold two rows of 32 black or white blocks, left to right, most
//! significant bit first:
//!
//! ```text
//! row 0   1 0 1 0   time bits 44..17
//! row 1   0 1 0 1   time bits 16..0   checksum bits 10..0
//! ```
//!
//! The time counts steps of 100 µs since 1970 in 45 bits (until the year 2081); the checksum is a CRC-11 over it.
//! Blocks are 40x32 pixels at 720p, so that they survive the codec and the smallest simulcast layer, where they are
//! 10x8.

use autamedica_engine::VideoFrame;

const COLUMNS: usize = 32;
const ROWS: usize = 2;
const SYNC: usize = 4;
/// The four blocks at the left of each row.
const SYNC_BITS: [[bool; SYNC]; ROWS] = [[true, false, true, false], [false, true, false, true]];
const TIME_BITS: u32 = 45;
const CHECK_BITS: u32 = 11;
const STEP_US: i64 = 100;
const BLACK: u8 = 16;
const WHITE: u8 = 235;
/// Minimum contrast between black and white.
const MIN_CONTRAST: u32 = 40;

/// Returns the number of rows of the time code in a frame of this height.
pub const fn rows(height: usize) -> usize {
    height * 4 / 45
}

/// Computes a CRC-11 (polynomial x¹¹+x⁹+x⁸+x⁷+x²+1) of the time bits.
fn checksum(time: u64) -> u64 {
    let mut crc = 0x1a_u64;
    for i in (0..TIME_BITS).rev() {
        let feedback = (time >> i ^ crc >> (CHECK_BITS - 1)) & 1;
        crc = (crc << 1 & 0x7ff) ^ (feedback * 0x385);
    }
    crc
}

/// Draws the time (µs since 1970) into the top of a Y plane, whose chroma there should be neutral.
///
/// # Panics
/// When `y` is shorter than `stride * height`, or `stride` less than `width`.
pub fn draw(y: &mut [u8], stride: usize, width: usize, height: usize, time_us: i64) {
    let time = (time_us / STEP_US) as u64 & ((1 << TIME_BITS) - 1);
    let payload = time << CHECK_BITS | checksum(time);
    let per_row = COLUMNS - SYNC;
    for (row, sync) in SYNC_BITS.iter().enumerate() {
        let (top, bottom) = (rows(height) * row / ROWS, rows(height) * (row + 1) / ROWS);
        let (first, rest) = y[top * stride..bottom * stride].split_at_mut(stride);
        for column in 0..COLUMNS {
            let bit = match column.checked_sub(SYNC) {
                None => sync[column],
                Some(i) => payload >> (per_row * ROWS - 1 - row * per_row - i) & 1 == 1,
            };
            first[width * column / COLUMNS..width * (column + 1) / COLUMNS].fill(if bit { WHITE } else { BLACK });
        }
        for line in rest.chunks_exact_mut(stride) {
            line[..width].copy_from_slice(&first[..width]);
        }
    }
}

/// Reads the time (µs since 1970) from a frame of any size; `None` without a valid time code.
pub fn read(frame: &VideoFrame) -> Option<i64> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let [luma, _, _] = frame.planes();
    if width < COLUMNS * 2 || rows(height) < ROWS * 2 {
        return None;
    }
    let block = |row: usize, column: usize| {
        // Samples the middle of the block, because scaling and the codec blur its edges.
        let middle = |from: usize, to: usize| (from + (to - from) / 4, to - (to - from) / 4);
        let (left, right) = middle(width * column / COLUMNS, width * (column + 1) / COLUMNS);
        let (top, bottom) = middle(rows(height) * row / ROWS, rows(height) * (row + 1) / ROWS);
        let mut sum = 0_u32;
        for line in top..bottom {
            sum += luma.data[line * luma.stride..][left..right].iter().copied().map(u32::from).sum::<u32>();
        }
        sum / ((right - left) * (bottom - top)) as u32
    };

    let mut ends = [0, 0];
    for (row, sync) in SYNC_BITS.iter().enumerate() {
        for (column, bit) in sync.iter().enumerate() {
            ends[usize::from(*bit)] += block(row, column);
        }
    }
    let [black, white] = ends.map(|sum| sum / 4);
    let threshold = (black + white) / 2;
    let synced = |row: usize| (0..SYNC).all(|column| (block(row, column) > threshold) == SYNC_BITS[row][column]);
    if white < black + MIN_CONTRAST || !(0..ROWS).all(synced) {
        return None;
    }

    let mut payload = 0_u64;
    for row in 0..ROWS {
        for column in SYNC..COLUMNS {
            payload = payload << 1 | u64::from(block(row, column) > threshold);
        }
    }
    let time = payload >> CHECK_BITS;
    (checksum(time) == payload & ((1 << CHECK_BITS) - 1)).then_some(time as i64 * STEP_US)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEAR_2081: i64 = (1 << TIME_BITS) * STEP_US;

    fn picture(width: u32, height: u32, luma: impl FnMut(usize) -> u8) -> VideoFrame {
        let mut bytes: Vec<u8> = (0..(width * height) as usize).map(luma).collect();
        bytes.resize(VideoFrame::packed_len(width, height), 128);
        VideoFrame::from_packed(width, height, bytes, 0).expect("a picture")
    }

    fn drawn(width: usize, height: usize, time_us: i64) -> Vec<u8> {
        let mut y = vec![90; width * height];
        draw(&mut y, width, width, height, time_us);
        y
    }

    /// Simulates the effect of a codec, camera or foreign colour range on a pixel.
    fn damaged(value: u8, gain: f32, offset: f32, noise: i32) -> u8 {
        ((f32::from(value) - 128.0) * gain + 128.0 + offset + noise as f32).clamp(0.0, 255.0) as u8
    }

    /// Returns one pixel of a picture scaled down to a quarter.
    fn mean_of_16(y: &[u8], x: usize, line: usize) -> u8 {
        let sum: u32 = (0..4).flat_map(|row| &y[(line + row) * 1280 + x..][..4]).map(|value| u32::from(*value)).sum();
        (sum / 16) as u8
    }

    /// Simulates a codec at a low bitrate: rounds the cosine transform of each 8x8 block to multiples of `step`.
    fn quantise(y: &mut [u8], width: usize, step: f32) {
        let wave = |k: usize, n: usize| {
            let scale = if k == 0 { 0.125_f32.sqrt() } else { 0.5 };
            scale * (std::f32::consts::PI / 8.0 * (n as f32 + 0.5) * k as f32).cos()
        };
        // Rows, then columns. The inverse uses the transposed waves.
        let along = |block: &[f32; 64], inverse: bool| {
            let mut out = [0.0; 64];
            for (i, value) in out.iter_mut().enumerate() {
                let (row, k) = (i / 8, i % 8);
                // Transposed, so that two passes cover both directions.
                *value = (0..8).map(|n| block[n * 8 + row] * if inverse { wave(n, k) } else { wave(k, n) }).sum();
            }
            out
        };
        for top in (0..y.len() / width / 8 * 8).step_by(8) {
            for left in (0..width).step_by(8) {
                let at = |i: usize| (top + i / 8) * width + left + i % 8;
                let block = std::array::from_fn(|i| f32::from(y[at(i)]));
                let mut waves = along(&along(&block, false), false);
                waves.iter_mut().for_each(|value| *value = (*value / step).round() * step);
                for (i, value) in along(&along(&waves, true), true).into_iter().enumerate() {
                    y[at(i)] = value.clamp(0.0, 255.0) as u8;
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn survives_noise_and_luma_range(
            time in 0..YEAR_2081, gain in 0.4f32..1.3, offset in -30f32..30.0, seed in any::<u64>(),
        ) {
            let y = drawn(640, 360, time);
            let mut state = seed | 1;
            let frame = picture(640, 360, |i| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                damaged(y[i], gain, offset, (state >> 33) as i32 % 60 - 30)
            });
            prop_assert_eq!(read(&frame), Some(time / STEP_US * STEP_US));
        }

        #[test]
        fn survives_scaling_down_and_up(time in 0..YEAR_2081, width in 160u32..1920, height in 90u32..1080) {
            let y = drawn(1280, 720, time);
            // Nearest pixel: the harshest scaling.
            let frame = picture(width, height, |i| {
                let (x, line) = (i % width as usize, i / width as usize);
                y[line * 720 / height as usize * 1280 + x * 1280 / width as usize]
            });
            prop_assert_eq!(read(&frame), Some(time / STEP_US * STEP_US));
        }

        #[test]
        fn survives_a_codec_at_the_smallest_layer(time in 0..YEAR_2081) {
            let y = drawn(1280, 720, time);
            let mut small: Vec<u8> = (0..320 * 180).map(|i| mean_of_16(&y, i % 320 * 4, i / 320 * 4)).collect();
            quantise(&mut small, 320, 90.0);
            prop_assert_eq!(read(&picture(320, 180, |i| small[i])), Some(time / STEP_US * STEP_US));
        }

        #[test]
        fn a_wrong_block_is_noticed(time in 0..YEAR_2081, row in 0usize..2, column in 0usize..32) {
            let mut y = drawn(320, 180, time);
            for line in row * 8..row * 8 + 8 {
                for value in &mut y[line * 320 + column * 10..][..10] {
                    *value = BLACK + WHITE - *value;
                }
            }
            prop_assert_eq!(read(&picture(320, 180, |i| y[i])), None);
        }
    }

    #[test]
    fn pictures_without_a_code_have_none() {
        assert_eq!(read(&picture(640, 360, |_| 0)), None);
        assert_eq!(read(&picture(640, 360, |_| 255)), None);
        assert_eq!(read(&picture(640, 360, |i| i as u8)), None);
        assert_eq!(read(&picture(16, 16, |i| i as u8)), None);
    }
}
