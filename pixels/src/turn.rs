//! Turning and mirroring of pixels.

/// Bytes of a BGRA pixel.
const PIXEL: usize = 4;

/// Turn from the stored frame to the upright tile.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Turn {
    /// Columns of the frame are rows of the tile.
    pub swapped: bool,
    /// Columns of the frame come from right to left.
    pub reversed_columns: bool,
    /// Rows of the frame come from bottom to top.
    pub reversed_rows: bool,
}

impl Turn {
    /// Copies `width` by `height` pixels, whose rows are `stride` bytes apart, to packed rows.
    pub(crate) fn copy(self, from: &[u8], stride: usize, [width, height]: [usize; 2], to: &mut [u8]) {
        if width == 0 || height == 0 {
            return;
        }
        if !self.swapped {
            for (index, to) in to.chunks_exact_mut(width * PIXEL).enumerate() {
                let row = if self.reversed_rows { height - 1 - index } else { index };
                let from = &from[row * stride..][..width * PIXEL];
                if self.reversed_columns {
                    let (from, to) = (from.as_chunks::<PIXEL>().0, to.as_chunks_mut::<PIXEL>().0);
                    to.iter_mut().zip(from.iter().rev()).for_each(|(to, from)| *to = *from);
                } else {
                    to.copy_from_slice(from);
                }
            }
            return;
        }
        for (index, to) in to.chunks_exact_mut(height * PIXEL).enumerate() {
            let column = if self.reversed_columns { width - 1 - index } else { index };
            for (index, to) in to.as_chunks_mut::<PIXEL>().0.iter_mut().enumerate() {
                let row = if self.reversed_rows { height - 1 - index } else { index };
                to.copy_from_slice(&from[row * stride + column * PIXEL..][..PIXEL]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Turns a frame of two rows of three pixels, in rows of four.
    fn turned(swapped: bool, reversed_columns: bool, reversed_rows: bool) -> Vec<u8> {
        let from: Vec<u8> = [1, 2, 3, 99, 4, 5, 6].into_iter().flat_map(|pixel| [pixel; PIXEL]).collect();
        let mut to = vec![0; 6 * PIXEL];
        Turn { swapped, reversed_columns, reversed_rows }.copy(&from, 4 * PIXEL, [3, 2], &mut to);
        to.into_iter().step_by(PIXEL).collect()
    }

    #[test]
    fn all_eight_turns() {
        assert_eq!(turned(false, false, false), [1, 2, 3, 4, 5, 6]);
        assert_eq!(turned(false, true, false), [3, 2, 1, 6, 5, 4]);
        assert_eq!(turned(false, false, true), [4, 5, 6, 1, 2, 3]);
        assert_eq!(turned(false, true, true), [6, 5, 4, 3, 2, 1]);
        assert_eq!(turned(true, false, false), [1, 4, 2, 5, 3, 6]);
        assert_eq!(turned(true, true, false), [3, 6, 2, 5, 1, 4]);
        assert_eq!(turned(true, false, true), [4, 1, 5, 2, 6, 3]);
        assert_eq!(turned(true, true, true), [6, 3, 5, 2, 4, 1]);
    }
}
