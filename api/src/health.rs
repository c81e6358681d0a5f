use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::Timestamp;

/// Health of the server or of a component.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum HealthStatus {
    /// Everything works.
    Ok,
    /// The server works, but a component doesn't answer.
    Degraded,
    /// The component doesn't answer.
    Down,
}

/// Answer of `GET /health`. Its status is always 200, because the server itself works.
///
/// The fields except `data` are at the top level for compatibility with the deployment that this server replaces.
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
    /// Number of open rooms of consultations: those at the SFU, a few seconds ago, and those of peer-to-peer calls.
    pub active_rooms: u64,
    /// Number of open sockets for peer-to-peer signaling.
    pub active_connections: u64,
    /// Health of the components.
    pub data: Health,
}

/// Health of the server and its components.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Health {
    /// `ok`, or `degraded` if a component is down.
    pub status: HealthStatus,
    /// Health of the SFU.
    pub sfu: SfuHealth,
    /// Health of the database.
    pub database: ComponentHealth,
    /// Version of the server.
    pub version: String,
    /// Seconds since the server started.
    pub uptime_seconds: u64,
}

/// Health of the SFU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SfuHealth {
    /// `ok` or `down`.
    pub status: HealthStatus,
    /// `true` if this server starts and restarts the SFU.
    pub managed: bool,
}

/// Health of a component.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ComponentHealth {
    /// `ok` or `down`.
    pub status: HealthStatus,
}
