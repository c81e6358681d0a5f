//! CPU rendering: each frame is one texture in the display's colours.
//!
//! Everything here runs in a paint callback, where the GL context is current.

use std::collections::HashMap;

use eframe::egui_glow::{ShaderVersion, glow};
use egui::{PaintCallbackInfo, Pos2, Rect, pos2, vec2};
use glow::{HasContext, PixelUnpackData};

use super::PictureStyle;
use super::canvas::{Canvas, Quad, Sampling, copy_bands, delete_textures};
use super::fit::Placed;
use super::worker::{Bitmap, Shape, Spot};

/// Minimum number of pixels to copy: copying waits for previous drawing.
const COPIED_FROM: f32 = 50_000.0;
/// Texture coordinates of the whole texture.
const WHOLE: Rect = Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0));

/// Textures of all pictures.
#[derive(Default)]
pub(super) struct Bitmaps {
    canvas: Option<Result<Canvas, ()>>,
    textures: HashMap<Spot, Texture>,
    /// Textures of dropped pictures, to be deleted when a context is current.
    orphans: Vec<glow::Texture>,
    copying: Copying,
}

/// Copies textures to the screen without a shader, which software renderers do row by row.
#[derive(Default)]
struct Copying {
    framebuffer: Option<glow::Framebuffer>,
    /// OpenGL refused to copy once: the screen has another format.
    refused: bool,
}

struct Texture {
    texture: glow::Texture,
    size: [u32; 2],
    linear: bool,
    /// Serial number of the uploaded bitmap.
    serial: Option<u64>,
}

impl Bitmaps {
    /// Draws `bitmap`, uploading it first if necessary. Returns whether it was new.
    #[expect(clippy::too_many_arguments, reason = "one call site, which has them all at hand")]
    pub fn paint(
        &mut self,
        gl: &glow::Context,
        info: &PaintCallbackInfo,
        spot: &Spot,
        bitmap: &Bitmap,
        placed: &Placed,
        style: &PictureStyle,
        opacity: f32,
    ) -> bool {
        // SAFETY: egui_glow calls us with its context current on this thread, and restores its own state after.
        unsafe {
            delete_textures(gl, &mut self.orphans);
            let canvas = self.canvas.get_or_insert_with(|| {
                Canvas::new(gl).map_err(|error| tracing::error!(%error, "video can't be drawn"))
            });
            let Ok(canvas) = canvas else { return false };
            let texture = match self.textures.entry(spot.clone()) {
                std::collections::hash_map::Entry::Occupied(texture) => texture.into_mut(),
                std::collections::hash_map::Entry::Vacant(place) => match Texture::new(gl) {
                    Ok(texture) => place.insert(texture),
                    Err(error) => {
                        tracing::error!(%error, "video texture not uploaded");
                        return false;
                    }
                },
            };
            let pixels_per_point = info.pixels_per_point;
            let size = placed.rect.size() * pixels_per_point;
            let (part, exact) = match bitmap.shape {
                Shape::Whole { .. } => (placed.part, placed.exact),
                // The old bitmap is stretched until the worker has converted one for the new layout.
                Shape::Shrunk { size: [width, height], .. } => {
                    (WHOLE, (size - vec2(width as f32, height as f32)).abs().max_elem() < 0.5)
                }
            };
            texture.bind(gl, !exact);
            let is_new = texture.upload(gl, canvas.version().is_embedded(), bitmap);
            let uv = [part.left_top(), part.right_top(), part.left_bottom(), part.right_bottom()];
            let quad = Quad { size, uv, style, opacity, pixels_per_point, sampling: Sampling::Bitmap };
            let plain = exact && opacity >= 1.0 && style.brightness >= 1.0;
            let copied = plain && self.copying.copy(gl, canvas.version(), info, texture, part, &quad);
            if let Err(error) = canvas.draw(gl, &quad, !copied) {
                tracing::error!(%error, "video not drawn");
                self.canvas = Some(Err(()));
                return false;
            }
            is_new
        }
    }

    /// Frees a picture's texture in the next paint.
    pub fn forget(&mut self, spot: &Spot) {
        if let Some(texture) = self.textures.remove(spot) {
            self.orphans.push(texture.texture);
        }
    }

    /// Frees all textures.
    pub fn destroy(&mut self, gl: &glow::Context) {
        self.orphans.extend(std::mem::take(&mut self.textures).into_values().map(|texture| texture.texture));
        // SAFETY: eframe calls `on_exit` with the context current.
        unsafe {
            delete_textures(gl, &mut self.orphans);
            if let Some(Ok(canvas)) = self.canvas.take() {
                canvas.destroy(gl);
            }
            if let Some(framebuffer) = self.copying.framebuffer.take() {
                gl.delete_framebuffer(framebuffer);
            }
        }
    }
}

impl Copying {
    /// Copies all of `quad` but its corners, pixel for pixel. Returns `false` if that isn't possible or too small to
    /// pay off.
    unsafe fn copy(
        &mut self,
        gl: &glow::Context,
        version: ShaderVersion,
        info: &PaintCallbackInfo,
        texture: &Texture,
        part: Rect,
        quad: &Quad,
    ) -> bool {
        let is_clipped = !info.clip_rect.expand(0.01).contains_rect(info.viewport);
        // Only desktop OpenGL has textures in the window's order of colours.
        let can_copy = !self.refused && version.is_new_shader_interface() && !version.is_embedded();
        if !can_copy || is_clipped || quad.size.x * quad.size.y < COPIED_FROM {
            return false;
        }
        let screen = info.viewport_in_pixels();
        let [width, height] = texture.size.map(|side| side as f32);
        let (left, top) = ((part.left() * width).round() as i32, (part.top() * height).round() as i32);
        unsafe {
            if self.framebuffer.is_none() {
                self.framebuffer = gl.create_framebuffer().ok();
            }
            if self.framebuffer.is_none() {
                return false;
            }
            gl.bind_framebuffer(glow::READ_FRAMEBUFFER, self.framebuffer);
            let (target, attachment) = (glow::READ_FRAMEBUFFER, glow::COLOR_ATTACHMENT0);
            gl.framebuffer_texture_2d(target, attachment, glow::TEXTURE_2D, Some(texture.texture), 0);
            copy_bands(gl, &screen, quad.size, Canvas::radius(quad), (left, top));
            gl.bind_framebuffer(glow::READ_FRAMEBUFFER, None);
            if gl.get_error() != glow::NO_ERROR {
                tracing::info!("framebuffer copy refused, drawing video instead");
                self.refused = true;
            }
        }
        !self.refused
    }
}

impl Texture {
    unsafe fn new(gl: &glow::Context) -> Result<Self, String> {
        unsafe {
            let texture = gl.create_texture()?;
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            for (parameter, value) in [
                (glow::TEXTURE_WRAP_S, glow::CLAMP_TO_EDGE),
                (glow::TEXTURE_WRAP_T, glow::CLAMP_TO_EDGE),
                (glow::TEXTURE_MIN_FILTER, glow::NEAREST),
                (glow::TEXTURE_MAG_FILTER, glow::NEAREST),
            ] {
                gl.tex_parameter_i32(glow::TEXTURE_2D, parameter, value as i32);
            }
            Ok(Self { texture, size: [0, 0], linear: false, serial: None })
        }
    }

    /// Binds the texture, interpolated or pixel for pixel.
    unsafe fn bind(&mut self, gl: &glow::Context, linear: bool) {
        unsafe {
            gl.active_texture(glow::TEXTURE0);
            gl.bind_texture(glow::TEXTURE_2D, Some(self.texture));
            if self.linear != linear {
                let filter = if linear { glow::LINEAR } else { glow::NEAREST } as i32;
                gl.tex_parameter_i32(glow::TEXTURE_2D, glow::TEXTURE_MIN_FILTER, filter);
                gl.tex_parameter_i32(glow::TEXTURE_2D, glow::TEXTURE_MAG_FILTER, filter);
            }
        }
        self.linear = linear;
    }

    /// Uploads `bitmap` to the bound texture unless it is there. Returns whether it was new.
    unsafe fn upload(&mut self, gl: &glow::Context, embedded: bool, bitmap: &Bitmap) -> bool {
        if self.serial == Some(bitmap.serial) {
            return false;
        }
        // The internal format has no size: only then Mesa stores these bytes unchanged, as in its framebuffer. With
        // RGBA8 each upload and each draw would convert every pixel.
        let (internal, format, kind) = if embedded {
            (glow::RGBA, glow::RGBA, glow::UNSIGNED_BYTE)
        } else {
            (glow::RGBA, glow::BGRA, glow::UNSIGNED_INT_8_8_8_8_REV)
        };
        let [width, height] = bitmap.shape.size().map(|side| side as i32);
        let pixels = PixelUnpackData::Slice(Some(&bitmap.pixels));
        unsafe {
            if self.size == bitmap.shape.size() {
                gl.tex_sub_image_2d(glow::TEXTURE_2D, 0, 0, 0, width, height, format, kind, pixels);
            } else {
                gl.tex_image_2d(glow::TEXTURE_2D, 0, internal as i32, width, height, 0, format, kind, pixels);
            }
        }
        self.size = bitmap.shape.size();
        self.serial = Some(bitmap.serial);
        true
    }
}
