use autamedica_api::{Done, ErrorCode, Failure, Id, QualitySample, Success};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use crate::caller::Participant;
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/consultations/{id}/quality", post(add))
}

/// Stores a quality sample of a client. Clients send one every five seconds, authorized by their token.
#[utoipa::path(post, path = "/api/consultations/{id}/quality", tag = "rooms", params(("id" = Id, Path)),
    request_body = QualitySample,
    responses((status = 200, body = Success<Done>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("token" = [])))]
pub(super) async fn add(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Participant,
    extract::Json(sample): extract::Json<QualitySample>,
) -> Result<Json<Success<Done>>> {
    if caller.consultation != id {
        return Err(Error::refused(ErrorCode::Forbidden, "this token is for another consultation"));
    }
    let plausible = sample.figures.is_plausible()
        && sample.tracks.len() <= QualitySample::MAX_TRACKS
        && sample.tracks.iter().all(|track| track.sid.len() <= 64 && track.figures.is_plausible());
    if !plausible {
        return Err(Error::refused(ErrorCode::InvalidRequest, "a figure is out of range"));
    }
    if !state.store.add_sample(&id, &caller.user, &sample).await? {
        return Err(Error::refused(ErrorCode::RateLimited, "one sample every five seconds is enough"));
    }
    Ok(Json(Success::new(Done {})))
}
