//! Scales planes of bytes, by area averaging downwards and linear interpolation upwards.

use super::canvas::Rows;

/// Sum of the weights of a pixel.
const ONE: u32 = 1 << 8;

/// Filter of one dimension: the source pixels of each target pixel, and their weights.
struct Taps {
    /// First source pixel of each target pixel.
    first: Vec<u32>,
    /// `count` weights for each target pixel.
    weights: Vec<u16>,
    count: usize,
}

impl Taps {
    fn new(from: usize, to: usize) -> Self {
        let ratio = from as f64 / to as f64;
        // A target pixel covers `ratio` source pixels, or interpolates between two.
        let reach = ratio.max(1.0);
        let count = (reach.ceil() as usize + 1).min(from);
        let (mut first, mut weights) = (Vec::with_capacity(to), Vec::with_capacity(to * count));
        for i in 0..to {
            let centre = (i as f64 + 0.5) * ratio;
            let (start, end) = (centre - reach / 2.0, centre + reach / 2.0);
            let begin = (start.floor().max(0.0) as usize).min(from - count);
            let shares: Vec<f64> = (begin..begin + count)
                .map(|pixel| {
                    let (left, right) = (pixel as f64, pixel as f64 + 1.0);
                    // Outside, the edge pixel is repeated.
                    let left = if pixel == 0 { left.min(start) } else { left };
                    let right = if pixel + 1 == from { right.max(end) } else { right };
                    (right.min(end) - left.max(start)).max(0.0)
                })
                .collect();
            let sum: f64 = shares.iter().sum();
            // Rounding errors are carried to the next weight, so that the sum is exact and the brightness is preserved.
            let (mut share, mut given) = (0.0, 0);
            for part in shares {
                share += part / sum;
                let upto = (share * f64::from(ONE)).round() as u16;
                weights.push(upto - given);
                given = upto;
            }
            first.push(begin as u32);
        }
        Self { first, weights, count }
    }

    fn each(&self) -> impl Iterator<Item = (usize, &[u16])> {
        self.first.iter().map(|first| *first as usize).zip(self.weights.chunks_exact(self.count))
    }
}

/// Scaler between two sizes, with precomputed filters.
pub(crate) struct Scaler {
    from: (usize, usize),
    to: (usize, usize),
    columns: Taps,
    lines: Taps,
    /// Vertically scaled line of the source's width, with eight fractional bits.
    wide: Vec<u16>,
}

impl Scaler {
    /// Creates a scaler. Sizes are width and height, none of them zero.
    pub(crate) fn new(from: (usize, usize), to: (usize, usize)) -> Self {
        let (columns, lines) = (Taps::new(from.0, to.0), Taps::new(from.1, to.1));
        Self { from, to, columns, lines, wide: vec![0; from.0] }
    }

    /// Returns `true` if it scales between these sizes.
    pub(crate) fn is_for(&self, from: (usize, usize), to: (usize, usize)) -> bool {
        (self.from, self.to) == (from, to)
    }

    /// Scales a plane whose rows are `stride` bytes apart.
    pub(crate) fn scale(&mut self, source: &[u8], stride: usize, target: &mut Rows<'_>) {
        let ((width, height), (to_width, to_height)) = (self.from, self.to);
        if (width, height) == (to_width, to_height) {
            for (row, line) in target.each().zip(source.chunks(stride)) {
                let width = row.len();
                row.copy_from_slice(&line[..width]);
            }
        } else if (width, height) == (2 * to_width, 2 * to_height) {
            for (row, pair) in target.each().zip(source.chunks(2 * stride)) {
                halve(&pair[..width], &pair[stride..stride + width], row);
            }
        } else {
            for (row, (first, weights)) in target.each().zip(self.lines.each()) {
                let mut lines = source[first * stride..].chunks(stride).zip(weights).filter(|(_, weight)| **weight > 0);
                if let Some((line, weight)) = lines.next() {
                    self.wide.iter_mut().zip(line).for_each(|(wide, pixel)| *wide = u16::from(*pixel) * weight);
                }
                for (line, weight) in lines {
                    self.wide.iter_mut().zip(line).for_each(|(wide, pixel)| *wide += u16::from(*pixel) * weight);
                }
                for (pixel, (first, weights)) in row.iter_mut().zip(self.columns.each()) {
                    let covered = self.wide[first..].iter().zip(weights);
                    let sum: u32 = covered.map(|(wide, weight)| u32::from(*wide) * u32::from(*weight)).sum();
                    *pixel = ((sum + ONE * ONE / 2) >> 16) as u8;
                }
            }
        }
    }
}

/// Averages each 2x2 pixels of two lines.
fn halve(above: &[u8], below: &[u8], row: &mut [u8]) {
    for ((pixel, above), below) in row.iter_mut().zip(above.chunks_exact(2)).zip(below.chunks_exact(2)) {
        let sum = u16::from(above[0]) + u16::from(above[1]) + u16::from(below[0]) + u16::from(below[1]);
        *pixel = ((sum + 2) >> 2) as u8;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::canvas::{Area, Canvas};
    use super::*;

    /// Scales a generated plane and returns the result.
    fn scaled(from: (usize, usize), to: (usize, usize), pixel: impl Fn(usize, usize) -> u8) -> Vec<u8> {
        let stride = from.0 + 3;
        let source: Vec<u8> = (0..stride * from.1).map(|i| pixel(i % stride, i / stride)).collect();
        // The last row has no padding.
        let source = &source[..source.len() - 3];
        let mut canvas = Canvas::new(to.0, to.1);
        let [mut luma, _, _] = canvas.planes(Area::new(0, 0, to.0, to.1));
        Scaler::new(from, to).scale(source, stride, &mut luma);
        canvas.bytes()[..to.0 * to.1].to_vec()
    }

    fn even(max: usize) -> impl Strategy<Value = usize> {
        (1..max / 2).prop_map(|half| 2 * half)
    }

    proptest! {
        #[test]
        fn a_uniform_plane_stays_uniform(w in 1usize..200, h in 1usize..200, tw in even(200), th in even(200), value: u8) {
            let out = scaled((w, h), (tw, th), |_, _| value);
            prop_assert!(out.iter().all(|pixel| *pixel == value));
        }

        #[test]
        fn a_gradient_stays_a_gradient(w in 32usize..256, tw in even(200)) {
            prop_assume!(tw >= 8);
            let out = scaled((w, 8), (tw, 8), |x, _| (x.min(w - 1) * 255 / (w - 1)) as u8);
            for (x, pixel) in out[..tw].iter().enumerate().skip(1).take(tw - 2) {
                let wanted = ((x as f64 + 0.5) * w as f64 / tw as f64 - 0.5) * 255.0 / (w - 1) as f64;
                prop_assert!((f64::from(*pixel) - wanted).abs() < 8.0, "{x}: {pixel}, not {wanted}");
            }
        }
    }

    #[test]
    fn halving_averages_four_pixels() {
        let out = scaled((4, 2), (2, 2), |x, y| [[10, 20, 30, 40], [10, 20, 30, 40]][y][x.min(3)]);
        assert_eq!(out, [15, 35, 15, 35]);
        let out = scaled((4, 4), (2, 2), |x, y| (x.min(3) * 10 + y * 40) as u8);
        assert_eq!(out, [25, 45, 105, 125]);
    }
}
