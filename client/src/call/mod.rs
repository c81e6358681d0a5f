//! A call: one task, fed with [`CallCommand`]s, publishing [`CallState`] snapshots.

mod event;
mod handle;
mod join;
mod local;
mod remote;
mod room_event;
mod state;
mod target;
mod task;

pub use handle::{CallHandle, Wake};
pub use join::{Entrance, StartBackend};
pub use local::DeviceChoices;
pub use state::{
    CallPhase, CallState, ChatMessage, EncryptionState, EndReason, MediaState, ParticipantState, RecordingState,
    ShareState,
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
    /// Start (`true`) or stop sharing our screen.
    ShareScreen(bool),
    /// Start (`true`) or stop recording.
    Record(bool),
    /// Send a chat line.
    SendChat(String),
    /// Leave. Always works, at once.
    HangUp,
}
