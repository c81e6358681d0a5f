//! Storage of finished recordings: a folder on this machine, or an S3 bucket.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::bucket::{Bucket, Progress, S3Config, Upload};
use super::storage_error::StorageError;
use crate::files::create_private_folder;
use crate::secret::hex;

/// A stored and verified file.
#[derive(Debug)]
pub struct StoredFile {
    /// URL of the file: `file:…` or `s3://…`.
    pub location: String,
    /// Encryption, as reported by the storage.
    pub encryption: Option<String>,
}

/// Storage of finished recordings.
#[derive(Debug)]
pub enum Storage {
    /// A folder.
    Folder(PathBuf),
    /// A bucket.
    S3(Box<Bucket>),
}

impl Storage {
    /// Creates the storage without connecting to a bucket.
    ///
    /// # Errors
    /// As [`Bucket::open`].
    pub fn open(folder: &Path, s3: Option<S3Config>) -> Result<Self, StorageError> {
        match s3 {
            None => Ok(Self::Folder(folder.to_owned())),
            Some(config) => Ok(Self::S3(Box::new(Bucket::open(config)?))),
        }
    }

    /// Returns the URL of an object.
    pub fn location(&self, key: &str) -> String {
        match self {
            Self::Folder(folder) => {
                url::Url::from_file_path(folder.join(key)).map_or_else(|()| key.to_owned(), String::from)
            }
            Self::S3(bucket) => bucket.location(key),
        }
    }

    /// Stores and verifies a file. `progress` stores the state of an upload, which the next attempt continues. The
    /// original stays, because it may only be deleted after the database is updated.
    ///
    /// # Errors
    /// [`StorageError`] if the object isn't complete or not encrypted as requested.
    pub async fn store(
        &self,
        key: &str,
        file: &Path,
        sha256: &str,
        upload: Option<Upload>,
        progress: &Progress,
    ) -> Result<StoredFile, StorageError> {
        let encryption = match self {
            Self::Folder(folder) => {
                store_in_folder(&folder.join(key), file, sha256).await?;
                None
            }
            Self::S3(bucket) => {
                bucket.upload(key, file, upload, progress).await?;
                Some(bucket.check(key, file, sha256).await?)
            }
        };
        Ok(StoredFile { location: self.location(key), encryption })
    }

    /// Deletes an object, unless it is gone already.
    ///
    /// # Errors
    /// [`StorageError::Disk`] or [`StorageError::S3`] if it can't be deleted.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self {
            Self::Folder(folder) => remove(&folder.join(key)),
            Self::S3(bucket) => bucket.delete(key).await,
        }
    }

    /// Returns a download URL for an object of a bucket, valid for [`LINK_VALIDITY`](super::bucket::LINK_VALIDITY);
    /// `None` for files, which this server serves itself.
    ///
    /// # Errors
    /// [`StorageError::S3`] if it can't be signed.
    pub async fn link(&self, key: &str) -> Result<Option<String>, StorageError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::S3(bucket) => bucket.link(key).await.map(Some),
        }
    }
}

/// Deletes a file, unless it is gone already.
///
/// # Errors
/// [`StorageError::Disk`] if it can't be deleted.
pub fn remove(file: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Returns the SHA-256 of a file in lower-case hexadecimal.
///
/// # Errors
/// [`StorageError::Disk`] if the file can't be read.
pub async fn hash_of(file: &Path) -> Result<String, StorageError> {
    let file = file.to_owned();
    let work = move || Ok(hash(std::fs::File::open(file)?)?);
    tokio::task::spawn_blocking(work).await.map_err(|_| std::io::Error::other("reading a file panicked"))?
}

/// Creates a hard link, so that both names have the complete file at every moment; copies across file systems.
async fn store_in_folder(target: &Path, file: &Path, sha256: &str) -> Result<(), StorageError> {
    let (target, file, sha256) = (target.to_owned(), file.to_owned(), sha256.to_owned());
    let work = move || -> Result<(), StorageError> {
        if let Some(folder) = target.parent() {
            create_private_folder(folder)?;
        }
        // An earlier attempt may have created the link.
        if !target.try_exists()? && std::fs::hard_link(&file, &target).is_err() {
            copy(&file, &target)?;
        }
        #[cfg(unix)]
        std::fs::set_permissions(&target, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let stored = std::fs::File::open(&target)?;
        stored.sync_all()?;
        if hash(stored)? == sha256 {
            return Ok(());
        }
        std::fs::remove_file(&target)?;
        Err(StorageError::Differs)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| std::io::Error::other("checking a file panicked"))?
}

/// Copies a file atomically, so that a full disk leaves no partial copy.
fn copy(file: &Path, target: &Path) -> std::io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let mut copied = tempfile::NamedTempFile::new_in(folder)?;
    std::io::copy(&mut std::fs::File::open(file)?, &mut copied)?;
    copied.as_file().sync_all()?;
    copied.persist(target).map(drop).map_err(|error| error.error)
}

fn hash(mut file: std::fs::File) -> std::io::Result<String> {
    let (mut context, mut buffer) = (Context::new(&SHA256), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(context.finish().as_ref())),
            read => context.update(&buffer[..read]),
        }
    }
}
