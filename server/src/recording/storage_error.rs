/// Error of storing a recording.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Access to the local file failed.
    #[error("the file can't be read or moved")]
    Disk(#[from] std::io::Error),
    /// A request to the bucket failed.
    #[error("the bucket can't be used")]
    S3(#[from] object_store::Error),
    /// A query for an object's properties failed.
    #[error("the bucket doesn't report an object's properties")]
    Head(#[source] reqwest::Error),
    /// The CA certificates are invalid.
    #[error("the certificates for the bucket can't be read")]
    Certificates,
    /// The object doesn't exist.
    #[error("there is no such object")]
    Missing,
    /// The stored object differs from the file.
    #[error("the stored object differs from the recorded file")]
    Differs,
    /// The storage didn't encrypt the object as requested.
    #[error("the storage didn't encrypt the recording")]
    NotEncrypted,
}

impl StorageError {
    /// Returns the name for a recording's `problem`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => "storage-full",
            Self::Disk(_) | Self::Certificates => "file-unreadable",
            Self::S3(_) | Self::Head(_) | Self::Missing => "storage-unreachable",
            Self::Differs => "checksum-differs",
            Self::NotEncrypted => "not-encrypted",
        }
    }

    /// Returns `true` if the next attempt can't continue the upload.
    pub fn must_restart_upload(&self) -> bool {
        match self {
            Self::Differs | Self::NotEncrypted => true,
            // Status 404: the storage doesn't know the upload (any more).
            Self::S3(cause) => matches!(cause, object_store::Error::NotFound { .. }),
            Self::Disk(_) | Self::Head(_) | Self::Certificates | Self::Missing => false,
        }
    }
}
