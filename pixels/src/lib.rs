//! Conversion of I420 frames to the BGRA pixels of a tile, on the CPU.
//!
//! For machines whose OpenGL has no GPU: SIMD converts a frame in a fraction of the time that a shader takes there. It
//! is a crate of its own because its loops have to be optimised in every profile.

mod colour;
mod plane;
mod turn;

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::U8;
use fast_image_resize::{FilterType, ImageBufferError, ResizeAlg, ResizeError, ResizeOptions, Resizer};
use thiserror::Error;

pub use plane::Plane;
pub use turn::Turn;

/// Buffers above this size are freed after use: only a huge frame needs them.
const KEPT_BYTES: usize = 16 << 20;

/// I420 frame in BT.601 and video range.
#[derive(Clone, Copy, Debug)]
pub struct I420<'a> {
    /// Y, U and V.
    pub planes: [Plane<'a>; 3],
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}

/// Visible part of a frame, in pixels of the frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crop {
    /// Left edge.
    pub left: f64,
    /// Top edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// Reason why a frame was not converted.
#[derive(Debug, Error)]
pub enum ConvertError {
    /// The crop is empty or not within the frame, or the tile is empty.
    #[error("nothing of the frame is visible")]
    Empty,
    /// A plane is shorter than the size of the frame requires.
    #[error("a plane is too short")]
    ShortPlane,
    /// A plane was not scaled.
    #[error("scaling a plane")]
    Scale(#[from] ResizeError),
    /// A buffer for scaling had another size.
    #[error("preparing to scale a plane")]
    Buffer(#[from] ImageBufferError),
}

/// Converter with reusable buffers.
#[derive(Default)]
pub struct Converter {
    resizer: Resizer,
    packed: Vec<u8>,
    scaled: [Vec<u8>; 3],
    unturned: Vec<u8>,
}

impl Converter {
    /// Converts the `crop` of `frame` to a tile of `size` pixels, after `turn`. `out` becomes its packed BGRA rows.
    ///
    /// A crop on whole pixels that is as large as the tile isn't scaled; each pixel gets the nearest chroma.
    ///
    /// # Errors
    /// [`ConvertError::Empty`] and [`ConvertError::ShortPlane`] for invalid arguments; valid ones cause no error.
    pub fn convert(
        &mut self,
        frame: &I420,
        crop: Crop,
        turn: Turn,
        size: [u32; 2],
        out: &mut Vec<u8>,
    ) -> Result<(), ConvertError> {
        check(frame, crop, size)?;
        let [width, height] = if turn.swapped { [size[1], size[0]] } else { size };
        out.resize(size[0] as usize * size[1] as usize * 4, 0);
        let at = (crop.left as u32, crop.top as u32);
        let whole = (f64::from(at.0), f64::from(at.1)) == (crop.left, crop.top);
        if whole && (f64::from(width), f64::from(height)) == (crop.width, crop.height) {
            self.unscaled(frame, at, turn, [width, height], out);
            return Ok(());
        }
        self.rescaled(frame, crop, turn, [width, height], out)
    }

    fn unscaled(
        &mut self,
        frame: &I420,
        (left, top): (u32, u32),
        turn: Turn,
        [width, height]: [u32; 2],
        out: &mut [u8],
    ) {
        // Two columns and rows share their chroma, so conversion starts at an even one.
        let odd = [left % 2, top % 2];
        let (x, y) = ((left - odd[0]) as usize, (top - odd[1]) as usize);
        let [luma, u, v] = frame.planes;
        let planes = [from(luma, x, y), from(u, x / 2, y / 2), from(v, x / 2, y / 2)];
        self.colour(planes, odd, turn, [width, height], out);
    }

    fn rescaled(
        &mut self,
        frame: &I420,
        crop: Crop,
        turn: Turn,
        [width, height]: [u32; 2],
        out: &mut [u8],
    ) -> Result<(), ConvertError> {
        let mut scaled = std::mem::take(&mut self.scaled);
        for (index, (plane, scaled)) in frame.planes.into_iter().zip(&mut scaled).enumerate() {
            let divisor = if index == 0 { 1 } else { 2 };
            let from = [frame.width.div_ceil(divisor), frame.height.div_ceil(divisor)];
            let to = [width.div_ceil(divisor), height.div_ceil(divisor)];
            // In an odd tile, the last chroma covers one pixel beyond the tile.
            let side = |start: f64, length: f64, tile: u32, to: u32, from: u32| {
                let (start, from) = (start / f64::from(divisor), f64::from(from));
                (start.min(from), (length * f64::from(to) / f64::from(tile)).min(from - start))
            };
            let (left, across) = side(crop.left, crop.width, width, to[0], from[0]);
            let (top, down) = side(crop.top, crop.height, height, to[1], from[1]);
            scaled.resize(to[0] as usize * to[1] as usize, 0);
            let source = packed(&mut self.packed, plane, from);
            let source = TypedImageRef::<U8>::from_buffer(from[0], from[1], source)?;
            let mut target = TypedImage::<U8>::from_buffer(to[0], to[1], scaled)?;
            let options = ResizeOptions::new()
                .resize_alg(ResizeAlg::Convolution(FilterType::Bilinear))
                .crop(left, top, across, down);
            // `resize` would be compiled for all pixel types.
            self.resizer.resize_typed(&source, &mut target, &options)?;
        }
        if self.packed.capacity() > KEPT_BYTES {
            self.packed = Vec::new();
        }
        let [y, u, v] = &scaled;
        let (stride, chroma_stride) = (width as usize, width.div_ceil(2) as usize);
        let planes = [
            Plane { data: y, stride },
            Plane { data: u, stride: chroma_stride },
            Plane { data: v, stride: chroma_stride },
        ];
        self.colour(planes, [0, 0], turn, [width, height], out);
        self.scaled = scaled;
        Ok(())
    }

    /// Converts the colours of planes that begin `skip` columns and rows too early.
    fn colour(&mut self, planes: [Plane; 3], skip: [u32; 2], turn: Turn, [width, height]: [u32; 2], out: &mut [u8]) {
        let columns = (width + skip[0]) as usize;
        let rows = (height + skip[1]) as usize;
        if turn == Turn::default() && skip == [0, 0] {
            colour::to_bgra(planes, columns, rows, out);
            return;
        }
        let row = columns * 4;
        self.unturned.resize(row * rows, 0);
        colour::to_bgra(planes, columns, rows, &mut self.unturned);
        let from = &self.unturned[skip[1] as usize * row + skip[0] as usize * 4..];
        turn.copy(from, row, [width as usize, height as usize], out);
    }
}

/// Checks that all reads are within the planes, and that crop and tile are not empty.
fn check(frame: &I420, crop: Crop, size: [u32; 2]) -> Result<(), ConvertError> {
    let inside = |start: f64, length: f64, side: u32| start >= 0.0 && length > 0.0 && start + length <= f64::from(side);
    let visible =
        inside(crop.left, crop.width, frame.width) && inside(crop.top, crop.height, frame.height) && !size.contains(&0);
    if !visible {
        return Err(ConvertError::Empty);
    }
    for (index, plane) in frame.planes.iter().enumerate() {
        let divisor = if index == 0 { 1 } else { 2 };
        let (width, rows) = (frame.width.div_ceil(divisor) as usize, frame.height.div_ceil(divisor) as usize);
        if plane.stride < width || plane.data.len() < plane.stride * (rows - 1) + width {
            return Err(ConvertError::ShortPlane);
        }
    }
    Ok(())
}

/// Returns the rest of a plane from this column and row on.
fn from(plane: Plane, x: usize, y: usize) -> Plane {
    Plane { data: plane.data.get(y * plane.stride + x..).unwrap_or_default(), stride: plane.stride }
}

/// Returns the plane without padding between rows.
fn packed<'a>(buffer: &'a mut Vec<u8>, plane: Plane<'a>, [width, height]: [u32; 2]) -> &'a [u8] {
    let (width, height) = (width as usize, height as usize);
    if plane.stride == width {
        return &plane.data[..width * height];
    }
    buffer.clear();
    for row in plane.data.chunks(plane.stride).take(height) {
        buffer.extend_from_slice(&row[..width]);
    }
    buffer
}

#[cfg(test)]
mod tests;
