//! Upload, deletion and download links of finished recordings.

use std::path::Path;

use autamedica_api::{RecordingState, Timestamp};

use super::bucket::{Bucket, LINK_VALIDITY, Progress, Upload};
use super::files;
use super::recordings::{BackendKind, Recordings};
use super::storage::{Storage, remove};
use super::storage_error::StorageError;
use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{AuditEvent, PartState, StoredPart, StoredRecording};

/// Returns the start time of a part for its name.
fn start_time(part: &StoredPart, recording: &StoredRecording) -> Timestamp {
    part.started_at.or(recording.started_at).unwrap_or(recording.requested_at)
}

/// Returns the name of a part in the storage: `consultations/ID-20261124T150000Z.mp4`.
pub fn key(part: &StoredPart, recording: &StoredRecording) -> String {
    let started_at = start_time(part, recording).as_millis();
    let time = jiff::Timestamp::from_millisecond(started_at).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let kind = part.file.as_deref().and_then(|file| file.rsplit('.').next()).unwrap_or("mp4");
    // Parts without a start time share the recording's, so they need a number.
    let number = if part.started_at.is_none() && part.number > 1 { format!("-{}", part.number) } else { String::new() };
    format!("consultations/{}-{time}{number}.{kind}", recording.consultation)
}

/// Stores every finished part of a recording. The recording is ready when all are stored.
///
/// # Errors
/// The inner [`StorageError`] of the first part that can't be stored; its file stays. [`Error::Database`].
pub async fn store(
    state: &AppState,
    recordings: &Recordings,
    recording: &StoredRecording,
) -> Result<std::result::Result<(), StorageError>> {
    for part in state.store.parts(&recording.id).await? {
        if part.state != PartState::Finished {
            continue;
        }
        let stored = match (&part.egress, &recordings.storage) {
            (Some(_), Storage::S3(bucket)) => check_egress(state, bucket, part).await?,
            _ => store_part(state, recordings, recording, part).await?,
        };
        if let Err(error) = stored {
            tracing::warn!(recording = recording.id, %error, cause = ?error, "storing a recording failed; retrying");
            state.store.set_storage_problem(&recording.id, Some(error.name())).await?;
            return Ok(Err(error));
        }
    }
    state.store.set_storage_problem(&recording.id, None).await?;
    let has_file = state.store.parts(&recording.id).await?.iter().any(StoredPart::has_file);
    let end = if !has_file { RecordingState::Failed } else { RecordingState::Ready };
    state.store.transition_recording(&recording.id, &[RecordingState::Storing], end).await?;
    Ok(Ok(()))
}

async fn store_part(
    state: &AppState,
    recordings: &Recordings,
    recording: &StoredRecording,
    mut part: StoredPart,
) -> Result<std::result::Result<(), StorageError>> {
    let Some(file) = part.file.clone() else { return Ok(Ok(())) };
    let key = key(&part, recording);
    let upload = part.upload.as_deref().and_then(|text| serde_json::from_str::<Upload>(text).ok());
    let progress = Progress { store: state.store.clone(), part: part.clone() };
    let sha256 = part.sha256.clone().unwrap_or_default();
    match recordings.storage.store(&key, Path::new(&file), &sha256, upload, &progress).await {
        Ok(stored) => {
            part.state = PartState::Stored;
            (part.location, part.encryption, part.upload, part.file) =
                (Some(stored.location), stored.encryption, None, Some(key));
            state.store.update_part(&part).await?;
        }
        Err(StorageError::Disk(error))
            if error.kind() == std::io::ErrorKind::NotFound && !Path::new(&file).exists() =>
        {
            tracing::error!(recording = recording.id, part = part.number, "part of a recording is missing");
            state.store.set_recording_problem(&recording.id, Some("part-missing")).await?;
            return Ok(Ok(state.store.update_part(&part.without_file()).await?));
        }
        Err(error) => {
            // An interrupted upload continues.
            if error.must_restart_upload() {
                state.store.update_part(&StoredPart { upload: None, ..part }).await?;
            }
            return Ok(Err(error));
        }
    }
    // The file may only be deleted after the database is updated.
    if let Err(error) = remove(Path::new(&file)) {
        tracing::warn!(%error, "deleting a stored recording's local file failed");
    }
    Ok(Ok(()))
}

/// Verifies an object that an egress uploaded. There is no local file to upload again, so the object stays even if it
/// isn't encrypted as requested.
///
/// # Errors
/// The inner [`StorageError`] if the object can't be read or isn't as expected. [`Error::Database`].
async fn check_egress(
    state: &AppState,
    bucket: &Bucket,
    mut part: StoredPart,
) -> Result<std::result::Result<(), StorageError>> {
    let key = part.file.clone().unwrap_or_default();
    let check = async {
        let encryption = bucket.encryption(&key).await?;
        let (bytes, sha256) = bucket.size_and_hash(&key).await?;
        // The size is unknown for lost egresses.
        if part.bytes != 0 && part.bytes != bytes {
            Err(StorageError::Differs)
        } else {
            Ok((encryption, bytes, sha256))
        }
    };
    let (encryption, bytes, sha256) = match check.await {
        Ok(found) => found,
        Err(StorageError::Missing) => {
            tracing::error!(recording = part.recording, part = part.number, "part of a recording is missing");
            state.store.set_recording_problem(&part.recording, Some("part-missing")).await?;
            return Ok(Ok(state.store.delete_part(&part.recording, part.number).await?));
        }
        Err(error) => return Ok(Err(error)),
    };
    part.state = PartState::Stored;
    part.location = Some(bucket.location(&key));
    (part.bytes, part.sha256, part.encryption) = (bytes, Some(sha256), Some(encryption));
    state.store.update_part(&part).await?;
    Ok(Ok(()))
}

/// Deletes a recording's files everywhere. Its row stays.
///
/// # Errors
/// [`Error::Refused`] with `StorageUnavailable` if a file can't be deleted; [`Error::Database`].
pub async fn delete(
    state: &AppState,
    recordings: &Recordings,
    recording: &StoredRecording,
    event: AuditEvent,
) -> Result<()> {
    for part in state.store.parts(&recording.id).await? {
        let Some(file) = &part.file else { continue };
        let deleted = match part.state {
            PartState::Stored => recordings.storage.delete(file).await,
            // An egress only writes to the bucket.
            _ if part.egress.is_some() => recordings.storage.delete(file).await,
            _ => remove(Path::new(file)),
        };
        deleted.map_err(deletion_failed)?;
    }
    delete_local_files(recordings, &recording.id)?;
    state.store.mark_recording_deleted(recording, event).await?;
    for part in state.store.parts(&recording.id).await?.into_iter().filter(StoredPart::has_file) {
        // The reconciler repeats this after a failure.
        state.store.update_part(&StoredPart { state: PartState::Gone, ..part }).await?;
    }
    Ok(())
}

/// Deletes a recording's files in the recorders' folder, whether or not the database knows them.
fn delete_local_files(recordings: &Recordings, recording: &str) -> Result<()> {
    let BackendKind::Local { folder, .. } = &recordings.backend else { return Ok(()) };
    for file in files::of(folder, recording).map_err(|error| deletion_failed(error.into()))? {
        remove(&file.path).map_err(deletion_failed)?;
    }
    Ok(())
}

/// Deletes the files of a refused, cancelled or deleted recording, which may contain media recorded without consent.
///
/// # Errors
/// [`Error::Refused`] with `StorageUnavailable` if a file can't be deleted; [`Error::Database`].
pub async fn discard(state: &AppState, recordings: &Recordings, recording: &StoredRecording) -> Result<()> {
    delete_local_files(recordings, &recording.id)?;
    for part in state.store.parts(&recording.id).await?.into_iter().filter(is_to_discard) {
        // An egress writes directly to the bucket.
        if let (Some(_), Some(file)) = (&part.egress, &part.file) {
            recordings.storage.delete(file).await.map_err(deletion_failed)?;
        }
        let event = AuditEvent::ok("server", "recording.discard").consultation(&recording.consultation);
        state.store.audit(event.subject(format!("recording:{}", recording.id))).await?;
        state.store.update_part(&part.without_file()).await?;
    }
    Ok(())
}

/// Returns `true` if a part has a file to delete. A part that an egress still writes is deleted after the egress has
/// ended.
fn is_to_discard(part: &StoredPart) -> bool {
    match part.state {
        PartState::Writing => part.egress.is_none(),
        PartState::Finished => true,
        _ => false,
    }
}

fn deletion_failed(error: StorageError) -> Error {
    tracing::warn!(%error, cause = ?error, "deleting a recording failed");
    Error::refused(
        autamedica_api::ErrorCode::StorageUnavailable,
        "the recording's storage doesn't answer; try again in a moment",
    )
}

/// Returns temporary download URLs for a recording's parts, in their order.
pub async fn links(state: &AppState, recordings: &Recordings, parts: &[StoredPart]) -> Vec<Option<String>> {
    let expires = Timestamp::now().as_millis() + i64::try_from(LINK_VALIDITY.as_millis()).unwrap_or(0);
    let mut links = Vec::new();
    for part in parts.iter() {
        let link = match (&part.file, part.state) {
            // An egress's upload can be downloaded even if it doesn't meet the requirements for storage.
            (Some(file), state) if state == PartState::Stored || (part.egress.is_some() && !part.is_in_progress()) => {
                recordings.storage.link(file).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "signing a download URL failed");
                    None
                })
            }
            _ => None,
        };
        // The server itself serves local files.
        let is_local = link.is_none() && recordings.file(part).is_some();
        links.push(link.or_else(|| is_local.then(|| local_link(state, part, expires)).flatten()));
    }
    links
}

fn local_link(state: &AppState, part: &StoredPart, expires: i64) -> Option<String> {
    let signature = state.store.sign_link(&part.recording, part.number, expires);
    let mut url = state.public_url.join(&format!("recordings/{}/{}", part.recording, part.number)).ok()?;
    url.query_pairs_mut().append_pair("expires", &expires.to_string()).append_pair("signature", &signature);
    Some(url.into())
}

impl Recordings {
    /// Returns the path of a part on this machine.
    pub fn file(&self, part: &StoredPart) -> Option<std::path::PathBuf> {
        let file = Path::new(part.file.as_deref()?);
        match (part.state, &self.storage) {
            _ if part.egress.is_some() => None,
            (PartState::Writing | PartState::Ending | PartState::Gone, _) | (PartState::Stored, Storage::S3(_)) => None,
            // In a folder, the key is a relative path.
            (PartState::Stored, Storage::Folder(folder)) => Some(folder.join(file)),
            (PartState::Finished, _) => Some(file.to_owned()),
        }
    }
}
