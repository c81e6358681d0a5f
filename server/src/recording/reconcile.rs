//! Compares the rows, the files and the processes of this server's recordings, at its start and every minute: each file of a
//! recording belongs to a row, each row has its file or says that it is gone, and each recorder is driven by somebody.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use autamedica_api::RecordingState;
use tokio::sync::watch;

use super::files::{self, PartFile, label, parse_label};
use super::recordings::{Means, NAME, Recordings};
use super::storage::{self, Storage};
use super::{process, store_away};
use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{Event, PartState, StoredPart, StoredRecording};

/// How often they are compared.
const EVERY: Duration = Duration::from_secs(60);

/// Compares them again and again until the server ends.
pub async fn reconcile(state: AppState, recordings: Arc<Recordings>, mut ended: watch::Receiver<bool>) {
    // What an egress makes lies in no folder.
    let Means::Local { program, folder } = &recordings.means else { return };
    let reconciler = Reconciler { state: &state, recordings: &recordings, program, folder };
    loop {
        if let Err(error) = reconciler.compare().await {
            tracing::warn!(%error, "recordings and their files can't be compared; trying again in a minute");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // A closed channel means that the server is gone.
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
    /// Compares everything once. One recording's failure holds up no other's.
    async fn compare(&self) -> Result<()> {
        // Without this file it isn't our folder: a disk that isn't mounted must not make every recording count as missing.
        let name = std::fs::read_to_string(self.folder.join(NAME));
        let is_ours = name.is_ok_and(|name| name.trim() == self.recordings.owner);
        if !is_ours {
            return Err(Error::Internal("the folder of recordings isn't there"));
        }
        self.stop_strangers().await?;
        let on_disk = files::all(self.folder).map_err(|error| {
            tracing::error!(%error, "the folder of recordings can't be read");
            Error::Internal("the folder of recordings can't be read")
        })?;
        for file in on_disk {
            if let Err(error) = self.file(&file).await {
                tracing::warn!(%error, recording = file.recording, "a file can't be given to its recording");
            }
        }
        let mut left: BTreeMap<String, Vec<StoredPart>> = BTreeMap::new();
        for part in self.state.store.left_parts(&self.recordings.owner).await? {
            left.entry(part.recording.clone()).or_default().push(part);
        }
        for (id, parts) in left {
            let Some(recording) = self.state.store.recording_of(&id, &self.recordings.owner).await? else { continue };
            if let Err(error) = self.rows(&recording, &parts).await {
                tracing::warn!(%error, recording = id, "a recording's parts can't be given an end");
            }
        }
        self.kept().await
    }

    /// Has every recorder of ours finish that nobody drives.
    async fn stop_strangers(&self) -> Result<()> {
        for (pid, name) in process::running(self.program) {
            let Some((id, _)) = parse_label(&name) else { continue };
            let is_ours = self.state.store.recording_of(id, &self.recordings.owner).await?.is_some();
            // Looked at last: it may have been started a moment ago.
            if is_ours && !self.recordings.drives(&name) {
                tracing::warn!(recording = id, "a recorder that nobody drives is told to finish");
                process::stop(pid);
            }
        }
        Ok(())
    }

    /// Whether a recorder may still write this part.
    fn is_written(&self, recording: &str, number: u32) -> bool {
        let wanted = label(recording, number);
        self.recordings.drives(&wanted) || process::running(self.program).iter().any(|(_, name)| *name == wanted)
    }

    /// Gives a file its row.
    async fn file(&self, file: &PartFile) -> Result<()> {
        let store = &self.state.store;
        let (id, number) = (&file.recording, file.number);
        if self.is_written(id, number) {
            return Ok(());
        }
        let Some(recording) = store.recording_of(id, &self.recordings.owner).await? else {
            tracing::error!(recording = id, "a file belongs to no recording of this database; it is left where it is");
            return Ok(());
        };
        let part = store.parts(id).await?.into_iter().find(|part| part.number == number);
        // Meanwhile it may have been stored, or deleted.
        if !file.path.exists() {
            return Ok(());
        }
        match part.map(|part| part.state) {
            Some(PartState::Writing | PartState::Ending | PartState::Finished) => Ok(()),
            // It is kept elsewhere, and was checked there: this is the copy that should have gone.
            Some(PartState::Stored) => self.remove(file),
            None | Some(PartState::Gone) if is_unwanted(recording.state) => {
                self.remove(file)?;
                let by = Event::ok("server", "recording.discard").consultation(&recording.consultation);
                Ok(store.audit(by.subject(format!("recording:{id}"))).await?)
            }
            known => {
                tracing::error!(recording = id, part = number, "a file of a recording had no row; it has one now");
                let part = StoredPart::new(id, number);
                if known.is_some() {
                    store.update_part(&part).await?
                } else {
                    _ = store.begin_part(&part).await?
                }
                Ok(())
            }
        }
    }

    /// Deletes a file that nobody wants.
    fn remove(&self, file: &PartFile) -> Result<()> {
        storage::remove(&file.path).map_err(|error| {
            tracing::warn!(%error, recording = file.recording, "a file of a recording can't be deleted");
            Error::Internal("a file of a recording can't be deleted")
        })
    }

    /// Gives parts an end that the end of their recording has left without.
    async fn rows(&self, recording: &StoredRecording, parts: &[StoredPart]) -> Result<()> {
        if parts.iter().any(|part| self.is_written(&part.recording, part.number)) {
            return Ok(());
        }
        if is_unwanted(recording.state) {
            return store_away::discard(self.state, self.recordings, recording).await;
        }
        tracing::error!(recording = recording.id, "a recording has parts that weren't stored; they are now");
        let ends = [RecordingState::Ready, RecordingState::Failed];
        self.state.store.move_recording(&recording.id, &ends, RecordingState::Storing).await?;
        self.recordings.changed();
        Ok(())
    }

    /// Notes which of the files that are kept in the folder are missing.
    async fn kept(&self) -> Result<()> {
        let Storage::Folder(folder) = &self.recordings.storage else { return Ok(()) };
        for part in self.state.store.kept_parts(&self.recordings.owner).await? {
            let Some(file) = part.file.as_deref().map(|file| folder.join(file)).filter(|file| !file.exists()) else {
                continue;
            };
            // Somebody may have deleted it through the API meanwhile.
            let now = self.state.store.recording(&part.recording).await?;
            let Some(recording) = now.filter(|now| now.state == RecordingState::Ready) else { continue };
            tracing::error!(recording = part.recording, file = %file.display(), "a kept file of a recording is missing");
            let by = Event::ok("server", "recording.missing").consultation(&recording.consultation);
            self.state.store.audit(by.subject(format!("recording:{}", recording.id))).await?;
            self.state.store.recording_problem(&part.recording, Some("part-missing")).await?;
        }
        Ok(())
    }
}

/// Whether nothing of such a recording is to be kept.
fn is_unwanted(state: RecordingState) -> bool {
    matches!(state, RecordingState::Refused | RecordingState::Cancelled | RecordingState::Deleted)
}
