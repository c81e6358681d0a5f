//! Settings of recordings.

use std::path::PathBuf;

use super::error::ConfigError;
use super::existing::R2_HOST;
use super::folders::data_dir;
use super::values::{boolean, value, web_address};
use crate::recording::{RecordingConfig, S3Config};
use crate::secret::Secret;

/// Reads `RECORDING`, `RECORDER_BIN`, `RECORDINGS_DIR`, `RECORDING_RETENTION_DAYS` and the bucket's settings under
/// Amazon's names.
///
/// # Errors
/// [`ConfigError::Value`] for an invalid value, and [`ConfigError::MissingForBucket`] for a bucket without credentials.
pub fn read(get: &impl Fn(&str) -> Option<String>) -> Result<RecordingConfig, ConfigError> {
    let (local, egress) = match get("RECORDING").as_deref() {
        None | Some("local") => (true, false),
        Some("egress") => (false, true),
        Some("off") => (false, false),
        Some(_) => return Err(ConfigError::Value { name: "RECORDING", expected: "`local`, `egress` or `off`" }),
    };
    let folder =
        get("RECORDINGS_DIR").map(PathBuf::from).or_else(|| Some(data_dir(get)?.join("recordings"))).filter(|_| local);
    let days =
        value("RECORDING_RETENTION_DAYS", "a number of days, 1 or more", get("RECORDING_RETENTION_DAYS"), |days| {
            *days >= 1
        })?;
    let bucket = |bucket: String| {
        let missing = |name| ConfigError::MissingForBucket(name);
        let endpoint = get("AWS_ENDPOINT_URL").map(|url| web_address("AWS_ENDPOINT_URL", &url)).transpose()?;
        let kms_key = get("AWS_S3_KMS_KEY_ID");
        let ca = get("AWS_CA_BUNDLE")
            .map(std::fs::read)
            .transpose()
            .map_err(|_| ConfigError::Value { name: "AWS_CA_BUNDLE", expected: "a file that can be read" })?;
        Ok::<_, ConfigError>(S3Config {
            region: get("AWS_REGION").unwrap_or_else(|| "us-east-1".to_owned()),
            access_key: get("AWS_ACCESS_KEY_ID").ok_or(missing("AWS_ACCESS_KEY_ID"))?,
            secret_key: Secret::new(get("AWS_SECRET_ACCESS_KEY").ok_or(missing("AWS_SECRET_ACCESS_KEY"))?),
            // Most S3 servers other than Amazon's have no host name per bucket.
            path_style: match get("AWS_S3_FORCE_PATH_STYLE") {
                None => endpoint.is_some(),
                set => boolean("AWS_S3_FORCE_PATH_STYLE", set)?,
            },
            // With a KMS key, encryption is always requested and verified, so that a storage that ignores the key is
            // detected.
            encrypted_by_provider: kms_key.is_none() && endpoint.as_ref().is_some_and(is_r2),
            kms_key,
            bucket,
            endpoint,
            ca,
        })
    };
    Ok(RecordingConfig {
        egress,
        folder,
        program: get("RECORDER_BIN").map(PathBuf::from),
        s3: get("AWS_S3_BUCKET").map(bucket).transpose()?,
        retention_days: days,
    })
}

/// Returns `true` for Cloudflare R2, which encrypts every object and doesn't support the encryption headers.
fn is_r2(endpoint: &url::Url) -> bool {
    endpoint.host_str().is_some_and(|host| host.ends_with(R2_HOST))
}
