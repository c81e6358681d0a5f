//! Plane in memory.

/// Plane of a frame.
#[derive(Clone, Copy, Debug)]
pub struct Plane<'a> {
    /// Rows of pixels. The last row may lack its padding.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}
