//! Recovery of unfinished files after a crash of a recorder or of the server.

use std::path::Path;

use autamedica_api::RecordedPart;

use super::drive::Job;
use super::files::{self, PartFile, parse_label};
use super::process;
use super::storage;
use super::storage_error::StorageError;
use crate::error::{Error, Result};
use crate::store::{PartState, StoredPart};

/// Finishes every part of a recording that counts as being written, with its file or as missing. Returns `false` while
/// a recorder writes one of them.
///
/// # Errors
/// [`Error::Database`] and [`Error::Internal`] if the database, the folder or the recorder's program fails. Parts stay
/// unfinished then.
pub(super) async fn recover(job: &Job, program: &Path, folder: &Path) -> Result<bool> {
    let store = &job.state.store;
    let mut unfinished = store.parts(&job.id).await?;
    unfinished.retain(|part| part.egress.is_none() && part.state == PartState::Writing);
    if unfinished.is_empty() {
        return Ok(true);
    }
    let is_written = |(_, label): (i32, String)| parse_label(&label).is_some_and(|(id, _)| id == job.id);
    if process::running_recorders(program).into_iter().any(is_written) {
        return Ok(false);
    }
    let on_disk = files::of(folder, &job.id).map_err(|error| unreadable(error.into()))?;
    // Empty files contain nothing to recover.
    let (empty, on_disk): (Vec<_>, Vec<_>) = on_disk.into_iter().partition(|file| size(&file.path) == 0);
    for file in empty {
        storage::remove(&file.path).map_err(|_| Error::Internal("an empty file of a recording can't be deleted"))?;
    }
    let found = if on_disk.is_empty() {
        Vec::new()
    } else {
        process::recover(program, folder, &job.id).await.map_err(|error| {
            tracing::error!(%error, "starting the recovery failed; retrying");
            Error::Internal("the recorder's program can't be started")
        })?
    };
    for part in unfinished {
        finish_part(job, part, &found, &on_disk).await?;
    }
    Ok(true)
}

/// Finishes one part.
async fn finish_part(job: &Job, mut part: StoredPart, found: &[RecordedPart], on_disk: &[PartFile]) -> Result<()> {
    let store = &job.state.store;
    let number = part.number;
    if let Some(found) = found.iter().find(|found| is_part(found, number)) {
        part.finish(found);
        return Ok(store.update_part(&part).await?);
    }
    match on_disk.iter().rfind(|file| file.number == number) {
        // The original file is kept, because it may be recoverable by other means.
        Some(file) => {
            tracing::error!(recording = job.id, part = number, "remuxing a part to MP4 failed; its file is kept");
            let sha256 = storage::hash_of(&file.path).await.map_err(unreadable)?;
            let (file, bytes) = (file.path.clone(), size(&file.path));
            part.finish(&RecordedPart { file, seconds: part.seconds, bytes, sha256 });
            store.set_recording_problem(&job.id, Some("remux-failed")).await?;
            Ok(store.update_part(&part).await?)
        }
        // The recorder crashed before it wrote anything.
        None if part.started_at.is_none() => Ok(store.delete_part(&job.id, number).await?),
        None => Ok(mark_missing(job, part).await?),
    }
}

/// Marks a part as missing.
async fn mark_missing(job: &Job, part: StoredPart) -> sqlx::Result<()> {
    tracing::error!(recording = job.id, part = part.number, "part of a recording is missing");
    job.state.store.set_recording_problem(&job.id, Some("part-missing")).await?;
    job.state.store.update_part(&part.without_file()).await
}

fn unreadable(error: StorageError) -> Error {
    tracing::error!(%error, cause = ?error, "reading an unfinished file failed; retrying");
    Error::Internal("an unfinished file of a recording can't be read")
}

fn size(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |file| file.len())
}

/// Returns `true` if a recovered file, `NAME.partN.mp4`, is this part's.
fn is_part(found: &RecordedPart, number: u32) -> bool {
    let name = found.file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.split('.').any(|piece| piece == format!("part{number}"))
}
