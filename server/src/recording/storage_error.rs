/// Why a recording isn't where it should be kept.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The local disk.
    #[error("the file can't be read or moved")]
    Disk(#[from] std::io::Error),
    /// The bucket.
    #[error("the bucket can't be used")]
    S3(#[from] object_store::Error),
    /// Asking about an object.
    #[error("the bucket doesn't say how an object is kept")]
    Head(#[source] reqwest::Error),
    /// The certificates given aren't.
    #[error("the certificates for the bucket can't be read")]
    Certificates,
    /// The object isn't there.
    #[error("there is no such object")]
    Missing,
    /// What arrived isn't what was sent.
    #[error("what is stored differs from what was recorded")]
    Differs,
    /// The storage ignored the wish to encrypt.
    #[error("the storage didn't encrypt the recording")]
    NotEncrypted,
}

impl StorageError {
    /// Its name in a recording's `problem`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => "storage-full",
            Self::Disk(_) | Self::Certificates => "file-unreadable",
            Self::S3(_) | Self::Head(_) | Self::Missing => "storage-unreachable",
            Self::Differs => "checksum-differs",
            Self::NotEncrypted => "not-encrypted",
        }
    }

    /// Whether what was uploaded so far is of no use for the next try.
    pub fn is_from_the_start(&self) -> bool {
        match self {
            Self::Differs | Self::NotEncrypted => true,
            // The storage knows nothing of the upload (any more).
            Self::S3(cause) => {
                matches!(cause, object_store::Error::NotFound { .. }) || cause.to_string().contains("NoSuchUpload")
            }
            Self::Disk(_) | Self::Head(_) | Self::Certificates | Self::Missing => false,
        }
    }
}
