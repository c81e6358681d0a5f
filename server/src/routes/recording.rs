use autamedica_api::{ErrorCode, StartRecording, room_name};
use axum::Router;
use axum::extract::State;
use axum::routing::post;

use crate::caller::Participant;
use crate::error::{Error, Result};
use crate::extract::{Json, PathId};
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/recording/start", post(start))
        .route("/api/consultations/{id}/recording/stop", post(stop))
}

/// Refused for now, after everything that will be checked then has been checked.
async fn start(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Participant,
    Json(body): Json<StartRecording>,
) -> Result<()> {
    caller.must_be_doctor_of(&id)?;
    if body.room_name != room_name(&id) {
        return Err(Error::refused(ErrorCode::InvalidRequest, "`roomName` isn't this consultation's room"));
    }
    unavailable(&state, &id).await
}

async fn stop(State(state): State<AppState>, PathId(id): PathId, caller: Participant) -> Result<()> {
    caller.must_be_doctor_of(&id)?;
    unavailable(&state, &id).await
}

async fn unavailable(state: &AppState, id: &autamedica_api::Id) -> Result<()> {
    if state.store.consultation(id).await?.is_none() {
        return Err(Error::refused(ErrorCode::ConsultationNotFound, "there is no such consultation"));
    }
    Err(Error::refused(ErrorCode::RecordingUnavailable, "this server doesn't record"))
}
