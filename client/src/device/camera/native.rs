//! Cameras through nokhwa: V4L2, AVFoundation, Media Foundation.

use std::time::Duration;

use autamedica_engine::VideoFrame;
use nokhwa::utils::{ApiBackend, CameraIndex, CameraInfo, FrameFormat, RequestedFormat, RequestedFormatType};
use nokhwa::{Buffer, NokhwaError};

use super::format::ranked;
#[cfg(target_os = "linux")]
use super::v4l2;
use super::{CameraFormat, CameraStream};
use crate::device::clock::now_us;
use crate::device::i420::{PixelFormat, to_i420};
use crate::device::{DeviceChoice, DeviceProblem, by_name, mjpeg, named};

/// Formats that can be converted.
const FORMATS: [FrameFormat; 6] = [
    FrameFormat::NV12,
    FrameFormat::YUYV,
    FrameFormat::MJPEG,
    FrameFormat::RAWRGB,
    FrameFormat::RAWBGR,
    FrameFormat::GRAY,
];

/// Maximum number of damaged frames in a row. Single ones are common with USB cameras.
pub(super) const MAX_DAMAGED: u32 = 60;

/// Camera of this machine.
struct Found {
    /// Name, numbered if others have the same: "C920 (2)".
    name: String,
    /// Device nodes. A USB camera has several, of which only one delivers frames.
    nodes: Vec<CameraInfo>,
}

/// Returns the names of this machine's cameras in the system's order; equal names are numbered. Blocks on drivers: not
/// for the UI thread.
pub fn list_cameras() -> Vec<String> {
    query().into_iter().map(|camera| camera.name).collect()
}

fn query() -> Vec<Found> {
    let mut nodes = nokhwa::query(ApiBackend::Auto).unwrap_or_else(|error| {
        tracing::warn!(%error, "cameras not listed");
        Vec::new()
    });
    nodes.sort_by_key(|camera| camera.index().as_index().unwrap_or(u32::MAX));
    let mut cameras: Vec<(String, Vec<CameraInfo>)> = Vec::new();
    for node in nodes {
        let place = place(&node);
        match cameras.iter_mut().find(|(known, nodes)| *known == place && nodes[0].human_name() == node.human_name()) {
            Some((_, nodes)) => nodes.push(node),
            None => cameras.push((place, vec![node])),
        }
    }
    let named = named(cameras, |(_, nodes)| nodes[0].human_name(), |(place, _)| place.clone());
    named.into_iter().map(|(name, (_, nodes))| Found { name, nodes }).collect()
}

/// Returns the location of a camera, which is the same for all its nodes.
fn place(node: &CameraInfo) -> String {
    if cfg!(target_os = "linux") {
        let index = node.index().as_index().unwrap_or_default();
        let device = std::fs::canonicalize(format!("/sys/class/video4linux/video{index}/device"));
        // Virtual cameras have none; they are told apart by name.
        return device.map(|path| path.to_string_lossy().into_owned()).unwrap_or_default();
    }
    // The system's own identifier.
    node.misc()
}

/// Opens the selected camera, or by default the first that works.
///
/// # Errors
/// The most specific problem of the candidates: busy and denied are preferred to unsupported.
pub(super) fn open(choice: &DeviceChoice, wanted: CameraFormat) -> Result<Box<dyn CameraStream>, DeviceProblem> {
    ask_permission()?;
    let mut cameras = query();
    if let DeviceChoice::Named(name) = choice {
        cameras = by_name(cameras, name, |camera| camera.name.clone());
    }
    let mut problem = DeviceProblem::NotFound;
    for Found { name, nodes } in cameras {
        for node in nodes {
            match open_node(&node, &name, wanted) {
                Ok(stream) => return Ok(stream),
                Err(found) if problem == DeviceProblem::NotFound => problem = found,
                Err(found @ (DeviceProblem::Busy | DeviceProblem::Denied)) => problem = found,
                Err(_) => {}
            }
        }
    }
    Err(problem)
}

/// Opens one node with nokhwa, or on Linux directly if nokhwa does not support its formats.
fn open_node(node: &CameraInfo, name: &str, wanted: CameraFormat) -> Result<Box<dyn CameraStream>, DeviceProblem> {
    #[cfg(target_os = "linux")]
    let direct = |always: bool| {
        let index = node.index().as_index().unwrap_or_default();
        v4l2::open(index as usize, name, wanted, always).map_err(|error| {
            tracing::debug!(camera = name, %error, "camera not usable");
            error.raw_os_error().map_or(DeviceProblem::Unsupported, problem_of_number)
        })
    };
    #[cfg(target_os = "linux")]
    if let Some(stream) = direct(false)? {
        return Ok(stream);
    }
    match NativeCamera::open(node, name, wanted) {
        Ok(stream) => Ok(Box::new(stream)),
        Err(error) => {
            tracing::debug!(camera = name, %error, "camera not usable");
            let problem = problem_of(&error);
            #[cfg(target_os = "linux")]
            if problem == DeviceProblem::Unsupported {
                return direct(true)?.ok_or(problem);
            }
            Err(problem)
        }
    }
}

/// Requests permission for cameras on macOS; denied until the person has decided, which a later attempt notices. Other
/// systems always grant it.
fn ask_permission() -> Result<(), DeviceProblem> {
    static ASK: std::sync::Once = std::sync::Once::new();
    if cfg!(target_os = "macos") && !nokhwa::nokhwa_check() {
        ASK.call_once(|| nokhwa::nokhwa_initialize(|granted| tracing::info!(granted, "camera permission decided")));
        return Err(DeviceProblem::Denied);
    }
    Ok(())
}

/// Classifies an error by the system's error number. nokhwa passes errors as text, and macOS and Windows have no
/// number, so that keywords decide there.
fn problem_of(error: &NokhwaError) -> DeviceProblem {
    let text = error.to_string();
    let text = text.to_lowercase();
    let says = |signs: &[&str]| signs.iter().any(|sign| text.contains(sign));
    if says(&["os error 16)", "in use", "busy", "locked by"]) {
        return DeviceProblem::Busy;
    } else if says(&["os error 13)", "os error 1)", "denied", "authoriz", "permission"]) {
        return DeviceProblem::Denied;
    }
    if let Some(number) = os_error(&text) {
        return problem_of_number(number);
    }
    if says(&["fufill", "fulfill", "rejected", "unsupported", "not whole number"]) {
        DeviceProblem::Unsupported
    } else if cfg!(target_os = "linux") {
        DeviceProblem::Failed
    } else if says(&["in use", "busy", "locked by"]) {
        DeviceProblem::Busy
    } else if says(&["denied", "authoriz", "permission"]) {
        DeviceProblem::Denied
    } else if says(&["disconnected", "not found", "invalidated"]) {
        DeviceProblem::NotFound
    } else {
        DeviceProblem::Failed
    }
}

/// Returns the number in "(os error N)" at the end of an error message.
fn os_error(text: &str) -> Option<i32> {
    let (_, after) = text.rsplit_once("(os error ")?;
    after.split_once(')')?.0.parse().ok()
}

/// Returns the problem of a V4L2 error number.
pub(super) fn problem_of_number(number: i32) -> DeviceProblem {
    match number {
        libc::EBUSY => DeviceProblem::Busy,
        libc::EACCES | libc::EPERM => DeviceProblem::Denied,
        libc::ENODEV | libc::ENXIO | libc::ENOENT => DeviceProblem::NotFound,
        libc::EINVAL | libc::ENOTTY => DeviceProblem::Unsupported,
        _ => DeviceProblem::Failed,
    }
}

struct NativeCamera {
    camera: nokhwa::Camera,
    name: String,
}

impl NativeCamera {
    fn open(info: &CameraInfo, name: &str, wanted: CameraFormat) -> Result<Self, NokhwaError> {
        let index: CameraIndex = info.index().clone();
        // nokhwa lists formats only of an open camera, and its own search skips most of them. So the camera is opened
        // in any format, then the best one is selected.
        let any = RequestedFormat::with_formats(RequestedFormatType::None, &FORMATS);
        let mut camera = nokhwa::Camera::new(index, any)?;
        let formats = camera.compatible_camera_formats().unwrap_or_default();
        let best = ranked(formats, wanted).into_iter().find(|format| {
            *format == camera.camera_format()
                || camera
                    .set_camera_requset(RequestedFormat::with_formats(RequestedFormatType::Exact(*format), &FORMATS))
                    .inspect_err(|error| tracing::debug!(%format, %error, "camera refuses a format that it lists"))
                    .is_ok()
        });
        camera.open_stream()?;
        let name = name.to_owned();
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
    fn problems_are_told_apart_by_the_systems_numbers() {
        let opening = |text: &str| problem_of(&NokhwaError::OpenDeviceError("0".into(), text.into()));
        assert_eq!(opening("V4L2 Error: Device or resource busy (os error 16)"), DeviceProblem::Busy);
        assert_eq!(opening("V4L2 Error: Permission denied (os error 13)"), DeviceProblem::Denied);
        assert_eq!(opening("V4L2 Error: No such file or directory (os error 2)"), DeviceProblem::NotFound);
        assert_eq!(opening("V4L2 Error: No such device (os error 19)"), DeviceProblem::NotFound);
        assert_eq!(opening("something else (os error 5)"), DeviceProblem::Failed);
        // Device names and other quoted text are not keywords.
        assert_eq!(opening("Busybee Denied Cam: Input/output error (os error 5)"), DeviceProblem::Failed);
        assert_eq!(opening("permission bits of Cam: Invalid argument (os error 22)"), DeviceProblem::Unsupported);
        let unfit = NokhwaError::GetPropertyError { property: "CameraFormat".into(), error: "Failed to Fufill".into() };
        assert_eq!(problem_of(&unfit), DeviceProblem::Unsupported);
    }
}
