//! What comes back to the call task from devices and from work beside it.

use autamedica_engine::{LocalTrackPublication, RoomError, VideoResolution};
use tokio::sync::mpsc;

use super::EndReason;
use super::join::Entered;
use super::local::Source;
use crate::backend::BackendError;
use crate::device::DeviceState;

/// What comes back from devices and from work beside the task.
pub(super) enum Event {
    Device(Source, DeviceState),
    Speaker(DeviceState),
    Sized(Source, VideoResolution),
    /// Work for a room; `room` tells an earlier room's results from the present one's.
    Entered(Result<Entered, EndReason>),
    Published {
        room: u64,
        source: Source,
        result: Result<LocalTrackPublication, RoomError>,
    },
    ChatSent {
        line: usize,
        result: Result<(), RoomError>,
    },
    Recorded {
        on: bool,
        result: Result<(), BackendError>,
    },
}

/// The way of events into the task.
#[derive(Clone)]
pub(super) struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    /// The way in, and the inbox at its end.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, inbox) = mpsc::unbounded_channel();
        (Self(sender), inbox)
    }

    pub(super) fn send(&self, event: Event) {
        // Fails only when the task is gone, and with it everybody who would want to know.
        let _ = self.0.send(event);
    }
}
