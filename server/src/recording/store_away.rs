//! Finished files on their way to where they are kept, and from there to whoever may have them.

use std::path::Path;

use autamedica_api::{RecordingState, Timestamp};

use super::bucket::Upload;
use super::storage::{LINK_LASTS, Progress, StorageError, remove};
use super::{Recordings, Storage, drive, egress};
use crate::error::Result;
use crate::state::AppState;
use crate::store::{Event, PartState, StoredPart, StoredRecording};

/// The name of a part where it is kept: `consultations/ID-20261124T150000Z.mp4`.
pub fn key(part: &StoredPart, recording: &StoredRecording) -> String {
    let begun = drive::begun(part, recording).as_millis();
    let time = jiff::Timestamp::from_millisecond(begun).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let kind = part.file.as_deref().and_then(|file| file.rsplit('.').next()).unwrap_or("mp4");
    format!("consultations/{}-{time}.{kind}", recording.consultation)
}

/// Brings every finished part of a recording to where it is kept. When all are there, it is ready.
///
/// # Errors
/// With the first part that isn't there, and its file still here; or when the database fails.
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
            (Some(_), Storage::S3(bucket)) => egress::check(state, bucket, part).await?,
            _ => store_part(state, recordings, recording, part).await?,
        };
        if let Err(error) = stored {
            tracing::warn!(recording = recording.id, %error, cause = ?error, "a recording can't be stored; trying again");
            state.store.storage_problem(&recording.id, Some(error.name())).await?;
            return Ok(Err(error));
        }
    }
    state.store.storage_problem(&recording.id, None).await?;
    let is_empty = state.store.parts(&recording.id).await?.is_empty();
    let end = if is_empty { RecordingState::Failed } else { RecordingState::Ready };
    state.store.move_recording(&recording.id, &[RecordingState::Storing], end).await?;
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
    match recordings.storage.keep(&key, Path::new(&file), &sha256, upload, &progress).await {
        Ok(kept) => {
            part.state = PartState::Stored;
            (part.location, part.encryption, part.upload, part.file) =
                (Some(kept.location), kept.encryption, None, Some(key));
            state.store.update_part(&part).await?;
        }
        Err(error) => {
            // One that broke off goes on.
            if error.is_from_the_start() {
                state.store.update_part(&StoredPart { upload: None, ..part }).await?;
            }
            return Ok(Err(error));
        }
    }
    // The database knows that it is kept: only now the file here may go.
    if let Err(error) = remove(Path::new(&file)) {
        tracing::warn!(%error, "a stored recording's file can't be deleted here");
    }
    Ok(Ok(()))
}

/// Deletes a recording's files everywhere; that there was one stays known.
///
/// # Errors
/// When one of them is still there.
pub async fn delete(state: &AppState, recordings: &Recordings, recording: &StoredRecording, by: Event) -> Result<()> {
    for part in state.store.parts(&recording.id).await? {
        let Some(file) = &part.file else { continue };
        let deleted = match part.state {
            PartState::Stored => recordings.storage.delete(file).await,
            // An egress writes nowhere else.
            _ if part.egress.is_some() => recordings.storage.delete(file).await,
            _ => remove(Path::new(file)),
        };
        deleted.map_err(|error| {
            tracing::warn!(%error, cause = ?error, "a recording can't be deleted");
            crate::error::Error::refused(
                autamedica_api::ErrorCode::StorageUnavailable,
                "the recording's storage doesn't answer; try again in a moment",
            )
        })?;
    }
    state.store.recording_deleted(recording, by).await?;
    Ok(())
}

/// Links to a recording's parts, good for some minutes, in the parts' order.
pub async fn links(state: &AppState, recordings: &Recordings, parts: &[StoredPart]) -> Vec<Option<String>> {
    let expires = Timestamp::now().as_millis() + i64::try_from(LINK_LASTS.as_millis()).unwrap_or(0);
    let mut links = Vec::new();
    for part in parts.iter() {
        let link = match (&part.file, part.state) {
            // What an egress has brought there can be had, even when it can't be kept as it should.
            (Some(file), state) if state == PartState::Stored || (part.egress.is_some() && !part.is_made()) => {
                recordings.storage.link(file).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "a link to a recording can't be signed");
                    None
                })
            }
            _ => None,
        };
        // What lies here is served from here.
        let here = link.is_none() && recordings.file(part).is_some();
        links.push(link.or_else(|| here.then(|| local_link(state, part, expires)).flatten()));
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
    /// The file of a part that lies on this machine.
    pub fn file(&self, part: &StoredPart) -> Option<std::path::PathBuf> {
        let file = Path::new(part.file.as_deref()?);
        match (part.state, &self.storage) {
            _ if part.egress.is_some() => None,
            (PartState::Writing | PartState::Ending, _) | (PartState::Stored, Storage::S3(_)) => None,
            // The key of what is kept here is a path below the folder.
            (PartState::Stored, Storage::Folder(folder)) => Some(folder.join(file)),
            (PartState::Finished, _) => Some(file.to_owned()),
        }
    }
}
