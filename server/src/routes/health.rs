use autamedica_api::{ComponentHealth, Health, HealthStatus, SfuHealth, Success};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/health", get(health))
}

/// Says whether the server lives, and whether the SFU and the database answer it.
#[utoipa::path(get, path = "/health", tag = "operation", responses((status = 200, body = Success<Health>)))]
pub(super) async fn health(State(state): State<AppState>) -> Json<Success<Health>> {
    let (sfu, database) = tokio::join!(state.sfu.answers(), state.store.answers());
    let component = |answers| if answers { HealthStatus::Ok } else { HealthStatus::Down };
    Json(Success::new(Health {
        status: if sfu && database { HealthStatus::Ok } else { HealthStatus::Degraded },
        sfu: SfuHealth { status: component(sfu), managed: state.sfu.is_managed() },
        database: ComponentHealth { status: component(database) },
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: state.started.elapsed().as_secs(),
    }))
}
