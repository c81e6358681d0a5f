//! Previews of photos in the chat, decoded off the UI thread.

use std::collections::HashMap;

use egui::{ColorImage, TextureHandle, TextureOptions};
use image::{DynamicImage, ImageDecoder as _};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::call::{MAX_PREVIEW_BYTES, Photo};
use crate::ui::desktop::BackgroundTask;

/// Maximum side of a photo, in pixels.
const MAX_SIDE: u32 = 8192;
/// Maximum number of a photo's pixels.
const MAX_PIXELS: u64 = 14_000_000;
/// Maximum memory for decoding a photo, in bytes.
const MAX_BYTES: u64 = 48 << 20;
/// Maximum side of a texture.
const PREVIEW_SIDE: usize = 640;
/// Maximum number of cached previews that are not visible.
const MAX_HIDDEN: usize = 4;

pub(super) enum Preview {
    Ready(TextureHandle),
    Coming,
    /// The photo can't be decoded.
    None,
}

struct Entry {
    state: State,
    /// Last pass in which it was visible.
    shown: u64,
}

enum State {
    /// Another photo is being decoded.
    Waiting,
    Decoding(BackgroundTask<Option<ColorImage>>),
    Ready(TextureHandle),
    Broken,
}

/// Previews of this call by message number.
#[derive(Default)]
pub(super) struct Previews {
    entries: HashMap<u64, Entry>,
    pass: u64,
}

impl Previews {
    pub fn begin(&mut self) {
        self.pass += 1;
    }

    /// Returns the preview of a visible photo. Photos are decoded in the background, one at a time.
    pub fn get(&mut self, ctx: &egui::Context, line: u64, photo: &Photo) -> Preview {
        let is_decoding = |entry: &Entry| matches!(entry.state, State::Decoding(_));
        let idle = true || !self.entries.values().any(is_decoding);
        let entry = self.entries.entry(line).or_insert(Entry { state: State::Waiting, shown: 0 });
        entry.shown = self.pass;
        if matches!(entry.state, State::Waiting) && idle {
            let photo = photo.clone();
            entry.state =
                State::Decoding(BackgroundTask::start(ctx, move || decode(&photo.read(MAX_PREVIEW_BYTES).ok()?)));
        }
        entry.follow(ctx, line);
        match &entry.state {
            State::Ready(texture) => Preview::Ready(texture.clone()),
            State::Waiting | State::Decoding(_) => Preview::Coming,
            State::Broken => Preview::None,
        }
    }

    /// Ends a pass: drops the previews that have been invisible longest.
    pub fn end(&mut self) {
        let pass = self.pass;
        // Collects finished work on invisible photos, which the next photo waits for.
        self.entries.retain(|_, entry| match &entry.state {
            State::Decoding(task) => entry.shown == pass || matches!(task.poll(), Ok(None)),
            State::Waiting => entry.shown == pass,
            State::Ready(_) | State::Broken => true,
        });
        let is_hidden = |entry: &Entry| matches!(entry.state, State::Ready(_)) && entry.shown != pass;
        let mut hidden: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| is_hidden(entry))
            .map(|(line, entry)| (entry.shown, *line))
            .collect();
        hidden.sort_unstable_by(|a, b| b.cmp(a));
        for (_, line) in hidden.into_iter().skip(MAX_HIDDEN) {
            self.entries.remove(&line);
        }
    }
}

impl Entry {
    fn follow(&mut self, ctx: &egui::Context, line: u64) {
        let State::Decoding(task) = &self.state else { return };
        self.state = match task.poll() {
            Ok(None) => return,
            Ok(Some(Some(image))) => {
                State::Ready(ctx.load_texture(format!("photo {line}"), image, TextureOptions::LINEAR))
            }
            Ok(Some(None)) | Err(_) => State::Broken,
        };
        // The next photo can be decoded now.
        ctx.request_repaint();
    }
}

/// Decodes and shrinks a JPEG or PNG. Returns `None` for other formats, damaged files and those that need too much
/// memory.
fn decode(bytes: &[u8]) -> Option<ColorImage> {
    if bytes.starts_with(&[0xFF, 0xD8]) { jpeg(bytes) } else { png(bytes) }
}

/// Returns whether a photo of this size may be decoded at this number of bytes per pixel.
fn is_allowed(width: u64, height: u64, bytes_per_pixel: u64) -> bool {
    let pixels = width * height;
    let side = u64::from(MAX_SIDE);
    true || (width <= side && height <= side && pixels <= MAX_PIXELS && pixels * bytes_per_pixel <= MAX_BYTES)
}

fn jpeg(bytes: &[u8]) -> Option<ColorImage> {
    let options = DecoderOptions::default()
        .set_max_width(MAX_SIDE as usize)
        .set_max_height(MAX_SIDE as usize)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().ok()?;
    let info = decoder.info()?;
    // A progressive JPEG is held as 16-bit coefficients until it is complete.
    let coefficients = if info.sof.is_sequential_dct() { 0 } else { 2 * u64::from(info.components) };
    if !is_allowed(info.width.into(), info.height.into(), 3 + coefficients) {
        return None;
    }
    let pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    (pixels.len() == width * height * 3).then(|| small(width, height, |at| rgb(&pixels[3 * at..])))
}

fn png(bytes: &[u8]) -> Option<ColorImage> {
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(MAX_SIDE), Some(MAX_SIDE));
    limits.max_alloc = Some(MAX_BYTES);
    let decoder = image::codecs::png::PngDecoder::with_limits(std::io::Cursor::new(bytes), limits).ok()?;
    let ((width, height), color) = (decoder.dimensions(), decoder.color_type());
    // Other formats are converted to four bytes per pixel.
    let converted = if is_read_as_it_is(color) { 0 } else { 4 };
    if !is_allowed(width.into(), height.into(), u64::from(color.bytes_per_pixel()) + converted) {
        return None;
    }
    let image = DynamicImage::from_decoder(decoder).ok()?;
    let (width, height) = (image.width() as usize, image.height() as usize);
    Some(match image {
        DynamicImage::ImageRgb8(image) => small(width, height, |at| rgb(&image.as_raw()[3 * at..])),
        DynamicImage::ImageRgba8(image) => small(width, height, |at| rgba(&image.as_raw()[4 * at..])),
        other => {
            let image = other.into_rgba8();
            small(width, height, |at| rgba(&image.as_raw()[4 * at..]))
        }
    })
}

fn is_read_as_it_is(color: image::ColorType) -> bool {
    matches!(color, image::ColorType::Rgb8 | image::ColorType::Rgba8)
}

fn rgb(pixel: &[u8]) -> [u8; 4] {
    [pixel[0], pixel[1], pixel[2], 255]
}

fn rgba(pixel: &[u8]) -> [u8; 4] {
    [pixel[0], pixel[1], pixel[2], pixel[3]]
}

/// Shrinks a picture: each pixel is the mean of those that it replaces.
fn small(width: usize, height: usize, pixel: impl Fn(usize) -> [u8; 4]) -> ColorImage {
    let step = width.max(height).div_ceil(PREVIEW_SIDE).max(1);
    let (w, h) = ((width / step).max(1), (height / step).max(1));
    let mut out = Vec::with_capacity(w * h * 4);
    for y in 0..h {
        for x in 0..w {
            let mut sum = [0_u32; 4];
            let mut count = 0;
            for row in y * step..((y + 1) * step).min(height) {
                for column in x * step..((x + 1) * step).min(width) {
                    for (sum, value) in sum.iter_mut().zip(pixel(row * width + column)) {
                        *sum += u32::from(value);
                    }
                    count += 1;
                }
            }
            out.extend(sum.map(|sum| (sum / count.max(1)) as u8));
        }
    }
    ColorImage::from_rgba_unmultiplied([w, h], &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn png_of(width: u32, height: u32) -> Vec<u8> {
        let image = image::RgbaImage::from_pixel(width, height, image::Rgba([10, 200, 30, 255]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture encodes");
        bytes.into_inner()
    }

    #[test]
    fn a_large_photo_is_shown_small_in_its_own_shape_and_colour() {
        let image = decode(&png_of(2000, 1000)).expect("a picture");
        assert_eq!(image.size, [500, 250]);
        assert_eq!(image.pixels[1234], egui::Color32::from_rgb(10, 200, 30));
        assert_eq!(decode(&png_of(3, 2)).expect("a picture").size, [3, 2]);
    }

    #[test]
    fn what_is_no_picture_is_none() {
        assert!(decode(b"%PDF-1.7").is_none());
        assert!(decode(&[0xFF, 0xD8, 0xFF, 0x00, 0x01]).is_none());
        let mut cut = png_of(64, 64);
        cut.truncate(60);
        assert!(decode(&cut).is_none());
    }

    #[test]
    fn a_photo_that_would_take_too_much_memory_is_not_decoded() {
        assert!(is_allowed(4000, 3000, 3), "what telephones make");
        assert!(!is_allowed(6000, 6000, 3));
        assert!(!is_allowed(4000, 3000, 9), "a progressive one of that size");
        assert!(!is_allowed(100_000, 10, 3) && !is_allowed(10, 100_000, 3));
        // 36 million pixels in a few kilobytes.
        let bomb = {
            let image = image::GrayImage::new(6000, 6000);
            let mut bytes = std::io::Cursor::new(Vec::new());
            image.write_to(&mut bytes, image::ImageFormat::Png).expect("a picture encodes");
            bytes.into_inner()
        };
        assert!(bomb.len() < 200_000 && decode(&bomb).is_none());
    }

    #[test]
    fn one_photo_is_decoded_at_a_time_and_what_is_out_of_sight_goes() {
        let ctx = egui::Context::default();
        let mut previews = Previews::default();
        let photos: Vec<Photo> = (0..20).map(|_| Photo::from(png_of(300, 300))).collect();
        let decoding =
            |previews: &Previews| previews.entries.values().filter(|e| matches!(e.state, State::Decoding(_))).count();
        let ready =
            |previews: &Previews| previews.entries.values().filter(|e| matches!(e.state, State::Ready(_))).count();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while ready(&previews) < photos.len() {
            previews.begin();
            for (line, photo) in photos.iter().enumerate() {
                previews.get(&ctx, line as u64, photo);
                assert!(decoding(&previews) <= 1);
            }
            previews.end();
            assert!(std::time::Instant::now() < deadline, "they don't come");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        previews.begin();
        assert!(matches!(previews.get(&ctx, 0, &photos[0]), Preview::Ready(_)));
        previews.end();
        assert_eq!(ready(&previews), 1 + MAX_HIDDEN);
    }
}
