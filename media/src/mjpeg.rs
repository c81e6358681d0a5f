//! Motion JPEG, which most USB cameras need for 720p: each frame is a JPEG picture.

use autamedica_engine::VideoFrame;
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::i420::{PixelFormat, to_i420};

mod huffman;

/// Decodes one JPEG picture to I420 without an intermediate RGB picture. Ignores bytes after its end.
///
/// Returns `None` when the picture is damaged, as single frames of a USB camera may be. Adds the standard Huffman
/// tables to a picture without any: UVC lets cameras omit them.
pub fn decode(jpeg: &[u8], timestamp_us: i64) -> Option<VideoFrame> {
    let completed = huffman::complete(jpeg);
    let jpeg = completed.as_deref().unwrap_or(jpeg);
    let options = DecoderOptions::default().set_strict_mode(false).jpeg_set_out_colorspace(ColorSpace::YCbCr);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(jpeg), options);
    decoder.decode_headers().ok()?;
    let format = match decoder.input_colorspace()? {
        ColorSpace::Luma => PixelFormat::Gray,
        ColorSpace::YCbCr => PixelFormat::JpegYuv,
        _ => return None,
    };
    if format == PixelFormat::Gray {
        decoder.set_options(decoder.options().jpeg_set_out_colorspace(ColorSpace::Luma));
    }
    let pixels = decoder.decode().ok()?;
    let (width, height) = decoder.dimensions()?;
    to_i420(format, &pixels, format.row_len(width), width as u32, height as u32, timestamp_us)
}
