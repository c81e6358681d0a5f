//! Programs and draw calls for a rectangle with round corners. Everything here runs in a paint callback, where the GL
//! context is current.

use std::collections::HashMap;

use eframe::egui_glow::{ShaderVersion, glow};
use egui::epaint::ViewportInPixels;
use egui::{Pos2, Vec2};
use glow::HasContext;

use super::PictureStyle;
use super::shader::{POS, Program, UV, Variant};

/// A vertex is a position and a texture coordinate, two floats each.
const VERTEX_BYTES: i32 = 16;
const CORNERS: i32 = 24;
const INSIDE: i32 = 18;

/// Deletes textures that no picture uses any more.
///
/// # Safety
/// The textures belong to the GL context, which is current.
pub(super) unsafe fn delete_textures(gl: &glow::Context, textures: &mut Vec<glow::Texture>) {
    for texture in textures.drain(..) {
        // SAFETY: as this function's.
        unsafe { gl.delete_texture(texture) };
    }
}

/// Source of the pixels that a program reads.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Sampling {
    /// Three planes.
    Planes,
    /// Three planes drawn smaller; luma is the mean of four samples at distance `tap`.
    MinifiedPlanes {
        /// Distance in texture coordinates.
        tap: Vec2,
    },
    /// One texture in the display's colours.
    Bitmap,
}

/// Rectangle to draw.
pub(super) struct Quad<'a> {
    /// Size in screen pixels.
    pub size: Vec2,
    /// Texture coordinates at the four corners: left top, right top, left bottom, right bottom.
    pub uv: [Pos2; 4],
    /// Corners and brightness.
    pub style: &'a PictureStyle,
    /// Opacity from 0.0 to 1.0.
    pub opacity: f32,
    /// Pixels per point.
    pub pixels_per_point: f32,
    /// Source of the pixels.
    pub sampling: Sampling,
}

/// Programs and buffers on the GPU.
pub(super) struct Canvas {
    version: ShaderVersion,
    programs: HashMap<Variant, Program>,
    buffer: glow::Buffer,
    vertex_array: Option<glow::VertexArray>,
    vertices: Vec<f32>,
}

impl Canvas {
    /// Creates the buffers.
    ///
    /// # Safety
    /// `gl` must be current on this thread.
    pub unsafe fn new(gl: &glow::Context) -> Result<Self, String> {
        unsafe {
            let version = ShaderVersion::get(gl);
            let buffer = gl.create_buffer()?;
            let vertex_array = if version.is_new_shader_interface() { Some(gl.create_vertex_array()?) } else { None };
            let canvas = Self { version, programs: HashMap::new(), buffer, vertex_array, vertices: Vec::new() };
            if vertex_array.is_some() {
                gl.bind_vertex_array(vertex_array);
                canvas.point_attributes(gl);
            }
            Ok(canvas)
        }
    }

    /// Returns the GLSL dialect, which implies the context's capabilities.
    pub fn version(&self) -> ShaderVersion {
        self.version
    }

    /// Returns the radius of the corners in screen pixels.
    pub fn radius(quad: &Quad) -> f32 {
        (quad.style.corner * quad.pixels_per_point).min(quad.size.min_elem() / 2.0).round()
    }

    /// Draws a rectangle from the bound textures over egui's viewport; without `inside`, only its corners.
    ///
    /// # Errors
    /// A program doesn't compile.
    ///
    /// # Safety
    /// `gl` must be current on this thread, and be the context in which this canvas was created.
    pub unsafe fn draw(&mut self, gl: &glow::Context, quad: &Quad, inside: bool) -> Result<(), String> {
        let size = quad.size;
        let radius = Self::radius(quad);
        let blends = quad.opacity < 1.0;
        let minified = matches!(quad.sampling, Sampling::MinifiedPlanes { .. });
        let bitmap = quad.sampling == Sampling::Bitmap;
        let whole =
            Variant { bitmap, minified, rounded: false, plain: bitmap && !blends && quad.style.brightness >= 1.0 };
        let corner = Variant { rounded: true, plain: false, ..whole };
        mesh(&mut self.vertices, size, radius, &quad.uv);
        // SAFETY: floats are plain bytes.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.vertices.as_ptr().cast(), std::mem::size_of_val(&self.vertices[..]))
        };
        unsafe {
            if self.vertex_array.is_some() {
                gl.bind_vertex_array(self.vertex_array);
                gl.bind_buffer(glow::ARRAY_BUFFER, Some(self.buffer));
            } else {
                self.point_attributes(gl);
            }
            gl.buffer_data_u8_slice(glow::ARRAY_BUFFER, bytes, glow::STREAM_DRAW);
            // Only the corners need blending, which is costly.
            if inside {
                if !blends {
                    gl.disable(glow::BLEND);
                }
                let program = self.program(gl, whole)?;
                program.prepare(gl, quad, radius);
                gl.draw_arrays(glow::TRIANGLES, 0, INSIDE);
                gl.enable(glow::BLEND);
            }
            if radius > 0.0 {
                let program = self.program(gl, corner)?;
                program.prepare(gl, quad, radius);
                gl.draw_arrays(glow::TRIANGLES, INSIDE, CORNERS);
            }
            if self.vertex_array.is_none() {
                gl.disable_vertex_attrib_array(POS);
                gl.disable_vertex_attrib_array(UV);
            }
        }
        Ok(())
    }

    /// Returns the program of this variant, compiling it on first use.
    unsafe fn program(&mut self, gl: &glow::Context, variant: Variant) -> Result<&Program, String> {
        use std::collections::hash_map::Entry;
        Ok(match self.programs.entry(variant) {
            Entry::Occupied(program) => program.into_mut(),
            // SAFETY: the caller's.
            Entry::Vacant(place) => place.insert(unsafe { Program::new(gl, self.version, variant) }?),
        })
    }

    unsafe fn point_attributes(&self, gl: &glow::Context) {
        unsafe {
            gl.bind_buffer(glow::ARRAY_BUFFER, Some(self.buffer));
            for (attribute, offset) in [(POS, 0), (UV, 8)] {
                gl.enable_vertex_attrib_array(attribute);
                gl.vertex_attrib_pointer_f32(attribute, 2, glow::FLOAT, false, VERTEX_BYTES, offset);
            }
        }
    }

    /// Frees the GL objects.
    ///
    /// # Safety
    /// As for [`Canvas::draw`].
    pub unsafe fn destroy(self, gl: &glow::Context) {
        unsafe {
            for program in self.programs.into_values() {
                gl.delete_program(program.id);
            }
            gl.delete_buffer(self.buffer);
            if let Some(array) = self.vertex_array {
                gl.delete_vertex_array(array);
            }
        }
    }
}

impl Program {
    /// Activates this program and sets its uniforms from `quad`.
    unsafe fn prepare(&self, gl: &glow::Context, quad: &Quad, radius: f32) {
        unsafe {
            gl.use_program(Some(self.id));
            gl.uniform_2_f32(self.size.as_ref(), quad.size.x, quad.size.y);
            gl.uniform_1_f32(self.brightness.as_ref(), quad.style.brightness);
            gl.uniform_1_f32(self.opacity.as_ref(), quad.opacity);
            if let Sampling::MinifiedPlanes { tap } = quad.sampling {
                gl.uniform_2_f32(self.tap.as_ref(), tap.x, tap.y);
            }
            gl.uniform_2_f32(self.half.as_ref(), quad.size.x / 2.0, quad.size.y / 2.0);
            gl.uniform_1_f32(self.radius.as_ref(), radius);
        }
    }
}

/// Returns the three bands that cover all but the corners, each as left, top, right and bottom.
fn bands(size: Vec2, radius: f32) -> [[f32; 4]; 3] {
    let (w, h, r) = (size.x, size.y, radius);
    [[0.0, r, w, h - r], [r, 0.0, w - r, r], [r, h - r, w - r, h]]
}

/// Copies all but the corners of a rectangle from the bound framebuffer, whose first row is the uppermost, to the screen.
/// `from` is the rectangle's position there.
///
/// # Safety
/// `gl` must be current on this thread.
pub(super) unsafe fn copy_bands(
    gl: &glow::Context,
    screen: &ViewportInPixels,
    size: Vec2,
    radius: f32,
    from: (i32, i32),
) {
    let (x, y) = (screen.left_px, screen.from_bottom_px + screen.height_px);
    // SAFETY: as this function's.
    unsafe {
        // Copies obey the scissor test, and scissored copies aren't done row by row.
        gl.disable(glow::SCISSOR_TEST);
        for band in bands(size, radius) {
            let [x0, y0, x1, y1] = band.map(|edge| edge.round() as i32);
            let source = [from.0 + x0, from.1 + y0, from.0 + x1, from.1 + y1];
            blit(gl, source, [x + x0, y - y0, x + x1, y - y1]);
        }
        gl.enable(glow::SCISSOR_TEST);
    }
}

/// Copies the colours of a rectangle (left, first row, right, last row) between the bound framebuffers.
///
/// # Safety
/// As for [`copy_bands`].
pub(super) unsafe fn blit(gl: &glow::Context, from: [i32; 4], to: [i32; 4]) {
    let (mask, filter) = (glow::COLOR_BUFFER_BIT, glow::NEAREST);
    // SAFETY: as this function's.
    unsafe { gl.blit_framebuffer(from[0], from[1], from[2], from[3], to[0], to[1], to[2], to[3], mask, filter) };
}

/// Fills `vertices` with the bands and then the four corners.
fn mesh(vertices: &mut Vec<f32>, size: Vec2, radius: f32, uv: &[Pos2; 4]) {
    let (w, h, r) = (size.x, size.y, radius);
    vertices.clear();
    let mut quad = |x0: f32, y0: f32, x1: f32, y1: f32| {
        for (x, y) in [(x0, y0), (x1, y0), (x0, y1), (x0, y1), (x1, y0), (x1, y1)] {
            let (s, t) = (x / w, y / h);
            let at = uv[0] + (uv[1] - uv[0]) * s + (uv[2] - uv[0]) * t;
            vertices.extend([x, y, at.x, at.y]);
        }
    };
    for [left, top, right, bottom] in bands(size, radius) {
        quad(left, top, right, bottom);
    }
    for (x, y) in [(0.0, 0.0), (w - r, 0.0), (0.0, h - r), (w - r, h - r)] {
        quad(x, y, x + r, y + r);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mesh_covers_the_picture_once() {
        let mut vertices = Vec::new();
        let uv = [egui::pos2(0.0, 0.0), egui::pos2(1.0, 0.0), egui::pos2(0.0, 1.0), egui::pos2(1.0, 1.0)];
        mesh(&mut vertices, egui::vec2(100.0, 60.0), 10.0, &uv);
        assert_eq!(vertices.len(), 4 * (INSIDE + CORNERS) as usize);
        let area: f32 = vertices
            .chunks(12)
            .map(|t| ((t[4] - t[0]) * (t[9] - t[1]) - (t[8] - t[0]) * (t[5] - t[1])).abs() / 2.0)
            .sum();
        assert!((area - 6000.0).abs() < 0.1, "{area}");
        for vertex in vertices.chunks(4) {
            assert!((vertex[2] - vertex[0] / 100.0).abs() < 1e-6 && (vertex[3] - vertex[1] / 60.0).abs() < 1e-6);
        }
    }
}
