//! Finished files on their way to where they are kept, and from there to whoever may have them.

use std::path::Path;

use autamedica_api::{RecordingState, Timestamp};

use super::bucket::{Bucket, LINK_LASTS, Progress, Upload};
use super::files;
use super::recordings::{Means, Recordings};
use super::storage::{Storage, remove};
use super::storage_error::StorageError;
use crate::error::{Error, Result};
use crate::state::AppState;
use crate::store::{Event, PartState, StoredPart, StoredRecording};

/// When a part began, for its name.
fn begun(part: &StoredPart, recording: &StoredRecording) -> Timestamp {
    part.started_at.or(recording.started_at).unwrap_or(recording.requested_at)
}

/// The name of a part where it is kept: `consultations/ID-20261124T150000Z.mp4`.
pub fn key(part: &StoredPart, recording: &StoredRecording) -> String {
    let begun = begun(part, recording).as_millis();
    let time = jiff::Timestamp::from_millisecond(begun).unwrap_or_default().strftime("%Y%m%dT%H%M%SZ");
    let kind = part.file.as_deref().and_then(|file| file.rsplit('.').next()).unwrap_or("mp4");
    // Of several parts whose beginning isn't known, none may take another's place.
    let number = if part.started_at.is_none() && part.number > 1 { format!("-{}", part.number) } else { String::new() };
    format!("consultations/{}-{time}{number}.{kind}", recording.consultation)
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
            (Some(_), Storage::S3(bucket)) => check_egress(state, bucket, part).await?,
            _ => store_part(state, recordings, recording, part).await?,
        };
        if let Err(error) = stored {
            tracing::warn!(recording = recording.id, %error, cause = ?error, "a recording can't be stored; trying again");
            state.store.storage_problem(&recording.id, Some(error.name())).await?;
            return Ok(Err(error));
        }
    }
    state.store.storage_problem(&recording.id, None).await?;
    let has_file = state.store.parts(&recording.id).await?.iter().any(StoredPart::has_file);
    let end = if !has_file { RecordingState::Failed } else { RecordingState::Ready };
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
        Err(StorageError::Disk(error))
            if error.kind() == std::io::ErrorKind::NotFound && !Path::new(&file).exists() =>
        {
            tracing::error!(recording = recording.id, part = part.number, "a part of a recording is missing");
            state.store.recording_problem(&recording.id, Some("part-missing")).await?;
            return Ok(Ok(state.store.update_part(&part.gone()).await?));
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

/// Looks whether what an egress has recorded is in the bucket, and how. Nothing lies here that could be brought there again,
/// so it stays also when it isn't encrypted as asked.
///
/// # Errors
/// When the database fails; in the answer, with what is wrong with the object.
async fn check_egress(
    state: &AppState,
    bucket: &Bucket,
    mut part: StoredPart,
) -> Result<std::result::Result<(), StorageError>> {
    let key = part.file.clone().unwrap_or_default();
    let looked = async {
        let encryption = bucket.encryption(&key).await?;
        let (bytes, sha256) = bucket.content(&key).await?;
        // An egress that was lost didn't say.
        if part.bytes != 0 && part.bytes != bytes {
            Err(StorageError::Differs)
        } else {
            Ok((encryption, bytes, sha256))
        }
    };
    let (encryption, bytes, sha256) = match looked.await {
        Ok(found) => found,
        Err(StorageError::Missing) => {
            tracing::error!(recording = part.recording, part = part.number, "a part of a recording is missing");
            state.store.recording_problem(&part.recording, Some("part-missing")).await?;
            return Ok(Ok(state.store.forget_part(&part.recording, part.number).await?));
        }
        Err(error) => return Ok(Err(error)),
    };
    part.state = PartState::Stored;
    part.location = Some(bucket.location(&key));
    (part.bytes, part.sha256, part.encryption) = (bytes, Some(sha256), Some(encryption));
    state.store.update_part(&part).await?;
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
        deleted.map_err(not_deleted)?;
    }
    delete_left(recordings, &recording.id)?;
    state.store.recording_deleted(recording, by).await?;
    for part in state.store.parts(&recording.id).await?.into_iter().filter(StoredPart::has_file) {
        // What isn't noted now, the reconciler notes.
        state.store.update_part(&StoredPart { state: PartState::Gone, ..part }).await?;
    }
    Ok(())
}

/// Deletes whatever lies in the recorders' folder of a recording, whether or not the database knows of it.
fn delete_left(recordings: &Recordings, recording: &str) -> Result<()> {
    let Means::Local { folder, .. } = &recordings.means else { return Ok(()) };
    for file in files::of(folder, recording).map_err(|error| not_deleted(error.into()))? {
        remove(&file.path).map_err(not_deleted)?;
    }
    Ok(())
}

/// Deletes what was recorded of a recording that was refused or cancelled before it began, or was deleted: nobody wants it,
/// and to some of it nobody may have consented.
///
/// # Errors
/// When a file is still there, or the database fails.
pub async fn discard(state: &AppState, recordings: &Recordings, recording: &StoredRecording) -> Result<()> {
    delete_left(recordings, &recording.id)?;
    for part in state.store.parts(&recording.id).await?.into_iter().filter(is_to_discard) {
        // An egress writes straight into the bucket.
        if let (Some(_), Some(file)) = (&part.egress, &part.file) {
            recordings.storage.delete(file).await.map_err(not_deleted)?;
        }
        let by = Event::ok("server", "recording.discard").consultation(&recording.consultation);
        state.store.audit(by.subject(format!("recording:{}", recording.id))).await?;
        state.store.update_part(&part.gone()).await?;
    }
    Ok(())
}

/// Whether a part has a file to discard. One that an egress still writes is discarded when the egress has ended.
fn is_to_discard(part: &StoredPart) -> bool {
    match part.state {
        PartState::Writing => part.egress.is_none(),
        PartState::Finished => true,
        _ => false,
    }
}

fn not_deleted(error: StorageError) -> Error {
    tracing::warn!(%error, cause = ?error, "a recording can't be deleted");
    Error::refused(
        autamedica_api::ErrorCode::StorageUnavailable,
        "the recording's storage doesn't answer; try again in a moment",
    )
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
            (PartState::Writing | PartState::Ending | PartState::Gone, _) | (PartState::Stored, Storage::S3(_)) => None,
            // The key of what is kept here is a path below the folder.
            (PartState::Stored, Storage::Folder(folder)) => Some(folder.join(file)),
            (PartState::Finished, _) => Some(file.to_owned()),
        }
    }
}
