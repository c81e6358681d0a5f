//! Admission of participants for a proxy in front of the SFU.

use autamedica_api::{ErrorCode, Failure, consultation_of};
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::get;

use crate::error::{Error, Result};
use crate::presence_sync::is_second_connection;
use crate::state::AppState;
use crate::token;

pub fn router() -> Router<AppState> {
    Router::new().route("/sfu/admission", get(admission))
}

/// Checks that a token still admits its holder. LiveKit's open-source SFU accepts a token until it expires. A proxy in
/// front of it asks here first (nginx's `auth_request`), so that holders of revoked tokens can't join even for a
/// moment.
#[utoipa::path(get, path = "/sfu/admission", tag = "livekit",
    responses((status = 204, description = "The token admits its holder."), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("token" = [])))]
pub(super) async fn admission(State(state): State<AppState>, headers: HeaderMap) -> Result<StatusCode> {
    let unknown = || Error::refused(ErrorCode::Unauthorized, "this server didn't issue this token");
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(unknown)?;
    let claims = state.sfu.verify(bearer.strip_prefix("Bearer ").unwrap_or(bearer)).map_err(|_| unknown())?;
    // Other rooms, such as a network check's, have no removals.
    let Some(id) = consultation_of(&claims.video.room) else { return Ok(StatusCode::NO_CONTENT) };
    let is_open = state.store.consultation(&id).await?.is_none_or(|stored| stored.is_open_to(&claims.sub));
    let standing = state.store.standing(&id, &claims.sub).await?;
    let is_accepted = standing.accepts(token::generation(&claims.attributes));
    if !is_open || is_second_connection(&claims.sub) || !is_accepted {
        return Err(Error::refused(ErrorCode::Forbidden, "this token is no longer valid for this room"));
    }
    Ok(StatusCode::NO_CONTENT)
}
