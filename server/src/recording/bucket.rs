//! S3 bucket: resumable uploads and verification of stored objects.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use livekit_protocol::S3Upload;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::multipart::{MultipartStore as _, PartId};
use object_store::path::Path as Key;
use object_store::signer::Signer as _;
use object_store::{BackoffConfig, ObjectStoreExt as _, PutPayload, RetryConfig};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::storage_error::StorageError;
use crate::secret::{Secret, hex};
use crate::store::{Store, StoredPart};

/// Validity of a download URL.
pub const LINK_VALIDITY: Duration = Duration::from_secs(5 * 60);
/// Size of a part for upload and verification. S3 requires at least 5 MiB and at most 10,000 parts, so this suffices
/// for 80 GB.
const CHUNK: u64 = 8 * 1024 * 1024;
/// Timeout of a request. Allows 8 MiB at 0.5 Mbit/s.
const TIMEOUT: Duration = Duration::from_secs(180);
/// Timeout for connecting.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time during which a request is retried before a problem is reported. Later attempts follow anyway.
const RETRY_TIMEOUT: Duration = Duration::from_secs(5);

/// Reported encryption of storages that encrypt every object without confirming it.
const PROVIDER_ENCRYPTION: &str = "provider";

/// Settings of an S3 bucket.
#[derive(Clone, Debug)]
pub struct S3Config {
    /// Name of the bucket.
    pub bucket: String,
    /// Region of the bucket.
    pub region: String,
    /// Access key id.
    pub access_key: String,
    /// Secret access key.
    pub secret_key: Secret,
    /// URL of an S3 server other than Amazon's.
    pub endpoint: Option<url::Url>,
    /// `true` to address the bucket in the path instead of the host name.
    pub path_style: bool,
    /// KMS key for encryption. Default: S3-managed keys.
    pub kms_key: Option<String>,
    /// Additional CA certificates as PEM.
    pub ca: Option<Vec<u8>>,
    /// `true` if the storage encrypts every object itself and supports no encryption headers (Cloudflare R2).
    pub encrypted_by_provider: bool,
}

/// State of a multipart upload, stored in the database.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Upload {
    id: String,
    etags: Vec<String>,
}

/// Stores the state of an upload.
#[derive(Debug)]
pub struct Progress {
    /// Database of the server.
    pub store: Store,
    /// The uploaded part, as stored in the database.
    pub part: StoredPart,
}

impl Progress {
    /// Stores the state.
    ///
    /// # Errors
    /// [`sqlx::Error`] if a query fails.
    pub async fn save(&self, upload: &Upload) -> sqlx::Result<()> {
        let upload = serde_json::to_string(upload).expect("plain texts always become JSON");
        self.store.update_part(&StoredPart { upload: Some(upload), ..self.part.clone() }).await
    }
}

/// An S3 bucket.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    http: reqwest::Client,
    config: S3Config,
}

impl Bucket {
    /// Creates a client without connecting.
    ///
    /// # Errors
    /// [`StorageError::S3`], [`StorageError::Head`] or [`StorageError::Certificates`] for invalid settings.
    pub fn open(config: S3Config) -> Result<Self, StorageError> {
        let mut options =
            object_store::ClientOptions::new().with_timeout(TIMEOUT).with_connect_timeout(CONNECT_TIMEOUT);
        let mut http = reqwest::Client::builder().timeout(TIMEOUT).connect_timeout(CONNECT_TIMEOUT);
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
            _ if config.encrypted_by_provider => builder,
            Some(key) => builder.with_sse_kms_encryption(key),
            None => builder.with_config("aws_server_side_encryption".parse::<AmazonS3ConfigKey>()?, "AES256"),
        };
        let retry = RetryConfig { backoff: BackoffConfig::default(), max_retries: 5, retry_timeout: RETRY_TIMEOUT };
        let store = builder.with_client_options(options).with_retry(retry).build()?;
        let http = http.build().map_err(StorageError::Head)?;
        Ok(Self { store, http, config })
    }

    /// Returns the location of an object, `s3://…`.
    pub fn location(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.config.bucket)
    }

    /// Returns the settings with which an egress uploads to this bucket. They can't request encryption; the bucket's
    /// default applies.
    pub fn for_egress(&self) -> S3Upload {
        let S3Config { bucket, region, access_key, secret_key, endpoint, path_style, .. } = &self.config;
        S3Upload {
            access_key: access_key.clone(),
            secret: secret_key.expose().to_owned(),
            region: region.clone(),
            endpoint: endpoint.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned()).unwrap_or_default(),
            bucket: bucket.clone(),
            force_path_style: *path_style,
            ..S3Upload::default()
        }
    }

    /// Uploads a file in parts; continues an earlier `upload`.
    ///
    /// # Errors
    /// [`StorageError::Disk`] if the file can't be read or the state can't be stored, and [`StorageError::S3`] if the
    /// upload fails.
    pub async fn upload(
        &self,
        key: &str,
        file: &Path,
        upload: Option<Upload>,
        progress: &Progress,
    ) -> Result<(), StorageError> {
        let saved = |error: sqlx::Error| std::io::Error::other(error);
        let key = &Key::from(key);
        let size = std::fs::metadata(file)?.len();
        let mut upload = match upload {
            Some(upload) => upload,
            None => {
                let upload = Upload { id: self.store.create_multipart(key).await?, etags: Vec::new() };
                progress.save(&upload).await.map_err(saved)?;
                upload
            }
        };
        // Empty files have one part, too.
        let chunks = size.div_ceil(CHUNK).max(1);
        for number in u64::try_from(upload.etags.len()).unwrap_or(u64::MAX)..chunks {
            let bytes = read_chunk(file, number * CHUNK, CHUNK).await?;
            let index = usize::try_from(number).unwrap_or(usize::MAX);
            let part = self.store.put_part(key, &upload.id, index, PutPayload::from(bytes)).await?;
            upload.etags.push(part.content_id);
            progress.save(&upload).await.map_err(saved)?;
        }
        let parts = upload.etags.iter().map(|etag| PartId { content_id: etag.clone() }).collect();
        match self.store.complete_multipart(key, &upload.id, parts).await {
            Ok(_) => Ok(()),
            // An earlier attempt may have completed the upload and lost the answer.
            Err(_) if self.store.head(key).await.is_ok_and(|found| found.size == size) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Verifies size, checksum and encryption of an object. Deletes it if it differs or isn't encrypted as requested.
    /// Returns the encryption.
    ///
    /// # Errors
    /// [`StorageError::NotEncrypted`], [`StorageError::Differs`], or another [`StorageError`] if the object can't be
    /// read.
    pub async fn check(&self, key: &str, file: &Path, sha256: &str) -> Result<String, StorageError> {
        let path = &Key::from(key);
        let encryption = match self.encryption(key).await {
            Err(StorageError::NotEncrypted) => {
                self.store.delete(path).await?;
                return Err(StorageError::NotEncrypted);
            }
            answer => answer?,
        };
        let size = std::fs::metadata(file)?.len();
        if self.store.head(path).await?.size == size && self.hash(path, size).await? == sha256 {
            return Ok(encryption);
        }
        self.store.delete(path).await?;
        Err(StorageError::Differs)
    }

    /// Returns the encryption of an object.
    ///
    /// # Errors
    /// [`StorageError::Missing`], [`StorageError::NotEncrypted`], or [`StorageError::Head`] if the storage doesn't
    /// answer.
    pub async fn encryption(&self, key: &str) -> Result<String, StorageError> {
        let url = self.store.signed_url(reqwest::Method::HEAD, &Key::from(key), LINK_VALIDITY).await?;
        let without_url = |error: reqwest::Error| StorageError::Head(error.without_url());
        let head = self.http.head(url).send().await.map_err(without_url)?;
        if head.status() == reqwest::StatusCode::NOT_FOUND {
            return Err(StorageError::Missing);
        }
        let head = head.error_for_status().map_err(without_url)?;
        let header = |name: &str| head.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let encryption = header("x-amz-server-side-encryption").unwrap_or_default();
        let key_used = header("x-amz-server-side-encryption-aws-kms-key-id").unwrap_or_default();
        let is_right = match &self.config.kms_key {
            // The storage may answer with the key's ARN instead of its id.
            Some(wanted) => {
                encryption.starts_with("aws:kms") && key_used.ends_with(wanted.rsplit('/').next().unwrap_or(""))
            }
            None if self.config.encrypted_by_provider => return Ok(PROVIDER_ENCRYPTION.to_owned()),
            None => !encryption.is_empty(),
        };
        if is_right { Ok(encryption) } else { Err(StorageError::NotEncrypted) }
    }

    /// Downloads an object and returns its size and SHA-256.
    ///
    /// # Errors
    /// [`StorageError::S3`] if it can't be read.
    pub async fn size_and_hash(&self, key: &str) -> Result<(u64, String), StorageError> {
        let path = &Key::from(key);
        let size = self.store.head(path).await?.size;
        Ok((size, self.hash(path, size).await?))
    }

    /// Deletes an object, unless it is gone already.
    ///
    /// # Errors
    /// [`StorageError::S3`] if it can't be deleted.
    pub async fn delete(&self, key: &str) -> Result<(), StorageError> {
        match self.store.delete(&Key::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns a download URL, valid for [`LINK_VALIDITY`].
    ///
    /// # Errors
    /// [`StorageError::S3`] if it can't be signed.
    pub async fn link(&self, key: &str) -> Result<String, StorageError> {
        Ok(self.store.signed_url(reqwest::Method::GET, &Key::from(key), LINK_VALIDITY).await?.into())
    }

    /// Computes an object's SHA-256. Reads it in parts, because a download of hours could be interrupted.
    async fn hash(&self, path: &Key, size: u64) -> Result<String, StorageError> {
        let mut context = Context::new(&SHA256);
        for start in (0..size).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
            context.update(&self.store.get_range(path, start..(start + CHUNK).min(size)).await?);
        }
        Ok(hex(context.finish().as_ref()))
    }
}

/// Reads `length` bytes of a file from `offset`.
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
