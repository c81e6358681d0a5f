//! Recordings of a consultation for its doctor: listing, playing, saving, deleting.
//!
//! One task polls the backend while the screen is open, and executes commands in jobs. A file is downloaded with a
//! signed link that expires after some minutes, so links are never logged, shown or passed to another program.

mod copies;
mod player;
mod task;
mod transfer;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use autamedica_api::{Id, Recording};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;

use crate::{Entrance, Wake};

pub use copies::Copies;
pub use player::Player;

/// Part of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartId {
    /// Id of the recording.
    pub recording: String,
    /// Number of the part, from 1.
    pub number: u32,
}

/// Command to the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingsCommand {
    /// Plays a part in the system's player.
    Play(PartId),
    /// Saves a part. Replaces an existing file.
    Save {
        /// The part.
        part: PartId,
        /// Destination.
        to: PathBuf,
    },
    /// Cancels a transfer or dismisses its result.
    Cancel(PartId),
    /// Deletes the recording with this id and all its parts.
    Delete(String),
}

/// State of the recordings.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingsState {
    /// The consultation.
    pub consultation: Id,
    /// List of recordings.
    pub list: Listed,
    /// Running transfers and results of earlier ones.
    pub transfers: HashMap<PartId, Transfer>,
    /// Recordings that are being deleted.
    pub deleting: Vec<String>,
    /// Recordings that could not be deleted.
    pub not_deleted: HashMap<String, DeleteProblem>,
}

impl RecordingsState {
    /// Returns the initial state.
    pub fn new(consultation: Id, list: Listed) -> Self {
        let (transfers, deleting, not_deleted) = Default::default();
        Self { consultation, list, transfers, deleting, not_deleted }
    }

    /// Returns whether a transfer is running.
    pub fn is_transferring(&self) -> bool {
        self.transfers.values().any(|transfer| matches!(transfer, Transfer::InProgress { .. }))
    }
}

/// List of recordings from the backend.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// This app has no API key of the backend.
    NoKey,
    /// First request pending.
    Asking,
    /// Recordings, newest first.
    Known(Vec<Recording>),
    /// The backend does not answer; the recordings known before.
    Unreachable(Vec<Recording>),
    /// The backend refuses the API key.
    Refused,
}

/// Purpose of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Playing.
    Play,
    /// Saving.
    Save,
}

/// Progress or result of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// In transfer.
    InProgress {
        /// Purpose of the transfer.
        purpose: Purpose,
        /// Bytes so far.
        bytes: u64,
        /// Total bytes; zero until known.
        of: u64,
    },
    /// The system's player has opened it.
    Playing,
    /// Saved completely, with the right checksum.
    Saved(PathBuf),
    /// Failed.
    Failed(FetchProblem),
}

/// Reason for which a transfer failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchProblem {
    /// The backend or the storage does not answer, or stalled.
    Unreachable,
    /// The backend refuses access.
    Denied,
    /// The file does not exist (any more).
    Gone,
    /// The checksum is wrong.
    Differs,
    /// The disk is full.
    DiskFull,
    /// The destination is not writable.
    NotWritable,
    /// No program plays the file.
    NoPlayer,
}

/// Reason for which a recording was not deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteProblem {
    /// The backend or the storage does not answer.
    Unreachable,
    /// The backend refuses access.
    Denied,
    /// The recording is not finished yet.
    Unfinished,
}

/// Options for following the recordings of a consultation.
pub struct RecordingsOptions {
    /// The consultation.
    pub consultation: Id,
    /// The backend and its API key.
    pub entrance: Entrance,
    /// Storage of files to play.
    pub copies: Copies,
    /// Player of files.
    pub player: Player,
}

/// Handle of the task. Dropping it ends the task and its transfers.
#[derive(Debug)]
pub struct RecordingsHandle {
    commands: mpsc::UnboundedSender<RecordingsCommand>,
    state: watch::Receiver<Arc<RecordingsState>>,
    task: Option<AbortHandle>,
}

impl RecordingsHandle {
    /// Returns the newest snapshot. Never blocks.
    pub fn now(&self) -> Arc<RecordingsState> {
        self.state.borrow().clone()
    }

    /// Sends a command. Never blocks; the result shows in a later snapshot.
    pub fn send(&self, command: RecordingsCommand) {
        // Fails without a key, when there is no task and nothing to command.
        let _ = self.commands.send(command);
    }
}

impl Drop for RecordingsHandle {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Follows the recordings of a consultation. Returns at once; the task calls `wake` after each change.
pub fn follow(runtime: &Handle, options: RecordingsOptions, wake: Wake) -> RecordingsHandle {
    // Only a clinic PC's key proves a doctor: a backend without keys shows recordings to nobody.
    let has_key = options.entrance.key.is_some();
    let first = if has_key { Listed::Asking } else { Listed::NoKey };
    let state = RecordingsState::new(options.consultation.clone(), first);
    let (shown, watched) = watch::channel(Arc::new(state.clone()));
    let (commands, inbox) = mpsc::unbounded_channel();
    let task = has_key.then(|| runtime.spawn(task::run(options, state, inbox, shown, wake)).abort_handle());
    RecordingsHandle { commands, state: watched, task }
}
