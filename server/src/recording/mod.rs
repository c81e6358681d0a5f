//! Recording consultations: consent first, then a recorder process under supervision or LiveKit's egress, then the files to
//! where they are kept.

mod announce;
mod bucket;
mod drive;
mod egress;
mod local;
mod process;
mod storage;
mod store_away;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

use bucket::Bucket;
use drive::{Case, drive};
use egress::Egress;
use local::Local;

use crate::files::{private_folder, write_whole};
use crate::secret::Secret;
use crate::state::AppState;

pub use bucket::S3Config;
pub use egress::take_in as take_in_egress;
pub use storage::{Storage, StorageError};
pub use store_away::{delete, key, links};

/// How often the database is asked what another server was told to do with a recording of ours.
const EVERY: Duration = Duration::from_millis(500);
const DAY: i64 = 24 * 60 * 60 * 1000;

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
    means: Means,
    /// Who looks after them, in the database.
    owner: String,
    /// Where finished recordings are kept.
    pub storage: Storage,
    retention_days: Option<u32>,
    changed: Notify,
}

/// What makes recordings.
#[derive(Debug)]
enum Means {
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
            let program = config.program.or_else(find_program);
            let (Some(folder), Some(program)) = (config.folder, program) else { return Ok(None) };
            private_folder(&folder)?;
            let folder = folder.canonicalize()?;
            let owner = name_of(&folder)?;
            let storage = Storage::open(&folder, config.s3)?;
            (Means::Local { program, folder }, owner, storage)
        };
        let retention_days = config.retention_days;
        Ok(Some(Self { means, owner, storage, retention_days, changed: Notify::new() }))
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
    async fn next_look(&self) {
        tokio::select! {
            () = self.changed.notified() => {}
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// What names a server's folder: its files are nobody else's.
fn name_of(folder: &Path) -> std::io::Result<String> {
    let name = folder.join("server-id");
    if !name.try_exists()? {
        write_whole(&name, Secret::random::<8>().expose())?;
    }
    Ok(std::fs::read_to_string(&name)?.trim().to_owned())
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
                        let case = Case { state: state.clone(), recordings: recordings.clone(), id: recording.id };
                        match &recordings.means {
                            Means::Local { program, folder } => {
                                let way = Local::new(program.clone(), folder.clone());
                                tasks.spawn(drive(case, way, ended.clone()))
                            }
                            Means::Egress => tasks.spawn(drive(case, Egress::default(), ended.clone())),
                        }
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
