//! A call: one task, fed with [`CallCommand`]s, publishing [`CallState`] snapshots.

mod state;

pub use state::{
    CallPhase, CallState, ChatMessage, EncryptionState, EndReason, MediaState, ParticipantState, RecordingState,
    ShareState,
};

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
