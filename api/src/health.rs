use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

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
///
/// The deployment that this server replaces had all but `data` at the top level.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HealthAnswer {
    /// Always `true`.
    pub success: bool,
    /// As in `data`.
    pub status: HealthStatus,
    /// The server's time.
    pub timestamp: Timestamp,
    /// Seconds since the server started.
    pub uptime: f64,
    /// Number of consultations' rooms that are open: at the SFU, some seconds ago, and for calls from peer to peer.
    pub active_rooms: u64,
    /// Number of open sockets of peer-to-peer signaling.
    pub active_connections: u64,
    /// How the parts are.
    pub data: Health,
}

/// How the server and its parts are.
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
