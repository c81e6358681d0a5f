//! Where finished recordings are kept: a folder of this machine, or an S3 bucket.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};

use super::bucket::{Bucket, Progress, S3Config, Upload};
use super::storage_error::StorageError;
use crate::files::private_folder;
use crate::secret::hex;

/// A file that is where it is kept, and was checked there.
#[derive(Debug)]
pub struct Kept {
    /// Where: a file's address or `s3://…`.
    pub location: String,
    /// How the storage says that it is encrypted.
    pub encryption: Option<String>,
}

/// Where finished recordings are kept.
#[derive(Debug)]
pub enum Storage {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket.
    S3(Box<Bucket>),
}

impl Storage {
    /// Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// When its settings can't work.
    pub fn open(folder: &Path, s3: Option<S3Config>) -> Result<Self, StorageError> {
        match s3 {
            None => Ok(Self::Folder(folder.to_owned())),
            Some(config) => Ok(Self::S3(Box::new(Bucket::open(config)?))),
        }
    }

    /// Where an object of this key is kept, in words.
    pub fn location(&self, key: &str) -> String {
        match self {
            Self::Folder(folder) => {
                url::Url::from_file_path(folder.join(key)).map_or_else(|()| key.to_owned(), String::from)
            }
            Self::S3(bucket) => bucket.location(key),
        }
    }

    /// Brings a file to where it is kept and checks it there. `progress` keeps how far an upload has come, from which the
    /// next try goes on. The file stays: deleting it comes after the database knows.
    ///
    /// # Errors
    /// When it isn't there afterwards, whole and encrypted as asked.
    pub async fn keep(
        &self,
        key: &str,
        file: &Path,
        sha256: &str,
        upload: Option<Upload>,
        progress: &Progress,
    ) -> Result<Kept, StorageError> {
        let encryption = match self {
            Self::Folder(folder) => {
                keep_in(&folder.join(key), file, sha256).await?;
                None
            }
            Self::S3(bucket) => {
                bucket.upload(key, file, upload, progress).await?;
                Some(bucket.check(key, file, sha256).await?)
            }
        };
        Ok(Kept { location: self.location(key), encryption })
    }

    /// Deletes an object; one that is gone already is fine.
    ///
    /// # Errors
    /// When it is still there.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self {
            Self::Folder(folder) => remove(&folder.join(key)),
            Self::S3(bucket) => bucket.delete(key).await,
        }
    }

    /// A link to an object of a bucket, good for [`LINK_LASTS`]. A file has none here: the server serves it.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn link(&self, key: &str) -> Result<Option<String>, StorageError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::S3(bucket) => bucket.link(key).await.map(Some),
        }
    }
}

/// Deletes a file; one that is gone already is fine.
///
/// # Errors
/// When it is still there.
pub fn remove(file: &Path) -> Result<(), StorageError> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The SHA-256 of a file, in lower-case hexadecimal.
///
/// # Errors
/// When it can't be read.
pub async fn hash_of(file: &Path) -> Result<String, StorageError> {
    let file = file.to_owned();
    let work = move || Ok(hash(std::fs::File::open(file)?)?);
    tokio::task::spawn_blocking(work).await.map_err(|_| std::io::Error::other("reading a file panicked"))?
}

/// A second name for the file, so that it is whole under either at every moment.
async fn keep_in(place: &Path, file: &Path, sha256: &str) -> Result<(), StorageError> {
    let (place, file, sha256) = (place.to_owned(), file.to_owned(), sha256.to_owned());
    let work = move || -> Result<(), StorageError> {
        if let Some(folder) = place.parent() {
            private_folder(folder)?;
        }
        // A try before this one may have come so far.
        if !place.try_exists()? && std::fs::hard_link(&file, &place).is_err() {
            copy(&file, &place)?;
        }
        #[cfg(unix)]
        std::fs::set_permissions(&place, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
        let kept = std::fs::File::open(&place)?;
        kept.sync_all()?;
        if hash(kept)? == sha256 {
            return Ok(());
        }
        std::fs::remove_file(&place)?;
        Err(StorageError::Differs)
    };
    tokio::task::spawn_blocking(work).await.map_err(|_| std::io::Error::other("checking a file panicked"))?
}

/// Copies a file, whole or not at all: a disk that gets full meanwhile keeps nothing of it.
fn copy(file: &Path, place: &Path) -> std::io::Result<()> {
    let folder = place.parent().unwrap_or(Path::new("."));
    let mut copied = tempfile::NamedTempFile::new_in(folder)?;
    std::io::copy(&mut std::fs::File::open(file)?, &mut copied)?;
    copied.as_file().sync_all()?;
    copied.persist(place).map(drop).map_err(|error| error.error)
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
