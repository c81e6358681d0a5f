//! Colour conversion from BT.601 in video range to full-range BGRA, in integers that compilers vectorize.

use super::plane::Plane;

/// Pixels that are converted together, enough for vectorized loops.
const BLOCK: usize = 64;
const PAIRS: usize = BLOCK / 2;

/// Fractional bits of the coefficients: the most that leave sums within saturating 16 bits.
const BITS: u32 = 6;
/// 255/219, as a factor of luma times 257 of which the upper half is used.
const LUMA: u32 = 18_997;
/// Product for black (16), less one half for rounding.
const BLACK: i16 = 1_192 - 32;
const V_TO_RED: i16 = 102;
const U_TO_GREEN: i16 = -25;
const V_TO_GREEN: i16 = -52;
const U_TO_BLUE: i16 = 129;

/// Converts `columns` by `rows` pixels to packed BGRA rows. The planes must be large enough.
pub(super) fn to_bgra(planes: [Plane; 3], columns: usize, rows: usize, out: &mut [u8]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // SAFETY: the processor has AVX2.
        return unsafe { to_bgra_avx2(planes, columns, rows, out) };
    }
    all_rows(planes, columns, rows, out);
}

/// [`all_rows`], compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn to_bgra_avx2(planes: [Plane; 3], columns: usize, rows: usize, out: &mut [u8]) {
    all_rows(planes, columns, rows, out);
}

#[inline(always)]
fn all_rows([luma, u, v]: [Plane; 3], columns: usize, rows: usize, out: &mut [u8]) {
    let pairs = columns.div_ceil(2);
    for (row, out) in out.chunks_exact_mut(columns * 4).take(rows).enumerate() {
        let luma = &luma.data[row * luma.stride..][..columns];
        let u = &u.data[row / 2 * u.stride..][..pairs];
        let v = &v.data[row / 2 * v.stride..][..pairs];
        one_row(luma, u, v, out);
    }
}

#[inline(always)]
fn one_row(luma: &[u8], u: &[u8], v: &[u8], out: &mut [u8]) {
    let (luma_blocks, luma_rest) = luma.as_chunks::<BLOCK>();
    let (u_blocks, v_blocks) = (u.as_chunks::<PAIRS>().0, v.as_chunks::<PAIRS>().0);
    let (out_blocks, out_rest) = out.as_chunks_mut::<{ BLOCK * 4 }>();
    for (((luma, u), v), out) in luma_blocks.iter().zip(u_blocks).zip(v_blocks).zip(out_blocks) {
        block(luma, u, v, out);
    }
    if !luma_rest.is_empty() {
        let (mut luma, mut us, mut vs, mut out) = ([0; BLOCK], [0; PAIRS], [0; PAIRS], [0; BLOCK * 4]);
        let done = luma_blocks.len() * PAIRS;
        luma[..luma_rest.len()].copy_from_slice(luma_rest);
        us[..u.len() - done].copy_from_slice(&u[done..]);
        vs[..v.len() - done].copy_from_slice(&v[done..]);
        block(&luma, &us, &vs, &mut out);
        out_rest.copy_from_slice(&out[..out_rest.len()]);
    }
}

#[inline(always)]
fn block(luma: &[u8; BLOCK], u: &[u8; PAIRS], v: &[u8; PAIRS], out: &mut [u8; BLOCK * 4]) {
    let (mut red, mut green, mut blue) = ([0_i16; BLOCK], [0_i16; BLOCK], [0_i16; BLOCK]);
    for i in 0..PAIRS {
        let (u, v) = (i16::from(u[i]) - 128, i16::from(v[i]) - 128);
        let of_pair = [v * V_TO_RED, u * U_TO_GREEN + v * V_TO_GREEN, u * U_TO_BLUE];
        [red[2 * i], green[2 * i], blue[2 * i]] = of_pair;
        [red[2 * i + 1], green[2 * i + 1], blue[2 * i + 1]] = of_pair;
    }
    // Each value holds two bytes of a pixel: SIMD interleaves such pairs at once.
    let mut halves = [0_u16; 2 * BLOCK];
    for i in 0..BLOCK {
        let grey = ((u32::from(u16::from(luma[i]) * 257) * LUMA) >> 16) as i16 - BLACK;
        let channel = |colour: i16| (grey.saturating_add(colour) >> BITS).clamp(0, 255) as u16;
        halves[2 * i] = channel(blue[i]) | channel(green[i]) << 8;
        halves[2 * i + 1] = channel(red[i]) | 0xff00;
    }
    for (out, half) in out.as_chunks_mut::<2>().0.iter_mut().zip(halves) {
        *out = half.to_le_bytes();
    }
}
