//! Connections of our devices to the room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use autamedica_engine::{CaptureError, LatestFrame, NativeAudioSource, NativeVideoSource, VideoFrame, VideoResolution};
use autamedica_media::audio::Chunk;
use autamedica_media::shrink;
use parking_lot::Mutex;

use super::event::{Event, Events};
use super::local::Source;

/// Connection of devices to the source of a track: empty outside a room, and shut while the source is muted, so that
/// nothing is sent whatever the engine does about muting.
///
/// While a device is replaced, both may deliver: the first frame of the newer device silences the older one.
pub(super) struct Outlet<S>(Arc<OutletState<S>>);

struct OutletState<S> {
    source: Mutex<Option<S>>,
    shut: AtomicBool,
    /// Number of the newest device that has delivered.
    device: AtomicU64,
}

impl<S: Clone> Outlet<S> {
    pub(super) fn new() -> Self {
        Self(Arc::new(OutletState {
            source: Mutex::new(None),
            shut: AtomicBool::new(false),
            device: AtomicU64::new(0),
        }))
    }

    pub(super) fn set(&self, source: Option<S>) {
        *self.0.source.lock() = source;
    }

    pub(super) fn shut(&self, shut: bool) {
        self.0.shut.store(shut, Ordering::Release);
    }

    /// Notes that a device delivers. Returns whether no newer device has.
    fn is_for(&self, device: u64) -> bool {
        self.0.device.fetch_max(device, Ordering::AcqRel) <= device
    }

    fn get(&self) -> Option<S> {
        if self.0.shut.load(Ordering::Acquire) { None } else { self.0.source.lock().clone() }
    }
}

impl<S> Clone for Outlet<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Maximum size of video during bandwidth fallback, and the number of frames of which one is sent.
const REDUCED_SIZE: (u32, u32) = (320, 180);
const REDUCED_FRAME_INTERVAL: u32 = 3;

/// Returns the frame callback of a camera or screen. While `reduced`, few and small frames are sent.
pub(super) fn feed_pictures(
    (source, device): (Source, u64),
    outlet: Outlet<NativeVideoSource>,
    self_view: Option<LatestFrame>,
    reduced: Arc<AtomicBool>,
    events: Events,
) -> impl FnMut(Arc<VideoFrame>) + Send + 'static {
    let (mut size, mut count) = (None, 0_u32);
    let mut send = move |native: &NativeVideoSource, frame: &VideoFrame| {
        count = count.wrapping_add(1);
        if !reduced.load(Ordering::Relaxed) {
            return native.capture_frame(frame, frame.timestamp_us);
        }
        if !count.is_multiple_of(REDUCED_FRAME_INTERVAL) {
            return Ok(());
        }
        let smaller = shrink(frame, REDUCED_SIZE);
        native.capture_frame(smaller.as_ref().unwrap_or(frame), frame.timestamp_us)
    };
    move |frame| {
        if !outlet.is_for(device) {
            return;
        }
        let now = VideoResolution { width: frame.width(), height: frame.height() };
        if size != Some(now) {
            size = Some(now);
            events.send(Event::Sized { source, device, size: now });
        }
        if let Some(native) = outlet.get()
            && let Err(error) = send(&native, &frame)
        {
            tracing::trace!(?source, %error, "frame not captured");
        }
        if let Some(slot) = &self_view {
            slot.put(frame);
        }
    }
}

/// Returns the callback for a microphone's 10 ms of audio.
pub(super) fn feed_sound(device: u64, outlet: Outlet<NativeAudioSource>) -> impl FnMut(&Chunk) + Send + 'static {
    move |chunk| {
        if outlet.is_for(device)
            && let Some(source) = outlet.get()
            // With a full queue the engine is behind: only this chunk is lost.
            && let Err(error) = capture(&source, chunk)
        {
            tracing::trace!(%error, "audio not captured");
        }
    }
}

/// Captures a chunk, on all channels of the source.
fn capture(source: &NativeAudioSource, chunk: &Chunk) -> Result<(), CaptureError> {
    match source.num_channels() as usize {
        1 => source.try_capture_frame(chunk),
        channels => {
            let all: Vec<i16> = chunk.iter().flat_map(|sample| std::iter::repeat_n(*sample, channels)).collect();
            source.try_capture_frame(&all)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newer_devices_first_delivery_silences_the_older() {
        let outlet = Outlet::<u8>::new();
        assert!(outlet.is_for(1) && outlet.is_for(1));
        assert!(outlet.is_for(2));
        assert!(!outlet.is_for(1) && outlet.is_for(2));
    }

    #[test]
    fn nothing_gets_through_what_is_shut_or_empty() {
        let outlet = Outlet::new();
        assert_eq!(outlet.get(), None);
        outlet.set(Some(7));
        outlet.shut(true);
        assert_eq!(outlet.get(), None);
        outlet.shut(false);
        assert_eq!(outlet.get(), Some(7));
    }
}
