use autamedica_api::{
    AddObserver, ErrorCode, Failure, Id, ObserverAdded, ParticipantChanged, PermitObserver, Role, Success, room_name,
};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::consultations::{check_not_finished, check_uses_sfu, find};
use super::control::PathParticipant;
use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::links;
use crate::state::AppState;
use crate::token::{Grant, Holder};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/observers", post(add))
        .route("/api/consultations/{id}/participants/{identity}/permit", post(permit))
}

/// Maximum length of a label in characters.
const MAX_LABEL_LENGTH: usize = 40;

/// Adds an observer, such as an interpreter, a companion or a student. They may subscribe, and publish only if the
/// doctor permits it. Adding an observer again returns a new token and link; adding a removed one admits them again.
#[utoipa::path(post, path = "/api/consultations/{id}/observers", tag = "doctor", params(("id" = Id, Path)),
    request_body = AddObserver,
    responses((status = 200, body = Success<ObserverAdded>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn add(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    extract::Json(request): extract::Json<AddObserver>,
) -> Result<Json<Success<ObserverAdded>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let stored = find(&state, &id).await?;
    check_not_finished(&stored)?;
    check_uses_sfu(&stored)?;
    let AddObserver { observer_id: user, label } = request;
    if user == stored.patient_id || user == stored.doctor_id {
        return Err(Error::refused(ErrorCode::SamePerson, "an observer is neither the patient nor the doctor"));
    }
    check_label(label.as_deref())?;
    let event = caller.audit_event("observer.add");
    let code = state.store.add_observer(&stored, &user, label.as_deref(), event).await?;
    let code = code.map_err(|_| {
        Error::refused(ErrorCode::TooManyObservers, "there are two observers already; remove one of them first")
    })?;
    let link = links::with_code(&state, &code)?;
    let publishes = state.store.observer(&id, user.as_str()).await?.is_some_and(|observer| observer.publishes);
    let token = state.sfu.token(&Holder {
        user: &user,
        label: label.as_deref(),
        role: Role::Observer,
        consultation: &id,
        grant: Grant::observer(publishes),
        generation: state.store.standing(&id, user.as_str()).await?.generation,
    })?;
    Ok(Json(Success::new(ObserverAdded {
        token,
        room_name: room_name(&id),
        livekit_url: state.sfu.signaling_url().to_owned(),
        link: link.web(),
        app_link: link.app(),
        e2ee_key: state.store.e2ee_key(&stored)?,
        e2ee_key_index: stored.key_index,
        observer_id: user,
        label,
    })))
}

/// Permits an observer to publish audio and video and to send messages, or revokes that.
#[utoipa::path(post, path = "/api/consultations/{id}/participants/{identity}/permit", tag = "doctor",
    params(("id" = Id, Path), ("identity" = Id, Path)), request_body = PermitObserver,
    responses((status = 200, body = Success<ParticipantChanged>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn permit(
    State(state): State<AppState>,
    PathParticipant { id, identity }: PathParticipant,
    caller: Caller,
    extract::Json(PermitObserver { publish }): extract::Json<PermitObserver>,
) -> Result<Json<Success<ParticipantChanged>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    find(&state, &id).await?;
    if !state.store.permit_observer(&id, &identity, publish, caller.audit_event("observer.permit")).await? {
        return Err(Error::refused(ErrorCode::ParticipantNotFound, "there is no such observer"));
    }
    let present = state.sfu.permit(&room_name(&id), identity.as_str(), Grant::observer(publish)).await?;
    Ok(Json(Success::new(ParticipantChanged { identity, present })))
}

fn check_label(label: Option<&str>) -> Result<()> {
    let is_valid = |label: &str| {
        (1..=MAX_LABEL_LENGTH).contains(&label.chars().count())
            && label.trim() == label
            && !label.chars().any(autamedica_text::is_invisible)
    };
    if label.is_none_or(is_valid) {
        return Ok(());
    }
    let message = format!("`label` must be 1 to {MAX_LABEL_LENGTH} visible characters");
    Err(Error::refused(ErrorCode::InvalidRequest, message))
}
