//! Cameras: one thread watches over another, which reads frames and may block for ever in a driver.
//!
//! ```text
//! supervisor ── starts ──> capture thread (one attempt): open, then frame after frame ──> on_frame
//!     └── no frame for 3 s, an error, unplugged: gives the attempt up and starts the next ──> on_state
//! ```
//!
//! Dropping a [`Camera`] only says so: a capture thread that is stuck in its driver is woken where the system allows
//! (Linux) and left behind where it doesn't, and can't deliver a frame any more in either case.

mod format;
mod interrupt;
mod native;
mod supervisor;
#[cfg(target_os = "linux")]
mod v4l2;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use autamedica_engine::VideoFrame;

pub use format::CameraFormat;
pub use native::list_cameras;

use super::test_card::{CardStyle, TestCard};
use super::{DeviceChoice, DeviceProblem, DeviceState};

/// An open camera. The seam behind which nokhwa can be replaced.
pub trait CameraStream {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// Waits for the next frame; may block for as long as the driver likes.
    ///
    /// # Errors
    /// What ended the stream.
    fn next_frame(&mut self) -> Result<VideoFrame, DeviceProblem>;
}

/// Opens cameras, on the thread that will read from them.
type Open = Arc<dyn Fn() -> Result<Box<dyn CameraStream>, DeviceProblem> + Send + Sync>;

/// A running camera; dropping it stops it, at once.
#[derive(Debug)]
pub struct Camera {
    stopped: Arc<AtomicBool>,
    supervisor: Option<mpsc::Sender<supervisor::Event>>,
}

impl Camera {
    /// Starts the camera of this choice, in its format nearest to `wanted`; `card` is how [`DeviceChoice::Test`] looks.
    ///
    /// Returns at once. `on_frame` is called from the camera's thread for each frame, with the capture time in µs since
    /// 1970; `on_state` on each change from now on. An unplugged, busy or missing camera is tried again every two
    /// seconds. Neither is called any more once the camera is dropped, except for a call already under way.
    pub fn open(
        choice: DeviceChoice,
        wanted: CameraFormat,
        card: CardStyle,
        on_frame: impl FnMut(Arc<VideoFrame>) + Send + 'static,
        on_state: impl Fn(DeviceState) + Send + Sync + 'static,
    ) -> Self {
        let open: Open = match choice {
            DeviceChoice::None => {
                on_state(DeviceState::Off);
                return Self { stopped: Arc::default(), supervisor: None };
            }
            DeviceChoice::Test => Arc::new(move || Ok(Box::new(TestCard::new(wanted, &card)))),
            DeviceChoice::Default | DeviceChoice::Named(_) => Arc::new(move || native::open(&choice, wanted)),
        };
        let stopped = Arc::<AtomicBool>::default();
        let events = supervisor::start(open, Arc::clone(&stopped), Box::new(on_frame), Box::new(on_state));
        Self { stopped, supervisor: events }
    }
}

impl Drop for Camera {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Release);
        if let Some(supervisor) = &self.supervisor {
            // It has ended already when this fails.
            let _ = supervisor.send(supervisor::Event::Stop);
        }
    }
}
