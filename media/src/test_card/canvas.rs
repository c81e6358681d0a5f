//! Drawing on I420 pictures, without a colour conversion per frame.

use autamedica_engine::VideoFrame;

use super::font;

/// Colour in I420 (BT.601, video range).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Converts red, green and blue, 0–255 each.
    pub fn rgb(red: u8, green: u8, blue: u8) -> Self {
        let [r, g, b] = [red, green, blue].map(|channel| f32::from(channel) / 255.0);
        let y = 16.0 + 65.481 * r + 128.553 * g + 24.966 * b;
        let u = 128.0 - 37.797 * r - 74.203 * g + 112.0 * b;
        let v = 128.0 + 112.0 * r - 93.786 * g - 18.214 * b;
        Self([y, u, v].map(|value| value.round() as u8))
    }

    /// Mixes in `amount` (0–1) of `other`.
    pub fn mix(self, other: Self, amount: f32) -> Self {
        let mut mixed = self.0;
        for (own, theirs) in mixed.iter_mut().zip(other.0) {
            *own = blend(*own, theirs, amount);
        }
        Self(mixed)
    }
}

fn blend(below: u8, above: u8, coverage: f32) -> u8 {
    (f32::from(below) + (f32::from(above) - f32::from(below)) * coverage + 0.5) as u8
}

/// Packed I420 picture with even sides. Positions and lengths are in pixels; drawing is clipped to it.
#[derive(Clone)]
pub struct Canvas {
    pub bytes: Vec<u8>,
    pub width: usize,
    pub height: usize,
}

impl Canvas {
    pub fn new(width: usize, height: usize) -> Self {
        let bytes = vec![128; VideoFrame::packed_len(width as u32, height as u32)];
        Self { bytes, width, height }
    }

    /// Returns Y, U and V as (bytes, row length).
    fn planes(&mut self) -> [(&mut [u8], usize); 3] {
        let (y, chroma) = self.bytes.split_at_mut(self.width * self.height);
        let (u, v) = chroma.split_at_mut(self.width * self.height / 4);
        [(y, self.width), (u, self.width / 2), (v, self.width / 2)]
    }

    /// Draws a filled rectangle; chroma is limited to half the resolution.
    pub fn rect(&mut self, x: usize, y: usize, width: usize, height: usize, colour: Colour) {
        let (right, bottom) = ((x + width).min(self.width), (y + height).min(self.height));
        for (i, (plane, stride)) in self.planes().into_iter().enumerate() {
            let scale = if i == 0 { 1 } else { 2 };
            for row in y / scale..bottom.div_ceil(scale).max(y / scale) {
                plane[row * stride..][x / scale..right.div_ceil(scale).max(x / scale)].fill(colour.0[i]);
            }
        }
    }

    /// Blends `colour` over the square around a centre, by `coverage(distance)` (0–1).
    fn shape(&mut self, cx: f32, cy: f32, radius: f32, colour: Colour, coverage: impl Fn(f32) -> f32) {
        for (i, (plane, stride)) in self.planes().into_iter().enumerate() {
            let scale = if i == 0 { 1.0 } else { 2.0 };
            let rows = plane.len() / stride;
            let span = |centre: f32, end: usize| {
                let from = ((centre - radius) / scale - 1.0).max(0.0) as usize;
                from.min(end)..(((centre + radius) / scale + 2.0).max(0.0) as usize).min(end)
            };
            let (columns, lines) = (span(cx, stride), span(cy, rows));
            for row in lines {
                let dy = (row as f32 + 0.5) * scale - cy;
                let pixels = &mut plane[row * stride..][columns.clone()];
                for (pixel, column) in pixels.iter_mut().zip(columns.clone()) {
                    let dx = (column as f32 + 0.5) * scale - cx;
                    let covered = coverage((dx * dx + dy * dy).sqrt());
                    if covered > 0.0 {
                        *pixel = blend(*pixel, colour.0[i], covered.min(1.0));
                    }
                }
            }
        }
    }

    /// Draws a disc with a smooth edge; `alpha` 1 is opaque.
    pub fn disc(&mut self, cx: f32, cy: f32, radius: f32, colour: Colour, alpha: f32) {
        self.shape(cx, cy, radius, colour, |distance| (radius + 0.5 - distance).clamp(0.0, 1.0) * alpha);
    }

    /// Draws a circle.
    pub fn ring(&mut self, cx: f32, cy: f32, radius: f32, thickness: f32, colour: Colour, alpha: f32) {
        let half = thickness / 2.0;
        self.shape(cx, cy, radius + half, colour, |distance| {
            (half + 0.5 - (distance - radius).abs()).clamp(0.0, 1.0) * alpha
        });
    }

    /// Draws text in round dots from its upper left corner; `pitch` is the distance of dots in pixels.
    pub fn text(&mut self, x: f32, y: f32, pitch: f32, text: &str, colour: Colour) {
        for (i, sign) in text.chars().enumerate() {
            for (row, dots) in font::glyph(sign).into_iter().enumerate() {
                for column in (0..5).filter(|column| dots >> (4 - column) & 1 == 1) {
                    let cx = x + pitch * (i * font::ADVANCE + column) as f32 + pitch / 2.0;
                    let cy = y + pitch * row as f32 + pitch / 2.0;
                    self.disc(cx, cy, pitch * 0.46, colour, 1.0);
                }
            }
        }
    }

    /// Returns the width of [`text`](Self::text) in pixels.
    pub fn text_width(text: &str, pitch: f32) -> f32 {
        ((text.chars().count() * font::ADVANCE).saturating_sub(1)) as f32 * pitch
    }
}
