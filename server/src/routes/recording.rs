use autamedica_api::{ErrorCode, Failure, Id, RecordingStarted, RecordingStopped, StartRecording, Success, room_name};
use axum::Router;
use axum::extract::State;
use axum::routing::post;

use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::{Json, PathId};
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/recording/start", post(start))
        .route("/api/consultations/{id}/recording/stop", post(stop))
}

/// Refused for now, after everything that will be checked then has been checked.
#[utoipa::path(post, path = "/api/consultations/{id}/recording/start", tag = "doctor", params(("id" = Id, Path)),
    request_body = StartRecording,
    responses((status = 200, body = Success<RecordingStarted>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn start(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    Json(body): Json<StartRecording>,
) -> Result<()> {
    caller.must(&state, Permission::Direct(&id)).await?;
    if body.room_name != room_name(&id) {
        return Err(Error::refused(ErrorCode::RoomNotFound, "`roomName` isn't this consultation's room"));
    }
    unavailable(&state, &id).await
}

/// Refused for now, like starting.
#[utoipa::path(post, path = "/api/consultations/{id}/recording/stop", tag = "doctor", params(("id" = Id, Path)),
    responses((status = 200, body = Success<RecordingStopped>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn stop(State(state): State<AppState>, PathId(id): PathId, caller: Caller) -> Result<()> {
    caller.must(&state, Permission::Direct(&id)).await?;
    unavailable(&state, &id).await
}

async fn unavailable(state: &AppState, id: &Id) -> Result<()> {
    if state.store.consultation(id).await?.is_none() {
        return Err(Error::refused(ErrorCode::ConsultationNotFound, "there is no such consultation"));
    }
    Err(Error::refused(ErrorCode::RecordingUnavailable, "this server doesn't record"))
}
