use autamedica_api::{
    Consultation, ConsultationDetails, ConsultationLinks, CreateConsultation, ErrorCode, Failure, Id, MoveConsultation,
    QueuePosition, Role, Success, Transport, room_name,
};
use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::caller::{Caller, Participant, Permission};
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::links;
use crate::presence_sync;
use crate::signaling::{self, PEER_ROOM_SID};
use crate::state::AppState;
use crate::store::{
    Creation, DEFAULT_DURATION_MINUTES, Finish, NewConsultation, PresentParticipants, Refusal, Standing,
    StoredConsultation,
};
use crate::token::{Grant, Holder};

pub fn router() -> Router<AppState> {
    Router::new()
        .route("/api/consultations/create", post(create))
        .route("/api/consultations/{id}", get(details).patch(change))
        .route("/api/consultations/{id}/queue", get(queue))
        .route("/api/consultations/{id}/cancel", post(cancel))
        .route("/api/consultations/{id}/links", post(fresh_links).delete(revoke_links))
}

/// Maximum duration of an appointment in minutes.
const MAX_DURATION_MINUTES: u32 = 24 * 60;

/// Creates a consultation, or finds the existing one, and returns new tokens and links for both sides.
#[utoipa::path(post, path = "/api/consultations/create", tag = "consultations", request_body = CreateConsultation,
    responses((status = 200, body = Success<Consultation>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    extract::Json(request): extract::Json<CreateConsultation>,
) -> Result<Json<Success<Consultation>>> {
    caller.require(&state, Permission::Manage).await?;
    if request.patient_id == request.doctor_id {
        return Err(Error::refused(ErrorCode::SamePerson, "`patientId` and `doctorId` must differ"));
    }
    check_duration(request.duration_minutes)?;
    let stored = state.store.consultation(&request.consultation_id).await?;
    let requested = request.transport.unwrap_or(state.transport_default);
    let transport = stored.as_ref().map_or(requested, |stored| stored.transport);
    let event = caller.audit_event("consultation.create");
    // Refused requests must not open a room.
    if let Some(stored) = stored
        && let Some(refusal) = stored.refusal(&request)
    {
        state.store.audit(event.consultation(&stored.id).outcome(refusal.as_str())).await?;
        return Err(refusal_error(&stored, refusal));
    }
    let room_sid = open_room(&state, &request.consultation_id, transport).await?;
    let e2ee = request.e2ee.unwrap_or(state.e2ee_default);
    let language = request.language.unwrap_or(state.language_default);
    let new = NewConsultation { request, e2ee, language, transport, room_sid: room_sid.clone(), event };
    let Creation { stored, is_new, codes } = state.store.create_consultation(new).await?;
    let links = links::with_codes(&state, &codes.map_err(|refusal| refusal_error(&stored, refusal))?)?;
    // A removed participant's token has no grants until the doctor admits them again. A new consultation has no
    // removals, so the queries are skipped.
    let standing = async |user: &Id| {
        if is_new { Ok(Standing::default()) } else { state.store.standing(&stored.id, user.as_str()).await }
    };
    let (patient, doctor) = (standing(&stored.patient_id).await?, standing(&stored.doctor_id).await?);
    let token = |role, user, standing: Standing| {
        let admitted = role == Role::Doctor || (stored.is_admitted() && !standing.removed);
        let (grant, generation) = (Grant::admitted_if(admitted, role), standing.generation);
        state.sfu.token(&Holder { user, label: None, role, consultation: &stored.id, grant, generation })
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

/// Returns a consultation.
#[utoipa::path(get, path = "/api/consultations/{id}", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = []), ("token" = [])))]
pub(super) async fn details(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.require(&state, Permission::ReadConsultation(&id)).await?;
    Ok(Json(Success::new(to_details(find(&state, &id).await?))))
}

/// Reschedules an appointment, including the validity of its links, or stores the desk's word to the waiting patient.
#[utoipa::path(patch, path = "/api/consultations/{id}", tag = "consultations", params(("id" = Id, Path)),
    request_body = MoveConsultation,
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn change(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    extract::Json(request): extract::Json<MoveConsultation>,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.require(&state, Permission::Manage).await?;
    check_duration(request.duration_minutes)?;
    if request.notice.as_ref().is_some_and(|notice| notice.chars().count() > MoveConsultation::MAX_NOTICE) {
        let message = format!("`notice` has {} characters at most", MoveConsultation::MAX_NOTICE);
        return Err(Error::refused(ErrorCode::InvalidRequest, message));
    }
    let mut stored = find(&state, &id).await?;
    if request.scheduled_at.is_some() || request.duration_minutes.is_some() {
        let Some(scheduled_at) = request.scheduled_at.or(stored.scheduled_at) else {
            let message = "a consultation without an appointment has no duration: `scheduledAt` is missing";
            return Err(Error::refused(ErrorCode::ConsultationConflict, message));
        };
        let duration = request.duration_minutes.or(stored.duration_minutes).unwrap_or(DEFAULT_DURATION_MINUTES);
        let event = caller.audit_event("consultation.move");
        match state.store.reschedule(&id, scheduled_at, duration, event).await? {
            Some(moved) => stored = moved,
            None => return Err(reschedule_error(&stored)),
        }
    }
    if let Some(notice) = request.notice {
        // Control characters mean nothing to a reader, and PostgreSQL stores no NUL.
        let notice: String = notice.chars().filter(|character| !character.is_control()).collect();
        let notice = Some(notice.trim()).filter(|notice| !notice.is_empty());
        let event = caller.audit_event("consultation.notice");
        stored = state.store.set_notice(&id, notice, event).await?.unwrap_or(stored);
    }
    Ok(Json(Success::new(to_details(stored))))
}

/// Returns a waiting patient's place in the queue and the desk's word to them, authorized by their token.
#[utoipa::path(get, path = "/api/consultations/{id}/queue", tag = "rooms", params(("id" = Id, Path)),
    responses((status = 200, body = Success<QueuePosition>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("token" = [])))]
pub(super) async fn queue(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Participant,
) -> Result<Json<Success<QueuePosition>>> {
    if caller.consultation != id {
        return Err(Error::refused(ErrorCode::Forbidden, "this token is for another consultation"));
    }
    let stored = find(&state, &id).await?;
    let ahead = state.store.count_ahead(&stored).await?;
    Ok(Json(Success::new(QueuePosition { ahead, notice: stored.notice })))
}

/// Cancels a consultation: revokes its links and removes all participants.
#[utoipa::path(post, path = "/api/consultations/{id}/cancel", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn cancel(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.require(&state, Permission::Manage).await?;
    finish(&state, &id, Finish::Cancelled, &caller).await
}

/// Creates new links and a new kiosk code. The earlier ones and all tokens issued before are revoked; participants in
/// the room stay.
#[utoipa::path(post, path = "/api/consultations/{id}/links", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationLinks>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn fresh_links(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationLinks>>> {
    caller.require(&state, Permission::Manage).await?;
    let stored = find(&state, &id).await?;
    check_not_finished(&stored)?;
    // Stores participants who joined since the last comparison, so that they may stay.
    reconcile(&state, &stored).await;
    state.store.revoke_codes(&id, PresentParticipants::Keep, caller.audit_event("links.renew")).await?;
    signaling::check_room(&state, &id).await;
    let codes = state.store.create_codes(&stored).await?;
    reconcile(&state, &stored).await;
    Ok(Json(Success::new(links::with_codes(&state, &codes)?)))
}

/// Revokes all links, kiosk codes and tokens of a consultation, and removes all participants. The doctor can enter with
/// a desk's key, and others with links created later.
#[utoipa::path(delete, path = "/api/consultations/{id}/links", tag = "consultations", params(("id" = Id, Path)),
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn revoke_links(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.require(&state, Permission::Manage).await?;
    let stored = find(&state, &id).await?;
    state.store.revoke_codes(&id, PresentParticipants::Remove, caller.audit_event("links.revoke")).await?;
    signaling::check_room(&state, &id).await;
    reconcile(&state, &stored).await;
    Ok(Json(Success::new(to_details(stored))))
}

/// Compares the stored participants with those in the room at once.
pub(super) async fn reconcile(state: &AppState, stored: &StoredConsultation) {
    match stored.transport {
        Transport::Sfu => presence_sync::reconcile_now(state, &stored.id).await,
        Transport::P2p => signaling::record_presence_now(state, &stored.id).await,
    }
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
    let finished = state.store.finish(id, how, caller.audit_event(action)).await?;
    let Some(finished) = finished else { return Err(finished_error(&stored)) };
    signaling::check_room(state, id).await;
    // A failure of the SFU isn't an error here, because participants who join later are removed.
    if let Err(error) = state.sfu.close_room(&room_name(id)).await {
        tracing::warn!(%error, "closing a finished consultation's room failed");
    }
    Ok(Json(Success::new(to_details(finished))))
}

/// Opens a consultation's room at the SFU and returns its sid. A peer-to-peer consultation has no room there, only a
/// constant sid.
///
/// # Errors
/// [`Error::Sfu`] if the SFU doesn't answer.
pub(super) async fn open_room(state: &AppState, id: &Id, transport: Transport) -> Result<String> {
    match transport {
        Transport::Sfu => Ok(state.sfu.open_room(&room_name(id)).await?.sid),
        Transport::P2p => Ok(PEER_ROOM_SID.to_owned()),
    }
}

/// Checks that a consultation's media goes through the SFU.
///
/// # Errors
/// [`Error::Refused`] with [`ErrorCode::PeerToPeer`].
pub(super) fn check_uses_sfu(stored: &StoredConsultation) -> Result<()> {
    if stored.transport == Transport::Sfu {
        return Ok(());
    }
    Err(Error::refused(ErrorCode::PeerToPeer, "a peer-to-peer consultation doesn't support this"))
}

/// Returns a consultation.
///
/// # Errors
/// [`Error::Refused`] with [`ErrorCode::ConsultationNotFound`] if there is none; [`Error::Database`].
pub(super) async fn find(state: &AppState, id: &Id) -> Result<StoredConsultation> {
    let unknown = || Error::refused(ErrorCode::ConsultationNotFound, "there is no such consultation");
    state.store.consultation(id).await?.ok_or_else(unknown)
}

fn check_duration(minutes: Option<u32>) -> Result<()> {
    if minutes.is_none_or(|minutes| (1..=MAX_DURATION_MINUTES).contains(&minutes)) {
        return Ok(());
    }
    Err(Error::refused(ErrorCode::InvalidRequest, format!("`durationMinutes` must be 1 to {MAX_DURATION_MINUTES}")))
}

/// Checks that a consultation can still take place.
///
/// # Errors
/// [`Error::Refused`] with [`ErrorCode::ConsultationEnded`] or [`ErrorCode::ConsultationCancelled`].
pub(super) fn check_not_finished(stored: &StoredConsultation) -> Result<()> {
    if stored.is_finished() { Err(finished_error(stored)) } else { Ok(()) }
}

/// Returns the error for a finished consultation.
pub(super) fn finished_error(stored: &StoredConsultation) -> Error {
    match stored.state {
        autamedica_api::ConsultationState::Cancelled => {
            Error::refused(ErrorCode::ConsultationCancelled, "this consultation was cancelled")
        }
        _ => Error::refused(ErrorCode::ConsultationEnded, "this consultation has ended"),
    }
}

/// Returns the error for a create request that can't reuse the existing consultation.
fn refusal_error(stored: &StoredConsultation, refusal: Refusal) -> Error {
    match refusal {
        Refusal::Finished => finished_error(stored),
        Refusal::Conflict => {
            let message = "this consultation exists with other people or other settings";
            Error::refused(ErrorCode::ConsultationConflict, message)
        }
    }
}

fn reschedule_error(stored: &StoredConsultation) -> Error {
    if stored.is_finished() {
        return finished_error(stored);
    }
    Error::refused(ErrorCode::ConsultationConflict, "this consultation has begun already")
}

pub(super) fn to_details(stored: StoredConsultation) -> ConsultationDetails {
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
        notice: stored.notice,
    }
}
