//! Download of a recording's part into a temporary file, which is verified and then renamed.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use autamedica_api::{ErrorCode, Id, RecordingPart};
use ring::digest::{Context, SHA256};
use tempfile::NamedTempFile;
use tokio::fs::File;
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::task::spawn_blocking;

use super::{FetchProblem, PartId};
use crate::Entrance;
use crate::backend::BackendError;

/// Interval of progress reports.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// Bytes collected before writing.
const WRITE_BUFFER_SIZE: usize = 1 << 20;

/// Reason for which a download failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// Without the address, which is secret.
    #[error("the file's place doesn't answer")]
    Link(#[source] reqwest::Error),
    #[error("the file's place answers {0}")]
    Status(reqwest::StatusCode),
    #[error("the backend has no such file to fetch")]
    Gone,
    #[error("what came isn't what was recorded")]
    Differs,
    #[error("the disk doesn't take the file")]
    Disk(#[from] io::Error),
    #[error("nothing plays the file")]
    NoPlayer(#[source] io::Error),
}

impl FetchError {
    pub fn problem(&self) -> FetchProblem {
        match self {
            Self::Backend(BackendError::Refused { code, .. }) => match code {
                ErrorCode::Unauthorized | ErrorCode::Forbidden => FetchProblem::Denied,
                ErrorCode::RecordingNotFound | ErrorCode::ConsultationNotFound => FetchProblem::Gone,
                _ => FetchProblem::Unreachable,
            },
            Self::Status(status) if status.is_client_error() => FetchProblem::Gone,
            Self::Backend(_) | Self::Link(_) | Self::Status(_) => FetchProblem::Unreachable,
            Self::Gone => FetchProblem::Gone,
            Self::Differs => FetchProblem::Differs,
            Self::Disk(error) if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) => {
                FetchProblem::DiskFull
            }
            Self::Disk(_) => FetchProblem::NotWritable,
            Self::NoPlayer(_) => FetchProblem::NoPlayer,
        }
    }
}

/// Origin of a part.
#[derive(Clone)]
pub(super) struct Source {
    pub entrance: Entrance,
    pub consultation: Id,
    pub part: PartId,
}

/// Fetches a part to the path that `destination` returns for its extension, and returns the path. Until the part is complete
/// and verified, it is in a private `.part` file beside the path, which is deleted when this future is dropped. Calls
/// `on_progress` with the bytes so far and the total bytes.
pub(super) async fn fetch(
    source: &Source,
    destination: impl FnOnce(&str) -> io::Result<PathBuf> + Send + 'static,
    on_progress: impl Fn(u64, u64),
) -> Result<PathBuf, FetchError> {
    let part = ask(source).await?;
    let (Some(link), Some(sha256)) = (&part.download_url, &part.sha256) else { return Err(FetchError::Gone) };
    on_progress(0, part.size_bytes);
    let kind = kind(&part);
    // Checked first: no download without a writable destination.
    let (new, to) = blocking(move || {
        let to = destination(kind)?;
        Ok((part_file(&to)?, to))
    })
    .await?;
    let mut answer = source.entrance.backend.open_link(link).await.map_err(FetchError::Link)?;
    if !answer.status().is_success() {
        return Err(FetchError::Status(answer.status()));
    }
    let mut file = BufWriter::with_capacity(WRITE_BUFFER_SIZE, File::from_std(new.reopen()?));
    let (mut digest, mut bytes, mut reported_at) = (Context::new(&SHA256), 0, Instant::now());
    loop {
        let chunk = answer.chunk().await.map_err(|error| FetchError::Link(error.without_url()))?;
        let Some(chunk) = chunk else { break };
        bytes += chunk.len() as u64;
        if bytes > part.size_bytes {
            return Err(FetchError::Differs);
        }
        digest.update(&chunk);
        file.write_all(&chunk).await?;
        if reported_at.elapsed() >= PROGRESS_INTERVAL {
            reported_at = Instant::now();
            on_progress(bytes, part.size_bytes);
        }
    }
    file.flush().await?;
    file.get_ref().sync_all().await?;
    if bytes != part.size_bytes || hex(digest.finish().as_ref()) != *sha256 {
        return Err(FetchError::Differs);
    }
    let target = to.clone();
    blocking(move || new.persist(target).map(drop).map_err(|error| error.error)).await?;
    Ok(to)
}

/// Returns the extension of a part: MP4, or Matroska if the recorder could not convert it.
fn kind(part: &RecordingPart) -> &'static str {
    let is_matroska = part.location.as_deref().is_some_and(|location| location.ends_with(".mkv"));
    if is_matroska { "mkv" } else { "mp4" }
}

/// Requests a part with its link from the backend.
async fn ask(source: &Source) -> Result<RecordingPart, FetchError> {
    let Source { entrance, consultation, part } = source;
    let key = entrance.key.as_ref();
    let recording = entrance.backend.recording(&entrance.server, consultation, &part.recording, key).await?;
    recording.parts.into_iter().find(|found| found.number == part.number).ok_or(FetchError::Gone)
}

fn part_file(to: &Path) -> io::Result<NamedTempFile> {
    let (Some(folder), Some(name)) = (to.parent(), to.file_name()) else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "this names no file"));
    };
    // A bare name means the current folder.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let mut name = name.to_owned();
    name.push(".");
    // Temporary files are private (0600) and stay so after renaming.
    tempfile::Builder::new().prefix(&name).suffix(".part").tempfile_in(folder)
}

/// Runs blocking disk access on a blocking thread.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
