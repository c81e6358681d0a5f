use autamedica_api::{
    Consultation, ConsultationDetails, ConsultationLinks, CreateConsultation, ErrorCode, Failure, Id, MoveConsultation,
    Role, Success, Transport, room_name,
};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::follow;
use crate::links;
use crate::signaling::{self, PEER_ROOM};
use crate::state::AppState;
use crate::store::{
    Creation, DEFAULT_DURATION_MINUTES, Finish, Insiders, NewConsultation, Refusal, Standing, StoredConsultation,
};
use crate::token::{Holder, May};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/create", post(create))
        .route("/api/consultations/{id}", get(details).patch(reschedule))
        .route("/api/consultations/{id}/cancel", post(cancel))
        .route("/api/consultations/{id}/links", post(fresh_links).delete(revoke_links))
}

/// The longest appointment, in minutes.
const LONGEST: u32 = 24 * 60;

/// Creates a consultation, or finds the one that is there, and gives both sides fresh tokens and links.
#[utoipa::path(post, path = "/api/consultations/create", tag = "consultations", request_body = CreateConsultation,
    responses((status = 200, body = Success<Consultation>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(wanted): extract::Json<CreateConsultation>,
) -> Result<Json<Success<Consultation>>> {
    caller.must(&state, Permission::Manage).await?;
    if wanted.patient_id == wanted.doctor_id {
        return Err(Error::refused(ErrorCode::SamePerson, "`patientId` and `doctorId` must differ"));
    }
    check_duration(wanted.duration_minutes)?;
    let stored = state.store.consultation(&wanted.consultation_id).await?;
    let of_new = wanted.transport.unwrap_or(state.transport_default);
    let transport = stored.as_ref().map_or(of_new, |stored| stored.transport);
    if transport == Transport::P2p && wanted.waiting_room == Some(true) {
        return Err(Error::refused(ErrorCode::InvalidRequest, "`waitingRoom` needs `\"transport\": \"sfu\"`"));
    }
    let by = caller.event("consultation.create");
    // A room is opened for nobody who is refused.
    if let Some(stored) = stored
        && let Some(refusal) = stored.refusal(&wanted)
    {
        state.store.audit(by.consultation(&stored.id).outcome(refusal.as_str())).await?;
        return Err(refused(&stored, refusal));
    }
    let room_sid = open_room(&state, &wanted.consultation_id, transport).await?;
    let e2ee = wanted.e2ee.unwrap_or(state.e2ee_default);
    let language = wanted.language.unwrap_or(state.language_default);
    let new = NewConsultation { wanted, e2ee, language, transport, room_sid: room_sid.clone(), by };
    let Creation { stored, is_new, codes } = state.store.create_consultation(new).await?;
    let links = links::with_codes(&state, &codes.map_err(|refusal| refused(&stored, refusal))?)?;
    // Who was removed gets a token that grants nothing until the doctor admits them again.
    // Nothing is known of anybody in a consultation that is new.
    let standing = async |user: &Id| {
        if is_new { Ok(Standing::default()) } else { state.store.standing(&stored.id, user.as_str()).await }
    };
    let (patient, doctor) = (standing(&stored.patient_id).await?, standing(&stored.doctor_id).await?);
    let token = |role, user, standing: Standing| {
        let admitted = role == Role::Doctor || (stored.is_admitted() && !standing.removed);
        let (may, generation) = (May::once(admitted, role), standing.generation);
        state.sfu.token(&Holder { user, label: None, role, consultation: &stored.id, may, generation })
    };
    let e2ee_key = state.store.e2ee_key(&stored)?;
    Ok(Json(Success::new(Consultation {
        patient_token: token(Role::Patient, &stored.patient_id, patient)?,
        doctor_token: token(Role::Doctor, &stored.doctor_id, doctor)?,
        room_name: room_name(&stored.id),
        room_sid,
        livekit_url: state.sfu.signaling_url().to_owned(),
        state: stored.state,
        waiting_room: stored.waiting_room,
        patient_link: links.patient_link,
        doctor_link: links.doctor_link,
        patient_app_link: links.patient_app_link,
        doctor_app_link: links.doctor_app_link,
        kiosk_code: links.kiosk_code,
        e2ee_key,
        e2ee_key_index: stored.key_index,
        scheduled_at: stored.scheduled_at,
        duration_minutes: stored.duration_minutes,
        transport: stored.transport,
        consultation_id: stored.id,
        patient_id: stored.patient_id,
        doctor_id: stored.doctor_id,
        created_at: stored.created_at,
    })))
}

/// Tells how a consultation stands.
#[utoipa::path(get, path = "/api/consultations/{id}", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = []), ("token" = [])))]
pub(super) async fn details(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.must(&state, Permission::ReadOne(&id)).await?;
    Ok(Json(Success::new(show(find(&state, &id).await?))))
}

/// Moves an appointment; its links move with it.
#[utoipa::path(patch, path = "/api/consultations/{id}", tag = "consultations", params(("id" = Id, Path)),
    request_body = MoveConsultation,
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn reschedule(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    extract::Json(wanted): extract::Json<MoveConsultation>,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.must(&state, Permission::Manage).await?;
    check_duration(wanted.duration_minutes)?;
    let stored = find(&state, &id).await?;
    let duration = wanted.duration_minutes.or(stored.duration_minutes).unwrap_or(DEFAULT_DURATION_MINUTES);
    let event = caller.event("consultation.move");
    match state.store.reschedule(&id, wanted.scheduled_at, duration, event).await? {
        Some(moved) => Ok(Json(Success::new(show(moved)))),
        None => Err(not_movable(&stored)),
    }
}

/// Cancels a consultation: its links stop working, and whoever is in its room is out.
#[utoipa::path(post, path = "/api/consultations/{id}/cancel", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn cancel(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.must(&state, Permission::Manage).await?;
    finish(&state, &id, Finish::Cancelled, &caller).await
}

/// Makes fresh links and a fresh kiosk code. The earlier ones stop working, and so do all tokens that were given out before;
/// only whoever is in the room stays.
#[utoipa::path(post, path = "/api/consultations/{id}/links", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationLinks>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn fresh_links(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationLinks>>> {
    caller.must(&state, Permission::Manage).await?;
    let stored = find(&state, &id).await?;
    not_over(&stored)?;
    // Whoever has come in since the last comparison is noted, so that they may stay.
    follow::compare_now(&state, &id).await;
    state.store.revoke_codes(&id, Insiders::Stay, caller.event("links.renew")).await?;
    signaling::check_room(&state, &id).await;
    let codes = state.store.create_codes(&stored).await?;
    follow::compare_now(&state, &id).await;
    Ok(Json(Success::new(links::with_codes(&state, &codes)?)))
}

/// Revokes every link and kiosk code of a consultation, and all tokens that were given out before: whoever is in the room is
/// out. The doctor comes back by their desk's key, and others by links that are made later.
#[utoipa::path(delete, path = "/api/consultations/{id}/links", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn revoke_links(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.must(&state, Permission::Manage).await?;
    let stored = find(&state, &id).await?;
    state.store.revoke_codes(&id, Insiders::Leave, caller.event("links.revoke")).await?;
    signaling::check_room(&state, &id).await;
    follow::compare_now(&state, &id).await;
    Ok(Json(Success::new(show(stored))))
}

/// Ends or cancels a consultation, and closes its room.
pub(super) async fn finish(
    state: &AppState,
    id: &Id,
    how: Finish,
    caller: &Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    let stored = find(state, id).await?;
    let action = match how {
        Finish::Cancelled => "consultation.cancel",
        Finish::EndedByDoctor => "consultation.end",
    };
    let finished = state.store.finish(id, how, caller.event(action)).await?;
    let Some(finished) = finished else { return Err(over(&stored)) };
    signaling::check_room(state, id).await;
    // The record stands even when the SFU doesn't answer now: whoever comes to the room later is sent out.
    if let Err(error) = state.sfu.close_room(&room_name(id)).await {
        tracing::warn!(%error, "a finished consultation's room can't be closed yet");
    }
    Ok(Json(Success::new(show(finished))))
}

/// Opens a consultation's room at the SFU, where its media goes there. Returns the room's sid.
///
/// # Errors
/// When the SFU doesn't answer.
pub(super) async fn open_room(state: &AppState, id: &Id, transport: Transport) -> Result<String> {
    match transport {
        Transport::Sfu => Ok(state.sfu.open_room(&room_name(id)).await?.sid),
        Transport::P2p => Ok(PEER_ROOM.to_owned()),
    }
}

/// Refuses what only the SFU can do where media goes from peer to peer.
///
/// # Errors
/// With 409.
pub(super) fn not_peer_to_peer(stored: &StoredConsultation) -> Result<()> {
    if stored.transport == Transport::Sfu {
        return Ok(());
    }
    Err(Error::refused(ErrorCode::PeerToPeer, "this consultation goes from peer to peer, where this can't be done"))
}

/// The consultation of an id.
///
/// # Errors
/// With 404.
pub(super) async fn find(state: &AppState, id: &Id) -> Result<StoredConsultation> {
    let unknown = || Error::refused(ErrorCode::ConsultationNotFound, "there is no such consultation");
    state.store.consultation(id).await?.ok_or_else(unknown)
}

fn check_duration(minutes: Option<u32>) -> Result<()> {
    if minutes.is_none_or(|minutes| (1..=LONGEST).contains(&minutes)) {
        return Ok(());
    }
    Err(Error::refused(ErrorCode::InvalidRequest, format!("`durationMinutes` must be 1 to {LONGEST}")))
}

/// Refuses what can't be done in a consultation that won't come back.
///
/// # Errors
/// With 409.
pub(super) fn not_over(stored: &StoredConsultation) -> Result<()> {
    if stored.is_over() { Err(over(stored)) } else { Ok(()) }
}

/// Why nothing more can be done in a consultation that is over.
pub(super) fn over(stored: &StoredConsultation) -> Error {
    match stored.state {
        autamedica_api::ConsultationState::Cancelled => {
            Error::refused(ErrorCode::ConsultationCancelled, "this consultation was cancelled")
        }
        _ => Error::refused(ErrorCode::ConsultationEnded, "this consultation has ended"),
    }
}

/// What somebody hears who can't have a consultation that is there.
fn refused(stored: &StoredConsultation, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Over => over(stored),
        Refusal::Conflict => {
            let message = "this consultation exists with other people or other settings";
            Error::refused(ErrorCode::ConsultationConflict, message)
        }
    }
}

fn not_movable(stored: &StoredConsultation) -> Error {
    if stored.is_over() {
        return over(stored);
    }
    Error::refused(ErrorCode::ConsultationConflict, "this consultation has begun already")
}

pub(super) fn show(stored: StoredConsultation) -> ConsultationDetails {
    ConsultationDetails {
        room_name: room_name(&stored.id),
        admitted: stored.is_admitted(),
        e2ee: stored.sealed_key.is_some(),
        consultation_id: stored.id,
        patient_id: stored.patient_id,
        doctor_id: stored.doctor_id,
        state: stored.state,
        cause: stored.cause,
        waiting_room: stored.waiting_room,
        scheduled_at: stored.scheduled_at,
        duration_minutes: stored.duration_minutes,
        created_at: stored.created_at,
        waiting_at: stored.waiting_at,
        live_at: stored.live_at,
        ended_at: stored.ended_at,
        language: stored.language,
        recordings: stored.recordings,
        transport: stored.transport,
    }
}
