//! What comes back to the call task from devices and from work beside it.

use autamedica_api::ConsultationKey;
use autamedica_engine::{DataStreamError, E2eeError, LocalTrackPublication, Room, RoomError, RoomEvent, VideoResolution};
use autamedica_peer::PeerState;
use tokio::sync::mpsc;

use super::files::Arrived;
use super::history::History;
use super::join::{Entered, NotEntered};
use super::local::Source;
use super::statistics::Measured;
use super::{ControlRequest, FileProgress};
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
    Entered(Result<Entered, NotEntered>),
    /// The other side of a call from peer to peer, or the connection to it, changed.
    Peer(PeerState),
    /// The room of one presence of the other side.
    Met {
        presence: u64,
        result: Result<(Room, mpsc::Receiver<RoomEvent>), NotEntered>,
    },
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
    ChatSent {
        line: u64,
        result: Result<(), RoomError>,
    },
    Recorded {
        on: bool,
        result: Result<(), BackendError>,
    },
    Answered(Result<(), BackendError>),
    KeyFetched {
        room: u64,
        result: Result<ConsultationKey, BackendError>,
    },
    /// A fetched key is in the engine.
    KeyInstalled {
        room: u64,
        key: ConsultationKey,
        installed: Result<(), E2eeError>,
    },
    /// What we send is encrypted with the newest key.
    KeyChanged {
        room: u64,
        result: Result<(), E2eeError>,
    },
    /// Whether our place in the room is taken, after somebody pushed us out.
    PlaceTaken(Result<bool, BackendError>),
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
    History {
        /// The identity of the participant who tells it.
        teller: String,
        result: Result<History, DataStreamError>,
    },
    /// The chat so far was asked for, and a while has passed.
    HistoryAsked {
        room: u64,
        attempt: usize,
    },
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

/// The error of work in the room that panicked.
pub(super) fn broke_off() -> RoomError {
    RoomError::Other("the work broke off inside this program".into())
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
