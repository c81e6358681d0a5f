use autamedica_api::{ChangeTransport, ConsultationDetails, Failure, Id, NewTransport, Success, Transport};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};

use super::consultations::{check_not_finished, find, open_room, to_details};
use crate::caller::{Caller, Permission};
use crate::error::Result;
use crate::extract::{self, PathId};
use crate::signaling;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/consultations/{id}/transport", post(change))
}

/// Moves a peer-to-peer call to the SFU, for a recording or an observer. Both participants stay in the call.
#[utoipa::path(post, path = "/api/consultations/{id}/transport", tag = "doctor", params(("id" = Id, Path)),
    request_body = ChangeTransport,
    responses((status = 200, body = Success<ConsultationDetails>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security(("key" = []), ("token" = [])))]
pub(super) async fn change(
    State(state): State<AppState>,
    PathId(id): PathId,
    caller: Caller,
    extract::Json(ChangeTransport { transport }): extract::Json<ChangeTransport>,
) -> Result<Json<Success<ConsultationDetails>>> {
    caller.require(&state, Permission::ControlCall(&id)).await?;
    let NewTransport::Sfu = transport;
    let stored = find(&state, &id).await?;
    check_not_finished(&stored)?;
    if stored.transport == Transport::Sfu {
        return Ok(Json(Success::new(to_details(stored))));
    }
    // The room is opened before the participants are sent to it.
    let room_sid = open_room(&state, &id, Transport::Sfu).await?;
    let moved = state.store.move_to_sfu(&id, &room_sid, caller.audit_event("consultation.transport")).await?;
    signaling::move_to_sfu(&state, &id);
    Ok(Json(Success::new(to_details(moved.unwrap_or(stored)))))
}
