//! What a server records with, and the recorders that it drives.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::bucket::{Bucket, S3Config};
use super::storage::Storage;
use super::storage_error::StorageError;
use crate::files::{private_folder, write_whole};
use crate::programs;
use crate::secret::Secret;

/// How often the database is asked what another server was told to do with a recording of ours.
const EVERY: Duration = Duration::from_millis(500);

/// How this server records.
#[derive(Clone, Debug, Default)]
pub struct RecordingConfig {
    /// Whether LiveKit's egress records, straight into the bucket, and no recorder of ours.
    pub egress: bool,
    /// The folder of recordings; none, and nothing is recorded.
    pub folder: Option<PathBuf>,
    /// The recorder; found beside this program when absent.
    pub program: Option<PathBuf>,
    /// Where finished recordings go instead of the folder.
    pub s3: Option<S3Config>,
    /// After how many days recordings are deleted; never, unless said.
    pub retention_days: Option<u32>,
}

/// Why this server can't record.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder of recordings can't be used.
    #[error("the folder of recordings can't be used")]
    Folder(#[from] std::io::Error),
    /// The storage can't be used.
    #[error("the storage of recordings can't be used")]
    Storage(#[from] StorageError),
}

/// What a server that records has.
#[derive(Debug)]
pub struct Recordings {
    pub(super) means: Means,
    /// Who looks after them, in the database.
    pub(super) owner: String,
    /// Where finished recordings are kept.
    pub storage: Storage,
    pub(super) retention_days: Option<u32>,
    changed: Notify,
    /// The labels of the recorders that tasks of this server drive.
    driven: Mutex<HashSet<String>>,
}

/// What makes recordings.
#[derive(Debug)]
pub(super) enum Means {
    /// A recorder of ours, on this machine.
    Local { program: PathBuf, folder: PathBuf },
    /// LiveKit's egress, wherever it runs.
    Egress,
}

/// The owner of what an egress records: none of it lies with a server, so all that share the database look after it.
const EVERYBODY: &str = "egress";

impl Recordings {
    /// `None` when this server doesn't record: without a place to record to, or without a recorder.
    ///
    /// # Errors
    /// When the folder or the storage can't be used.
    pub fn open(config: RecordingConfig) -> Result<Option<Self>, RecordingError> {
        let (means, owner, storage) = if config.egress {
            let Some(s3) = config.s3 else { return Ok(None) };
            (Means::Egress, EVERYBODY.to_owned(), Storage::S3(Box::new(Bucket::open(s3)?)))
        } else {
            let program = config.program.or_else(|| programs::find("autamedica-recorder"));
            let (Some(folder), Some(program)) = (config.folder, program) else { return Ok(None) };
            private_folder(&folder)?;
            let folder = folder.canonicalize()?;
            let owner = name_of(&folder)?;
            let storage = Storage::open(&folder, config.s3)?;
            (Means::Local { program, folder }, owner, storage)
        };
        let retention_days = config.retention_days;
        let (changed, driven) = (Notify::new(), Mutex::default());
        Ok(Some(Self { means, owner, storage, retention_days, changed, driven }))
    }

    /// Whether it can record what is encrypted end to end. An egress never has the key.
    pub fn reads_encrypted(&self) -> bool {
        matches!(self.means, Means::Local { .. })
    }

    /// This server's name in the database.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Something was decided about a recording: look now.
    pub fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Waits for a change, or a moment.
    pub(super) async fn next_look(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// The file with the name of a server's folder.
pub(super) const NAME: &str = "server-id";

/// What names a server's folder: its files are nobody else's.
fn name_of(folder: &Path) -> std::io::Result<String> {
    let name = folder.join(NAME);
    if !name.try_exists()? {
        write_whole(&name, Secret::random::<8>().expose())?;
    }
    Ok(std::fs::read_to_string(&name)?.trim().to_owned())
}

/// A recorder's place in [`Recordings`], from before its process starts until it has ended.
pub(super) struct Registered {
    recordings: Arc<Recordings>,
    label: String,
}

impl Registered {
    /// Registers the recorder of this label.
    pub fn new(recordings: &Arc<Recordings>, label: String) -> Self {
        recordings.driven.lock().unwrap_or_else(PoisonError::into_inner).insert(label.clone());
        Self { recordings: recordings.clone(), label }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.recordings.driven.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.label);
    }
}

impl Recordings {
    /// Whether a task of this server drives the recorder of this label.
    pub(super) fn drives(&self, label: &str) -> bool {
        self.driven.lock().unwrap_or_else(PoisonError::into_inner).contains(label)
    }
}
