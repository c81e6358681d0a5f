//! Cameras, microphones, speakers and screens, each of which may be unplugged and replugged.
//!
//! Each device is opened with a [`DeviceChoice`] and callbacks, runs on its own thread, reports a [`DeviceState`] on
//! each change, and stops when it is dropped, which never waits for a driver. Independent of calls and the UI.
//!
//! Cost (CPU time of one thread, dev profile; `cargo test --test devices cost -- --ignored --nocapture`):
//!
//! | work | each | of a core |
//! | --- | --- | --- |
//! | test card, 1280x720 at 30 a second | 0.36 ms | 1.1 % |
//! | reading its time code | 0.012 ms | 0.04 % |
//! | YUYV, NV12, decoded JPEG to I420, 1280x720 at 30 a second | 0.57, 0.30, 0.73 ms | 1.7, 0.9, 2.2 % |
//! | RGB or BGRX (screens) to I420, 1280x720 at 30 a second | 2.3 ms | 6.8 % |
//! | mixing four streams, 10 ms | 0.004 ms | 0.04 % |
//! | detecting the tone of the last second | 0.5 ms | on request |

pub mod audio;
mod awake;
mod camera;
mod clock;
mod colours;
mod device;
mod i420;
mod lists;
mod mjpeg;
mod scale;
mod screen;
mod test_card;
mod thread;
pub mod timecode;

pub use awake::Awake;
pub use camera::{Camera, CameraFormat, CameraStream, list_cameras};
pub use clock::now_us;
pub use device::{DeviceChoice, DeviceProblem, DeviceState};
pub use i420::{PixelFormat, to_i420};
pub use lists::{DeviceKind, DeviceLists, DeviceWatch};
pub use scale::shrink;
pub use screen::{
    Screen, ScreenInfo, ScreenOptions, ScreenSource, Screens, Shareable, WindowInfo, capture_needs_permission,
    list_screens, list_windows,
};
pub use test_card::{CardStyle, TestCard};
