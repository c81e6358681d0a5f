//! What a participant asks about their own place in a room: the key to its media, and whether the place is taken.

use autamedica_api::{ConsultationKey, ErrorCode, Failure, Id, Presence, Role, Success};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};

use super::consultations::{find, not_over};
use crate::caller::{Caller, Participant, Permission, Who};
use crate::error::{Error, Result};
use crate::extract::PathId;
use crate::follow;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/key", get(key))
        .route("/api/consultations/{id}/presence", get(presence))
}

/// Gives the end-to-end key to those who may be in the call: the doctor, the patient once admitted, the observers, a doctor's
/// desk.
#[utoipa::path(get, path = "/api/consultations/{id}/key", tag = "join", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationKey>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn key(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationKey>>> {
    let role = match &caller.who {
        Who::Participant(someone) if someone.consultation == id => Some(someone.role),
        _ => None,
    };
    if !matches!(role, Some(Role::Patient | Role::Observer)) {
        caller.must(&state, Permission::Direct(&id)).await?;
    }
    let stored = find(&state, &id).await?;
    not_over(&stored)?;
    if role == Some(Role::Patient) && !stored.is_admitted() {
        return Err(Error::refused(ErrorCode::Forbidden, "the doctor hasn't let you in yet"));
    }
    let none = || Error::refused(ErrorCode::NotFound, "this consultation isn't encrypted end to end");
    let key = state.store.e2ee_key(&stored)?.ok_or_else(none)?;
    Ok(Json(Success::new(ConsultationKey { key, index: stored.key_index })))
}

/// Tells a participant whether somebody is in the room in their place. Whoever got there by a token that is no longer good is
/// sent out first; so a client that was pushed out of the room learns whether the place is its own again.
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
    let present = follow::is_present(&state, &stored, caller.user.as_str()).await?;
    Ok(Json(Success::new(Presence { present })))
}
