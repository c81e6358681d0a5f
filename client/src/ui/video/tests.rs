//! Both renderers give the same picture, and the worker always converts the newest frame.

use std::sync::mpsc;
use std::time::Duration;

use autamedica_engine::VideoRotation;
use egui::{Pos2, Vec2, ViewportId, pos2, vec2};
use glow::HasContext;
use glutin::api::egl::device::Device;
use glutin::api::egl::display::Display;
use glutin::config::{ConfigSurfaceTypes, ConfigTemplateBuilder};
use glutin::context::ContextAttributesBuilder;
use glutin::display::GlDisplay;
use glutin::prelude::{NotCurrentGlContext, PossiblyCurrentGlContext};
use glutin::surface::{PbufferSurface, SurfaceAttributesBuilder};

use super::worker::Bitmap;
use super::*;

const SCREEN: [u32; 2] = [480, 320];
const HANG_GUARD: Duration = Duration::from_secs(30);

/// OpenGL context without a window.
struct Offscreen {
    gl: Arc<glow::Context>,
    /// Keeps the context current.
    _context: Box<dyn std::any::Any>,
}

impl Offscreen {
    fn new() -> Self {
        let device = Device::query_devices().expect("EGL with devices").last().expect("a device, in software at least");
        // SAFETY: no native display is handed over.
        let display = unsafe { Display::with_device(&device, None) }.expect("a display");
        let template = ConfigTemplateBuilder::new().with_surface_type(ConfigSurfaceTypes::PBUFFER).build();
        let [width, height] = SCREEN.map(|side| side.try_into().expect("more than none"));
        let surface = SurfaceAttributesBuilder::<PbufferSurface>::new().build(width, height);
        // SAFETY: everything is of this display, and no native window is involved.
        let (gl, context, surface) = unsafe {
            let config = display.find_configs(template).expect("configurations").next().expect("one with a pbuffer");
            let surface = display.create_pbuffer_surface(&config, &surface).expect("a surface");
            let context = display.create_context(&config, &ContextAttributesBuilder::new().build(None));
            let context = context.expect("a context").make_current(&surface).expect("to be current");
            let gl = glow::Context::from_loader_function_cstr(|name| display.get_proc_address(name));
            (gl, context, surface)
        };
        assert!(context.is_current());
        Self { gl: Arc::new(gl), _context: Box::new((context, surface, display)) }
    }

    /// Draws with egui's state on red, and returns RGBA rows from the bottom up.
    fn draw(&self, placed: &fit::Placed, paint: impl FnOnce(&PaintCallbackInfo, &glow::Context) -> bool) -> Vec<u8> {
        let screen = Rect::from_min_size(Pos2::ZERO, vec2(SCREEN[0] as f32, SCREEN[1] as f32));
        let info = PaintCallbackInfo {
            viewport: placed.rect,
            clip_rect: screen,
            pixels_per_point: 1.0,
            screen_size_px: SCREEN,
        };
        let (gl, viewport) = (&*self.gl, info.viewport_in_pixels());
        // SAFETY: the context is current on this thread.
        unsafe {
            gl.clear_color(0.5, 0.0, 0.0, 1.0);
            gl.clear(glow::COLOR_BUFFER_BIT);
            gl.enable(glow::BLEND);
            gl.blend_func_separate(glow::ONE, glow::ONE_MINUS_SRC_ALPHA, glow::ONE_MINUS_DST_ALPHA, glow::ONE);
            gl.viewport(viewport.left_px, viewport.from_bottom_px, viewport.width_px, viewport.height_px);
            assert!(paint(&info, gl), "the frame is new");
        }
        self.pixels()
    }

    fn pixels(&self) -> Vec<u8> {
        let mut pixels = vec![0; (SCREEN[0] * SCREEN[1] * 4) as usize];
        let target = glow::PixelPackData::Slice(Some(&mut pixels));
        // SAFETY: the context is current on this thread.
        unsafe {
            self.gl.read_pixels(0, 0, SCREEN[0] as i32, SCREEN[1] as i32, glow::RGBA, glow::UNSIGNED_BYTE, target);
            assert_eq!(self.gl.get_error(), glow::NO_ERROR);
        }
        pixels
    }
}

/// Returns a frame with gradients in each plane, steep enough to reveal where each pixel comes from.
fn frame(width: u32, height: u32, rotation: VideoRotation) -> Arc<VideoFrame> {
    let mut bytes = Vec::with_capacity(VideoFrame::packed_len(width, height));
    let share = |at: u32, side: u32| f64::from(at) / f64::from(side);
    let planes = [(1, 20.0, 150.0, 60.0), (2, 60.0, 40.0, 100.0), (2, 200.0, -110.0, 20.0)];
    for (divisor, start, right, down) in planes {
        let (w, h) = (width.div_ceil(divisor), height.div_ceil(divisor));
        let value = |x: u32, y: u32| (start + right * share(x, w) + down * share(y, h)) as u8;
        bytes.extend((0..h).flat_map(|y| (0..w).map(move |x| value(x, y))));
    }
    let mut frame = VideoFrame::from_packed(width, height, bytes, 0).expect("a frame");
    frame.rotation = rotation;
    Arc::new(frame)
}

fn spot() -> Spot {
    Spot { id: PictureId { identity: "ana".to_owned(), kind: PictureKind::Camera }, viewport: ViewportId::ROOT }
}

fn request(size: Vec2, fit: Fit, mirrored: bool) -> BitmapRequest {
    BitmapRequest { place: Rect::from_min_size(pos2(20.0, 10.0), size), fit, mirrored, pixels_per_point: 1.0 }
}

/// Starts a worker. The receiver gets a message for each repaint request.
fn worker() -> (Worker, mpsc::Receiver<()>) {
    let (wakes, woken) = mpsc::channel();
    let wake = move || {
        // The receiver is gone after the test.
        let _ = wakes.send(());
    };
    (Worker::start(Arc::new(wake)).expect("a thread"), woken)
}

fn first_bitmap(request: BitmapRequest, frame: &Arc<VideoFrame>) -> Arc<Bitmap> {
    let (worker, woken) = worker();
    let slot = LatestFrame::new();
    slot.put(frame.clone());
    assert!(worker.take(&spot(), &slot, request, true).is_none());
    woken.recv_timeout(HANG_GUARD).expect("a bitmap");
    worker.take(&spot(), &slot, request, true).expect("the first bitmap")
}

#[test]
fn the_cpu_and_the_shader_draw_the_same_picture() {
    use VideoRotation::{Rotation0, Rotation90, Rotation180, Rotation270};
    let offscreen = Offscreen::new();
    let style =
        |corner, brightness| PictureStyle { fit: Fit::Cover, mirrored: false, corner, brightness, drives: true };
    let upright = style(24.0, 1.0);
    // Frame size and rotation, area, look, opacity, and tolerance. The tolerance exceeds rounding where one renderer
    // interpolates, and where the shader uses a neighbour's chroma.
    for (size, rotation, request, style, opacity, tolerance) in [
        ((320, 180), Rotation0, request(vec2(320.0, 180.0), Fit::Cover, false), style(0.0, 1.0), 1.0, 2),
        ((320, 180), Rotation0, request(vec2(320.0, 180.0), Fit::Cover, true), upright, 1.0, 2),
        ((320, 180), Rotation180, request(vec2(311.0, 173.0), Fit::Cover, true), upright, 1.0, 2),
        ((320, 180), Rotation90, request(vec2(180.0, 300.0), Fit::Cover, false), upright, 1.0, 6),
        ((320, 180), Rotation270, request(vec2(180.0, 320.0), Fit::Cover, true), upright, 1.0, 4),
        ((321, 183), Rotation0, request(vec2(250.0, 270.0), Fit::Contain, false), upright, 1.0, 6),
        ((320, 180), Rotation0, request(vec2(433.0, 290.0), Fit::Balanced, true), upright, 1.0, 6),
        ((640, 360), Rotation0, request(vec2(120.0, 100.0), Fit::Cover, true), style(16.0, 1.0), 1.0, 6),
        ((320, 180), Rotation0, request(vec2(320.0, 180.0), Fit::Cover, false), style(24.0, 0.35), 1.0, 2),
        ((320, 180), Rotation0, request(vec2(320.0, 180.0), Fit::Cover, false), upright, 0.5, 2),
    ] {
        let case = format!("{size:?} {rotation:?} in {request:?}");
        let frame = frame(size.0, size.1, rotation);
        let placed = request.placed(&frame);
        let (mut planes, mut bitmaps) = (Planes::default(), Bitmaps::default());
        let id = spot().id;
        let shader = offscreen.draw(&placed, |info, gl| planes.paint(gl, info, &id, &frame, &placed, &style, opacity));
        let bitmap = first_bitmap(request, &frame);
        let cpu =
            offscreen.draw(&placed, |info, gl| bitmaps.paint(gl, info, &spot(), &bitmap, &placed, &style, opacity));
        let differs = |(a, b): (&u8, &u8)| a.abs_diff(*b) > tolerance;
        if let Some(at) = shader.iter().zip(&cpu).position(differs) {
            let (pixel, row) = (at / 4 % SCREEN[0] as usize, at / 4 / SCREEN[0] as usize);
            let of = |pixels: &[u8]| pixels[at / 4 * 4..][..4].to_vec();
            let count = shader.iter().zip(&cpu).filter(|pair| differs(*pair)).count();
            panic!("{case}: {count} differ, first at {pixel}, {row} from below: {:?} and {:?}", of(&shader), of(&cpu));
        }
        let painted = cpu.chunks(4).filter(|pixel| pixel[1] > 0 || pixel[2] > 0).count();
        assert!(painted as f32 > placed.rect.area() * 0.8, "{case}: {painted} pixels are painted");
        planes.destroy(&offscreen.gl);
        bitmaps.destroy(&offscreen.gl);
    }
}

#[test]
fn a_frame_is_uploaded_once_and_stretched_until_the_worker_follows() {
    let offscreen = Offscreen::new();
    let style = PictureStyle { fit: Fit::Cover, mirrored: false, corner: 8.0, brightness: 1.0, drives: true };
    let frame = frame(640, 360, VideoRotation::Rotation0);
    let bitmap = first_bitmap(request(vec2(160.0, 90.0), Fit::Cover, false), &frame);
    assert_eq!(bitmap.shape.size(), [160, 90]);
    let larger = request(vec2(320.0, 180.0), Fit::Cover, false).placed(&frame);
    let mut bitmaps = Bitmaps::default();
    let mut paint =
        |info: &PaintCallbackInfo, gl: &glow::Context| bitmaps.paint(gl, info, &spot(), &bitmap, &larger, &style, 1.0);
    let pixels = offscreen.draw(&larger, &mut paint);
    let painted = pixels.chunks(4).filter(|pixel| pixel[1] > 0 || pixel[2] > 0).count();
    assert!(painted as f32 > larger.rect.area() * 0.9, "{painted}");
    offscreen.draw(&larger, |info, gl| !paint(info, gl));
    bitmaps.destroy(&offscreen.gl);
}

#[test]
fn frames_of_any_size_are_followed_and_none_is_queued() {
    let (worker, woken) = worker();
    let slot = LatestFrame::new();
    slot.on_frame(worker.notifier());
    let place = request(vec2(97.0, 55.0), Fit::Cover, true);
    assert!(worker.take(&spot(), &slot, place, true).is_none());
    for (width, height) in [(1, 1), (1280, 720), (3, 700), (65, 2), (640, 481), (2, 3)] {
        let newest = frame(width, height, VideoRotation::Rotation90);
        slot.put(newest.clone());
        woken.recv_timeout(HANG_GUARD).expect("a bitmap");
        // Until this bitmap is taken, each newer frame replaces the previous one in the slot.
        slot.put(frame(7, 5, VideoRotation::Rotation0));
        slot.put(newest.clone());
        assert!(woken.try_recv().is_err());
        let bitmap = worker.take(&spot(), &slot, place, true).expect("a bitmap");
        assert!(Arc::ptr_eq(&bitmap.frame, &newest), "{width}x{height}");
        let [across, down] = bitmap.shape.size();
        assert_eq!(bitmap.pixels.len(), (across * down * 4) as usize);
    }
}

#[test]
fn a_place_without_pixels_has_no_bitmap_until_it_grows() {
    let (worker, woken) = worker();
    let slot = LatestFrame::new();
    slot.on_frame(worker.notifier());
    slot.put(frame(1000, 1, VideoRotation::Rotation0));
    let place = |side: f32| request(Vec2::splat(side), Fit::Contain, false);
    for side in [0.0, 1.0, 0.0] {
        assert!(worker.take(&spot(), &slot, place(side), true).is_none());
        assert!(woken.recv_timeout(Duration::from_millis(50)).is_err(), "nothing to convert");
    }
    assert!(worker.take(&spot(), &slot, place(900.0), true).is_none());
    woken.recv_timeout(HANG_GUARD).expect("a bitmap");
    let bitmap = worker.take(&spot(), &slot, place(900.0), true).expect("a bitmap");
    assert_eq!(bitmap.shape.size(), [1000, 1]);
    // Another track of the same participant begins without the old picture.
    assert!(worker.take(&spot(), &LatestFrame::new(), place(900.0), true).is_none());
    assert_eq!(worker.retain(|_| false), [spot()]);
}

/// Draws a bar with a disc and a word in one pass over a background, as copied controls or directly. Returns the pixels
/// and the number of drawn words.
fn bar(
    offscreen: &Offscreen,
    ctx: &egui::Context,
    painter: &mut egui_glow::Painter,
    controls: Option<&mut Controls>,
    (background, word): ([f32; 4], &str),
) -> (Vec<u8>, usize) {
    let screen = vec2(SCREEN[0] as f32, SCREEN[1] as f32);
    let input =
        egui::RawInput { screen_rect: Some(Rect::from_min_size(Pos2::ZERO, screen)), ..egui::RawInput::default() };
    let place = Rect::from_min_size(pos2(40.0, 200.0), vec2(400.0, 90.0));
    let mut controls = controls;
    let mut output = ctx.run_ui(input, |ui| {
        let draw = || {
            let painter = ui.painter();
            painter.rect_filled(place, 24.0, egui::Color32::from_rgb(24, 32, 40));
            painter.circle_filled(place.left_center() + vec2(30.0, 0.0), 28.5, egui::Color32::from_rgb(200, 60, 50));
            let font = egui::FontId::proportional(30.0);
            painter.text(place.center(), egui::Align2::CENTER_CENTER, word, font, egui::Color32::WHITE);
        };
        match &mut controls {
            Some(controls) => controls.show(ui, place, 24.0, draw),
            None => draw(),
        }
    });
    let words = output.shapes.iter().filter(|clipped| matches!(clipped.shape, egui::Shape::Text(_))).count();
    let primitives = ctx.tessellate(std::mem::take(&mut output.shapes), output.pixels_per_point);
    painter.clear(SCREEN, background);
    painter.paint_and_update_textures(SCREEN, output.pixels_per_point, &primitives, &mut output.textures_delta);
    (offscreen.pixels(), words)
}

#[test]
fn controls_are_pasted_while_they_do_not_change_and_look_the_same() {
    const RED: [f32; 4] = [1.0, 0.0, 0.0, 1.0];
    const BLUE: [f32; 4] = [0.0, 0.0, 1.0, 1.0];
    let offscreen = Offscreen::new();
    let mut painter = egui_glow::Painter::new(offscreen.gl.clone(), "", None, false).expect("a painter");
    let ctx = egui::Context::default();
    let mut controls = Controls::default();
    let mut draw = |controls: Option<&mut Controls>, look| bar(&offscreen, &ctx, &mut painter, controls, look);
    let (on_blue, words) = draw(None, (BLUE, "mute"));
    assert_eq!(words, 1);
    // Drawn, drawn once more and copied, and then pasted on another background.
    for look in [(RED, "mute"), (RED, "mute")] {
        assert_eq!(draw(Some(&mut controls), look).1, 1, "drawn, not pasted");
    }
    for _ in 0..2 {
        let (pasted, words) = draw(Some(&mut controls), (BLUE, "mute"));
        assert!(pasted == on_blue, "{} bytes differ", pasted.iter().zip(&on_blue).filter(|(a, b)| a != b).count());
        assert!(!pasted.iter().eq(&draw(None, (RED, "mute")).0), "the background shows");
        assert_eq!(words, 0, "pasted, not drawn");
    }
    // A change shows at once, and is copied anew.
    let (changed, _) = draw(None, (BLUE, "unmute"));
    for _ in 0..4 {
        assert!(draw(Some(&mut controls), (BLUE, "unmute")).0 == changed);
    }
    controls.destroy(&offscreen.gl);
    painter.destroy();
}

#[test]
fn software_renderers_are_known_by_name() {
    for name in [
        "llvmpipe (LLVM 15.0.6, 256 bits)",
        "softpipe",
        "ANGLE (Google, Vulkan 1.3.0 (SwiftShader Device (LLVM 10.0.0)), SwiftShader driver)",
        "D3D12 (Microsoft Basic Render Driver)",
        "GDI Generic",
        "Apple Software Renderer",
    ] {
        assert!(is_software_renderer(name), "{name}");
    }
    for name in ["Mesa Intel(R) UHD Graphics 620 (KBL GT2)", "NVIDIA GeForce GTX 1650/PCIe/SSE2", "Apple M1", "virgl"] {
        assert!(!is_software_renderer(name), "{name}");
    }
}
