//! The native window.

use std::sync::Arc;

use eframe::{NativeOptions, Renderer};
use egui::{IconData, ViewportBuilder};

use super::video::is_software;
use crate::app::{App, AppOptions, Calls};

/// Names the app to window managers; also its icon's key.
const APP_ID: &str = "com.autamedica.client";
const SIZE: [f32; 2] = [1280.0, 720.0];
const MIN_SIZE: [f32; 2] = [800.0, 600.0];

/// Opens the window and runs until it is closed. Must be called on the main thread.
///
/// # Errors
/// There is no display, or no OpenGL (2.1 or ES 2.0, in software at least).
pub fn run(mut options: AppOptions, calls: Box<dyn Calls>) -> eframe::Result {
    let mut viewport = ViewportBuilder::default()
        .with_title(options.title.clone())
        .with_app_id(APP_ID)
        .with_inner_size(SIZE)
        .with_min_inner_size(MIN_SIZE)
        .with_icon(Arc::new(icon()));
    if options.kiosk {
        viewport = viewport.with_fullscreen(true).with_decorations(false);
    }
    let mut native = NativeOptions { viewport, renderer: Renderer::Glow, ..NativeOptions::default() };
    // We draw when a frame or an event comes, not in a loop. Waiting for the display on top of that would only add
    // latency, and on some compositors it blocks for as long as the window is covered.
    native.glow_options.vsync = false;
    native.dithering = false;
    // Names and messages may be in any script; its font is looked for when it is needed, beside the UI.
    native.system_font_fallback = true;
    let title = options.title.clone();
    let create = move |cc: &eframe::CreationContext| -> Box<dyn eframe::App> {
        let is_software = || cc.gl.as_deref().is_some_and(is_software);
        options.video_on_cpu = Some(options.video_on_cpu.unwrap_or_else(is_software));
        Box::new(App::new(&cc.egui_ctx, options, calls))
    };
    eframe::run_native(&title, native, Box::new(|cc| Ok(create(cc))))
}

/// Kept free on the screen besides the window and its frame, for the desktop's own bar.
const BESIDE: [f32; 2] = [0.0, 40.0];

/// Makes the window small enough for the screen with its title bar, once both are known (`true`): a new window gets its size
/// before it has a frame.
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

/// The inner size that a window of this size has to have instead, with this much frame on a screen of this size.
fn fitting(screen: egui::Vec2, inner: egui::Vec2, frame: egui::Vec2) -> Option<egui::Vec2> {
    let room = (screen - frame - egui::Vec2::from(BESIDE)).max(egui::Vec2::splat(1.0));
    let size = inner.min(room);
    (size != inner).then_some(size)
}

/// The app's icon: a rounded square in our colour with a white cross, drawn here so that no decoder is needed.
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
