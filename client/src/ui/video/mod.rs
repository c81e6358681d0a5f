//! Video rendering inside egui's passes.
//!
//! The UI thread only decides the area of a picture. With a GPU, the paint callback uploads the planes of each new
//! frame and a shader converts them. Without one, a thread converts the frame to the pixels of its tile, which the
//! callback uploads and copies.

mod bitmaps;
mod canvas;
mod controls;
mod fit;
mod planes;
mod shader;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autamedica_call::VideoKind;
use autamedica_engine::{LatestFrame, VideoFrame};
use eframe::egui_glow::{self, glow};
use egui::{PaintCallback, PaintCallbackInfo, Rect, Ui};
use parking_lot::Mutex;

use super::repaint::RepaintScheduler;
use super::stats::UiStats;
use bitmaps::Bitmaps;
use controls::Controls;
pub use fit::Fit;
use planes::Planes;
use worker::{BitmapRequest, Spot, Worker};

/// Identity and kind of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PictureId {
    /// Participant's identity; empty for the local participant.
    pub identity: String,
    /// Kind of the picture.
    pub kind: PictureKind,
}

/// Kind of a picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// Participant's camera.
    Camera,
    /// Participant's screen share.
    Screen,
    /// Further video of a participant, by its track's sid.
    Other(String),
    /// Local camera before it is sent.
    SelfView,
    /// Local second camera before it is sent.
    SecondView,
}

impl From<VideoKind> for PictureKind {
    fn from(video: VideoKind) -> Self {
        match video {
            VideoKind::Camera => Self::Camera,
            VideoKind::Screen => Self::Screen,
            VideoKind::Other(sid) => Self::Other(sid),
        }
    }
}

/// Called on the UI thread once for each new frame that was painted; must return at once.
pub type FrameShown = Arc<dyn Fn(&VideoFrame, &PictureId) + Send + Sync>;

/// Appearance of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureStyle {
    /// Fit into its area.
    pub fit: Fit,
    /// Left and right are swapped.
    pub mirrored: bool,
    /// Corner radius in points.
    pub corner: f32,
    /// Brightness from 0.0 (black) to 1.0 (unchanged).
    pub brightness: f32,
    /// Each new frame requests a repaint. Other pictures are refreshed when something else is drawn.
    pub drives: bool,
}

/// Names of OpenGL's software renderers: Mesa's, Google's, Microsoft's and Apple's.
const SOFTWARE_RENDERERS: [&str; 7] =
    ["llvmpipe", "softpipe", "swiftshader", "basic render", "gdi generic", "software rasterizer", "software renderer"];

/// Returns whether this context draws on the CPU.
pub fn is_software(gl: &glow::Context) -> bool {
    use glow::HasContext;
    // SAFETY: eframe hands out its context when it is current.
    let renderer = unsafe { gl.get_parameter_string(glow::RENDERER) };
    let is_software = is_software_renderer(&renderer);
    tracing::info!(renderer, is_software, "drawing with OpenGL");
    is_software
}

fn is_software_renderer(renderer: &str) -> bool {
    let renderer = renderer.to_lowercase();
    SOFTWARE_RENDERERS.iter().any(|name| renderer.contains(name))
}

/// Renderer of frames.
#[derive(Clone)]
enum Painter {
    /// In a shader.
    Gpu(Arc<Mutex<Planes>>),
    /// On a thread.
    Cpu(Arc<Worker>, Arc<Mutex<Bitmaps>>),
}

impl Painter {
    fn new(on_cpu: bool, repaints: &Arc<RepaintScheduler>) -> Self {
        if on_cpu {
            let repaints = repaints.clone();
            match Worker::start(Arc::new(move || repaints.wake())) {
                Ok(worker) => return Self::Cpu(Arc::new(worker), Arc::default()),
                Err(error) => tracing::error!(%error, "video worker not started, OpenGL converts instead"),
            }
        }
        Self::Gpu(Arc::default())
    }
}

/// All pictures of the window.
pub struct Videos {
    painter: Painter,
    on_shown: Option<FrameShown>,
    stats: Option<Arc<UiStats>>,
    repaints: Arc<RepaintScheduler>,
    wired: HashMap<PictureId, Wired>,
    controls: Controls,
}

/// Slot that requests repaints.
struct Wired {
    slot: LatestFrame,
    drives: Arc<AtomicBool>,
    used: bool,
}

impl Videos {
    /// Creates an empty set, without touching the GPU. `on_cpu`: OpenGL draws in software.
    pub fn new(
        repaints: Arc<RepaintScheduler>,
        on_cpu: bool,
        stats: Option<Arc<UiStats>>,
        on_shown: Option<FrameShown>,
    ) -> Self {
        Self {
            painter: Painter::new(on_cpu, &repaints),
            on_shown,
            stats,
            repaints,
            wired: HashMap::new(),
            controls: Controls::default(),
        }
    }

    /// Begins a pass: marks all pictures as unused.
    pub fn begin_pass(&mut self) {
        self.wired.values_mut().for_each(|wired| wired.used = false);
    }

    /// Ends a pass: frees the pictures that were not used.
    pub fn end_pass(&mut self) {
        self.wired.retain(|id, wired| {
            if !wired.used {
                wired.slot.on_frame(|| {});
                if let Painter::Gpu(planes) = &self.painter {
                    planes.lock().forget(id);
                }
            }
            wired.used
        });
        if let Painter::Cpu(worker, bitmaps) = &self.painter {
            let gone = worker.retain(|spot| self.wired.contains_key(&spot.id));
            let mut bitmaps = bitmaps.lock();
            gone.iter().for_each(|spot| bitmaps.forget(spot));
        }
        self.repaints.set_videos(self.wired.values().filter(|wired| wired.drives.load(Ordering::Relaxed)).count());
    }

    /// Draws the newest frame of `slot` in `place`. Returns the area it covers; `None` while there is no frame.
    pub fn show(
        &mut self,
        ui: &Ui,
        place: Rect,
        id: &PictureId,
        slot: &LatestFrame,
        style: PictureStyle,
    ) -> Option<Rect> {
        self.wire(id, slot, style.drives);
        let newest = slot.newest()?;
        let request =
            BitmapRequest { place, fit: style.fit, mirrored: style.mirrored, pixels_per_point: ui.pixels_per_point() };
        let (id, opacity) = (id.clone(), ui.opacity());
        match &self.painter {
            Painter::Gpu(planes) => {
                let planes = planes.clone();
                let placed = request.placed(&newest);
                let (counted, frame) = (id.clone(), newest.clone());
                let paint = move |info: &PaintCallbackInfo, gl: &glow::Context| {
                    planes.lock().paint(gl, info, &id, &frame, &placed, &style, opacity)
                };
                Some(self.add(ui, placed.rect, counted, newest, paint))
            }
            Painter::Cpu(worker, bitmaps) => {
                let spot = Spot { id: id.clone(), viewport: ui.ctx().viewport_id() };
                let bitmap = worker.take(&spot, slot, request, style.drives)?;
                let bitmaps = bitmaps.clone();
                let placed = request.placed(&bitmap.frame);
                let frame = bitmap.frame.clone();
                let paint = move |info: &PaintCallbackInfo, gl: &glow::Context| {
                    bitmaps.lock().paint(gl, info, &spot, &bitmap, &placed, &style, opacity)
                };
                Some(self.add(ui, placed.rect, id, frame, paint))
            }
        }
    }

    /// Draws opaque controls over a video. Without a GPU they are pasted while they don't change. `place` lies on whole
    /// pixels; `corner` is the radius of its corners in points.
    pub fn controls(&mut self, ui: &Ui, place: Rect, corner: f32, draw: impl FnOnce()) {
        match &self.painter {
            Painter::Gpu(_) => draw(),
            Painter::Cpu(..) => self.controls.show(ui, place, corner, draw),
        }
    }

    /// Adds a paint callback, which returns whether its frame was new.
    fn add(
        &self,
        ui: &Ui,
        rect: Rect,
        id: PictureId,
        frame: Arc<VideoFrame>,
        paint: impl Fn(&PaintCallbackInfo, &glow::Context) -> bool + Send + Sync + 'static,
    ) -> Rect {
        let (on_shown, stats) = (self.on_shown.clone(), self.stats.clone());
        let callback = move |info: PaintCallbackInfo, painter: &egui_glow::Painter| {
            if !paint(&info, painter.gl()) {
                return;
            }
            if let Some(stats) = &stats {
                stats.count_shown(&id);
            }
            if let Some(on_shown) = &on_shown {
                on_shown(&frame, &id);
            }
        };
        let callback = Arc::new(egui_glow::CallbackFn::new(callback));
        ui.painter().add(PaintCallback { rect, callback });
        rect
    }

    fn wire(&mut self, id: &PictureId, slot: &LatestFrame, drives: bool) {
        if let Some(wired) = self.wired.get_mut(id)
            && wired.slot == *slot
        {
            wired.used = true;
            wired.drives.store(drives, Ordering::Relaxed);
            return;
        }
        let flag = Arc::new(AtomicBool::new(drives));
        match &self.painter {
            Painter::Gpu(_) => {
                let (repaints, wakes) = (self.repaints.clone(), flag.clone());
                slot.on_frame(move || {
                    if wakes.load(Ordering::Relaxed) {
                        repaints.wake();
                    }
                });
            }
            Painter::Cpu(worker, _) => slot.on_frame(worker.notifier()),
        }
        let wired = Wired { slot: slot.clone(), drives: flag, used: true };
        if let Some(old) = self.wired.insert(id.clone(), wired) {
            old.slot.on_frame(|| {});
        }
    }

    /// Frees all GPU resources when the window closes.
    pub fn destroy(&mut self, gl: &glow::Context) {
        match &self.painter {
            Painter::Gpu(planes) => planes.lock().destroy(gl),
            Painter::Cpu(_, bitmaps) => bitmaps.lock().destroy(gl),
        }
        self.controls.destroy(gl);
    }
}

impl Drop for Videos {
    fn drop(&mut self) {
        // The slots may outlive the window and must not wake it any more.
        self.wired.values().for_each(|wired| wired.slot.on_frame(|| {}));
    }
}

// The tests use EGL without a window, which only Linux has.
#[cfg(all(test, target_os = "linux"))]
mod tests;
