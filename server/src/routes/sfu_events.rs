use autamedica_api::{Done, ErrorCode, Failure, Success};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::routing::post;
use axum::{Json, Router};

use crate::error::{Error, Result};
use crate::extract::Body;
use crate::presence_sync;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/webhooks/livekit", post(receive))
}

/// Receives LiveKit's webhooks. The signature is LiveKit's: a token over the body's hash, in `Authorization`.
#[utoipa::path(post, path = "/webhooks/livekit", tag = "livekit",
    request_body(content = String, content_type = "application/webhook+json"),
    responses((status = 200, body = Success<Done>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("livekit" = [])))]
pub(super) async fn receive(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Success<Done>>> {
    let refusal = || Error::refused(ErrorCode::Unauthorized, "this isn't signed with the SFU's key");
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(refusal)?;
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let Body(body) = body;
    let body = str::from_utf8(&body).map_err(|_| refusal())?;
    let event = state.sfu.receive_event(body, token).map_err(|_| refusal())?;
    // Marked as processed only at the end, so that LiveKit repeats the event after a failure.
    if state.store.is_sfu_event_processed(&event.id).await? {
        return Ok(Json(Success::new(Done {})));
    }
    presence_sync::process_webhook(&state, &event).await?;
    state.store.mark_sfu_event_processed(&event.id).await?;
    Ok(Json(Success::new(Done {})))
}
