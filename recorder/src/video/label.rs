//! Text labels: rasterized once, drawn again whenever the frame below changes.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};

use super::canvas::{Area, Canvas};

/// Horizontal padding of a pill, relative to the font size.
const PADDING: f32 = 0.7;
/// Luma and opacity of a pill.
const PILL: (u8, f32) = (24, 0.72);
/// Luma of the text.
const TEXT_LUMA: u8 = 235;

/// Parsed fonts.
pub(crate) struct Fonts {
    regular: FontRef<'static>,
    bold: FontRef<'static>,
}

/// Weight of the font.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Face {
    Regular,
    Bold,
}

/// Rasterized grey text with an alpha channel. Sides are even.
#[derive(Clone)]
pub(crate) struct Label {
    width: usize,
    height: usize,
    luma: Vec<u8>,
    /// Opacity of each pixel, 0 to 255.
    alpha: Vec<u8>,
}

impl Fonts {
    pub(crate) fn new() -> Self {
        let parse = |bytes| FontRef::try_from_slice(bytes).expect("invariant: the compiled-in fonts are sound");
        Self { regular: parse(notosans::REGULAR_TTF), bold: parse(notosans::BOLD_TTF) }
    }

    /// Rasterizes white text of this size in pixels, truncated with "…" to `max_width`.
    pub(crate) fn plain(&self, text: &str, face: Face, size: f32, max_width: usize) -> Label {
        self.label(text, face, size, max_width, None)
    }

    /// Rasterizes white text on a dark, rounded background.
    pub(crate) fn pill(&self, text: &str, face: Face, size: f32, max_width: usize) -> Label {
        self.label(text, face, size, max_width, Some(PILL))
    }

    fn label(&self, text: &str, face: Face, size: f32, max_width: usize, background: Option<(u8, f32)>) -> Label {
        let font = match face {
            Face::Regular => &self.regular,
            Face::Bold => &self.bold,
        };
        let font = font.as_scaled(PxScale::from(size * 1.3));
        let padding = if background.is_some() { (size * PADDING).ceil() } else { 1.0 };
        let text = truncated(text, max_width as f32 - 2.0 * padding, |text| width_of(&font, text));
        let height = (font.height() * if background.is_some() { 1.15 } else { 1.0 }).ceil() as usize;
        let width = (width_of(&font, &text) + 2.0 * padding).ceil() as usize;
        let (width, height) = (width.next_multiple_of(2).max(2), height.next_multiple_of(2));
        let mut label = Label::new(width, height);
        if let Some((luma, opacity)) = background {
            label.fill_background(luma, opacity);
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
                outline.draw(|dx, dy, cover| {
                    label.blend_text(origin.x as i32 + dx as i32, origin.y as i32 + dy as i32, cover)
                });
            }
        }
        label
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

/// Truncates the text to `max_width`.
fn truncated(text: &str, max_width: f32, width_of: impl Fn(&str) -> f32) -> String {
    // Names may contain control characters, which have no glyphs.
    let mut text: String = text.chars().filter(|sign| !sign.is_control()).take(80).collect();
    if width_of(&text) <= max_width {
        return text;
    }
    while text.pop().is_some() {
        let short = format!("{}…", text.trim_end());
        if width_of(&short) <= max_width {
            return short;
        }
    }
    text
}

impl Label {
    fn new(width: usize, height: usize) -> Self {
        Self { width, height, luma: vec![TEXT_LUMA; width * height], alpha: vec![0; width * height] }
    }

    pub(crate) const fn width(&self) -> usize {
        self.width
    }

    pub(crate) const fn height(&self) -> usize {
        self.height
    }

    fn fill_background(&mut self, luma: u8, opacity: f32) {
        let radius = self.height as f32 / 2.0;
        for (i, (pixel, covered)) in self.luma.iter_mut().zip(&mut self.alpha).enumerate() {
            let (x, y) = ((i % self.width) as f32 + 0.5, (i / self.width) as f32 + 0.5);
            let dx = (radius - x).max(x - (self.width as f32 - radius)).max(0.0);
            let inside = (radius + 0.5 - (dx * dx + (y - radius) * (y - radius)).sqrt()).clamp(0.0, 1.0);
            (*pixel, *covered) = (luma, (inside * opacity * 255.0) as u8);
        }
    }

    /// Blends text into a pixel.
    fn blend_text(&mut self, x: i32, y: i32, ink: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height || ink <= 0.0 {
            return;
        }
        let (luma, cover) = (&mut self.luma[y * self.width + x], &mut self.alpha[y * self.width + x]);
        let below = f32::from(*cover) / 255.0;
        let covered = ink.min(1.0) + below * (1.0 - ink.min(1.0));
        let mixed = (f32::from(TEXT_LUMA) * ink + f32::from(*luma) * below * (1.0 - ink)) / covered.max(0.001);
        (*luma, *cover) = (mixed.clamp(0.0, 255.0) as u8, (covered * 255.0).min(255.0) as u8);
    }

    /// Area of the label with its upper left corner at `x`, `y`.
    pub(crate) fn area(&self, x: usize, y: usize) -> Area {
        Area::new(x, y, self.width, self.height)
    }

    /// Draws the label with its upper left corner at `x`, `y`.
    pub(crate) fn draw(&self, canvas: &mut Canvas, x: usize, y: usize) {
        let [mut luma, mut u, mut v] = canvas.planes(self.area(x, y));
        for (row, (pixels, covers)) in
            luma.each().zip(self.luma.chunks_exact(self.width).zip(self.alpha.chunks_exact(self.width)))
        {
            for (below, (pixel, cover)) in row.iter_mut().zip(pixels.iter().zip(covers)) {
                *below = blend(*below, *pixel, *cover);
            }
        }
        for plane in [&mut u, &mut v] {
            for (row, covers) in plane.each().zip(self.alpha.chunks_exact(2 * self.width)) {
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
    fn long_names_are_truncated() {
        let fonts = Fonts::new();
        let name = fonts.pill("María Núñez", Face::Bold, 20.0, 400);
        assert!(name.alpha.contains(&255), "no text was drawn");
        let long = fonts.pill(&"Wenceslao ".repeat(50), Face::Bold, 20.0, 200);
        assert!(long.width() <= 202, "{}", long.width());
        assert!(fonts.plain("", Face::Regular, 20.0, 100).width() <= 4);
        fonts.plain("\u{0}\n漢字🙂", Face::Regular, 20.0, 100);
    }

    #[test]
    fn a_label_changes_only_its_area() {
        let fonts = Fonts::new();
        let label = fonts.pill("Ana", Face::Bold, 16.0, 100);
        let mut canvas = Canvas::new(200, 100);
        label.draw(&mut canvas, 40, 20);
        let (right, bottom) = (40 + label.width(), 20 + label.height());
        for (i, pixel) in canvas.bytes()[..200 * 100].iter().enumerate() {
            let inside = (40..right).contains(&(i % 200)) && (20..bottom).contains(&(i / 200));
            assert!(inside || *pixel == 16, "{i}: {pixel}");
        }
        label.draw(&mut canvas, 190, 96);
    }
}
