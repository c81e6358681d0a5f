//! Photos of the chat, made ready to show away from the UI thread.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{ColorImage, TextureHandle, TextureOptions};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::ui::desktop::Errand;

/// A photo with a longer side would cost more memory than a preview is worth.
const LONGEST_SIDE: usize = 6000;
/// What is kept on the GPU has no side longer than this.
const SHOWN_SIDE: usize = 640;

/// What there is of a photo.
pub(super) enum Preview {
    Ready(TextureHandle),
    Coming,
    /// It can't be shown.
    None,
}

enum Entry {
    Decoding(Errand<Option<ColorImage>>),
    Ready(TextureHandle),
    Broken,
}

/// The photos of this call, by the id of their file.
#[derive(Default)]
pub(super) struct Previews {
    entries: HashMap<String, Entry>,
}

impl Previews {
    /// The photo in `bytes`, which is decoded beside when it is asked for the first time.
    pub fn get(&mut self, ctx: &egui::Context, id: &str, bytes: &Arc<[u8]>) -> Preview {
        let entry = self.entries.entry(id.to_owned()).or_insert_with(|| {
            let bytes = bytes.clone();
            Entry::Decoding(Errand::start(ctx, move || decode(&bytes)))
        });
        if let Entry::Decoding(errand) = entry {
            match errand.poll() {
                Ok(None) => return Preview::Coming,
                Ok(Some(Some(image))) => {
                    *entry = Entry::Ready(ctx.load_texture(format!("photo {id}"), image, TextureOptions::LINEAR));
                }
                Ok(Some(None)) | Err(_) => *entry = Entry::Broken,
            }
        }
        match entry {
            Entry::Ready(texture) => Preview::Ready(texture.clone()),
            Entry::Decoding(_) => Preview::Coming,
            Entry::Broken => Preview::None,
        }
    }
}

/// JPEG or PNG, made small. What isn't one, or is damaged or huge, is `None`.
fn decode(bytes: &[u8]) -> Option<ColorImage> {
    let (width, height, rgba) = if bytes.starts_with(&[0xFF, 0xD8]) { jpeg(bytes)? } else { png(bytes)? };
    Some(small(width, height, &rgba))
}

fn jpeg(bytes: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let options = DecoderOptions::default()
        .set_max_width(LONGEST_SIDE)
        .set_max_height(LONGEST_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::RGBA);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    (pixels.len() == width * height * 4).then_some((width, height, pixels))
}

fn png(bytes: &[u8]) -> Option<(usize, usize, Vec<u8>)> {
    let mut reader = image::ImageReader::with_format(std::io::Cursor::new(bytes), image::ImageFormat::Png);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE as u32);
    limits.max_image_height = Some(LONGEST_SIDE as u32);
    reader.limits(limits);
    let image = reader.decode().ok()?.into_rgba8();
    Some((image.width() as usize, image.height() as usize, image.into_raw()))
}

/// Each pixel of the smaller picture is the mean of those it stands for.
fn small(width: usize, height: usize, rgba: &[u8]) -> ColorImage {
    let step = width.max(height).div_ceil(SHOWN_SIDE).max(1);
    let (w, h) = ((width / step).max(1), (height / step).max(1));
    let mut out = Vec::with_capacity(w * h * 4);
    for y in 0..h {
        for x in 0..w {
            let mut sum = [0_u32; 4];
            let mut count = 0;
            for row in y * step..((y + 1) * step).min(height) {
                for column in x * step..((x + 1) * step).min(width) {
                    let at = (row * width + column) * 4;
                    for (sum, value) in sum.iter_mut().zip(&rgba[at..at + 4]) {
                        *sum += u32::from(*value);
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
}
