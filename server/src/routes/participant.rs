//! Routes for participants in a room: end-to-end key and presence.

use autamedica_api::{ConsultationKey, ErrorCode, Failure, Id, Presence, Role, Success};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use super::consultations::{check_not_finished, find};
use crate::caller::{Caller, Identity, Participant, Permission};
use crate::error::{Error, Result};
use crate::extract::PathId;
use crate::presence_sync;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/key", get(key))
        .route("/api/consultations/{id}/presence", get(presence))
}

/// Returns the end-to-end key to the doctor, the admitted patient, the observers, or a desk.
#[utoipa::path(get, path = "/api/consultations/{id}/key", tag = "join", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationKey>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn key(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationKey>>> {
    let role = match &caller.identity {
        Identity::Participant(participant) if participant.consultation == id => Some(participant.role),
        _ => None,
    };
    if !matches!(role, Some(Role::Patient | Role::Observer)) {
        caller.require(&state, Permission::ControlCall(&id)).await?;
    }
    let stored = find(&state, &id).await?;
    check_not_finished(&stored)?;
    if role == Some(Role::Patient) && !stored.is_admitted() {
        return Err(Error::refused(ErrorCode::Forbidden, "the doctor hasn't let you in yet"));
    }
    let none = || Error::refused(ErrorCode::NotFound, "this consultation isn't encrypted end to end");
    let key = state.store.e2ee_key(&stored)?.ok_or_else(none)?;
    Ok(Json(Success::new(ConsultationKey { key, index: stored.key_index })))
}

/// Returns whether a participant with the caller's identity is in the room. Removes one with a revoked token first, so
/// that a client that was disconnected as a duplicate learns whether it can rejoin.
#[utoipa::path(get, path = "/api/consultations/{id}/presence", tag = "join", params(("id" = Id, Path)),
    responses((status = 200, body = Success<Presence>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("token" = [])))]
pub(super) async fn presence(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Participant,
) -> Result<Json<Success<Presence>>> {
    if caller.consultation != id {
        return Err(Error::refused(ErrorCode::Forbidden, "this token is for another consultation"));
    }
    let stored = find(&state, &id).await?;
    let present = presence_sync::is_present(&state, &stored, caller.user.as_str()).await?;
    Ok(Json(Success::new(Presence { present })))
}
