use autamedica_api::{ErrorCode, Failure, Join, Joined, Role, Success, Timestamp, room_name};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::consultations::find;
use crate::caller::{Caller, Origin, Permission};
use crate::error::{Error, Result};
use crate::extract;
use crate::state::AppState;
use crate::store::{CodeKind, Event, StoredCode};
use crate::token::Holder;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/join", post(join))
}

/// Exchanges a code for a place in a consultation.
///
/// A link's code is proof enough. Eight digits aren't: they want a kiosk's key.
#[utoipa::path(post, path = "/api/join", tag = "join", request_body = Join,
    responses((status = 200, body = Success<Joined>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn join(
    State(state): State<AppState>,
    Origin(origin): Origin,
    caller: Result<Caller>,
    extract::Json(Join { code }): extract::Json<Join>,
) -> Result<Json<Success<Joined>>> {
    let digits: String = code.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let is_kiosk = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let (kind, code) = if is_kiosk { (CodeKind::Kiosk, digits) } else { (CodeKind::Link, code) };
    let mut event = match kind {
        CodeKind::Kiosk => {
            let caller = caller?;
            caller.must(&state, Permission::Kiosk).await?;
            caller.event("join")
        }
        CodeKind::Link => Event { origin: Some(origin.to_string()), ..Event::ok("link", "join") },
    };
    let Some(found) = state.store.find_code(kind, &code).await? else {
        state.store.audit(event.outcome("unknown code")).await?;
        return Err(Error::refused(ErrorCode::InvalidCode, "there is no such code"));
    };
    event = event.consultation(&found.consultation);
    let answer = exchange(&state, &found).await;
    let (user, outcome) = match &answer {
        Ok(joined) => (Some(joined.user_id.to_string()), "ok"),
        Err(Error::Refused { code: ErrorCode::TooEarly, .. }) => (None, "too early"),
        Err(Error::Refused { code: ErrorCode::Forbidden, .. }) => (None, "removed"),
        Err(Error::Refused { .. }) => (None, "code expired"),
        Err(_) => (None, "failed"),
    };
    state.store.audit(Event { subject: user, ..event.outcome(outcome) }).await?;
    Ok(Json(Success::new(answer?)))
}

async fn exchange(state: &AppState, found: &StoredCode) -> Result<Joined> {
    let stored = find(state, &found.consultation).await?;
    let now = Timestamp::now();
    if found.revoked || stored.is_over() || now >= found.expires_at {
        return Err(Error::refused(ErrorCode::CodeExpired, "this code doesn't work any more"));
    }
    if now < found.valid_from {
        let message = format!("it is too early; this code works from {}", found.valid_from);
        return Err(Error::refused(ErrorCode::TooEarly, message));
    }
    let user = match found.role {
        Role::Patient => &stored.patient_id,
        Role::Doctor => &stored.doctor_id,
    };
    if state.store.is_removed(&stored.id, user.as_str()).await? {
        return Err(Error::refused(ErrorCode::Forbidden, "the doctor has to let you in again"));
    }
    let room = state.sfu.open_room(&room_name(&stored.id)).await?;
    state.store.opened_room(&stored.id, &room.sid).await?;
    let admitted = found.role == Role::Doctor || stored.is_admitted();
    Ok(Joined {
        token: state.sfu.token(&Holder { user, role: found.role, consultation: &stored.id, admitted })?,
        user_id: user.clone(),
        role: found.role,
        room_name: room.name,
        livekit_url: state.sfu.signaling_url().to_owned(),
        waiting_room: stored.waiting_room,
        admitted,
        e2ee_key: state.store.e2ee_key(&stored)?,
        scheduled_at: stored.scheduled_at,
        duration_minutes: stored.duration_minutes,
        consultation_id: stored.id,
    })
}
