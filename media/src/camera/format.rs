//! Selection of a camera's format.

use nokhwa::utils::{CameraFormat as NativeFormat, FrameFormat};

#[cfg(target_os = "linux")]
use crate::i420::PixelFormat;

/// Format of a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraFormat {
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// Frames per second.
    pub fps: u32,
}

impl Default for CameraFormat {
    /// 1280x720 at 30 frames a second.
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30 }
    }
}

/// Conversion cost of formats without colour, which are the last resort.
const NO_COLOUR: u32 = 1_000;

/// Sorts formats of nokhwa, best first.
pub(super) fn ranked(mut formats: Vec<NativeFormat>, wanted: CameraFormat) -> Vec<NativeFormat> {
    formats.sort_by_key(|format| {
        let cost = match format.format() {
            FrameFormat::NV12 => 0,
            FrameFormat::YUYV => 1,
            FrameFormat::RAWRGB | FrameFormat::RAWBGR => 2,
            FrameFormat::MJPEG => 3,
            FrameFormat::GRAY => NO_COLOUR,
        };
        let offer = CameraFormat { width: format.width(), height: format.height(), fps: format.frame_rate() };
        rank(offer, cost, wanted)
    });
    formats
}

/// Returns a sort key of formats, best first.
///
/// Frame rate comes first (judder is worse than a smaller picture), then the distance from the wanted size, then the
/// cost of conversion.
pub(super) fn rank(offer: CameraFormat, cost: u32, wanted: CameraFormat) -> impl Ord + use<> {
    let missing_fps = (wanted.fps * 4 / 5).saturating_sub(offer.fps);
    let pixels = |format: CameraFormat| i64::from(format.width) * i64::from(format.height);
    let size = (pixels(offer) - pixels(wanted)).abs();
    let shape =
        (i64::from(offer.width) * i64::from(wanted.height) - i64::from(offer.height) * i64::from(wanted.width)).abs();
    (cost >= NO_COLOUR, missing_fps, size, shape, offer.fps.abs_diff(wanted.fps), cost)
}

/// Returns the conversion cost of an uncompressed format or JPEG (`None`), for [`rank`].
#[cfg(target_os = "linux")]
pub(super) fn cost(format: Option<PixelFormat>) -> u32 {
    use PixelFormat::{Gray, Nv12, Nv21, Uyvy, Yu12, Yuyv, Yv12, Yvyu};
    match format {
        Some(Nv12 | Nv21 | Yu12 | Yv12) => 0,
        Some(Yuyv | Yvyu | Uyvy) => 1,
        Some(Gray) => NO_COLOUR,
        Some(_) => 2,
        None => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(formats: &[(u32, u32, FrameFormat, u32)]) -> (u32, u32, FrameFormat, u32) {
        let formats = formats.iter().map(|(w, h, f, fps)| NativeFormat::new_from(*w, *h, *f, *fps)).collect();
        let best = ranked(formats, CameraFormat::default())[0];
        (best.width(), best.height(), best.format(), best.frame_rate())
    }

    #[test]
    fn frame_rate_comes_before_size_before_cost() {
        use FrameFormat::{GRAY, MJPEG, NV12, YUYV};
        // A typical USB camera: YUYV is too slow for 720p, so MJPEG is selected.
        let usb = [(640, 480, YUYV, 30), (1280, 720, YUYV, 10), (1280, 720, MJPEG, 30), (1920, 1080, MJPEG, 30)];
        assert_eq!(best(&usb), (1280, 720, MJPEG, 30));
        assert_eq!(
            best(&[(1280, 720, MJPEG, 30), (1280, 720, NV12, 30), (1280, 720, YUYV, 60)]),
            (1280, 720, NV12, 30)
        );
        assert_eq!(best(&[(640, 480, YUYV, 30), (1280, 720, YUYV, 10)]), (640, 480, YUYV, 30));
        assert_eq!(best(&[(1280, 720, GRAY, 30), (320, 240, MJPEG, 15)]), (320, 240, MJPEG, 15));
        assert_eq!(best(&[(1280, 720, YUYV, 60), (1280, 720, YUYV, 25)]), (1280, 720, YUYV, 25));
    }
}
