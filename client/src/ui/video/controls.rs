//! Controls over a video without a GPU: egui blends all their shapes again for each frame of the video. While they
//! don't change, a copy of their pixels is pasted instead.

use std::sync::Arc;

use eframe::egui_glow::{self, ShaderVersion, glow};
use egui::epaint::ClippedShape;
use egui::layers::ShapeIdx;
use egui::{PaintCallback, PaintCallbackInfo, Rect, Shape, Ui, Vec2};
use glow::{HasContext, PixelUnpackData};
use parking_lot::Mutex;

use super::canvas::{blit, copy_bands};

/// Copy of the pixels of some controls, which must be opaque except at their corners.
#[derive(Default)]
pub(super) struct Controls {
    last: Option<Drawn>,
    copy: Arc<Mutex<Copy>>,
}

/// Shapes of one pass.
#[derive(PartialEq)]
struct Drawn {
    place: Rect,
    pixels_per_point: f32,
    shapes: Vec<ClippedShape>,
}

/// Texture with the copied pixels.
#[derive(Default)]
struct Copy {
    texture: Option<(glow::Texture, glow::Framebuffer)>,
    /// The texture holds the controls as they were drawn last.
    is_valid: bool,
    /// OpenGL can't copy: the window has another format.
    refused: bool,
}

impl Controls {
    /// Calls `draw`, and replaces what it drew by its copy if it is the same as in the last pass. `corner` is the radius
    /// in points.
    pub fn show(&mut self, ui: &Ui, place: Rect, corner: f32, draw: impl FnOnce()) {
        if self.copy.lock().refused {
            return draw();
        }
        let (ctx, layer) = (ui.ctx(), ui.layer_id());
        let first = ctx.graphics_mut(|layers| layers.entry(layer).next_idx().0);
        draw();
        let shapes: Vec<ClippedShape> = ctx.graphics(|layers| {
            let all = layers.get(layer).into_iter().flat_map(|list| list.all_entries().skip(first));
            all.filter(|clipped| clipped.shape != Shape::Noop).cloned().collect()
        });
        let inside = |clipped: &ClippedShape| {
            let seen = clipped.shape.visual_bounding_rect().intersect(clipped.clip_rect);
            !matches!(clipped.shape, Shape::Callback(_)) && (seen.is_negative() || place.contains_rect(seen))
        };
        let can_copy = ui.opacity() >= 1.0 && ui.clip_rect().contains_rect(place) && shapes.iter().all(inside);
        let drawn = can_copy.then(|| Drawn { place, pixels_per_point: ui.pixels_per_point(), shapes });
        let mut copy = self.copy.lock();
        if drawn.is_none() || self.last != drawn {
            copy.is_valid = false;
            self.last = drawn;
            return;
        }
        let Some(drawn) = &self.last else { return };
        let shared = self.copy.clone();
        let callback = if copy.is_valid {
            ctx.graphics_mut(|layers| {
                let list = layers.entry(layer);
                (first..list.next_idx().0).for_each(|index| list.reset_shape(ShapeIdx(index)));
                // The video shows at the corners, so they are drawn as before.
                for corner in corners(place, radius(corner, drawn.pixels_per_point) / drawn.pixels_per_point) {
                    for ClippedShape { clip_rect, shape, .. } in &drawn.shapes {
                        if shape.visual_bounding_rect().intersects(corner) {
                            list.add(clip_rect.intersect(corner), shape.clone());
                        }
                    }
                }
            });
            // SAFETY: egui_glow calls us with its context current on this thread.
            egui_glow::CallbackFn::new(move |info, painter| unsafe {
                let radius = radius(corner, info.pixels_per_point);
                shared.lock().paste(painter.gl(), &info, radius);
            })
        } else {
            // SAFETY: as above.
            egui_glow::CallbackFn::new(move |info, painter| unsafe { shared.lock().take(painter.gl(), &info) })
        };
        ui.painter().add(PaintCallback { rect: place, callback: Arc::new(callback) });
    }

    /// Frees the GL objects.
    pub fn destroy(&mut self, gl: &glow::Context) {
        let mut copy = self.copy.lock();
        copy.is_valid = false;
        if let Some((texture, framebuffer)) = copy.texture.take() {
            // SAFETY: eframe calls `on_exit` with the context current.
            unsafe {
                gl.delete_framebuffer(framebuffer);
                gl.delete_texture(texture);
            }
        }
    }
}

impl Copy {
    /// Copies the controls from the window after they were drawn.
    unsafe fn take(&mut self, gl: &glow::Context, info: &PaintCallbackInfo) {
        let screen = info.viewport_in_pixels();
        let (left, bottom, width, height) = (screen.left_px, screen.from_bottom_px, screen.width_px, screen.height_px);
        unsafe {
            let version = ShaderVersion::get(gl);
            // Only desktop OpenGL has textures in the window's order of colours.
            if version.is_embedded() || !version.is_new_shader_interface() {
                self.refused = true;
                return;
            }
            if self.texture.is_none() {
                self.texture = gl.create_texture().ok().zip(gl.create_framebuffer().ok());
            }
            let Some((texture, framebuffer)) = self.texture else { return };
            gl.active_texture(glow::TEXTURE0);
            gl.bind_texture(glow::TEXTURE_2D, Some(texture));
            // Without a size in the internal format Mesa stores the bytes as in the window (see `bitmaps.rs`).
            let (internal, format, kind) = (glow::RGBA as i32, glow::BGRA, glow::UNSIGNED_INT_8_8_8_8_REV);
            let nothing = PixelUnpackData::Slice(None);
            gl.tex_image_2d(glow::TEXTURE_2D, 0, internal, width, height, 0, format, kind, nothing);
            gl.bind_framebuffer(glow::DRAW_FRAMEBUFFER, Some(framebuffer));
            let (target, attachment) = (glow::DRAW_FRAMEBUFFER, glow::COLOR_ATTACHMENT0);
            gl.framebuffer_texture_2d(target, attachment, glow::TEXTURE_2D, Some(texture), 0);
            gl.disable(glow::SCISSOR_TEST);
            // The first row is the uppermost, as in a video's texture: Mesa copies rows of a window in this order only.
            blit(gl, [left, bottom, left + width, bottom + height], [0, height, width, 0]);
            gl.enable(glow::SCISSOR_TEST);
            gl.bind_framebuffer(glow::DRAW_FRAMEBUFFER, None);
            self.is_valid = gl.get_error() == glow::NO_ERROR;
            self.refused = !self.is_valid;
        }
    }

    /// Pastes all but the corners.
    unsafe fn paste(&mut self, gl: &glow::Context, info: &PaintCallbackInfo, radius: f32) {
        let Some((_, framebuffer)) = self.texture else { return };
        let screen = info.viewport_in_pixels();
        let size = Vec2::new(screen.width_px as f32, screen.height_px as f32);
        unsafe {
            gl.bind_framebuffer(glow::READ_FRAMEBUFFER, Some(framebuffer));
            copy_bands(gl, &screen, size, radius, (0, 0));
            gl.bind_framebuffer(glow::READ_FRAMEBUFFER, None);
        }
    }
}

/// Returns the radius in whole pixels.
fn radius(corner: f32, pixels_per_point: f32) -> f32 {
    (corner * pixels_per_point).round()
}

fn corners(place: Rect, radius: f32) -> [Rect; 4] {
    let side = Vec2::splat(radius);
    [
        Rect::from_min_size(place.left_top(), side),
        Rect::from_min_size(place.right_top() - Vec2::new(radius, 0.0), side),
        Rect::from_min_size(place.left_bottom() - Vec2::new(0.0, radius), side),
        Rect::from_min_size(place.right_bottom() - side, side),
    ]
}
