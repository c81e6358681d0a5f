//! Cameras through nokhwa: V4L2, AVFoundation, Media Foundation.

use std::time::Duration;

use autamedica_engine::VideoFrame;
use nokhwa::utils::{ApiBackend, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Buffer, NokhwaError};

use super::format::ranked;
use super::{CameraFormat, CameraStream};
use crate::device::clock::now_us;
use crate::device::i420::{PixelFormat, to_i420};
use crate::device::{DeviceChoice, DeviceProblem, by_name, mjpeg};

/// Every format that we can convert.
const FORMATS: [FrameFormat; 6] = [
    FrameFormat::NV12,
    FrameFormat::YUYV,
    FrameFormat::MJPEG,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
    FrameFormat::GRAY,
];

/// So many damaged frames in a row end the stream. Single ones are usual with USB cameras.
const MAX_DAMAGED: u32 = 60;

/// The names of this machine's cameras, in the system's order, each once. Asks the system: not for the UI thread.
pub fn list_cameras() -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for camera in query() {
        // A USB camera has several nodes of one name, of which only one delivers pictures.
        if !names.contains(&camera.human_name()) {
            names.push(camera.human_name());
        }
    }
    names
}

fn query() -> Vec<CameraInfo> {
    let mut cameras = nokhwa::query(ApiBackend::Auto).unwrap_or_else(|error| {
        tracing::warn!(%error, "cameras can't be listed");
        Vec::new()
    });
    cameras.sort_by_key(|camera| camera.index().as_index().unwrap_or(u32::MAX));
    cameras
}

/// Opens the chosen camera, or by default the first that can be used.
///
/// # Errors
/// Why the best candidate failed: busy and denied say more than unsupported.
pub(super) fn open(choice: &DeviceChoice, wanted: CameraFormat) -> Result<Box<dyn CameraStream>, DeviceProblem> {
    ask_permission()?;
    let mut cameras = query();
    if let DeviceChoice::Named(name) = choice {
        cameras = by_name(cameras, name, CameraInfo::human_name);
    }
    let mut problem = DeviceProblem::NotFound;
    for camera in cameras {
        match NativeCamera::open(&camera, wanted) {
            Ok(stream) => return Ok(Box::new(stream)),
            Err(error) => {
                tracing::debug!(camera = camera.human_name(), %error, "camera can't be used");
                let found = problem_of(&error);
                if problem == DeviceProblem::NotFound || matches!(found, DeviceProblem::Busy | DeviceProblem::Denied) {
                    problem = found;
                }
            }
        }
    }
    Err(problem)
}

/// macOS lets the person decide first: denied until they have, and found out at a later try. Elsewhere always granted.
fn ask_permission() -> Result<(), DeviceProblem> {
    static ASK: std::sync::Once = std::sync::Once::new();
    if cfg!(target_os = "macos") && !nokhwa::nokhwa_check() {
        ASK.call_once(|| nokhwa::nokhwa_initialize(|granted| tracing::info!(granted, "permission to use cameras")));
        return Err(DeviceProblem::Denied);
    }
    Ok(())
}

/// nokhwa gives the system's error as text only; the numbers are Linux's, the words macOS' and Windows'.
fn problem_of(error: &NokhwaError) -> DeviceProblem {
    let text = error.to_string().to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if says(&["os error 16)", "in use", "busy", "locked by"]) {
        DeviceProblem::Busy
    } else if says(&["os error 13)", "os error 1)", "denied", "authoriz", "permission"]) {
        DeviceProblem::Denied
    } else if says(&["os error 19)", "os error 6)", "os error 2)", "disconnected", "not found", "invalidated"]) {
        DeviceProblem::NotFound
    } else if says(&[
        "fufill",
        "fulfill",
        "rejected",
        "unsupported",
        "not whole number",
        "os error 25)",
        "os error 22)",
    ]) {
        DeviceProblem::Unsupported
    } else {
        DeviceProblem::Failed
    }
}

struct NativeCamera {
    camera: nokhwa::Camera,
    name: String,
}

impl NativeCamera {
    fn open(info: &CameraInfo, wanted: CameraFormat) -> Result<Self, NokhwaError> {
        let index: CameraIndex = info.index().clone();
        // nokhwa lists formats of an opened camera only, and its own search for the closest skips most of them: open
        // it in whatever format comes first, then choose.
        let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
        let mut camera = nokhwa::Camera::new(index, any)?;
        let formats = camera.compatible_camera_formats().unwrap_or_default();
        let best = ranked(formats, wanted).into_iter().find(|format| {
            *format == camera.camera_format()
                || camera
                    .set_camera_requset(RequestedFormat::with_formats(RequestedFormatType::Exact(*format), &FORMATS))
                    .inspect_err(|error| tracing::debug!(%format, %error, "the camera refuses its own format"))
                    .is_ok()
        });
        camera.open_stream()?;
        let name = info.human_name();
        tracing::info!(camera = name, format = %best.unwrap_or(camera.camera_format()), "camera opened");
        Ok(Self { camera, name })
    }
}

impl CameraStream for NativeCamera {
    fn name(&self) -> &str {
        &self.name
    }

    fn next_frame(&mut self) -> Result<VideoFrame, DeviceProblem> {
        for _ in 0..MAX_DAMAGED {
            let buffer = self.camera.frame().map_err(|error| {
                tracing::info!(camera = self.name, %error, "camera stopped");
                match problem_of(&error) {
                    DeviceProblem::NotFound => DeviceProblem::Unplugged,
                    problem => problem,
                }
            })?;
            if let Some(frame) = convert(&buffer) {
                return Ok(frame);
            }
            tracing::trace!(camera = self.name, "damaged frame");
        }
        Err(DeviceProblem::Unsupported)
    }
}

fn convert(buffer: &Buffer) -> Option<VideoFrame> {
    let captured = buffer.capture_timestamp().map(|since: Duration| since.as_micros());
    let timestamp_us = captured.and_then(|us| i64::try_from(us).ok()).unwrap_or_else(now_us);
    let format = match buffer.source_frame_format() {
        FrameFormat::MJPEG => return mjpeg::decode(buffer.buffer(), timestamp_us),
        FrameFormat::YUYV => PixelFormat::Yuyv,
        FrameFormat::NV12 => PixelFormat::Nv12,
        FrameFormat::GRAY => PixelFormat::Gray,
        FrameFormat::RAWRGB => PixelFormat::Rgb,
        FrameFormat::RAWBGR => PixelFormat::Bgr,
    };
    let (width, height) = (buffer.resolution().width(), buffer.resolution().height());
    to_i420(format, buffer.buffer(), format.row_len(width as usize), width, height, timestamp_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_are_told_apart_by_the_systems_words() {
        let opening = |text: &str| problem_of(&NokhwaError::OpenDeviceError("0".into(), text.into()));
        assert_eq!(opening("V4L2 Error: Device or resource busy (os error 16)"), DeviceProblem::Busy);
        assert_eq!(opening("V4L2 Error: Permission denied (os error 13)"), DeviceProblem::Denied);
        assert_eq!(opening("V4L2 Error: No such file or directory (os error 2)"), DeviceProblem::NotFound);
        assert_eq!(opening("V4L2 Error: No such device (os error 19)"), DeviceProblem::NotFound);
        assert_eq!(opening("something else (os error 5)"), DeviceProblem::Failed);
        let unfit = NokhwaError::GetPropertyError { property: "CameraFormat".into(), error: "Failed to Fufill".into() };
        assert_eq!(problem_of(&unfit), DeviceProblem::Unsupported);
    }
}
