use std::net::IpAddr;

use crate::livekit_url::InvalidLiveKitUrl;

/// Why the configuration can't work, in words for an operator.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// `LIVEKIT_URL` isn't an address.
    #[error(transparent)]
    LiveKitUrl(#[from] InvalidLiveKitUrl),
    /// `LIVEKIT_URL` is set, but what goes with it isn't.
    #[error("`LIVEKIT_URL` is set, so `{0}` must be set too")]
    Missing(&'static str),
    /// One setting needs another.
    #[error("`{needed_by}` is set, so `{name}` must be set too")]
    MissingFor {
        /// The one that is missing.
        name: &'static str,
        /// The one that is set.
        needed_by: &'static str,
    },
    /// There's no SFU: none is named, and none may be started.
    #[error("`--no-sfu` needs an SFU elsewhere: set `LIVEKIT_URL`, `LIVEKIT_API_KEY` and `LIVEKIT_API_SECRET`")]
    NoSfu,
    /// `DATABASE_URL` isn't understood.
    #[error("`DATABASE_URL` must start with `postgres://` or `sqlite:`")]
    Database,
    /// Two names of one setting are set to different values.
    #[error("`{ours}` and `{theirs}` are the same setting with different values: remove one of them")]
    Disagree {
        /// Our name.
        ours: &'static str,
        /// The replaced deployment's name.
        theirs: &'static str,
    },
    /// Events can't be signed.
    #[error("`WEBHOOK_URL` is set, so `WEBHOOK_SECRET` must be set too")]
    NoWebhookSecret,
    /// A value isn't of the right form.
    #[error("`{name}` must be {expected}")]
    Value {
        /// The variable.
        name: &'static str,
        /// What it should look like.
        expected: &'static str,
    },
    /// A bucket is named, but not who may use it.
    #[error("`AWS_S3_BUCKET` is set, so `{0}` must be set too")]
    MissingForBucket(&'static str),
    /// An egress has nowhere to record to.
    #[error(
        "`RECORDING=egress` needs a bucket: set `AWS_S3_BUCKET`, `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY`, or \
         record with `RECORDING=local`"
    )]
    EgressWithoutBucket,
    /// Servers that share a database must share its master key.
    #[error(
        "with PostgreSQL, set `AUTAMEDICA_MASTER_KEY` to 64 hexadecimal digits (`openssl rand -hex 32`), the same for every server"
    )]
    NoMasterKey,
    /// Plain HTTP would leave this machine.
    #[error("{0} isn't loopback: serve there only behind a proxy that ends TLS, and say so with `--behind-proxy`")]
    NoTls(IpAddr),
    /// Links must lead to the proxy.
    #[error("`--behind-proxy` needs `PUBLIC_URL`, where people reach the proxy, such as `https://clinic.example`")]
    NoPublicUrl,
    /// Clients elsewhere can't reach an SFU on this machine's loopback.
    #[error(
        "behind a proxy people come from elsewhere, and the embedded SFU serves this machine only: set `LIVEKIT_URL`, \
         `LIVEKIT_API_KEY` and `LIVEKIT_API_SECRET`"
    )]
    EmbeddedSfuBehindProxy,
    /// `.env` isn't understood.
    #[error("`.env` {0} (a value with spaces wants quotes)")]
    DotEnv(&'static str),
    /// No place to keep the database in.
    #[error("there is no home folder to keep the database in: set `AUTAMEDICA_DATA_DIR` or `DATABASE_URL`")]
    NoDataDir,
}
