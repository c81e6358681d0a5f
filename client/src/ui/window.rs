//! The native window.

use std::sync::Arc;

use eframe::{NativeOptions, Renderer};
use egui::{IconData, ViewportBuilder};

use crate::app::{App, AppOptions, Calls};

/// Names the app to window managers; also its icon's key.
const APP_ID: &str = "com.autamedica.client";
const SIZE: [f32; 2] = [1280.0, 720.0];
const MIN_SIZE: [f32; 2] = [800.0, 600.0];

/// Opens the window and runs until it is closed. Must be called on the main thread.
///
/// # Errors
/// There is no display, or no OpenGL (2.1 or ES 2.0, in software at least).
pub fn run(options: AppOptions, calls: Box<dyn Calls>) -> eframe::Result {
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
    native.system_font_fallback = false;
    let title = options.title.clone();
    eframe::run_native(&title, native, Box::new(move |cc| Ok(Box::new(App::new(&cc.egui_ctx, options, calls)))))
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
