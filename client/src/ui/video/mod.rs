//! Pictures on screen: three plane textures and one shader, painted inside egui's own pass.
//!
//! The UI thread only decides where a picture goes. Its planes are uploaded, and its colours converted, in the paint
//! callback, and only when the slot holds a frame that isn't on the GPU yet.

mod fit;
mod gl;
mod shader;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use autamedica_engine::{LatestFrame, VideoFrame};
use eframe::egui_glow::{self, glow};
use egui::{PaintCallback, Rect, Ui};
use parking_lot::Mutex;

use super::pace::Pace;
use super::stats::UiStats;
pub use fit::Fit;
use gl::Renderer;

/// Whose picture, and of what.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PictureId {
    /// The participant's identity; empty for ourselves.
    pub identity: String,
    /// What of theirs.
    pub kind: PictureKind,
}

/// What a picture shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// A participant's camera.
    Camera,
    /// A participant's screen.
    Screen,
    /// Our own camera, before it is sent.
    SelfView,
}

/// Called on the UI thread once for each new frame that was painted; must return at once.
pub type FrameShown = Arc<dyn Fn(&VideoFrame, &PictureId) + Send + Sync>;

/// How a picture is drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// How it fills its place.
    pub fit: Fit,
    /// Left and right swapped, as in a mirror.
    pub mirrored: bool,
    /// Corner radius, in points.
    pub corner: f32,
    /// 1.0 as it is, 0.0 black.
    pub brightness: f32,
    /// Each of its frames is worth a repaint of its own. Otherwise it is refreshed when something else is drawn.
    pub drives: bool,
}

/// All pictures of the window.
pub struct Videos {
    renderer: Arc<Mutex<Renderer>>,
    on_shown: Option<FrameShown>,
    stats: Arc<UiStats>,
    pace: Arc<Pace>,
    wired: HashMap<PictureId, Wired>,
}

/// A slot that wakes us.
struct Wired {
    slot: LatestFrame,
    drives: Arc<AtomicBool>,
    used: bool,
}

impl Videos {
    /// None yet. Nothing of the GPU is touched before the first picture.
    pub fn new(pace: Arc<Pace>, stats: Arc<UiStats>, on_shown: Option<FrameShown>) -> Self {
        Self { renderer: Arc::default(), on_shown, stats, pace, wired: HashMap::new() }
    }

    /// A pass begins: no picture is used yet.
    pub fn begin_pass(&mut self) {
        self.wired.values_mut().for_each(|wired| wired.used = false);
    }

    /// A pass is over: what it didn't use stops waking us and gives its textures back.
    pub fn end_pass(&mut self) {
        self.wired.retain(|id, wired| {
            if !wired.used {
                wired.slot.on_frame(|| {});
                self.renderer.lock().forget(id);
            }
            wired.used
        });
        self.pace.set_videos(self.wired.values().filter(|wired| wired.drives.load(Ordering::Relaxed)).count());
    }

    /// Draws the newest frame of `slot` in `place`, and returns where it lies within; `None` while there is none.
    pub fn show(&mut self, ui: &Ui, place: Rect, id: &PictureId, slot: &LatestFrame, look: Look) -> Option<Rect> {
        self.wire(id, slot, look.drives);
        let frame = slot.newest()?;
        let placed = fit::place(&frame, place, look.fit, look.mirrored, ui.pixels_per_point());
        let (renderer, on_shown, stats) = (self.renderer.clone(), self.on_shown.clone(), self.stats.clone());
        let id = id.clone();
        let opacity = ui.opacity();
        let callback = move |info: egui::PaintCallbackInfo, painter: &egui_glow::Painter| {
            let is_new = renderer.lock().paint(painter.gl(), &info, &id, &frame, &placed, look, opacity);
            if is_new {
                stats.count_shown(&id);
                if let Some(on_shown) = &on_shown {
                    on_shown(&frame, &id);
                }
            }
        };
        let callback = Arc::new(egui_glow::CallbackFn::new(callback));
        ui.painter().add(PaintCallback { rect: placed.rect, callback });
        Some(placed.rect)
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
        let (pace, wakes) = (self.pace.clone(), flag.clone());
        slot.on_frame(move || {
            if wakes.load(Ordering::Relaxed) {
                pace.wake();
            }
        });
        let wired = Wired { slot: slot.clone(), drives: flag, used: true };
        if let Some(old) = self.wired.insert(id.clone(), wired) {
            old.slot.on_frame(|| {});
        }
    }

    /// Frees everything on the GPU; the window is going away.
    pub fn destroy(&mut self, gl: &glow::Context) {
        self.renderer.lock().destroy(gl);
    }
}

impl Drop for Videos {
    fn drop(&mut self) {
        // The slots may outlive the window, which they must not wake any more.
        self.wired.values().for_each(|wired| wired.slot.on_frame(|| {}));
    }
}
