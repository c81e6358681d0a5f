//! Thread that converts frames to the display's colours where there is no GPU.
//!
//! It converts the newest frame of a picture once the UI has taken the previous one. No frame is queued, and a window
//! that isn't drawn costs nothing.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use autamedica_call::Wake;
use autamedica_engine::{LatestFrame, VideoFrame, VideoRotation};
use autamedica_pixels::{ConvertError, Converter, Crop, I420, Plane, Turn};
use egui::{Rect, ViewportId};
use parking_lot::{Condvar, Mutex};

use super::PictureId;
use super::fit::{self, Fit, MINIFIED_FROM, Placed};

/// Side of a frame from which it is always shrunk to its tile: software renderers support textures of 8192 pixels at
/// least.
const MAX_WHOLE_SIDE: u32 = 4096;

/// Picture in one of the windows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Spot {
    pub id: PictureId,
    pub viewport: ViewportId,
}

/// Area and appearance that the UI requests.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct BitmapRequest {
    pub place: Rect,
    pub fit: Fit,
    pub mirrored: bool,
    pub pixels_per_point: f32,
}

impl BitmapRequest {
    /// Places `frame` as wanted.
    pub fn placed(&self, frame: &VideoFrame) -> Placed {
        fit::place(frame, self.place, self.fit, self.mirrored, self.pixels_per_point)
    }
}

/// Pixels of a bitmap.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Shape {
    /// All of the frame, which OpenGL crops and interpolates: no layout needs another conversion.
    Whole {
        /// Size of the upright frame.
        size: [u32; 2],
        turn: Turn,
    },
    /// Visible part in screen pixels, for a scale at which interpolation would be coarse.
    Shrunk {
        /// Size of the tile.
        size: [u32; 2],
        turn: Turn,
        crop: Crop,
    },
}

impl Shape {
    /// Returns the shape of `frame` for this place, which is empty when its size has a zero.
    fn new(frame: &VideoFrame, placed: &Placed, request: &BitmapRequest) -> Self {
        let [width, height] = [frame.width(), frame.height()];
        let turn = turn(frame.rotation, request.mirrored);
        if placed.minified < MINIFIED_FROM && width.max(height) <= MAX_WHOLE_SIDE {
            return Self::Whole { size: if turn.swapped { [height, width] } else { [width, height] }, turn };
        }
        let tile = placed.rect.size() * request.pixels_per_point;
        let [start, end] = [placed.uv[0], placed.uv[3]];
        let side = |from: f32, to: f32, size: u32| {
            let (size, from, to) = (f64::from(size), f64::from(from.min(to)), f64::from(from.max(to)));
            let start = (from * size).clamp(0.0, size);
            (start, ((to - from) * size).min(size - start))
        };
        let (left, width) = side(start.x, end.x, width);
        let (top, height) = side(start.y, end.y, height);
        let size = [tile.x.round() as u32, tile.y.round() as u32];
        Self::Shrunk { size, turn, crop: Crop { left, top, width, height } }
    }

    /// Returns width and height of the bitmap.
    pub fn size(&self) -> [u32; 2] {
        match self {
            Self::Whole { size, .. } | Self::Shrunk { size, .. } => *size,
        }
    }
}

/// Returns the turn that makes a frame upright, and mirrors it if wanted.
fn turn(rotation: VideoRotation, mirrored: bool) -> Turn {
    let (swapped, reversed_columns, reversed_rows) = match rotation {
        VideoRotation::Rotation0 => (false, false, false),
        VideoRotation::Rotation90 => (true, false, true),
        VideoRotation::Rotation180 => (false, true, true),
        VideoRotation::Rotation270 => (true, true, false),
    };
    Turn {
        swapped,
        reversed_columns: reversed_columns ^ (mirrored && !swapped),
        reversed_rows: reversed_rows ^ (mirrored && swapped),
    }
}

/// Frame in the display's colours.
pub(super) struct Bitmap {
    pub frame: Arc<VideoFrame>,
    pub shape: Shape,
    /// Packed BGRA rows.
    pub pixels: Vec<u8>,
    /// Unique number of the bitmap.
    pub serial: u64,
}

/// Handle of the thread, which ends when this is dropped.
pub(super) struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    wake: Wake,
}

#[derive(Default)]
struct State {
    pictures: HashMap<Spot, Picture>,
    serial: u64,
    stopped: bool,
}

struct Picture {
    slot: LatestFrame,
    request: BitmapRequest,
    /// Each bitmap requests a repaint.
    drives: bool,
    bitmap: Option<Arc<Bitmap>>,
    /// The UI has drawn the bitmap.
    taken: bool,
    /// Last conversion, successful or not.
    tried: Option<(Arc<VideoFrame>, Shape)>,
    spare: Vec<u8>,
}

struct Job {
    spot: Spot,
    slot: LatestFrame,
    frame: Arc<VideoFrame>,
    shape: Shape,
    pixels: Vec<u8>,
}

impl Worker {
    /// Starts the thread. `wake` is called on it when a bitmap is worth a repaint.
    ///
    /// # Errors
    /// The system has no more threads.
    pub fn start(wake: Wake) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), changed: Condvar::new(), wake });
        let worker = shared.clone();
        std::thread::Builder::new().name("video pixels".into()).spawn(move || worker.run())?;
        Ok(Self { shared })
    }

    /// Returns a function to call when a slot has a new frame. It returns at once.
    pub fn notifier(&self) -> impl Fn() + Send + Sync + 'static {
        let shared = self.shared.clone();
        move || shared.notify()
    }

    /// Returns the newest bitmap of a picture, and requests the next one as `request`.
    pub fn take(&self, spot: &Spot, slot: &LatestFrame, request: BitmapRequest, drives: bool) -> Option<Arc<Bitmap>> {
        let mut state = self.shared.state.lock();
        let same = state.pictures.get_mut(spot).filter(|picture| picture.slot == *slot);
        let bitmap = match same {
            Some(picture) => {
                (picture.request, picture.drives, picture.taken) = (request, drives, true);
                picture.bitmap.clone()
            }
            None => {
                let slot = slot.clone();
                let picture =
                    Picture { slot, request, drives, bitmap: None, taken: true, tried: None, spare: Vec::new() };
                state.pictures.insert(spot.clone(), picture);
                None
            }
        };
        drop(state);
        self.shared.changed.notify_one();
        bitmap
    }

    /// Drops the pictures that `keep` rejects, and returns them.
    pub fn retain(&self, keep: impl Fn(&Spot) -> bool) -> Vec<Spot> {
        let mut state = self.shared.state.lock();
        let gone: Vec<_> = state.pictures.keys().filter(|spot| !keep(spot)).cloned().collect();
        gone.iter().for_each(|spot| drop(state.pictures.remove(spot)));
        gone
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.shared.state.lock().stopped = true;
        self.shared.notify();
    }
}

impl Shared {
    fn notify(&self) {
        // The worker holds the lock from looking for work until it waits, so it can't miss the notification.
        drop(self.state.lock());
        self.changed.notify_one();
    }

    fn run(&self) {
        let mut converter = Converter::default();
        while let Some(mut job) = self.next_job() {
            let converted = catch_unwind(AssertUnwindSafe(|| job.convert(&mut converter)));
            let failure = match converted {
                Ok(Ok(())) => None,
                Ok(Err(error)) => Some(error.to_string()),
                Err(_) => {
                    converter = Converter::default();
                    Some("panicked".to_owned())
                }
            };
            if let Some(error) = &failure {
                tracing::error!(error, "frame not converted");
            }
            if self.finish(job, failure.is_none()) {
                (self.wake)();
            }
        }
    }

    /// Waits for a frame to convert; returns `None` when the thread is to end.
    fn next_job(&self) -> Option<Job> {
        let mut state = self.state.lock();
        loop {
            if state.stopped {
                return None;
            }
            if let Some(job) = state.pictures.iter_mut().find_map(|(spot, picture)| picture.job(spot)) {
                return Some(job);
            }
            self.changed.wait(&mut state);
        }
    }

    /// Hands the bitmap over, and returns whether it is worth a repaint.
    fn finish(&self, job: Job, converted: bool) -> bool {
        let mut state = self.state.lock();
        state.serial += 1;
        let serial = state.serial;
        let Some(picture) = state.pictures.get_mut(&job.spot).filter(|picture| picture.slot == job.slot) else {
            return false;
        };
        if !converted {
            picture.spare = job.pixels;
            return false;
        }
        let bitmap = Bitmap { frame: job.frame, shape: job.shape, pixels: job.pixels, serial };
        let before = picture.bitmap.replace(Arc::new(bitmap));
        let reshaped = before.as_ref().is_none_or(|before| before.shape != job.shape);
        if let Some(before) = before.and_then(Arc::into_inner) {
            picture.spare = before.pixels;
        }
        picture.taken = false;
        picture.drives || reshaped
    }
}

impl Picture {
    /// Returns the next conversion, if one is due.
    fn job(&mut self, spot: &Spot) -> Option<Job> {
        if !self.taken {
            return None;
        }
        let frame = self.slot.newest()?;
        let shape = Shape::new(&frame, &self.request.placed(&frame), &self.request);
        // A picture of extreme proportions has no pixel in a small place.
        if shape.size().contains(&0) {
            return None;
        }
        if self.tried.as_ref().is_some_and(|(tried, as_shape)| Arc::ptr_eq(tried, &frame) && *as_shape == shape) {
            return None;
        }
        self.tried = Some((frame.clone(), shape));
        let (slot, pixels) = (self.slot.clone(), std::mem::take(&mut self.spare));
        Some(Job { spot: spot.clone(), slot, frame, shape, pixels })
    }
}

impl Job {
    fn convert(&mut self, converter: &mut Converter) -> Result<(), ConvertError> {
        let planes = self.frame.planes().map(|plane| Plane { data: plane.data, stride: plane.stride });
        let (width, height) = (self.frame.width(), self.frame.height());
        let (size, turn, crop) = match self.shape {
            Shape::Whole { size, turn } => {
                let crop = Crop { left: 0.0, top: 0.0, width: width.into(), height: height.into() };
                (size, turn, crop)
            }
            Shape::Shrunk { size, turn, crop } => (size, turn, crop),
        };
        converter.convert(&I420 { planes, width, height }, crop, turn, size, &mut self.pixels)
    }
}
