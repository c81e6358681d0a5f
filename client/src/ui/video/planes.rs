//! GPU rendering: each frame is three plane textures that a shader converts.
//!
//! Everything here runs in a paint callback, where the GL context is current.

use std::collections::HashMap;
use std::sync::Arc;

use autamedica_engine::{Plane, VideoFrame};
use eframe::egui_glow::{ShaderVersion, glow};
use egui::{PaintCallbackInfo, Vec2};
use glow::{HasContext, PixelUnpackData};

use super::canvas::{Canvas, Quad, Sampling, delete_textures};
use super::fit::{MINIFIED_FROM, Placed};
use super::{PictureId, PictureStyle};

/// GPU resources of all pictures.
#[derive(Default)]
pub(super) struct Planes {
    ready: Option<Result<Ready, ()>>,
    pictures: HashMap<PictureId, Picture>,
    /// Textures of dropped pictures, to be deleted when a context is current.
    orphans: Vec<glow::Texture>,
    packed: Vec<u8>,
}

struct Ready {
    canvas: Canvas,
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

impl Planes {
    /// Draws `frame`, uploading it first if it is new. Returns whether it was new.
    #[expect(clippy::too_many_arguments, reason = "one call site, which has them all at hand")]
    pub fn paint(
        &mut self,
        gl: &glow::Context,
        info: &PaintCallbackInfo,
        id: &PictureId,
        frame: &Arc<VideoFrame>,
        placed: &Placed,
        style: &PictureStyle,
        opacity: f32,
    ) -> bool {
        // SAFETY: egui_glow calls us with its context current on this thread, and restores its own state after.
        unsafe {
            delete_textures(gl, &mut self.orphans);
            let ready = self
                .ready
                .get_or_insert_with(|| Ready::new(gl).map_err(|error| tracing::error!(%error, "video can't be drawn")));
            let Ok(ready) = ready else { return false };
            let is_new = match upload(gl, ready, &mut self.pictures, &mut self.packed, id, frame) {
                Ok(is_new) => is_new,
                Err(error) => {
                    tracing::error!(%error, "video texture not uploaded");
                    return false;
                }
            };
            let Some(picture) = self.pictures.get_mut(id) else { return false };
            picture.sample(gl, !placed.exact);
            let sampling = if placed.minified >= MINIFIED_FROM {
                let tap = placed.minified / 4.0;
                let tap = Vec2::new(tap / frame.width() as f32, tap / frame.height() as f32);
                Sampling::MinifiedPlanes { tap }
            } else {
                Sampling::Planes
            };
            let pixels_per_point = info.pixels_per_point;
            let size = placed.rect.size() * pixels_per_point;
            let quad = Quad { size, uv: placed.uv, style, opacity, pixels_per_point, sampling };
            if let Err(error) = ready.canvas.draw(gl, &quad, true) {
                tracing::error!(%error, "video not drawn");
                self.ready = Some(Err(()));
                return false;
            }
            is_new
        }
    }

    /// Frees a picture's textures in the next paint.
    pub fn forget(&mut self, id: &PictureId) {
        if let Some(picture) = self.pictures.remove(id) {
            self.orphans.extend(picture.textures);
        }
    }

    /// Frees all GPU resources.
    pub fn destroy(&mut self, gl: &glow::Context) {
        let pictures = std::mem::take(&mut self.pictures);
        self.orphans.extend(pictures.into_values().flat_map(|picture| picture.textures));
        // SAFETY: eframe calls `on_exit` with the context current.
        unsafe {
            delete_textures(gl, &mut self.orphans);
            if let Some(Ok(ready)) = self.ready.take() {
                ready.canvas.destroy(gl);
            }
        }
    }
}

impl Ready {
    unsafe fn new(gl: &glow::Context) -> Result<Self, String> {
        // SAFETY: the caller's.
        let canvas = unsafe { Canvas::new(gl) }?;
        let modern = canvas.version().is_new_shader_interface();
        let has_row_length = canvas.version() != ShaderVersion::Es100;
        let format = if modern { (glow::R8, glow::RED) } else { (glow::LUMINANCE, glow::LUMINANCE) };
        Ok(Self { canvas, format, has_row_length })
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

/// Uploads `frame` unless it is on the GPU already. Returns whether it was new.
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

/// Returns a plane's bytes for upload: unchanged if GL supports a row length, else packed.
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
