//! Events that devices and jobs send to the call task.

use autamedica_api::{ConsultationKey, QueuePosition};
use autamedica_engine::{DataStreamError, E2eeError, LocalTrackPublication, RoomError, VideoResolution};
use autamedica_media::{DeviceLists, DeviceState};
use autamedica_peer::PeerState;
use tokio::sync::mpsc;

use super::direct::PeerRoom;
use super::files::Transferred;
use super::history::History;
use super::join::{Entered, NotEntered};
use super::local::Source;
use super::statistics::Measured;
use super::status::Status;
use super::{ControlRequest, EndReason, FileProgress, Secret};
use crate::backend::{Admission, BackendError};

/// Event of a device or job.
///
/// Numbers identify outdated events: `device` counts the devices opened for a source, `request` the publications
/// requested, `room` the rooms entered.
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
    /// The size of captured frames changed.
    Sized {
        source: Source,
        device: u64,
        size: VideoResolution,
    },
    Entered(Result<Entered, NotEntered>),
    /// The other side of a call from peer to peer, or the connection to it, changed.
    Peer(PeerState),
    /// The room of one presence of the other side.
    PeerRoomEntered {
        presence: u64,
        result: Result<PeerRoom, NotEntered>,
    },
    /// Another admission to a call from peer to peer, whose token was refused.
    Readmitted(Result<Admission, EndReason>),
    Published {
        room: u64,
        source: Source,
        request: u64,
        result: Result<LocalTrackPublication, RoomError>,
    },
    /// The pause after a refused publication is over.
    PublishAgain {
        room: u64,
        source: Source,
    },
    ChatSent {
        number: u64,
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
    /// The engine has a fetched key, or refused it.
    KeyInstalled {
        room: u64,
        key: ConsultationKey,
        installed: Result<(), E2eeError>,
    },
    /// The engine encrypts our media with the newest key.
    KeyChanged {
        room: u64,
        result: Result<(), E2eeError>,
    },
    /// Another client has taken our identity or not, asked after the SFU disconnected us.
    PresenceChecked(Result<bool, BackendError>),
    Controlled {
        request: ControlRequest,
        result: Result<(), BackendError>,
    },
    Invited {
        label: String,
        /// The observer's join link.
        result: Result<Secret, BackendError>,
    },
    Measured {
        room: u64,
        result: Result<Measured, RoomError>,
    },
    QualitySent(Result<(), BackendError>),
    Queue(Result<QueuePosition, BackendError>),
    Devices(DeviceLists),
    /// The state of another participant's devices, as their app says.
    StatusReceived {
        /// Identity of the sender.
        sender: String,
        result: Result<Status, DataStreamError>,
    },
    History {
        /// Identity of the sender.
        sender: String,
        result: Result<History, DataStreamError>,
    },
    /// The time for an answer to a history request is over.
    HistoryTimeout {
        room: u64,
        attempt: usize,
    },
    /// Progress of a file transfer.
    FileProgressed {
        number: u64,
        bytes: u64,
    },
    FileEnded {
        number: u64,
        result: Result<Transferred, FileProgress>,
    },
    FileSaved {
        id: String,
        saved: FileProgress,
    },
}

/// Error of a room job that panicked.
pub(super) fn task_failed() -> RoomError {
    RoomError::Other("the work broke off inside this program".into())
}

/// Sender of events to the call task.
#[derive(Clone)]
pub(super) struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    /// Creates a sender and its receiver.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, inbox) = mpsc::unbounded_channel();
        (Self(sender), inbox)
    }

    pub(super) fn send(&self, event: Event) {
        // Fails only after the task has ended.
        let _ = self.0.send(event);
    }
}
