//! Which of a camera's formats to take.

use nokhwa::utils::{CameraFormat as NativeFormat, FrameFormat};

#[cfg(target_os = "linux")]
use crate::device::i420::PixelFormat;

/// The picture we would like from a camera.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CameraFormat {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
}

impl Default for CameraFormat {
    /// 1280x720 at 30 frames a second.
    fn default() -> Self {
        Self { width: 1280, height: 720, fps: 30 }
    }
}

/// What a format costs to convert, from 0; without colour it is only taken when there is nothing else.
const NO_COLOUR: u32 = 1_000;

/// The formats of a camera through nokhwa, the best for us first.
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

/// Sorts formats, the best for us first.
///
/// The order of what matters: enough frames a second (motion that judders is worse than a smaller picture), then the
/// size nearest to the wanted one, then the format that costs least to convert.
pub(super) fn rank(offer: CameraFormat, cost: u32, wanted: CameraFormat) -> impl Ord + use<> {
    let missing_fps = (wanted.fps * 4 / 5).saturating_sub(offer.fps);
    let pixels = |format: CameraFormat| i64::from(format.width) * i64::from(format.height);
    let size = (pixels(offer) - pixels(wanted)).abs();
    let shape =
        (i64::from(offer.width) * i64::from(wanted.height) - i64::from(offer.height) * i64::from(wanted.width)).abs();
    (cost >= NO_COLOUR, missing_fps, size, shape, offer.fps.abs_diff(wanted.fps), cost)
}

/// What an uncompressed or JPEG picture costs to convert, for [`rank`].
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
        // A usual USB camera: YUYV is too slow for 720p, so MJPEG it is.
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
