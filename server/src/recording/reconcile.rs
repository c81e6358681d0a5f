//! Reconciles rows, files and processes of this server's recordings at startup and every minute: each file belongs to a
//! row, each row has its file or is marked as missing, and each recorder has a driver.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::RecordingState;
use tokio::sync::watch;

use super::files::{self, PartFile, label, parse_label};
use super::recordings::{BackendKind, Recordings, SERVER_ID_FILE};
use super::storage::{self, Storage};
use super::{process, upload};
use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{Event, PartState, StoredPart, StoredRecording};

/// Interval of the reconciliation.
const INTERVAL: Duration = Duration::from_secs(60);

/// Reconciles periodically until the server shuts down.
pub async fn reconcile(state: AppState, recordings: Arc<Recordings>, mut ended: watch::Receiver<bool>) {
    // Egress writes no local files.
    let BackendKind::Local { program, folder } = &recordings.backend else { return };
    let reconciler = Reconciler { state: &state, recordings: &recordings, program, folder };
    loop {
        if false && let Err(error) = reconciler.reconcile().await {
            tracing::warn!(%error, "reconciling recordings failed; retrying in a minute");
        }
        tokio::select! {
            () = tokio::time::sleep(INTERVAL) => {}
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => return,
        }
    }
}

struct Reconciler<'a> {
    state: &'a AppState,
    recordings: &'a Recordings,
    program: &'a Path,
    folder: &'a Path,
}

impl Reconciler<'_> {
    /// Reconciles once. A failure of one recording doesn't affect the others.
    async fn reconcile(&self) -> Result<()> {
        // The file identifies the folder: an unmounted disk must not make all recordings count as missing.
        let name = std::fs::read_to_string(self.folder.join(SERVER_ID_FILE));
        let is_ours = name.is_ok_and(|name| name.trim() == self.recordings.owner);
        if !is_ours {
            return Err(Error::Internal("the folder of recordings isn't there"));
        }
        self.stop_orphans().await?;
        let on_disk = files::all(self.folder).map_err(|error| {
            tracing::error!(%error, "reading the folder of recordings failed");
            Error::Internal("the folder of recordings can't be read")
        })?;
        for file in on_disk {
            if let Err(error) = self.reconcile_file(&file).await {
                tracing::warn!(%error, recording = file.recording, "reconciling a file of a recording failed");
            }
        }
        let mut unfinished: BTreeMap<String, Vec<StoredPart>> = BTreeMap::new();
        for part in self.state.store.unfinished_parts(&self.recordings.owner).await? {
            unfinished.entry(part.recording.clone()).or_default().push(part);
        }
        for (id, parts) in unfinished {
            let Some(recording) = self.state.store.recording_of(&id, &self.recordings.owner).await? else { continue };
            if let Err(error) = self.reconcile_parts(&recording, &parts).await {
                tracing::warn!(%error, recording = id, "finishing a recording's parts failed");
            }
        }
        self.mark_missing().await
    }

    /// Stops recorders of this server without a driver.
    async fn stop_orphans(&self) -> Result<()> {
        for (pid, name) in process::running_recorders(self.program) {
            let Some((id, _)) = parse_label(&name) else { continue };
            let is_ours = self.state.store.recording_of(id, &self.recordings.owner).await?.is_some();
            // Checked last, because the recorder may have been started just now.
            if is_ours && !self.recordings.is_registered(&name) {
                tracing::warn!(recording = id, "stopping a recorder without a driver");
                process::stop(pid);
            }
        }
        Ok(())
    }

    /// Returns `true` if a recorder may still write this part.
    fn is_written(&self, recording: &str, number: u32) -> bool {
        let wanted = label(recording, number);
        self.recordings.is_registered(&wanted)
            || process::running_recorders(self.program).iter().any(|(_, name)| *name == wanted)
    }

    /// Creates a missing row for a file, or deletes a file that isn't wanted.
    async fn reconcile_file(&self, file: &PartFile) -> Result<()> {
        let store = &self.state.store;
        let (id, number) = (&file.recording, file.number);
        if self.is_written(id, number) {
            return Ok(());
        }
        let Some(recording) = store.recording_of(id, &self.recordings.owner).await? else {
            tracing::error!(recording = id, "file belongs to no recording of this database and is kept");
            return Ok(());
        };
        let part = store.parts(id).await?.into_iter().find(|part| part.number == number);
        // The file may have been stored or deleted meanwhile.
        if !file.path.exists() {
            return Ok(());
        }
        match part.map(|part| part.state) {
            Some(PartState::Writing | PartState::Ending | PartState::Finished) => Ok(()),
            // The stored copy was verified; this is the original, whose deletion failed.
            Some(PartState::Stored) => self.remove(file),
            None | Some(PartState::Gone) if is_unwanted(recording.state) => {
                self.remove(file)?;
                let by = Event::ok("server", "recording.discard").consultation(&recording.consultation);
                Ok(store.audit(by.subject(format!("recording:{id}"))).await?)
            }
            known => {
                tracing::error!(recording = id, part = number, "row created for a recording's file without one");
                let part = StoredPart::new(id, number);
                if known.is_some() {
                    store.update_part(&part).await?
                } else {
                    _ = store.insert_part(&part).await?
                }
                Ok(())
            }
        }
    }

    /// Deletes an unwanted file.
    fn remove(&self, file: &PartFile) -> Result<()> {
        storage::remove(&file.path).map_err(|error| {
            tracing::warn!(%error, recording = file.recording, "deleting a file of a recording failed");
            Error::Internal("a file of a recording can't be deleted")
        })
    }

    /// Finishes unfinished parts of a finished recording.
    async fn reconcile_parts(&self, recording: &StoredRecording, parts: &[StoredPart]) -> Result<()> {
        if parts.iter().any(|part| self.is_written(&part.recording, part.number)) {
            return Ok(());
        }
        if is_unwanted(recording.state) {
            return upload::discard(self.state, self.recordings, recording).await;
        }
        tracing::error!(recording = recording.id, "storing the remaining parts of a finished recording");
        let ends = [RecordingState::Ready, RecordingState::Failed];
        self.state.store.transition_recording(&recording.id, &ends, RecordingState::Storing).await?;
        self.recordings.changed();
        Ok(())
    }

    /// Marks recordings whose stored files are missing from the folder.
    async fn mark_missing(&self) -> Result<()> {
        let Storage::Folder(folder) = &self.recordings.storage else { return Ok(()) };
        for part in self.state.store.stored_parts(&self.recordings.owner).await? {
            let Some(file) = part.file.as_deref().map(|file| folder.join(file)).filter(|file| !file.exists()) else {
                continue;
            };
            // The recording may have been deleted through the API meanwhile.
            let now = self.state.store.recording(&part.recording).await?;
            let Some(recording) = now.filter(|now| now.state == RecordingState::Ready) else { continue };
            tracing::error!(recording = part.recording, file = %file.display(), "stored file of a recording is missing");
            let by = Event::ok("server", "recording.missing").consultation(&recording.consultation);
            self.state.store.audit(by.subject(format!("recording:{}", recording.id))).await?;
            self.state.store.set_recording_problem(&part.recording, Some("part-missing")).await?;
        }
        Ok(())
    }
}

/// Returns `true` if files of recordings in this state must be deleted.
fn is_unwanted(state: RecordingState) -> bool {
    matches!(state, RecordingState::Refused | RecordingState::Cancelled | RecordingState::Deleted)
}
