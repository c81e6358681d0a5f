//! Recording settings of a server, and its registered recorders.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use super::bucket::{Bucket, S3Config};
use super::storage::Storage;
use super::storage_error::StorageError;
use crate::files::{create_private_folder, write_atomically};
use crate::programs;
use crate::secret::random_secret;

/// Interval for polling the database for changes made through other servers.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Settings of recordings.
#[derive(Clone, Debug, Default)]
pub struct RecordingConfig {
    /// `true` to record with LiveKit's egress into the bucket instead of with our recorder.
    pub egress: bool,
    /// Folder of recordings. Without it, nothing is recorded.
    pub folder: Option<PathBuf>,
    /// Path of the recorder. Default: searched for.
    pub program: Option<PathBuf>,
    /// Bucket for finished recordings. Default: the folder.
    pub s3: Option<S3Config>,
    /// Retention in days. Default: unlimited.
    pub retention_days: Option<u32>,
}

/// Error of the recording settings.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// The folder of recordings can't be used.
    #[error("the folder of recordings can't be used")]
    Folder(#[from] std::io::Error),
    /// The storage can't be used.
    #[error("the storage of recordings can't be used")]
    Storage(#[from] StorageError),
}

/// Recording state of a server.
#[derive(Debug)]
pub struct Recordings {
    pub(super) backend: BackendKind,
    /// Owner of the recordings in the database.
    pub(super) owner: String,
    /// Storage of finished recordings.
    pub storage: Storage,
    pub(super) retention_days: Option<u32>,
    changed: Notify,
    /// Labels of the recorders that drivers of this server control.
    registered: Mutex<HashSet<String>>,
}

/// Backend of recordings.
#[derive(Debug)]
pub(super) enum BackendKind {
    /// Our recorder on this machine.
    Local { program: PathBuf, folder: PathBuf },
    /// LiveKit's egress.
    Egress,
}

/// Owner of egress recordings. They aren't on any server's disk, so all servers with the same database supervise them.
const EGRESS_OWNER: &str = "egress";

impl Recordings {
    /// Opens folder and storage. Returns `None` if this server doesn't record, because the folder, the bucket or the
    /// recorder is missing.
    ///
    /// # Errors
    /// [`RecordingError::Folder`] or [`RecordingError::Storage`] if one can't be used.
    pub fn open(config: RecordingConfig) -> Result<Option<Self>, RecordingError> {
        let (backend, owner, storage) = if config.egress {
            let Some(s3) = config.s3 else { return Ok(None) };
            (BackendKind::Egress, EGRESS_OWNER.to_owned(), Storage::S3(Box::new(Bucket::open(s3)?)))
        } else {
            let program = config.program.or_else(|| programs::find("autamedica-recorder"));
            let (Some(folder), Some(program)) = (config.folder, program) else { return Ok(None) };
            create_private_folder(&folder)?;
            let folder = folder.canonicalize()?;
            let owner = server_id(&folder)?;
            let storage = Storage::open(&folder, config.s3)?;
            (BackendKind::Local { program, folder }, owner, storage)
        };
        let retention_days = config.retention_days;
        let (changed, registered) = (Notify::new(), Mutex::default());
        Ok(Some(Self { backend, owner, storage, retention_days, changed, registered }))
    }

    /// Returns `true` if end-to-end encrypted media can be recorded. An egress never has the key.
    pub fn supports_e2ee(&self) -> bool {
        matches!(self.backend, BackendKind::Local { .. })
    }

    /// Returns this server's owner name in the database.
    pub fn owner(&self) -> &str {
        &self.owner
    }

    /// Wakes the drivers after a change.
    pub fn changed(&self) {
        self.changed.notify_waiters();
    }

    /// Waits for a change or the polling interval.
    pub(super) async fn changed_or_poll(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = tokio::time::sleep(POLL_INTERVAL) => {}
        }
    }
}

/// Name of the file that identifies a server's folder.
pub(super) const SERVER_ID_FILE: &str = "server-id";

/// Returns the name of the server that owns a folder. Creates one for a new folder.
fn server_id(folder: &Path) -> std::io::Result<String> {
    let name = folder.join(SERVER_ID_FILE);
    if !name.try_exists()? {
        write_atomically(&name, random_secret::<8>().expose())?;
    }
    Ok(std::fs::read_to_string(&name)?.trim().to_owned())
}

/// Registration of a recorder in [`Recordings`], from before its process starts until it has exited.
pub(super) struct Registered {
    recordings: Arc<Recordings>,
    label: String,
}

impl Registered {
    /// Registers a recorder by its label.
    pub fn new(recordings: &Arc<Recordings>, label: String) -> Self {
        recordings.registered.lock().unwrap_or_else(PoisonError::into_inner).insert(label.clone());
        Self { recordings: recordings.clone(), label }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.recordings.registered.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.label);
    }
}

impl Recordings {
    /// Returns `true` if a driver of this server controls the recorder with this label.
    pub(super) fn is_registered(&self, label: &str) -> bool {
        self.registered.lock().unwrap_or_else(PoisonError::into_inner).contains(label)
    }
}
