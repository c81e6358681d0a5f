//! Words on a picture: drawn once, stuck on as often as the picture below changes.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

use super::canvas::{Area, Canvas};

/// Room left and right of the words on a pill, in parts of the font size.
const PADDING: f32 = 0.7;
/// A pill's luma and how much of it covers the picture.
const PILL: (u8, f32) = (24, 0.72);
/// The words' luma.
const INK: u8 = 235;

/// The fonts, parsed.
pub(crate) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

/// Which font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Regular,
    Bold,
}

/// Grey shapes with how much they cover, to put on a picture. Sides are even.
#[derive(Clone)]
pub(crate) struct Sticker {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    /// 0 to 255 for each pixel.
    cover: Vec<u8>,
}

impl Fonts {
    pub(crate) fn new() -> Self {
        let parse = |bytes| FontRef::try_from_slice(bytes).expect("invariant: the compiled-in fonts are sound");
        Self { regular: parse(notosans::REGULAR_TTF), bold: parse(notosans::BOLD_TTF) }
    }

    /// White words of this height in pixels, no wider than `most`: what doesn't fit ends in "…".
    pub(crate) fn words(&self, text: &str, face: Face, size: f32, most: usize) -> Sticker {
        self.sticker(text, face, size, most, None)
    }

    /// White words on a dark, rounded ground.
    pub(crate) fn pill(&self, text: &str, face: Face, size: f32, most: usize) -> Sticker {
        self.sticker(text, face, size, most, Some(PILL))
    }

    fn sticker(&self, text: &str, face: Face, size: f32, most: usize, ground: Option<(u8, f32)>) -> Sticker {
        let font = match face {
            Face::Regular => &self.regular,
            Face::Bold => &self.bold,
        };
        let font = font.as_scaled(PxScale::from(size * 1.3));
        let padding = if ground.is_some() { (size * PADDING).ceil() } else { 1.0 };
        let text = shortened(text, most as f32 - 2.0 * padding, |text| width_of(&font, text));
        let height = (font.height() * if ground.is_some() { 1.15 } else { 1.0 }).ceil() as usize + 1 & !1;
        let width = (width_of(&font, &text) + 2.0 * padding).ceil() as usize + 1 & !1;
        let mut sticker = Sticker::new(width, height);
        if let Some((luma, cover)) = ground {
            sticker.ground(luma, cover);
        }
        let baseline = (height as f32 - font.height()) / 2.0 + font.ascent();
        let (mut x, mut last) = (padding, None);
        for sign in text.chars() {
            let id = font.glyph_id(sign);
            x += last.map_or(0.0, |last| font.kern(last, id));
            let glyph = id.with_scale_and_position(font.scale(), ab_glyph::point(x, baseline));
            x += font.h_advance(id);
            last = Some(id);
            if let Some(outline) = font.outline_glyph(glyph) {
                let origin = outline.px_bounds().min;
                outline
                    .draw(|dx, dy, cover| sticker.ink(origin.x as i32 + dx as i32, origin.y as i32 + dy as i32, cover));
            }
        }
        sticker
    }
}

fn width_of<F: Font>(font: &impl ScaleFont<F>, text: &str) -> f32 {
    let (mut width, mut last) = (0.0, None);
    for sign in text.chars() {
        let id = font.glyph_id(sign);
        width += last.map_or(0.0, |last| font.kern(last, id)) + font.h_advance(id);
        last = Some(id);
    }
    width
}

/// As much of the text as is no wider than `most`.
fn shortened(text: &str, most: f32, width_of: impl Fn(&str) -> f32) -> String {
    // Control characters have no shape; a name may come from anywhere.
    let mut text: String = text.chars().filter(|sign| !sign.is_control()).take(80).collect();
    if width_of(&text) <= most {
        return text;
    }
    while text.pop().is_some() {
        let short = format!("{}…", text.trim_end());
        if width_of(&short) <= most {
            return short;
        }
    }
    text
}

impl Sticker {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, luma: vec![INK; width * height], cover: vec![0; width * height] }
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    pub(crate) const fn height(&self) -> usize {
        self.height
    }

    fn ground(&mut self, luma: u8, cover: f32) {
        let radius = self.height as f32 / 2.0;
        for (i, (pixel, covered)) in self.luma.iter_mut().zip(&mut self.cover).enumerate() {
            let (x, y) = ((i % self.width) as f32 + 0.5, (i / self.width) as f32 + 0.5);
            let dx = (radius - x).max(x - (self.width as f32 - radius)).max(0.0);
            let inside = (radius + 0.5 - (dx * dx + (y - radius) * (y - radius)).sqrt()).clamp(0.0, 1.0);
            (*pixel, *covered) = (luma, (inside * cover * 255.0) as u8);
        }
    }

    /// Puts ink on what is there.
    fn ink(&mut self, x: i32, y: i32, ink: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height || ink <= 0.0 {
            return;
        }
        let (luma, cover) = (&mut self.luma[y * self.width + x], &mut self.cover[y * self.width + x]);
        let below = f32::from(*cover) / 255.0;
        let covered = ink.min(1.0) + below * (1.0 - ink.min(1.0));
        let mixed = (f32::from(INK) * ink + f32::from(*luma) * below * (1.0 - ink)) / covered.max(0.001);
        (*luma, *cover) = (mixed.clamp(0.0, 255.0) as u8, (covered * 255.0).min(255.0) as u8);
    }

    /// Where it lies with its upper left corner here.
    pub(crate) fn area(&self, x: usize, y: usize) -> Area {
        Area::new(x, y, self.width, self.height)
    }

    /// Sticks it on.
    pub(crate) fn stick(&self, canvas: &mut Canvas, x: usize, y: usize) {
        let [mut luma, mut u, mut v] = canvas.planes(self.area(x, y));
        for (row, (pixels, covers)) in
            luma.each().zip(self.luma.chunks_exact(self.width).zip(self.cover.chunks_exact(self.width)))
        {
            for (below, (pixel, cover)) in row.iter_mut().zip(pixels.iter().zip(covers)) {
                *below = blend(*below, *pixel, *cover);
            }
        }
        for plane in [&mut u, &mut v] {
            for (row, covers) in plane.each().zip(self.cover.chunks_exact(2 * self.width)) {
                for (x, below) in row.iter_mut().enumerate() {
                    let sum =
                        [2 * x, 2 * x + 1, self.width + 2 * x, self.width + 2 * x + 1].map(|i| u32::from(covers[i]));
                    *below = blend(*below, 128, (sum.iter().sum::<u32>() / 4) as u8);
                }
            }
        }
    }
}

fn blend(below: u8, above: u8, cover: u8) -> u8 {
    let (below, above, cover) = (u32::from(below), u32::from(above), u32::from(cover));
    ((below * (255 - cover) + above * cover + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_drawn_and_long_ones_shortened() {
        let fonts = Fonts::new();
        let name = fonts.pill("María Núñez", Face::Bold, 20.0, 400);
        assert!(name.cover.iter().any(|cover| *cover == 255), "ink");
        let long = fonts.pill(&"Wenceslao ".repeat(50), Face::Bold, 20.0, 200);
        assert!(long.width() <= 202, "{}", long.width());
        assert!(fonts.words("", Face::Regular, 20.0, 100).width() <= 4);
        fonts.words("\u{0}\n漢字🙂", Face::Regular, 20.0, 100);
    }

    #[test]
    fn a_sticker_covers_only_its_place() {
        let fonts = Fonts::new();
        let sticker = fonts.pill("Ana", Face::Bold, 16.0, 100);
        let mut canvas = Canvas::new(200, 100);
        sticker.stick(&mut canvas, 40, 20);
        let (right, bottom) = (40 + sticker.width(), 20 + sticker.height());
        for (i, pixel) in canvas.bytes()[..200 * 100].iter().enumerate() {
            let inside = (40..right).contains(&(i % 200)) && (20..bottom).contains(&(i / 200));
            assert!(inside || *pixel == 16, "{i}: {pixel}");
        }
        sticker.stick(&mut canvas, 190, 96);
    }
}
