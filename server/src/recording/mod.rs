//! Recording of consultations: consent, recording by a supervised recorder process or by LiveKit's egress, and storage
//! of the files.

mod announce;
mod bucket;
mod drive;
mod egress;
mod files;
mod foreign;
mod local;
mod process;
mod reconcile;
mod recordings;
mod recover;
mod storage;
mod storage_error;
mod upload;

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use drive::{Job, drive};
use egress::Egress;
use local::Local;
use recordings::BackendKind;

use crate::state::AppState;

pub use announce::announce_key;
pub use bucket::S3Config;
pub use egress::{process_info as process_egress, watch_egresses};
pub use reconcile::reconcile;
pub use recordings::{RecordingConfig, RecordingError, Recordings};
pub use storage_error::StorageError;
pub use upload::{delete, key, links};

const DAY: i64 = 24 * 60 * 60 * 1000;

/// Supervises this server's recordings until it shuts down, with a driver task for each.
pub async fn supervise(state: AppState, recordings: Arc<Recordings>, mut ended: watch::Receiver<bool>) {
    let mut tasks = JoinSet::new();
    let mut running: HashMap<String, tokio::task::AbortHandle> = HashMap::new();
    loop {
        running.retain(|_, task| !task.is_finished());
        match state.store.open_recordings(&recordings.owner).await {
            Ok(open) => {
                for recording in open {
                    running.entry(recording.id.clone()).or_insert_with(|| {
                        let job = Job { state: state.clone(), recordings: recordings.clone(), id: recording.id };
                        match &recordings.backend {
                            BackendKind::Local { program, folder } => {
                                let backend = Local::new(program.clone(), folder.clone());
                                tasks.spawn(drive(job, backend, ended.clone()))
                            }
                            BackendKind::Egress => tasks.spawn(drive(job, Egress::default(), ended.clone())),
                        }
                    });
                }
            }
            Err(error) => tracing::warn!(%error, "listing the open recordings failed; retrying"),
        }
        while tasks.try_join_next().is_some() {}
        tokio::select! {
            () = recordings.changed_or_poll() => {}
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => break,
        }
    }
    // Each driver stops its recorder and returns.
    while tasks.join_next().await.is_some() {}
}

/// Deletes recordings older than the retention.
pub async fn delete_expired(state: &AppState, recordings: &Recordings) {
    let Some(days) = recordings.retention_days else { return };
    let before = autamedica_api::Timestamp::now().as_millis() - i64::from(days) * DAY;
    let old = state.store.recordings_before(&recordings.owner, autamedica_api::Timestamp::from_millis(before)).await;
    for recording in old.unwrap_or_default() {
        let event = crate::store::AuditEvent::ok("server", "recording.expire");
        if let Err(error) = upload::delete(state, recordings, &recording, event).await {
            tracing::warn!(%error, recording = recording.id, "deleting an expired recording failed; retrying later");
        }
    }
}
