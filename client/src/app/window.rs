//! Native window.

use std::sync::Arc;

use eframe::{NativeOptions, Renderer};
use egui::{IconData, ViewportBuilder};

use super::edition::Edition;
use super::{App, AppOptions, Calls};
use crate::ui::video::is_software;

/// Application id for window managers, and key of the app's icon.
const APP_ID: &str = "com.autamedica.client";
const SIZE: [f32; 2] = [1280.0, 720.0];
const MIN_SIZE: [f32; 2] = [800.0, 600.0];

/// Opens the window and runs until it is closed. Must be called on the main thread.
///
/// # Errors
/// There is no display, or no OpenGL (2.1 or ES 2.0, in software at least).
pub(crate) fn run(mut options: AppOptions, calls: Box<dyn Calls>, edition: Box<dyn Edition>) -> eframe::Result {
    let mut viewport = ViewportBuilder::default()
        .with_title(options.title.clone())
        .with_app_id(APP_ID)
        .with_inner_size(SIZE)
        .with_min_inner_size(MIN_SIZE)
        .with_icon(Arc::new(icon()));
    if edition.is_kiosk() {
        viewport = viewport.with_fullscreen(true).with_decorations(false);
    }
    let mut native = NativeOptions { viewport, renderer: Renderer::Glow, ..NativeOptions::default() };
    // The app draws when a frame or an event arrives, not in a loop. Waiting for the display as well would only add
    // latency, and blocks on some compositors while the window is covered.
    native.glow_options.vsync = false;
    native.dithering = false;
    // Names and messages may be in any script; the fallback font is searched off the UI thread.
    native.system_font_fallback = true;
    let title = options.title.clone();
    let create = move |cc: &eframe::CreationContext| -> Box<dyn eframe::App> {
        let is_software = || cc.gl.as_deref().is_some_and(is_software);
        options.video_on_cpu = Some(options.video_on_cpu.unwrap_or_else(is_software));
        Box::new(App::new(&cc.egui_ctx, options, calls, edition))
    };
    eframe::run_native(&title, native, Box::new(|cc| Ok(create(cc))))
}

/// Space for the desktop's own bar, kept free beside the window and its frame.
const BESIDE: [f32; 2] = [0.0, 40.0];

/// Shrinks the window to fit the screen with its title bar. Returns `true` once both sizes are known: a new window is
/// sized before it has a frame.
pub fn fit_to_screen(ctx: &egui::Context) -> bool {
    let (screen, inner, outer) = ctx.input(|input| {
        let window = input.viewport();
        (window.monitor_size, window.inner_rect, window.outer_rect)
    });
    let (Some(screen), Some(inner)) = (screen, inner) else { return false };
    let frame = outer.map_or(egui::Vec2::ZERO, |outer| (outer.size() - inner.size()).max(egui::Vec2::ZERO));
    if let Some(size) = fitting(screen, inner.size(), frame) {
        ctx.send_viewport_cmd(egui::ViewportCommand::InnerSize(size));
        if let Some(outer) = outer.filter(|outer| outer.max.x > screen.x || outer.max.y > screen.y) {
            let at = (outer.min.to_vec2()).min(screen - size - frame).max(egui::Vec2::ZERO);
            ctx.send_viewport_cmd(egui::ViewportCommand::OuterPosition(at.to_pos2()));
        }
    }
    true
}

/// Returns the inner size that fits the screen with this frame, if it differs from `inner`.
fn fitting(screen: egui::Vec2, inner: egui::Vec2, frame: egui::Vec2) -> Option<egui::Vec2> {
    let room = (screen - frame - egui::Vec2::from(BESIDE)).max(egui::Vec2::splat(1.0));
    let size = inner.min(room);
    (size != inner).then_some(size)
}

/// Draws the app's icon, a rounded square with a white cross, which saves an image decoder.
fn icon() -> IconData {
    const SIDE: i32 = 64;
    let color = crate::theme::Palette::LIGHT.primary;
    let mut rgba = Vec::with_capacity((SIDE * SIDE * 4) as usize);
    for y in 0..SIDE {
        for x in 0..SIDE {
            let (dx, dy) = (2 * x + 1 - SIDE, 2 * y + 1 - SIDE);
            let (ax, ay) = (dx.abs(), dy.abs());
            let cross = (ax < 14 && ay < 38) || (ay < 14 && ax < 38);
            let (cx, cy) = ((ax - 34).max(0), (ay - 34).max(0));
            let inside = cx * cx + cy * cy <= 30 * 30;
            rgba.extend(match (inside, cross) {
                (false, _) => [0, 0, 0, 0],
                (true, true) => [255, 255, 255, 255],
                (true, false) => [color.r(), color.g(), color.b(), 255],
            });
        }
    }
    IconData { rgba, width: SIDE as u32, height: SIDE as u32 }
}

#[cfg(test)]
mod tests {
    use egui::vec2;

    use super::*;

    #[test]
    fn a_window_fits_the_screen_with_its_title_bar() {
        let (size, frame) = (egui::Vec2::from(SIZE), vec2(2.0, 30.0));
        assert_eq!(fitting(vec2(1280.0, 720.0), size, frame), Some(vec2(1278.0, 650.0)));
        assert_eq!(fitting(vec2(1366.0, 768.0), size, frame), Some(vec2(1280.0, 698.0)));
        assert_eq!(fitting(vec2(1920.0, 1080.0), size, frame), None);
    }
}
