use std::net::IpAddr;

use crate::livekit_url::InvalidLiveKitUrl;

/// Error of the configuration, with a message for the operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `LIVEKIT_URL` isn't a valid URL.
    #[error(transparent)]
    LiveKitUrl(#[from] InvalidLiveKitUrl),
    /// `LIVEKIT_URL` is set without key or secret.
    #[error("`LIVEKIT_URL` is set, so `{0}` must be set too")]
    Missing(&'static str),
    /// A setting requires another one.
    #[error("`{needed_by}` is set, so `{name}` must be set too")]
    MissingFor {
        /// Missing setting.
        name: &'static str,
        /// Setting that requires it.
        needed_by: &'static str,
    },
    /// `--no-sfu` without an external SFU.
    #[error("`--no-sfu` needs an external SFU: set `LIVEKIT_URL`, `LIVEKIT_API_KEY` and `LIVEKIT_API_SECRET`")]
    NoSfu,
    /// `DATABASE_URL` is invalid.
    #[error("`DATABASE_URL` must start with `postgres://` or `sqlite:`")]
    Database,
    /// Two names of the same setting have different values.
    #[error("`{ours}` and `{theirs}` are the same setting with different values: remove one of them")]
    Disagree {
        /// Our name.
        ours: &'static str,
        /// The replaced deployment's name.
        theirs: &'static str,
    },
    /// Webhooks can't be signed without a secret.
    #[error("`WEBHOOK_URL` is set, so `WEBHOOK_SECRET` must be set too")]
    NoWebhookSecret,
    /// A value has the wrong format.
    #[error("`{name}` must be {expected}")]
    Value {
        /// Name of the variable.
        name: &'static str,
        /// Expected format.
        expected: &'static str,
    },
    /// A bucket is set without credentials.
    #[error("`AWS_S3_BUCKET` is set, so `{0}` must be set too")]
    MissingForBucket(&'static str),
    /// Egress requires a bucket.
    #[error(
        "`RECORDING=egress` needs a bucket: set `AWS_S3_BUCKET`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or \
         record with `RECORDING=local`"
    )]
    EgressWithoutBucket,
    /// Servers that share a database must share the master key.
    #[error(
        "with PostgreSQL, set `AUTAMEDICA_MASTER_KEY` to 64 hexadecimal digits (`openssl rand -hex 32`), the same for every server"
    )]
    NoMasterKey,
    /// The server would serve plain HTTP to the network.
    #[error("{0} isn't loopback: serve there only behind a proxy that terminates TLS, with `--behind-proxy`")]
    NoTls(IpAddr),
    /// Links need the proxy's public URL.
    #[error("`--behind-proxy` needs `PUBLIC_URL`, the proxy's public URL, such as `https://clinic.example`")]
    NoPublicUrl,
    /// Clients behind the proxy can't connect to an SFU on this machine's loopback interface.
    #[error(
        "the embedded SFU serves only this machine, but clients behind a proxy are on other machines: set `LIVEKIT_URL`, \
         `LIVEKIT_API_KEY` and `LIVEKIT_API_SECRET`"
    )]
    EmbeddedSfuBehindProxy,
    /// `.env` can't be used.
    #[error("`.env` {0} (values with spaces need quotes)")]
    DotEnv(&'static str),
    /// There is no folder for the database.
    #[error("there is no home folder for the database: set `AUTAMEDICA_DATA_DIR` or `DATABASE_URL`")]
    NoDataDir,
}
