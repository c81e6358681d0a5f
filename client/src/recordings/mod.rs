//! The recordings of a consultation, for its doctor: what there is, fetched to be played or kept, deleted.
//!
//! One task asks the backend from time to time while somebody looks, and does what they ask for beside that. A file comes over
//! a link that is good for some minutes and proves itself, so neither is ever logged, shown, or handed to another program.

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

use crate::call::{Entrance, Wake};

pub use copies::Copies;
pub use player::Player;

/// A file of a recording.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PartId {
    /// Of which recording.
    pub recording: String,
    /// 1, 2, 3, …
    pub number: u32,
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordingsCommand {
    /// Show it in the system's player.
    Play(PartId),
    /// Keep it here. What is there already is replaced.
    Save {
        /// Which.
        part: PartId,
        /// Where to.
        to: PathBuf,
    },
    /// Don't fetch it after all, or forget what came of it.
    Cancel(PartId),
    /// Delete the recording of this id, with all its files.
    Delete(String),
}

/// What is known, and what is being done.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordingsState {
    /// Whose recordings.
    pub consultation: Id,
    /// What there is.
    pub list: Listed,
    /// Files on their way, and what came of those before.
    pub transfers: HashMap<PartId, Transfer>,
    /// Recordings that are being deleted.
    pub deleting: Vec<String>,
    /// Recordings that couldn't be deleted.
    pub not_deleted: HashMap<String, DeleteProblem>,
}

impl RecordingsState {
    /// When nothing is known yet.
    pub fn new(consultation: Id, list: Listed) -> Self {
        let (transfers, deleting, not_deleted) = Default::default();
        Self { consultation, list, transfers, deleting, not_deleted }
    }

    /// Whether a file is on its way.
    pub fn is_moving(&self) -> bool {
        self.transfers.values().any(|transfer| matches!(transfer, Transfer::Moving { .. }))
    }
}

/// What the backend says that there is.
#[derive(Clone, Debug, PartialEq)]
pub enum Listed {
    /// This app has no key for the backend.
    NoKey,
    /// Being asked for the first time.
    Asking,
    /// The newest first.
    Known(Vec<Recording>),
    /// Nothing answers. What was known before, if anything.
    Unreachable(Vec<Recording>),
    /// The backend doesn't take the key.
    Refused,
}

/// What a file is fetched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To be played.
    Play,
    /// To be kept.
    Save,
}

/// How far a file is, or what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transfer {
    /// It comes.
    Moving {
        /// What for.
        purpose: Purpose,
        /// So many bytes are here …
        bytes: u64,
        /// … of so many; zero until that is known.
        of: u64,
    },
    /// The system's player has it.
    Playing,
    /// It is here, whole, and its checksum is the backend's.
    Saved(PathBuf),
    /// It didn't come.
    Failed(FetchProblem),
}

/// Why a file didn't come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchProblem {
    /// The backend or the storage doesn't answer, or fell silent.
    Unreachable,
    /// The backend doesn't let us.
    Denied,
    /// The file isn't there (any more).
    Gone,
    /// What came isn't what was recorded.
    Differs,
    /// There is no room here.
    DiskFull,
    /// Nothing can be written there.
    NotWritable,
    /// The file is here, and nothing plays it.
    NoPlayer,
}

/// Why a recording wasn't deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeleteProblem {
    /// The backend or the storage doesn't answer.
    Unreachable,
    /// The backend doesn't let us.
    Denied,
    /// It isn't finished yet.
    Unfinished,
}

/// What it takes to look after a consultation's recordings.
pub struct RecordingsOptions {
    /// Whose.
    pub consultation: Id,
    /// The backend, and the key for it.
    pub entrance: Entrance,
    /// Where files lie that are played.
    pub copies: Copies,
    /// What plays them.
    pub player: Player,
}

/// Somebody looks at them: dropping it ends all that is under way.
#[derive(Debug)]
pub struct RecordingsHandle {
    commands: mpsc::UnboundedSender<RecordingsCommand>,
    state: watch::Receiver<Arc<RecordingsState>>,
    task: Option<AbortHandle>,
}

impl RecordingsHandle {
    /// The newest snapshot. Never waits.
    pub fn now(&self) -> Arc<RecordingsState> {
        self.state.borrow().clone()
    }

    /// Asks for something. Never waits; what comes of it shows in a later snapshot.
    pub fn send(&self, command: RecordingsCommand) {
        // Without a key there is no task, and nothing that could be asked for.
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

/// Begins to ask. Returns at once; `wake` is called after each change.
pub fn follow(runtime: &Handle, options: RecordingsOptions, wake: Wake) -> RecordingsHandle {
    // Only a desk's key proves a doctor: a backend without keys shows recordings to nobody.
    let has_key = options.entrance.key.is_some();
    let first = if has_key { Listed::Asking } else { Listed::NoKey };
    let state = RecordingsState::new(options.consultation.clone(), first);
    let (shown, watched) = watch::channel(Arc::new(state.clone()));
    let (commands, inbox) = mpsc::unbounded_channel();
    let task = has_key.then(|| runtime.spawn(task::run(options, state, inbox, shown, wake)).abort_handle());
    RecordingsHandle { commands, state: watched, task }
}
