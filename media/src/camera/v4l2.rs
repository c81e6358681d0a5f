//! Cameras directly through V4L2, for features that nokhwa lacks: intervals such as 1001/30000, more formats, padded
//! rows, full range and BT.709.

use std::io;

use autamedica_engine::VideoFrame;
use v4l::buffer::{Metadata, Type};
use v4l::frameinterval::FrameIntervalEnum;
use v4l::framesize::{FrameSizeEnum, Stepwise};
use v4l::io::traits::CaptureStream;
use v4l::prelude::{Device, MmapStream};
use v4l::video::Capture;
use v4l::video::capture::Parameters;
use v4l::{Format, FourCC, Fraction};

use super::format::{CameraFormat, cost, rank};
use super::stream::{CameraStream, MAX_DAMAGED, problem_of_number};
use crate::clock::now_us;
use crate::colours::Colours;
use crate::i420::{PixelFormat, to_i420_from};
use crate::{DeviceProblem, mjpeg};

/// Number of buffers shared with the driver.
const BUFFERS: u32 = 4;
/// Maximum age of a frame. Older timestamps are of another clock.
const MAX_AGE_US: i64 = 5_000_000;

/// Format that a camera offers.
#[derive(Clone, Copy, Debug)]
struct Offer {
    fourcc: FourCC,
    /// Pixel format; `None` is JPEG.
    pixels: Option<PixelFormat>,
    width: u32,
    height: u32,
    /// The driver lists exactly this size.
    listed: bool,
    /// Frame interval; `None` if the driver does not report it.
    interval: Option<Fraction>,
}

impl Offer {
    fn fps(&self, unknown: u32) -> u32 {
        self.interval.map_or(unknown, |interval| {
            (f64::from(interval.denominator) / f64::from(interval.numerator.max(1))).round() as u32
        })
    }
}

/// Opens a camera in its best format. Returns `None` if nokhwa supports this format too, unless `always`.
///
/// # Errors
/// The system's error, or [`io::ErrorKind::Unsupported`] when no format can be converted.
pub(super) fn open(
    index: usize,
    name: &str,
    wanted: CameraFormat,
    always: bool,
) -> io::Result<Option<Box<dyn CameraStream>>> {
    let device = Device::new(index)?;
    let listed = device.enum_formats()?;
    let mut offers = Vec::new();
    for format in &listed {
        if let Some(pixels) = known(format.fourcc) {
            offers.extend(offers_of(&device, format.fourcc, pixels, wanted));
        }
    }
    // nokhwa uses the minimum of stepwise sizes, and only intervals with numerator 1.
    let plain = listed.first().is_some_and(|first| nokhwa_knows(first.fourcc))
        && offers.iter().all(|offer| offer.listed && offer.interval.is_some_and(|interval| interval.numerator == 1));
    offers.sort_by_key(|offer| {
        let format = CameraFormat { width: offer.width, height: offer.height, fps: offer.fps(wanted.fps) };
        rank(format, cost(offer.pixels), wanted)
    });
    for offer in offers {
        let format = match device.set_format(&Format::new(offer.width, offer.height, offer.fourcc)) {
            Ok(format) if format.fourcc == offer.fourcc => format,
            Ok(other) => {
                tracing::debug!(?offer, %other, "camera refuses a format that it lists");
                continue;
            }
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => continue,
            Err(error) => return Err(error),
        };
        let colours = colours(&device, offer.pixels)?;
        let row = offer.pixels.map_or(0, |pixels| pixels.row_len(format.width as usize));
        let unpadded = offer.pixels.is_none() || format.stride as usize <= row;
        let usual = offer.pixels.is_none_or(|pixels| pixels.usual_colours() == colours);
        if !always && plain && unpadded && usual && nokhwa_knows(offer.fourcc) {
            return Ok(None);
        }
        if let Some(interval) = offer.interval
            && let Err(error) = device.set_params(&Parameters::new(interval))
        {
            // The camera keeps its own interval.
            tracing::debug!(camera = name, %error, "camera's frame interval not set");
        }
        let stream = MmapStream::with_buffers(&device, Type::VideoCapture, BUFFERS)?;
        let size = (format.width, format.height);
        tracing::info!(camera = name, ?offer, ?size, ?colours, stride = format.stride, "camera opened without nokhwa");
        let stride = (format.stride as usize).max(row);
        let name = name.to_owned();
        return Ok(Some(Box::new(Direct {
            stream,
            _device: device,
            name,
            pixels: offer.pixels,
            colours,
            stride,
            size,
        })));
    }
    Err(io::ErrorKind::Unsupported.into())
}

/// Frame rate below which a size isn't offered to the person.
const MIN_FPS: u32 = 24;
/// Usual sizes, of which those between a camera's smallest and largest are offered if it has no list.
const USUAL_SIZES: [(u32, u32); 5] = [(640, 360), (640, 480), (1280, 720), (1920, 1080), (3840, 2160)];

/// Returns the sizes of a camera that it delivers at a usual rate, smallest first. Empty if it can't be asked.
pub(super) fn sizes(index: usize) -> Vec<(u32, u32)> {
    let Ok(device) = Device::new(index) else { return Vec::new() };
    let mut sizes = Vec::new();
    for format in device.enum_formats().unwrap_or_default() {
        if known(format.fourcc).is_none() {
            continue;
        }
        for size in device.enum_framesizes(format.fourcc).unwrap_or_default() {
            let listed = match size.size {
                FrameSizeEnum::Discrete(size) => vec![(size.width, size.height)],
                FrameSizeEnum::Stepwise(steps) => {
                    let fits = |(width, height): &(u32, u32)| {
                        (steps.min_width..=steps.max_width).contains(width)
                            && (steps.min_height..=steps.max_height).contains(height)
                    };
                    USUAL_SIZES.into_iter().filter(fits).collect()
                }
            };
            sizes.extend(listed.into_iter().filter(|(width, height)| {
                let wanted = CameraFormat { width: *width, height: *height, fps: 30 };
                let is_it = |offer: &Offer| (offer.width, offer.height) == (*width, *height);
                let offers = offers_of(&device, format.fourcc, None, wanted);
                offers.iter().any(|offer| is_it(offer) && offer.fps(wanted.fps) >= MIN_FPS)
            }));
        }
    }
    sizes.sort_by_key(|(width, height)| (u64::from(*width) * u64::from(*height), *width));
    sizes.dedup();
    sizes
}

/// Returns the pixel format of a format that can be converted (JPEG has none); `None` for others, such as H.264.
fn known(fourcc: FourCC) -> Option<Option<PixelFormat>> {
    Some(match &fourcc.repr {
        b"MJPG" | b"JPEG" => None,
        b"YUYV" => Some(PixelFormat::Yuyv),
        b"YVYU" => Some(PixelFormat::Yvyu),
        b"UYVY" => Some(PixelFormat::Uyvy),
        b"NV12" => Some(PixelFormat::Nv12),
        b"NV21" => Some(PixelFormat::Nv21),
        b"YU12" => Some(PixelFormat::Yu12),
        b"YV12" => Some(PixelFormat::Yv12),
        b"RGB3" => Some(PixelFormat::Rgb),
        b"BGR3" => Some(PixelFormat::Bgr),
        b"GREY" | b"GRAY" => Some(PixelFormat::Gray),
        _ => return None,
    })
}

/// Returns whether nokhwa supports this format: it names GREY differently from V4L2, and refuses a camera whose first
/// format it does not know.
fn nokhwa_knows(fourcc: FourCC) -> bool {
    matches!(&fourcc.repr, b"MJPG" | b"YUYV" | b"NV12" | b"RGB3" | b"BGR3" | b"GRAY")
}

fn offers_of(device: &Device, fourcc: FourCC, pixels: Option<PixelFormat>, wanted: CameraFormat) -> Vec<Offer> {
    let mut sizes = Vec::new();
    for size in device.enum_framesizes(fourcc).unwrap_or_default() {
        match size.size {
            FrameSizeEnum::Discrete(size) => sizes.push((size.width, size.height, true)),
            FrameSizeEnum::Stepwise(steps) => {
                let (width, height) = nearest(&steps, wanted);
                sizes.push((width, height, false));
            }
        }
    }
    if sizes.is_empty() {
        // Some drivers list no sizes and accept the requested one or return their own.
        sizes.push((wanted.width, wanted.height, false));
    }
    let mut offers = Vec::new();
    for (width, height, listed) in sizes {
        let offer = |interval| Offer { fourcc, pixels, width, height, listed, interval };
        let intervals = device.enum_frameintervals(fourcc, width, height).unwrap_or_default();
        if intervals.is_empty() {
            offers.push(offer(None));
        }
        offers.extend(intervals.into_iter().map(|found| match found.interval {
            FrameIntervalEnum::Discrete(interval) => offer(Some(interval)),
            FrameIntervalEnum::Stepwise(steps) => {
                let seconds =
                    |interval: &Fraction| f64::from(interval.numerator) / f64::from(interval.denominator.max(1));
                let ideal = Fraction::new(1, wanted.fps.max(1));
                offer(Some(if seconds(&ideal) < seconds(&steps.min) {
                    steps.min
                } else if seconds(&ideal) > seconds(&steps.max) {
                    steps.max
                } else {
                    ideal
                }))
            }
        }));
    }
    offers
}

/// Returns the nearest size to the wanted one.
fn nearest(steps: &Stepwise, wanted: CameraFormat) -> (u32, u32) {
    let side = |wanted: u32, least: u32, most: u32, step: u32| {
        let side = wanted.clamp(least, most.max(least));
        side - (side - least) % step.max(1)
    };
    (
        side(wanted.width, steps.min_width, steps.max_width, steps.step_width),
        side(wanted.height, steps.min_height, steps.max_height, steps.step_height),
    )
}

/// Returns the colours of the current format, with V4L2's defaults for unspecified values.
fn colours(device: &Device, pixels: Option<PixelFormat>) -> io::Result<Colours> {
    use v4l::v4l_sys as sys;
    // SAFETY: a zeroed v4l2_format is valid; the driver fills the union's `pix`, as it does for this type of buffer.
    let (colorspace, encoding, quantization) = unsafe {
        let mut format: sys::v4l2_format = std::mem::zeroed();
        format.type_ = Type::VideoCapture as u32;
        let request = v4l::v4l2::vidioc::VIDIOC_G_FMT;
        v4l::v4l2::ioctl(device.handle().fd(), request, (&raw mut format).cast())?;
        let pix = format.fmt.pix;
        (pix.colorspace, pix.__bindgen_anon_1.ycbcr_enc, pix.quantization)
    };
    let usual = pixels.map(PixelFormat::usual_colours).unwrap_or_default();
    let full_range = match quantization {
        sys::v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE => true,
        sys::v4l2_quantization_V4L2_QUANTIZATION_LIM_RANGE => false,
        _ => usual.full_range || colorspace == sys::v4l2_colorspace_V4L2_COLORSPACE_JPEG,
    };
    let bt709 = match encoding {
        sys::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_DEFAULT => colorspace == sys::v4l2_colorspace_V4L2_COLORSPACE_REC709,
        encoding => {
            encoding == sys::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_709
                || encoding == sys::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_XV709
        }
    };
    Ok(Colours { full_range, bt709 })
}

struct Direct {
    /// Declared before the device, whose buffers it maps, to be dropped first.
    stream: MmapStream<'static>,
    _device: Device,
    name: String,
    pixels: Option<PixelFormat>,
    colours: Colours,
    stride: usize,
    size: (u32, u32),
}

impl CameraStream for Direct {
    fn name(&self) -> &str {
        &self.name
    }

    fn next_frame(&mut self) -> Result<VideoFrame, DeviceProblem> {
        for _ in 0..MAX_DAMAGED {
            let (bytes, metadata) = self.stream.next().map_err(|error| {
                tracing::info!(camera = self.name, %error, "camera stopped");
                match error.raw_os_error().map_or(DeviceProblem::Failed, problem_of_number) {
                    DeviceProblem::NotFound => DeviceProblem::Unplugged,
                    problem => problem,
                }
            })?;
            let used = match metadata.bytesused as usize {
                0 => bytes.len(),
                used => used.min(bytes.len()),
            };
            let (bytes, captured) = (&bytes[..used], captured_us(metadata));
            let frame = match self.pixels {
                Some(pixels) => to_i420_from(pixels, self.colours, bytes, self.stride, self.size, captured),
                None => mjpeg::decode(bytes, captured),
            };
            if let Some(frame) = frame {
                return Ok(frame);
            }
            tracing::trace!(camera = self.name, "damaged frame");
        }
        Err(DeviceProblem::Unsupported)
    }
}

/// Returns the capture time of a frame in µs since 1970. Drivers count from boot.
fn captured_us(metadata: &Metadata) -> i64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: writes into `now`, and can't fail for this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    #[allow(clippy::useless_conversion, reason = "both are of 32 bits on some machines")]
    let captured = i64::from(metadata.timestamp.sec) * 1_000_000 + i64::from(metadata.timestamp.usec);
    let age = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000 - captured;
    now_us() - if (0..MAX_AGE_US).contains(&age) { age } else { 0 }
}
