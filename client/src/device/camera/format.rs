//! Which of a camera's formats to take.

use nokhwa::utils::{CameraFormat as NativeFormat, FrameFormat};

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

/// The camera's formats, the best for us first.
///
/// The order of what matters: enough frames a second (motion that judders is worse than a smaller picture), then the
/// size nearest to the wanted one, then the format that costs least to convert.
pub(super) fn ranked(mut formats: Vec<NativeFormat>, wanted: CameraFormat) -> Vec<NativeFormat> {
    formats.sort_by_key(|format| {
        let missing_fps = (wanted.fps * 4 / 5).saturating_sub(format.frame_rate());
        let pixels = |width: u32, height: u32| i64::from(width) * i64::from(height);
        let size = (pixels(format.width(), format.height()) - pixels(wanted.width, wanted.height)).abs();
        let shape = (i64::from(format.width()) * i64::from(wanted.height)
            - i64::from(format.height()) * i64::from(wanted.width))
        .abs();
        let cost = match format.format() {
            FrameFormat::NV12 => 0,
            FrameFormat::YUYV => 1,
            FrameFormat::RAWRGB | FrameFormat::RAWBGR => 2,
            FrameFormat::MJPEG => 3,
            // Without colour: only when there is nothing else.
            FrameFormat::GRAY => 1_000,
        };
        (cost >= 1_000, missing_fps, size, shape, format.frame_rate().abs_diff(wanted.fps), cost)
    });
    formats
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
