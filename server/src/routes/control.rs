//! Controls of the doctor, authorized by their token or a desk's key.

use autamedica_api::{
    ConsultationDetails, ErrorCode, Failure, Id, InvalidId, MediaSource, MuteParticipant, ParticipantChanged,
    ParticipantRemoved, Role, Success, Transport, consultation_of, room_name,
};
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::routing::{delete, post};
use axum::{Json, Router};

use super::consultations::{find, finish, finished_error, reconcile};
use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::signaling;
use crate::state::AppState;
use crate::store::{AuditEvent, Finish};
use crate::token::Grant;

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/{id}/admit", post(admit))
        .route("/api/consultations/{id}/refuse", post(refuse))
        .route("/api/consultations/{id}/end", post(end))
        .route("/api/consultations/{id}/participants/{identity}/remove", post(remove))
        .route("/api/consultations/{id}/participants/{identity}/mute", post(mute))
        .route("/api/rooms/{roomName}/participants/{identity}", delete(remove_from_room))
}

/// Admits the patient from the waiting room, or again after a removal.
#[utoipa::path(post, path = "/api/consultations/{id}/admit", tag = "doctor", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ParticipantChanged>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn admit(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ParticipantChanged>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let Some(admitted) = state.store.admit(&id, caller.audit_event("participant.admit")).await? else {
        let stored = find(&state, &id).await?;
        return Err(finished_error(&stored));
    };
    signaling::check_room(&state, &id).await;
    signaling::record_presence_now(&state, &id).await;
    let patient = admitted.patient_id;
    let present = match admitted.transport {
        Transport::Sfu => state.sfu.permit(&room_name(&id), patient.as_str(), Grant::Publish(Role::Patient)).await?,
        Transport::P2p => signaling::is_present(&state, &id, &patient),
    };
    Ok(Json(Success::new(ParticipantChanged { identity: patient, present })))
}

/// Refuses the waiting patient. They can be admitted later.
#[utoipa::path(post, path = "/api/consultations/{id}/refuse", tag = "doctor", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ParticipantChanged>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn refuse(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ParticipantChanged>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let stored = find(&state, &id).await?;
    remove_participant(&state, &id, stored.patient_id, caller.audit_event("participant.refuse")).await
}

/// Removes a participant. Their tokens are revoked, and links work again only after they are admitted. The others'
/// media gets a new end-to-end key.
#[utoipa::path(post, path = "/api/consultations/{id}/participants/{identity}/remove", tag = "doctor",
    params(("id" = Id, Path), ("identity" = Id, Path)),
    responses((status = 200, body = Success<ParticipantChanged>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn remove(
    State(state): State<AppState>,
    PathParticipant { id, identity }: PathParticipant,
    caller: Caller,
) -> Result<Json<Success<ParticipantChanged>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let stored = find(&state, &id).await?;
    if identity == stored.doctor_id {
        return Err(Error::refused(ErrorCode::Forbidden, "the doctor can't be removed; end the consultation instead"));
    }
    remove_participant(&state, &id, identity, caller.audit_event("participant.remove")).await
}

/// Removes a participant, as [`remove`] does, by the name of the room.
#[utoipa::path(delete, path = "/api/rooms/{roomName}/participants/{identity}", tag = "doctor",
    params(("roomName" = String, Path), ("identity" = Id, Path)),
    responses((status = 200, body = ParticipantRemoved), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn remove_from_room(
    State(state): State<AppState>,
    PathRoomParticipant(participant): PathRoomParticipant,
    caller: Caller,
) -> Result<Json<ParticipantRemoved>> {
    let Json(removed) = remove(State(state), participant, caller).await?;
    Ok(Json(ParticipantRemoved { success: true, message: "Participant removed".to_owned(), data: removed.data }))
}

/// Mutes a participant's microphone, camera or screen. They can unmute it themselves.
#[utoipa::path(post, path = "/api/consultations/{id}/participants/{identity}/mute", tag = "doctor",
    params(("id" = Id, Path), ("identity" = Id, Path)), request_body = MuteParticipant,
    responses((status = 200, body = Success<ParticipantChanged>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn mute(
    State(state): State<AppState>,
    PathParticipant { id, identity }: PathParticipant,
    caller: Caller,
    extract::Json(body): extract::Json<MuteParticipant>,
) -> Result<Json<Success<ParticipantChanged>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    find(&state, &id).await?;
    let source = body.source.unwrap_or(MediaSource::Microphone);
    if !state.sfu.mute(&room_name(&id), identity.as_str(), source).await? {
        return Err(Error::refused(
            ErrorCode::ParticipantNotFound,
            "no participant with this identity publishes this source",
        ));
    }
    state.store.audit(caller.audit_event("participant.mute").consultation(&id).subject(&identity)).await?;
    Ok(Json(Success::new(ParticipantChanged { identity, present: true })))
}

/// Ends the consultation permanently for all participants.
#[utoipa::path(post, path = "/api/consultations/{id}/end", tag = "doctor", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn end(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    finish(&state, &id, Finish::EndedByDoctor, &caller).await
}

/// Removes a participant. The database comes first: if the SFU fails, the reconciler removes them.
async fn remove_participant(
    state: &AppState,
    id: &Id,
    identity: Id,
    event: AuditEvent,
) -> Result<Json<Success<ParticipantChanged>>> {
    state.store.remove(id, identity.as_str(), event).await?;
    let stored = find(state, id).await?;
    let was_present = signaling::is_present(state, id, &identity);
    signaling::check_room(state, id).await;
    let present = match stored.transport {
        Transport::Sfu => state.sfu.remove(&room_name(id), identity.as_str()).await?,
        Transport::P2p => was_present,
    };
    // Announces the new key to the others at once.
    reconcile(state, &stored).await;
    Ok(Json(Success::new(ParticipantChanged { identity, present })))
}

/// Consultation and participant in the path.
pub(super) struct PathParticipant {
    pub id: Id,
    pub identity: Id,
}

impl FromRequestParts<AppState> for PathParticipant {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await.ok();
        path.and_then(|Path((id, identity))| Some(Self { id: Id::new(id).ok()?, identity: Id::new(identity).ok()? }))
            .ok_or_else(|| Error::refused(ErrorCode::InvalidId, format!("an id in the path {InvalidId}")))
    }
}

/// Room and participant in the path.
pub(super) struct PathRoomParticipant(PathParticipant);

impl FromRequestParts<AppState> for PathRoomParticipant {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await.ok();
        let Some(Path((room, identity))) = path else {
            return Err(Error::refused(ErrorCode::RoomNotFound, "there is no such room"));
        };
        let id =
            consultation_of(&room).ok_or_else(|| Error::refused(ErrorCode::RoomNotFound, "there is no such room"))?;
        let identity = Id::new(identity)
            .map_err(|_| Error::refused(ErrorCode::InvalidId, format!("the identity in the path {InvalidId}")))?;
        Ok(Self(PathParticipant { id, identity }))
    }
}
