//! An I420 frame to draw on.

/// Colour as Y, U and V (BT.601, limited range).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colour(pub [u8; 3]);

impl Colour {
    /// Converts `0xRRGGBB`.
    pub(crate) fn rgb(hex: u32) -> Self {
        let [r, g, b] = [hex >> 16, hex >> 8, hex].map(|channel| (channel & 0xff) as f32 / 255.0);
        let y = 16.0 + 65.481 * r + 128.553 * g + 24.966 * b;
        let u = 128.0 - 37.797 * r - 74.203 * g + 112.0 * b;
        let v = 128.0 + 112.0 * r - 93.786 * g - 18.214 * b;
        Self([y, u, v].map(|value| value.round() as u8))
    }
}

/// Rectangle in pixels. All values are even, to align with the chroma planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Area {
    pub x: usize,
    pub y: usize,
    pub width: usize,
    pub height: usize,
}

impl Area {
    /// Creates an area, rounding down to even numbers.
    pub(crate) const fn new(x: usize, y: usize, width: usize, height: usize) -> Self {
        Self { x: x & !1, y: y & !1, width: width & !1, height: height & !1 }
    }

    /// Returns the largest centred area with this aspect ratio.
    pub(crate) fn fit(self, width: usize, height: usize) -> Self {
        let (width, height) = (width.max(1), height.max(1));
        let (w, h) = if self.width * height <= self.height * width {
            (self.width, self.width * height / width)
        } else {
            (self.height * width / height, self.height)
        };
        let (w, h) = (w.max(2) & !1, h.max(2) & !1);
        Self::new(self.x + (self.width - w) / 2, self.y + (self.height - h) / 2, w, h)
    }

    /// Returns `true` if the areas have a pixel in common.
    pub(crate) const fn overlaps(self, other: Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    /// Converts to pixels of plane `index`; chroma planes are half as large.
    const fn in_plane(self, index: usize) -> Self {
        if index == 0 {
            self
        } else {
            Self { x: self.x / 2, y: self.y / 2, width: self.width / 2, height: self.height / 2 }
        }
    }
}

/// A tightly packed I420 frame with even sides. Drawing is clipped to it.
pub(crate) struct Canvas {
    bytes: Vec<u8>,
    width: usize,
    height: usize,
}

/// Rows of one plane in an area.
pub(crate) struct Rows<'a> {
    data: &'a mut [u8],
    stride: usize,
    width: usize,
}

impl Rows<'_> {
    /// Iterates over the rows, from the top.
    pub(crate) fn each(&mut self) -> impl Iterator<Item = &mut [u8]> {
        let width = self.width;
        self.data.chunks_mut(self.stride).map(move |row| &mut row[..width])
    }
}

impl Canvas {
    /// Creates a black canvas.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        let mut bytes = vec![16; width * height];
        bytes.resize(width * height * 3 / 2, 128);
        Self { bytes, width, height }
    }

    /// Returns the bytes of Y, then U, then V.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Area of the whole canvas.
    pub(crate) fn area(&self) -> Area {
        Area::new(0, 0, self.width, self.height)
    }

    /// Returns the planes Y, U and V of an area, clipped to the canvas.
    pub(crate) fn planes(&mut self, area: Area) -> [Rows<'_>; 3] {
        let (width, height) = (self.width, self.height);
        let (y, chroma) = self.bytes.split_at_mut(width * height);
        let (u, v) = chroma.split_at_mut(width * height / 4);
        let mut index = 0;
        [y, u, v].map(|plane| {
            let (stride, rows) = if index == 0 { (width, height) } else { (width / 2, height / 2) };
            let area = area.in_plane(index);
            index += 1;
            let (x, y) = (area.x.min(stride), area.y.min(rows));
            let (width, bottom) = (area.width.min(stride - x), (area.y + area.height).min(rows));
            let data = if bottom > y && width > 0 {
                &mut plane[y * stride + x..(bottom - 1) * stride + x + width]
            } else {
                &mut []
            };
            Rows { data, stride, width }
        })
    }

    /// Fills an area.
    pub(crate) fn fill(&mut self, area: Area, colour: Colour) {
        for (mut rows, value) in self.planes(area).into_iter().zip(colour.0) {
            rows.each().for_each(|row| row.fill(value));
        }
    }

    /// Draws an antialiased disc.
    pub(crate) fn disc(&mut self, cx: usize, cy: usize, radius: usize, colour: Colour) {
        let side = 2 * radius + 4;
        let area = Area::new(cx.saturating_sub(radius + 2), cy.saturating_sub(radius + 2), side, side);
        for (index, (mut rows, value)) in self.planes(area).into_iter().zip(colour.0).enumerate() {
            let (area, scale) = (area.in_plane(index), if index == 0 { 1.0 } else { 2.0 });
            let from = |at: usize, centre: usize| (at as f32 + 0.5) * scale - centre as f32;
            for (y, row) in rows.each().enumerate() {
                let dy = from(area.y + y, cy);
                for (x, pixel) in row.iter_mut().enumerate() {
                    let dx = from(area.x + x, cx);
                    let covered = (radius as f32 + 0.5 - (dx * dx + dy * dy).sqrt()).clamp(0.0, 1.0);
                    *pixel = (f32::from(*pixel) + (f32::from(value) - f32::from(*pixel)) * covered).round() as u8;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn fitted_areas_are_inside_even_and_keep_the_aspect_ratio(
            x in 0usize..600, y in 0usize..300, w in 16usize..640, h in 16usize..360, width in 1usize..4000, height in 1usize..4000,
        ) {
            let area = Area::new(x, y, w, h);
            let fit = area.fit(width, height);
            prop_assert!(fit.x >= area.x && fit.x + fit.width <= area.x + area.width, "{fit:?}");
            prop_assert!(fit.y >= area.y && fit.y + fit.height <= area.y + area.height, "{fit:?}");
            prop_assert!([fit.x, fit.y, fit.width, fit.height].iter().all(|side| side % 2 == 0));
            prop_assert!(fit.width + 4 > area.width || fit.height + 4 > area.height, "{fit:?} leaves room");
            // Within two pixels, because of the rounding to even sides.
            let (shown, wanted) = (fit.width as f64 * height as f64, fit.height as f64 * width as f64);
            prop_assert!((shown - wanted).abs() <= 4.0 * (width + height) as f64, "{fit:?}");
        }

        #[test]
        fn drawing_is_clipped(x in 0usize..100, y in 0usize..100, w in 0usize..100, h in 0usize..100) {
            let mut canvas = Canvas::new(64, 36);
            canvas.fill(Area::new(x, y, w, h), Colour([200, 10, 20]));
            canvas.disc(x, y, w / 2, Colour([200, 10, 20]));
        }
    }

    #[test]
    fn an_area_is_filled_in_all_planes() {
        let mut canvas = Canvas::new(8, 4);
        canvas.fill(Area::new(4, 2, 4, 2), Colour([200, 10, 20]));
        assert_eq!(canvas.bytes()[16..32], [16, 16, 16, 16, 200, 200, 200, 200, 16, 16, 16, 16, 200, 200, 200, 200]);
        assert_eq!(canvas.bytes()[32..], [128, 128, 128, 128, 128, 128, 10, 10, 128, 128, 128, 128, 128, 128, 20, 20]);
    }
}
