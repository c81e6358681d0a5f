use std::net::IpAddr;

use autamedica_api::{ErrorCode, Failure, Id, Join, Joined, Role, Success, Timestamp, room_name};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::consultations::{check_not_over, find, open_room, over_error};
use crate::caller::{Caller, Origin, Permission};
use crate::error::{Error, Result};
use crate::extract::{self, PathId};
use crate::state::AppState;
use crate::store::{CodeKind, Event, StoredCode, StoredConsultation};
use crate::token::{Grant, Holder};

pub fn router() -> Router<AppState> {
    Router::new().route("/api/join", post(join))
}

/// Routes that take no code, and therefore don't share the rate limit for codes.
pub fn enter_router() -> Router<AppState> {
    Router::new().route("/api/consultations/{id}/enter", post(enter))
}

/// Exchanges a code for a token of a consultation.
///
/// A link's code is sufficient authorization. The eight digits of a kiosk code also require a kiosk's API key.
#[utoipa::path(post, path = "/api/join", tag = "join", request_body = Join,
    responses((status = 200, body = Success<Joined>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn join(
    State(state): State<AppState>,
    Origin(origin): Origin,
    caller: Result<Caller>,
    extract::Json(Join { code }): extract::Json<Join>,
) -> Result<Json<Success<Joined>>> {
    let (kind, code) = CodeKind::parse(&code);
    let mut event = audit_event(&state, kind, caller, origin, "join").await?;
    let found = find_code(&state, kind, &code, &event).await?;
    event = event.consultation(&found.consultation);
    let answer = exchange(&state, kind, &code, &found).await;
    let (user, outcome) = match &answer {
        Ok(joined) => (Some(joined.user_id.to_string()), "ok"),
        Err(Error::Refused { code: ErrorCode::TooEarly, .. }) => (None, "too early"),
        Err(Error::Refused { code: ErrorCode::Forbidden, .. }) => (None, "removed"),
        Err(Error::Refused { code: ErrorCode::ConsultationEnded | ErrorCode::ConsultationCancelled, .. }) => {
            (None, "consultation over")
        }
        Err(Error::Refused { .. }) => (None, "code expired"),
        Err(_) => (None, "failed"),
    };
    state.store.audit(Event { subject: user, ..event.outcome(outcome) }).await?;
    Ok(Json(Success::new(answer?)))
}

/// Creates the audit entry for a code, and checks the kiosk's API key if the code is a kiosk code.
pub(super) async fn audit_event(
    state: &AppState,
    kind: CodeKind,
    caller: Result<Caller>,
    origin: IpAddr,
    action: &'static str,
) -> Result<Event> {
    if kind == CodeKind::Link {
        return Ok(Event { origin: Some(origin.to_string()), ..Event::ok("link", action) });
    }
    let caller = caller?;
    caller.require(state, Permission::Kiosk).await?;
    Ok(caller.audit_event(action))
}

/// Finds a code. An unknown one is added to the audit log.
pub(super) async fn find_code(state: &AppState, kind: CodeKind, code: &str, event: &Event) -> Result<StoredCode> {
    if let Some(found) = state.store.find_code(kind, code).await? {
        return Ok(found);
    }
    state.store.audit(event.clone().outcome("unknown code")).await?;
    Err(Error::refused(ErrorCode::InvalidCode, "there is no such code"))
}

async fn exchange(state: &AppState, kind: CodeKind, code: &str, found: &StoredCode) -> Result<Joined> {
    let expired = || Error::refused(ErrorCode::CodeExpired, "this code doesn't work any more");
    let stored = find(state, &found.consultation).await?;
    let now = Timestamp::now();
    check_not_over(&stored)?;
    if found.revoked || now >= found.expires_at {
        return Err(expired());
    }
    if now < found.valid_from {
        let message = format!("it is too early; this code works from {}", found.valid_from);
        return Err(Error::refused(ErrorCode::TooEarly, message));
    }
    let user = match (&found.observer, found.role) {
        (Some(observer), _) => observer.clone(),
        (None, Role::Doctor) => stored.doctor_id.clone(),
        (None, _) => stored.patient_id.clone(),
    };
    let joined = admit(state, stored, user, found.role).await?;
    // The code may have been revoked before the token's generation was read, which would make the token valid.
    if state.store.find_code(kind, code).await?.is_none_or(|now| now.revoked) {
        return Err(expired());
    }
    Ok(joined)
}

/// Creates a token for a consultation's room.
async fn admit(state: &AppState, stored: StoredConsultation, user: Id, role: Role) -> Result<Joined> {
    if !stored.is_open_to(user.as_str()) {
        return Err(over_error(&stored));
    }
    let standing = state.store.standing(&stored.id, user.as_str()).await?;
    if standing.removed {
        return Err(Error::refused(ErrorCode::Forbidden, "the doctor has to let you in again"));
    }
    let room_sid = open_room(state, &stored.id, stored.transport).await?;
    state.store.record_room_opened(&stored.id, &room_sid).await?;
    let observer = match role {
        Role::Observer => state.store.observer(&stored.id, user.as_str()).await?,
        Role::Patient | Role::Doctor => None,
    };
    let admitted = role != Role::Patient || stored.is_admitted();
    let grant = match &observer {
        Some(observer) => Grant::observer(observer.publishes),
        None => Grant::admitted_if(admitted, role),
    };
    Ok(Joined {
        token: state.sfu.token(&Holder {
            user: &user,
            label: observer.as_ref().and_then(|observer| observer.label.as_deref()),
            role,
            consultation: &stored.id,
            grant,
            generation: standing.generation,
        })?,
        user_id: user,
        role,
        room_name: room_name(&stored.id),
        livekit_url: state.sfu.signaling_url().to_owned(),
        waiting_room: stored.waiting_room,
        admitted,
        e2ee: stored.sealed_key.is_some(),
        // Waiting patients get no key.
        e2ee_key: state.store.e2ee_key(&stored)?,
        e2ee_key_index: if admitted { stored.key_index } else { 0 },
        scheduled_at: stored.scheduled_at,
        duration_minutes: stored.duration_minutes,
        transport: stored.transport,
        consultation_id: stored.id,
    })
}

/// Enters a consultation as its doctor, with a desk's API key.
#[utoipa::path(post, path = "/api/consultations/{id}/enter", tag = "join", params(("id" = Id, Path)),
    responses((status = 200, body = Success<Joined>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn enter(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
) -> Result<Json<Success<Joined>>> {
    caller.require(&state, Permission::Enter).await?;
    let stored = find(&state, &id).await?;
    check_not_over(&stored)?;
    let doctor = stored.doctor_id.clone();
    let joined = admit(&state, stored, doctor, Role::Doctor).await?;
    let event = caller.audit_event("consultation.enter").consultation(&id).subject(&joined.user_id);
    state.store.audit(event).await?;
    Ok(Json(Success::new(joined)))
}
