//! Cameras: a supervisor thread watches a capture thread, which may block forever in a driver.
//!
//! ```text
//! supervisor ── starts ──> capture thread (one attempt): open, then frame after frame ──> on_frame
//!     └── no frame for 3 s, an error, unplugged: abandons the attempt and starts the next ──> on_state
//! ```
//!
//! Dropping a [`Camera`] does not wait. A capture thread that is blocked in its driver is interrupted where the system
//! allows it (Linux) and abandoned elsewhere. In either case it delivers no more frames.

mod format;
mod interrupt;
mod native;
mod stream;
mod supervisor;
#[cfg(target_os = "linux")]
mod v4l2;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;

use autamedica_engine::VideoFrame;

pub use format::CameraFormat;
pub use native::list_cameras;
pub(crate) use native::{FoundCamera, find_cameras};
pub use stream::CameraStream;

use stream::Open;

use super::test_card::{CardStyle, TestCard};
use super::{DeviceChoice, DeviceState};

/// Running camera. Dropping it stops it at once.
#[derive(Debug)]
pub struct Camera {
    stopped: Arc<AtomicBool>,
    supervisor: Option<mpsc::Sender<supervisor::Event>>,
}

impl Camera {
    /// Starts a camera in its format nearest to `wanted`; `card` is the style of [`DeviceChoice::Test`].
    ///
    /// Returns at once. `on_frame` is called on the camera's thread for each frame, with the capture time in µs since
    /// 1970; `on_state` on each change. An unplugged, busy or missing camera is retried every two seconds. After
    /// dropping the camera only a call already running completes.
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
            DeviceChoice::Default | DeviceChoice::Named(_) | DeviceChoice::Known { .. } => {
                Arc::new(move || native::open(&choice, wanted))
            }
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
            // Fails only if it has already ended.
            let _ = supervisor.send(supervisor::Event::Stop);
        }
    }
}
