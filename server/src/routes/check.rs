use autamedica_api::{Check, CheckRoom, ErrorCode, Failure, Role, Success, Timestamp};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::consultations::{check_not_finished, find, finished_error};
use super::join::{audit_event, find_code};
use crate::caller::{Caller, CallerAddress, Permission};
use crate::error::{Error, Result};
use crate::extract;
use crate::secret::random_secret;
use crate::sfu::CHECK_ROOM_PREFIX;
use crate::state::AppState;
use crate::store::CodeKind;
use crate::token::CheckSide;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/check", post(check))
}

/// Opens a separate room for two minutes, to test camera, microphone and network before a call.
///
/// A join code authorizes the caller and stays unused. It works as soon as it is issued, even long before the
/// appointment.
#[utoipa::path(post, path = "/api/check", tag = "join", request_body = Check,
    responses((status = 200, body = Success<CheckRoom>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn check(
    State(state): State<AppState>,
    CallerAddress(address): CallerAddress,
    caller: Result<Caller>,
    extract::Json(Check { code }): extract::Json<Check>,
) -> Result<Json<Success<CheckRoom>>> {
    match code {
        None => caller?.require(&state, Permission::Check).await?,
        Some(code) => {
            let (kind, code) = CodeKind::parse(&code);
            let event = audit_event(&state, kind, caller, address, "network.check").await?;
            let found = find_code(&state, kind, &code, &event).await?;
            let stored = find(&state, &found.consultation).await?;
            check_not_finished(&stored)?;
            if found.role == Role::Patient && stored.is_vacated() {
                return Err(finished_error(&stored));
            }
            if found.revoked || Timestamp::now() >= found.expires_at {
                return Err(Error::refused(ErrorCode::CodeExpired, "this code doesn't work any more"));
            }
        }
    }
    let room_name = format!("{CHECK_ROOM_PREFIX}{}", random_secret::<16>().expose());
    state.sfu.open_check_room(&room_name).await?;
    let token = |side| state.sfu.check_token(&room_name, side);
    Ok(Json(Success::new(CheckRoom {
        sender_token: token(CheckSide::Sender)?,
        receiver_token: token(CheckSide::Receiver)?,
        livekit_url: state.sfu.signaling_url().to_owned(),
        room_name,
    })))
}
