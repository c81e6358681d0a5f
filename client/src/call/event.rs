//! What comes back to the call task from devices and from work beside it.

use autamedica_engine::{DataStreamError, LocalTrackPublication, RoomError, VideoResolution};
use tokio::sync::mpsc;

use super::files::Arrived;
use super::history::History;
use super::join::Entered;
use super::local::Source;
use super::statistics::Measured;
use super::{ControlRequest, EndReason, FileProgress};
use crate::backend::BackendError;
use crate::device::{DeviceLists, DeviceState};

/// What comes back from devices and from work beside the task.
///
/// A number tells what belongs to a device, publication or room that is no more: `device` counts the devices opened for
/// a source, `asked` the publications asked for, `room` the rooms entered.
pub(super) enum Event {
    Device {
        source: Source,
        device: u64,
        state: DeviceState,
    },
    Speaker {
        device: u64,
        state: DeviceState,
    },
    /// Pictures of this size come from now on.
    Sized {
        source: Source,
        device: u64,
        size: VideoResolution,
    },
    Entered(Result<Entered, EndReason>),
    Published {
        room: u64,
        source: Source,
        asked: u64,
        result: Result<LocalTrackPublication, RoomError>,
    },
    /// The pause after a refused publication is over.
    PublishAgain {
        room: u64,
        source: Source,
    },
    /// With the message's id.
    ChatSent {
        line: u64,
        result: Result<String, RoomError>,
    },
    Recorded {
        on: bool,
        result: Result<(), BackendError>,
    },
    Answered(Result<(), BackendError>),
    Controlled {
        asked: ControlRequest,
        result: Result<(), BackendError>,
    },
    Measured {
        room: u64,
        result: Result<Measured, RoomError>,
    },
    QualitySent(Result<(), BackendError>),
    Devices(DeviceLists),
    History(Result<History, DataStreamError>),
    /// So many bytes of a line's file are there.
    FileMoved {
        line: u64,
        bytes: u64,
    },
    FileEnded {
        line: u64,
        result: Result<Arrived, FileProgress>,
    },
    FileSaved {
        id: String,
        saved: FileProgress,
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
