use autamedica_api::{ComponentHealth, Health, HealthAnswer, HealthStatus, SfuHealth, Timestamp};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use crate::health::HealthCheck;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/health", get(health))
}

/// Returns the health of the server, the SFU and the database. Results are cached for a second.
#[utoipa::path(get, path = "/health", tag = "operation", responses((status = 200, body = HealthAnswer)))]
pub(super) async fn health(State(state): State<AppState>) -> Json<HealthAnswer> {
    let HealthCheck { sfu, database, .. } = state.health.get(&state.sfu, &state.store).await;
    let component = |works| if works { HealthStatus::Ok } else { HealthStatus::Down };
    let status = if sfu && database { HealthStatus::Ok } else { HealthStatus::Degraded };
    let uptime = state.started.elapsed();
    Json(HealthAnswer {
        success: true,
        status,
        timestamp: Timestamp::now(),
        uptime: uptime.as_secs_f64(),
        active_rooms: (state.health.rooms() + state.peers.num_rooms()) as u64,
        active_connections: state.sockets.count() as u64,
        data: Health {
            status,
            sfu: SfuHealth { status: component(sfu), managed: state.sfu.is_managed() },
            database: ComponentHealth { status: component(database) },
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime_seconds: uptime.as_secs(),
        },
    })
}
