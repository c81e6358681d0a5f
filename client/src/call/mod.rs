//! A call: one task, fed with [`CallCommand`]s, publishing [`CallState`] snapshots.

mod backoff;
mod chat;
mod chat_log;
mod codec;
mod control;
mod devices;
mod event;
mod file_kind;
mod files;
mod handle;
mod history;
mod hold;
mod join;
mod key;
mod limits;
mod links;
mod local;
mod outlet;
mod publication;
mod recording;
mod remote;
mod room_event;
mod sending;
mod settings;
mod sharing;
mod state;
mod statistics;
mod target;
mod task;
mod tiles;

use std::path::PathBuf;

use crate::device::{DeviceChoice, ScreenSource};

pub use crate::device::DeviceLists;
pub use chat_log::{ChatLog, ChatMessage, Photo};
pub use codec::{UnknownVideoCodec, VideoCodecChoice};
pub use files::LARGEST_FILE;
pub(crate) use files::LARGEST_PREVIEW;
pub use handle::{CallHandle, Wake};
pub use join::{Entrance, StartBackend};
pub use local::DeviceChoices;
pub use settings::{CallSettings, PictureQuality};
pub use state::{
    CallPhase, CallState, CallStatistics, ControlFailure, ControlRequest, DeviceKind, DeviceOffer, EncryptionState,
    EndReason, FileProgress, MediaState, ParticipantState, RecordingProblem, RecordingState, ShareState, SharedFile,
    StatisticsSample, TrackStatistics,
};
pub use target::{JoinTarget, Secret};
pub use task::{CallOptions, start};

/// What the UI can ask of the call task. None of them waits for an answer: it shows in the next snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum CallCommand {
    /// Stop (`true`) or go on sending our camera.
    MuteCamera(bool),
    /// Stop (`true`) or go on sending our microphone.
    MuteMicrophone(bool),
    /// Use another device from now on.
    UseCamera(DeviceChoice),
    /// Use another device from now on.
    UseMicrophone(DeviceChoice),
    /// Use another device from now on.
    UseSpeaker(DeviceChoice),
    /// Treat sound and picture like this from now on; the codec stays.
    UseSettings(CallSettings),
    /// The newly found device that is offered isn't wanted.
    DismissOffer,
    /// Share this of our screen.
    ShareScreen(ScreenSource),
    /// Share nothing any more.
    StopSharing,
    /// Start (`true`) or stop recording.
    Record(bool),
    /// Our answer to [`CallState::recording_question`].
    AnswerRecording {
        /// Yes.
        accept: bool,
        /// The language in which it was asked, such as `es`.
        language: &'static str,
    },
    /// Send a chat line.
    SendChat(String),
    /// Send a file or photo to everybody here.
    SendFile(PathBuf),
    /// Keep a file that came, at this place.
    SaveFile {
        /// Which: [`SharedFile::id`].
        id: String,
        /// Where to.
        to: PathBuf,
    },
    /// What the screen shows of the others, and how large, after each change. What isn't named is paused.
    Show(Vec<Tile>),
    /// Doctor: let somebody in who waits, by identity.
    Admit(String),
    /// Doctor: send somebody away who waits.
    Refuse(String),
    /// Doctor: send somebody out of the room for good.
    Remove(String),
    /// Doctor: mute somebody's microphone.
    MuteOther(String),
    /// Doctor: let this observer speak, or no longer.
    PermitOther {
        /// Who.
        identity: String,
        /// Whether they may send.
        publish: bool,
    },
    /// Doctor: end the consultation for everybody.
    EndForAll,
    /// Send a line that failed again: its number.
    SendAgain(u64),
    /// Leave. Always works, at once.
    HangUp,
}

/// A picture of somebody else as it is shown now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// Whose.
    pub identity: String,
    /// Their screen, not their camera.
    pub screen: bool,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}
