//! Recording consultations: consent first, then a recorder process under supervision, then its files to where they are kept.

mod announce;
mod bucket;
mod drive;
mod process;
mod storage;
mod store_away;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use crate::files::{private_folder, write_whole};
use crate::secret::Secret;
use crate::state::AppState;

pub use bucket::S3Config;
pub use storage::{Storage, StorageError};
pub use store_away::{delete, key, links};

/// How often the database is asked what another server was told to do with a recording of ours.
const EVERY: Duration = Duration::from_millis(500);
const DAY: i64 = 24 * 60 * 60 * 1000;

/// How this server records.
#[derive(Clone, Debug, Default)]
pub struct RecordingConfig {
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
    program: PathBuf,
    folder: PathBuf,
    /// Names this server's folder: its files are nobody else's.
    owner: String,
    /// Where finished recordings are kept.
    pub storage: Storage,
    retention_days: Option<u32>,
    changed: Notify,
}

impl Recordings {
    /// `None` when this server doesn't record: without a folder or without a recorder.
    ///
    /// # Errors
    /// When the folder or the storage can't be used.
    pub fn open(config: RecordingConfig) -> Result<Option<Self>, RecordingError> {
        let program = config.program.or_else(find_program);
        let (Some(folder), Some(program)) = (config.folder, program) else { return Ok(None) };
        private_folder(&folder)?;
        let folder = folder.canonicalize()?;
        let name = folder.join("server-id");
        if !name.try_exists()? {
            write_whole(&name, Secret::random::<8>().expose())?;
        }
        let owner = std::fs::read_to_string(&name)?.trim().to_owned();
        let storage = Storage::open(&folder, config.s3)?;
        let retention_days = config.retention_days;
        Ok(Some(Self { program, folder, owner, storage, retention_days, changed: Notify::new() }))
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
    async fn next_look(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// The recorder beside this program, or in the folder above it (where cargo puts it for tests).
fn find_program() -> Option<PathBuf> {
    let name = format!("autamedica-recorder{}", std::env::consts::EXE_SUFFIX);
    let exe = std::env::current_exe().ok()?;
    exe.ancestors().skip(1).take(2).map(|folder: &Path| folder.join(&name)).find(|program| program.is_file())
}

/// Looks after this server's recordings until it ends: one task for each that is open.
pub async fn supervise(state: AppState, recordings: Arc<Recordings>, mut ended: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut running: HashMap<String, tokio::task::AbortHandle> = HashMap::new();
    loop {
        running.retain(|_, task| !task.is_finished());
        match state.store.open_recordings(&recordings.owner).await {
            Ok(open) => {
                for recording in open {
                    running.entry(recording.id.clone()).or_insert_with(|| {
                        tasks.spawn(drive::drive(state.clone(), recordings.clone(), recording.id, ended.clone()))
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "the recordings can't be looked after; trying again"),
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = recordings.next_look() => {}
            // A closed channel means that the server is gone.
            _ = ended.wait_for(|end| *end) => break,
        }
    }
    // Each tells its recorder to stop and ends.
    while tasks.join_next().await.is_some() {}
}

/// Deletes what is older than the operator wants to keep.
pub async fn expire(state: &AppState, recordings: &Recordings) {
    let Some(days) = recordings.retention_days else { return };
    let before = autamedica_api::Timestamp::now().as_millis() - i64::from(days) * DAY;
    let old = state.store.recordings_before(&recordings.owner, autamedica_api::Timestamp::from_millis(before)).await;
    for recording in old.unwrap_or_default() {
        let by = crate::store::Event::ok("server", "recording.expire");
        if let Err(error) = store_away::delete(state, recordings, &recording, by).await {
            tracing::warn!(%error, recording = recording.id, "an old recording can't be deleted; trying again later");
        }
    }
}
