//! Textures and draw calls. Everything here runs in a paint callback, where the GL context is current.

use std::collections::HashMap;
use std::sync::Arc;

use autamedica_engine::{Plane, VideoFrame};
use eframe::egui_glow::{ShaderVersion, glow};
use egui::{PaintCallbackInfo, Pos2};
use glow::{HasContext, PixelUnpackData};

use super::fit::Placed;
use super::shader::{POS, Program, UV};
use super::{Look, PictureId};

/// Below this many picture pixels to a screen pixel, one sample of four neighbours is smooth enough.
const MINIFIED_FROM: f32 = 1.6;
/// A vertex is a position and a texture coordinate, two floats each.
const VERTEX_BYTES: i32 = 16;
const CORNERS: i32 = 24;
const INSIDE: i32 = 18;

/// What is on the GPU.
#[derive(Default)]
pub(super) struct Renderer {
    ready: Option<Result<Ready, ()>>,
    pictures: HashMap<PictureId, Picture>,
    /// Textures whose picture is gone, to be deleted when a context is current.
    orphans: Vec<glow::Texture>,
    vertices: Vec<f32>,
    packed: Vec<u8>,
}

struct Ready {
    /// By `rounded` and `minified`.
    programs: [[Program; 2]; 2],
    buffer: glow::Buffer,
    vertex_array: Option<glow::VertexArray>,
    /// Internal format and format of a one-byte texture.
    format: (u32, u32),
    has_row_length: bool,
}

struct Picture {
    textures: [glow::Texture; 3],
    width: u32,
    height: u32,
    linear: bool,
    shown: Option<Arc<VideoFrame>>,
}

impl Renderer {
    /// Draws `frame`, uploading it first if it is new, which is what is returned.
    #[expect(clippy::too_many_arguments, reason = "one call site, which has them all at hand")]
    pub fn paint(
        &mut self,
        gl: &glow::Context,
        info: &PaintCallbackInfo,
        id: &PictureId,
        frame: &Arc<VideoFrame>,
        placed: &Placed,
        look: Look,
        opacity: f32,
    ) -> bool {
        // SAFETY: egui_glow calls us with its context current on this thread, and restores its own state after.
        unsafe {
            for texture in self.orphans.drain(..) {
                gl.delete_texture(texture);
            }
            let ready = self
                .ready
                .get_or_insert_with(|| Ready::new(gl).map_err(|error| tracing::error!(%error, "video can't be drawn")));
            let Ok(ready) = ready else { return false };
            let is_new = match upload(gl, ready, &mut self.pictures, &mut self.packed, id, frame) {
                Ok(is_new) => is_new,
                Err(error) => {
                    tracing::error!(%error, "a picture can't be uploaded");
                    return false;
                }
            };
            let Some(picture) = self.pictures.get_mut(id) else { return false };
            picture.sample(gl, !placed.exact);
            draw(gl, ready, &mut self.vertices, info, placed, look, opacity, frame);
            is_new
        }
    }

    /// The picture isn't shown any more.
    pub fn forget(&mut self, id: &PictureId) {
        if let Some(picture) = self.pictures.remove(id) {
            self.orphans.extend(picture.textures);
        }
    }

    /// Frees everything.
    pub fn destroy(&mut self, gl: &glow::Context) {
        let pictures = std::mem::take(&mut self.pictures);
        self.orphans.extend(pictures.into_values().flat_map(|picture| picture.textures));
        // SAFETY: eframe calls `on_exit` with the context current.
        unsafe {
            for texture in self.orphans.drain(..) {
                gl.delete_texture(texture);
            }
            if let Some(Ok(ready)) = self.ready.take() {
                for program in ready.programs.into_iter().flatten() {
                    gl.delete_program(program.id);
                }
                gl.delete_buffer(ready.buffer);
                if let Some(array) = ready.vertex_array {
                    gl.delete_vertex_array(array);
                }
            }
        }
    }
}

impl Ready {
    unsafe fn new(gl: &glow::Context) -> Result<Self, String> {
        unsafe {
            let version = ShaderVersion::get(gl);
            let program = |rounded, minified| Program::new(gl, version, rounded, minified);
            let programs =
                [[program(false, false)?, program(false, true)?], [program(true, false)?, program(true, true)?]];
            let buffer = gl.create_buffer()?;
            let modern = version.is_new_shader_interface();
            let vertex_array = if modern { Some(gl.create_vertex_array()?) } else { None };
            let ready = Self {
                programs,
                buffer,
                vertex_array,
                format: if modern { (glow::R8, glow::RED) } else { (glow::LUMINANCE, glow::LUMINANCE) },
                has_row_length: version != ShaderVersion::Es100,
            };
            if ready.vertex_array.is_some() {
                gl.bind_vertex_array(ready.vertex_array);
                ready.point_attributes(gl);
            }
            Ok(ready)
        }
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
}

impl Picture {
    unsafe fn new(gl: &glow::Context, width: u32, height: u32) -> Result<Self, String> {
        unsafe {
            let textures = [gl.create_texture()?, gl.create_texture()?, gl.create_texture()?];
            for texture in textures {
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
                for (parameter, value) in [
                    (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
                    (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
                    (glow::TEXTURE_MIN_FILTER, glow::LINEAR),
                    (glow::TEXTURE_MAG_FILTER, glow::LINEAR),
                ] {
                    gl.tex_parameter_i32(glow::TEXTURE_2D, parameter, value as i32);
                }
            }
            Ok(Self { textures, width, height, linear: true, shown: None })
        }
    }

    /// Binds the planes to texture units 0 to 2, interpolated or pixel for pixel.
    unsafe fn sample(&mut self, gl: &glow::Context, linear: bool) {
        unsafe {
            for (unit, texture) in self.textures.into_iter().enumerate() {
                gl.active_texture(glow::TEXTURE0 + unit as u32);
                gl.bind_texture(glow::TEXTURE_2D, Some(texture));
                if self.linear != linear {
                    let filter = if linear { glow::LINEAR } else { glow::NEAREST } as i32;
                    gl.tex_parameter_i32(glow::TEXTURE_2D, glow::TEXTURE_MIN_FILTER, filter);
                    gl.tex_parameter_i32(glow::TEXTURE_2D, glow::TEXTURE_MAG_FILTER, filter);
                }
            }
            self.linear = linear;
        }
    }
}

/// Brings `frame` to the GPU unless it is there already; says whether it was new.
unsafe fn upload(
    gl: &glow::Context,
    ready: &Ready,
    pictures: &mut HashMap<PictureId, Picture>,
    packed: &mut Vec<u8>,
    id: &PictureId,
    frame: &Arc<VideoFrame>,
) -> Result<bool, String> {
    let (width, height) = (frame.width(), frame.height());
    if !pictures.contains_key(id) {
        // SAFETY: the caller's.
        pictures.insert(id.clone(), unsafe { Picture::new(gl, 0, 0) }?);
    }
    let Some(picture) = pictures.get_mut(id) else { return Ok(false) };
    if picture.shown.as_ref().is_some_and(|shown| Arc::ptr_eq(shown, frame)) {
        return Ok(false);
    }
    let same_size = (picture.width, picture.height) == (width, height);
    unsafe {
        gl.active_texture(glow::TEXTURE0);
        gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 1);
        for (index, (plane, texture)) in frame.planes().into_iter().zip(picture.textures).enumerate() {
            let (w, h) = if index == 0 { (width, height) } else { (width.div_ceil(2), height.div_ceil(2)) };
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            let data = rows(gl, ready, &plane, w as usize, h as usize, packed);
            let data = PixelUnpackData::Slice(Some(data));
            let (internal, format) = ready.format;
            let (w, h) = (w as i32, h as i32);
            if same_size {
                gl.tex_sub_image_2d(glow::TEXTURE_2D, 0, 0, 0, w, h, format, glow::UNSIGNED_BYTE, data);
            } else {
                gl.tex_image_2d(glow::TEXTURE_2D, 0, internal as i32, w, h, 0, format, glow::UNSIGNED_BYTE, data);
            }
        }
        if ready.has_row_length {
            gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, 0);
        }
        gl.pixel_store_i32(glow::UNPACK_ALIGNMENT, 4);
    }
    (picture.width, picture.height) = (width, height);
    picture.shown = Some(frame.clone());
    Ok(true)
}

/// The bytes of a plane as GL can take them: as they are with a row length, or packed where there is none.
unsafe fn rows<'a>(
    gl: &glow::Context,
    ready: &Ready,
    plane: &Plane<'a>,
    width: usize,
    height: usize,
    packed: &'a mut Vec<u8>,
) -> &'a [u8] {
    if ready.has_row_length {
        // SAFETY: the caller's.
        unsafe { gl.pixel_store_i32(glow::UNPACK_ROW_LENGTH, plane.stride as i32) };
        return plane.data;
    }
    if plane.stride == width {
        return plane.data;
    }
    packed.clear();
    for row in plane.data.chunks(plane.stride).take(height) {
        packed.extend_from_slice(&row[..width]);
    }
    packed
}

#[expect(clippy::too_many_arguments, reason = "one call site, which has them all at hand")]
unsafe fn draw(
    gl: &glow::Context,
    ready: &Ready,
    vertices: &mut Vec<f32>,
    info: &PaintCallbackInfo,
    placed: &Placed,
    look: Look,
    opacity: f32,
    frame: &VideoFrame,
) {
    let size = placed.rect.size() * info.pixels_per_point;
    let radius = (look.corner * info.pixels_per_point).min(size.min_elem() / 2.0).round();
    mesh(vertices, size, radius, &placed.uv);
    // SAFETY: floats are plain bytes.
    let bytes = unsafe { std::slice::from_raw_parts(vertices.as_ptr().cast(), std::mem::size_of_val(&vertices[..])) };
    unsafe {
        if ready.vertex_array.is_some() {
            gl.bind_vertex_array(ready.vertex_array);
            gl.bind_buffer(glow::ARRAY_BUFFER, Some(ready.buffer));
        } else {
            ready.point_attributes(gl);
        }
        gl.buffer_data_u8_slice(glow::ARRAY_BUFFER, bytes, glow::STREAM_DRAW);
        let minified = placed.minified >= MINIFIED_FROM;
        let draw = |rounded: bool, first: i32, count: i32| {
            let program = &ready.programs[usize::from(rounded)][usize::from(minified)];
            gl.use_program(Some(program.id));
            gl.uniform_2_f32(program.size.as_ref(), size.x, size.y);
            gl.uniform_1_f32(program.brightness.as_ref(), look.brightness);
            gl.uniform_1_f32(program.opacity.as_ref(), opacity);
            if minified {
                let tap = placed.minified / 4.0;
                gl.uniform_2_f32(program.tap.as_ref(), tap / frame.width() as f32, tap / frame.height() as f32);
            }
            if rounded {
                gl.uniform_2_f32(program.half.as_ref(), size.x / 2.0, size.y / 2.0);
                gl.uniform_1_f32(program.radius.as_ref(), radius);
            }
            gl.draw_arrays(glow::TRIANGLES, first, count);
        };
        // All but the corners is opaque, and most of the pixels: blending those would only cost.
        if opacity >= 1.0 {
            gl.disable(glow::BLEND);
        }
        draw(false, 0, INSIDE);
        gl.enable(glow::BLEND);
        if radius > 0.0 {
            draw(true, INSIDE, CORNERS);
        }
        if ready.vertex_array.is_none() {
            gl.disable_vertex_attrib_array(POS);
            gl.disable_vertex_attrib_array(UV);
        }
    }
}

/// Three bands that make up everything but the corners, then the four corners.
fn mesh(vertices: &mut Vec<f32>, size: egui::Vec2, radius: f32, uv: &[Pos2; 4]) {
    let (w, h, r) = (size.x, size.y, radius);
    vertices.clear();
    let mut quad = |x0: f32, y0: f32, x1: f32, y1: f32| {
        for (x, y) in [(x0, y0), (x1, y0), (x0, y1), (x0, y1), (x1, y0), (x1, y1)] {
            let (s, t) = (x / w, y / h);
            let at = uv[0] + (uv[1] - uv[0]) * s + (uv[2] - uv[0]) * t;
            vertices.extend([x, y, at.x, at.y]);
        }
    };
    quad(0.0, r, w, h - r);
    quad(r, 0.0, w - r, r);
    quad(r, h - r, w - r, h);
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
