use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether a part works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// All is well.
    Ok,
    /// The server lives, but a part of it doesn't answer.
    Degraded,
    /// This part doesn't answer.
    Down,
}

/// What `GET /health` answers; always with status 200, because the server itself lives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `degraded` when a part below is down.
    pub status: HealthStatus,
    /// The SFU.
    pub sfu: SfuHealth,
    /// The database.
    pub database: ComponentHealth,
    /// The server's version.
    pub version: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
}

/// Whether the SFU answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SfuHealth {
    /// `ok` or `down`.
    pub status: HealthStatus,
    /// Whether this server started it and restarts it.
    pub managed: bool,
}

/// Whether a part answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentHealth {
    /// `ok` or `down`.
    pub status: HealthStatus,
}
