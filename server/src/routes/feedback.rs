use autamedica_api::{Done, ErrorCode, Failure, Feedback, Id, Success};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use crate::caller::Participant;
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/consultations/{id}/feedback", post(add))
}

/// Maximum number of reasons: each existing one once.
const MAX_REASONS: usize = 8;

/// Stores a participant's feedback, authorized by their token. Later feedback replaces it.
#[utoipa::path(post, path = "/api/consultations/{id}/feedback", tag = "rooms", params(("id" = Id, Path)),
    request_body = Feedback,
    responses((status = 200, body = Success<Done>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("token" = [])))]
pub(super) async fn add(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Participant,
    extract::Json(feedback): extract::Json<Feedback>,
) -> Result<Json<Success<Done>>> {
    if caller.consultation != id {
        return Err(Error::refused(ErrorCode::Forbidden, "this token is for another consultation"));
    }
    if !(1..=5).contains(&feedback.stars) {
        return Err(Error::refused(ErrorCode::InvalidRequest, "`stars` must be 1 to 5"));
    }
    if feedback.reasons.len() > MAX_REASONS {
        return Err(Error::refused(
            ErrorCode::InvalidRequest,
            format!("`reasons` must have at most {MAX_REASONS} entries"),
        ));
    }
    state.store.record_feedback(&id, &caller.user, caller.role, &feedback).await?;
    Ok(Json(Success::new(Done {})))
}
