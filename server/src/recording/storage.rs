//! Where finished recordings are kept: a folder of this machine, or an S3 bucket.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::signer::Signer as _;
use object_store::{ObjectStoreExt as _, PutPayload};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use crate::files::private_folder;
use crate::secret::{Secret, hex};

/// How much is uploaded at once. S3 wants 5 MiB at least, and 10,000 parts at most: this is enough for 80 GB.
const CHUNK: u64 = 8 * 1024 * 1024;
/// How long a link to an object is good.
pub const LINK_LASTS: Duration = Duration::from_secs(5 * 60);
/// How long the storage may take for one request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// An S3 bucket and the way to it.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// The bucket.
    pub bucket: String,
    /// Its region.
    pub region: String,
    /// The name of the access key.
    pub access_key: String,
    /// Its secret.
    pub secret_key: Secret,
    /// Another server than Amazon's.
    pub endpoint: Option<url::Url>,
    /// Whether the bucket stands in the path instead of the server's name.
    pub path_style: bool,
    /// The KMS key to encrypt with; without it, with S3's own.
    pub kms_key: Option<String>,
    /// More certificates to trust, as PEM.
    pub ca: Option<Vec<u8>>,
}

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
            Self::Disk(error) if error.kind() == std::io::ErrorKind::StorageFull => "disk-full",
            Self::Disk(_) | Self::Certificates => "file-unreadable",
            Self::S3(_) | Self::Head(_) => "storage-unreachable",
            Self::Differs => "checksum-differs",
            Self::NotEncrypted => "not-encrypted",
        }
    }
}

/// A file that is where it is kept, and was checked there.
#[derive(Debug)]
pub struct Kept {
    /// Where: a file's address or `s3://…`.
    pub location: String,
    /// How the storage says that it is encrypted.
    pub encryption: Option<String>,
}

/// An upload that has begun, as the database keeps it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Upload {
    id: String,
    etags: Vec<String>,
}

/// Where finished recordings are kept.
#[derive(Debug)]
pub enum Storage {
    /// In a folder.
    Folder(PathBuf),
    /// In a bucket.
    S3(Box<S3>),
}

/// A bucket.
#[derive(Debug)]
pub struct S3 {
    store: AmazonS3,
    http: reqwest::Client,
    bucket: String,
    kms_key: Option<String>,
}

impl Storage {
    /// Nothing is asked of a bucket yet.
    ///
    /// # Errors
    /// When its settings can't work.
    pub fn open(folder: &Path, s3: Option<S3Config>) -> Result<Self, StorageError> {
        match s3 {
            None => Ok(Self::Folder(folder.to_owned())),
            Some(config) => Ok(Self::S3(Box::new(S3::open(config)?))),
        }
    }

    /// Where an object of this key is kept, in words.
    pub fn location(&self, key: &str) -> String {
        match self {
            Self::Folder(folder) => {
                url::Url::from_file_path(folder.join(key)).map_or_else(|()| key.to_owned(), String::from)
            }
            Self::S3(s3) => format!("s3://{}/{key}", s3.bucket),
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
        progress: impl AsyncFnMut(&Upload) -> sqlx::Result<()>,
    ) -> Result<Kept, StorageError> {
        let encryption = match self {
            Self::Folder(folder) => {
                keep_in(&folder.join(key), file, sha256).await?;
                None
            }
            Self::S3(s3) => {
                s3.upload(key, file, upload, progress).await?;
                Some(s3.check(key, file, sha256).await?)
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
            Self::S3(s3) => match s3.store.delete(&Key::from(key)).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                Err(error) => Err(error.into()),
            },
        }
    }

    /// A link to an object of a bucket, good for [`LINK_LASTS`]. A file has none here: the server serves it.
    ///
    /// # Errors
    /// When it can't be signed.
    pub async fn link(&self, key: &str) -> Result<Option<String>, StorageError> {
        match self {
            Self::Folder(_) => Ok(None),
            Self::S3(s3) => {
                let url = s3.store.signed_url(reqwest::Method::GET, &Key::from(key), LINK_LASTS).await?;
                Ok(Some(url.into()))
            }
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

/// A second name for the file, so that it is whole under either at every moment.
async fn keep_in(place: &Path, file: &Path, sha256: &str) -> Result<(), StorageError> {
    let (place, file, sha256) = (place.to_owned(), file.to_owned(), sha256.to_owned());
    let work = move || -> Result<(), StorageError> {
        if let Some(folder) = place.parent() {
            private_folder(folder)?;
        }
        // A try before this one may have come so far.
        if !place.try_exists()? {
            std::fs::hard_link(&file, &place).or_else(|_| std::fs::copy(&file, &place).map(drop))?;
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

fn hash(mut file: std::fs::File) -> std::io::Result<String> {
    let (mut context, mut buffer) = (Context::new(&SHA256), vec![0; 256 * 1024]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(context.finish().as_ref())),
            read => context.update(&buffer[..read]),
        }
    }
}

/// `length` bytes of a file from `offset` on.
async fn read_chunk(file: &Path, offset: u64, length: u64) -> std::io::Result<Vec<u8>> {
    let file = file.to_owned();
    let read = move || {
        let mut file = std::fs::File::open(file)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    tokio::task::spawn_blocking(read).await.map_err(|_| std::io::Error::other("reading a file panicked"))?
}

impl S3 {
    fn open(config: S3Config) -> Result<Self, StorageError> {
        let mut options = object_store::ClientOptions::new().with_timeout(TIMEOUT);
        let mut http = reqwest::Client::builder().timeout(TIMEOUT);
        if let Some(pem) = &config.ca {
            for certificate in object_store::Certificate::from_pem_bundle(pem)? {
                options = options.with_root_certificate(certificate);
            }
            for certificate in reqwest::Certificate::from_pem_bundle(pem).map_err(|_| StorageError::Certificates)? {
                http = http.add_root_certificate(certificate);
            }
        }
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&config.bucket)
            .with_region(&config.region)
            .with_access_key_id(&config.access_key)
            .with_secret_access_key(config.secret_key.expose())
            .with_virtual_hosted_style_request(!config.path_style);
        if let Some(endpoint) = &config.endpoint {
            options = options.with_allow_http(endpoint.scheme() == "http");
            builder = builder.with_endpoint(endpoint.as_str().trim_end_matches('/'));
        }
        builder = match &config.kms_key {
            Some(key) => builder.with_sse_kms_encryption(key),
            None => builder.with_config("aws_server_side_encryption".parse::<AmazonS3ConfigKey>()?, "AES256"),
        };
        let store = builder.with_client_options(options).build()?;
        let http = http.build().map_err(StorageError::Head)?;
        Ok(Self { store, http, bucket: config.bucket, kms_key: config.kms_key })
    }

    /// Uploads a file in parts, from where an earlier try came to.
    async fn upload(
        &self,
        key: &str,
        file: &Path,
        upload: Option<Upload>,
        mut progress: impl AsyncFnMut(&Upload) -> sqlx::Result<()>,
    ) -> Result<(), StorageError> {
        let saved = |error: sqlx::Error| std::io::Error::other(error);
        let key = &Key::from(key);
        let size = std::fs::metadata(file)?.len();
        let mut upload = match upload {
            Some(upload) => upload,
            None => {
                let upload = Upload { id: self.store.create_multipart(key).await?, etags: Vec::new() };
                progress(&upload).await.map_err(saved)?;
                upload
            }
        };
        // An empty file has one part, too.
        let chunks = size.div_ceil(CHUNK).max(1);
        for number in u64::try_from(upload.etags.len()).unwrap_or(u64::MAX)..chunks {
            let bytes = read_chunk(file, number * CHUNK, CHUNK).await?;
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            let part = self.store.put_part(key, &upload.id, index, PutPayload::from(bytes)).await?;
            upload.etags.push(part.content_id);
            progress(&upload).await.map_err(saved)?;
        }
        let parts = upload.etags.iter().map(|etag| PartId { content_id: etag.clone() }).collect();
        match self.store.complete_multipart(key, &upload.id, parts).await {
            Ok(_) => Ok(()),
            // An earlier try may have come that far, and its answer got lost.
            Err(_) if self.store.head(key).await.is_ok_and(|found| found.size == size) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the object back: its size, its checksum, and how it is encrypted. One that isn't encrypted doesn't stay.
    async fn check(&self, key: &str, file: &Path, sha256: &str) -> Result<String, StorageError> {
        let path = &Key::from(key);
        let url = self.store.signed_url(reqwest::Method::HEAD, path, LINK_LASTS).await?;
        let without_url = |error: reqwest::Error| StorageError::Head(error.without_url());
        let head = self.http.head(url).send().await.map_err(without_url)?.error_for_status().map_err(without_url)?;
        let header = |name: &str| head.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let encryption = header("x-amz-server-side-encryption").unwrap_or_default();
        let key_used = header("x-amz-server-side-encryption-aws-kms-key-id").unwrap_or_default();
        let is_right = match &self.kms_key {
            // The storage may answer with the key's whole address where its id was given.
            Some(wanted) => {
                encryption.starts_with("aws:kms") && key_used.ends_with(wanted.rsplit('/').next().unwrap_or(""))
            }
            None => !encryption.is_empty(),
        };
        if !is_right {
            self.store.delete(path).await?;
            return Err(StorageError::NotEncrypted);
        }
        let size = std::fs::metadata(file)?.len();
        let (mut context, mut length) = (Context::new(&SHA256), 0);
        let mut stream = self.store.get(path).await?.into_stream();
        while let Some(bytes) = stream.next().await.transpose()? {
            length += u64::try_from(bytes.len()).unwrap_or(0);
            context.update(&bytes);
        }
        if length == size && hex(context.finish().as_ref()) == sha256 {
            return Ok(encryption);
        }
        self.store.delete(path).await?;
        Err(StorageError::Differs)
    }
}
