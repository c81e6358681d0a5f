//! A call: one task that takes [`CallCommand`]s and publishes [`CallState`] snapshots. Beside it the tasks of the check
//! before a call, of a doctor's day and of recordings. No window.

pub mod agenda;
pub mod backend;
mod backoff;
mod bandwidth_fallback;
mod chat;
mod chat_log;
pub mod check;
mod codec;
mod control;
mod devices;
mod direct;
mod encoding;
mod event;
pub mod file_access;
mod file_kind;
mod files;
mod handle;
mod history;
mod invitation;
mod job;
mod join;
mod key;
mod limits;
mod links;
mod local;
pub mod local_key;
mod observer;
mod outlet;
mod publication;
mod queue;
mod recording;
pub mod recordings;
mod remote;
mod room_event;
mod second_camera;
mod sending;
mod settings;
mod sharing;
mod state;
mod statistics;
mod status;
mod target;
mod task;
mod tiles;

use std::path::PathBuf;

use autamedica_media::{DeviceChoice, ScreenSource};

pub use autamedica_media::{DeviceKind, DeviceLists};
pub use autamedica_text::Secret;
pub use chat_log::{ChatLog, ChatMessage, Photo};
pub use codec::{UnknownVideoCodec, VideoCodecChoice};
pub use files::{MAX_FILE_BYTES, MAX_PREVIEW_BYTES};
pub use handle::{CallHandle, Wake};
pub use invitation::{Invitation, InvitationProblem};
pub use join::{Entrance, StartBackend};
pub use limits::displayable_text;
pub use local::DeviceChoices;
pub use observer::CallObserver;
pub use settings::{CallSettings, PictureQuality};
pub use state::{
    CallPhase, CallState, CallStatistics, ControlFailure, ControlRequest, DeviceOffer, EncryptionState, EndReason,
    FileProgress, MediaState, OtherVideo, ParticipantState, RecordingProblem, RecordingState, ShareState, SharedFile,
    StatisticsSample, TrackStatistics, VideoKind,
};
pub use status::CameraAbsence;
pub use target::JoinTarget;
pub use task::{CallOptions, start};

/// Command of the UI to the call task. Results show in the next snapshot.
#[derive(Clone, Debug, PartialEq)]
pub enum CallCommand {
    /// Mutes (`true`) or unmutes our camera.
    MuteCamera(bool),
    /// Mutes (`true`) or unmutes our microphone.
    MuteMicrophone(bool),
    /// Switches to this camera.
    UseCamera(DeviceChoice),
    /// Switches to this microphone.
    UseMicrophone(DeviceChoice),
    /// Switches to this speaker.
    UseSpeaker(DeviceChoice),
    /// Sends this camera beside the first one, or in place of the current second one.
    StartSecondCamera(DeviceChoice),
    /// Stops sending the second camera.
    StopSecondCamera,
    /// Sends our microphone as it is (`true`) or processed.
    UseOriginalSound(bool),
    /// Doctor: asks a participant's app to send its microphone as it is (`on`) or processed.
    AskOriginalSound {
        /// The participant's identity.
        identity: String,
        /// As it is.
        on: bool,
    },
    /// Applies these settings of sound and picture; the codec stays.
    UseSettings(CallSettings),
    /// Dismisses the offer of a newly connected device.
    DismissOffer,
    /// Shares this screen or window.
    ShareScreen(ScreenSource),
    /// Stops sharing.
    StopSharing,
    /// Starts (`true`) or stops recording.
    Record(bool),
    /// Answers [`CallState::recording_question`].
    AnswerRecording {
        /// The person consents.
        accept: bool,
        /// Language of the question, such as `es`.
        language: &'static str,
    },
    /// Sends a chat message.
    SendChat(String),
    /// Sends a file or photo to all participants.
    SendFile(PathBuf),
    /// Saves a received file.
    SaveFile {
        /// [`SharedFile::id`].
        id: String,
        /// Destination.
        to: PathBuf,
    },
    /// Sets the remote video tiles on the screen and their sizes, after each change. All other video is paused.
    Show(Vec<Tile>),
    /// Doctor: admits the waiting participant with this identity.
    Admit(String),
    /// Doctor: refuses the waiting participant with this identity.
    Refuse(String),
    /// Doctor: removes the participant with this identity.
    Remove(String),
    /// Doctor: mutes the microphone of the participant with this identity.
    MuteOther(String),
    /// Doctor: grants or revokes an observer's permission to speak.
    PermitOther {
        /// The observer's identity.
        identity: String,
        /// Grants the permission.
        publish: bool,
    },
    /// Doctor: invites an observer with this label. [`CallState::invitation`] has the link.
    Invite(String),
    /// Doctor: ends the consultation for all participants.
    EndForAll,
    /// Doctor: move a call from peer to peer over to the SFU.
    MoveToSfu,
    /// Sends the failed chat message with this number again.
    SendAgain(u64),
    /// Leaves the call. Takes effect at once in every phase.
    HangUp,
}

/// Video of another participant on the screen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The participant's identity.
    pub identity: String,
    /// Which of the participant's videos.
    pub video: VideoKind,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
}
