use autamedica_api::{Failure, IceServers, Id, Success, Timestamp};
use axum::extract::{FromRequestParts, State};
use axum::http::request::Parts;
use axum::routing::get;
use axum::{Json, Router};

use crate::caller::{Caller, Identity, bearer};
use crate::config::TURN_TTL;
use crate::error::{Error, Result};
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/ice-servers", get(ice_servers))
}

/// User for whom TURN credentials are created.
pub(super) struct User(Id);

impl FromRequestParts<AppState> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self> {
        let refused = match Caller::from_request_parts(parts, state).await {
            Ok(Caller { identity: Identity::Participant(participant), .. }) => return Ok(Self(participant.user)),
            // Neither a key nor a local caller identifies the user of the call.
            Ok(_) => return Ok(Self(Id::new(uuid::Uuid::new_v4().to_string()).expect("a UUID is an id"))),
            Err(error) => error,
        };
        let account = state.supabase.as_ref().zip(bearer(parts)).and_then(|(verifier, token)| verifier.user(token));
        account.map(Self).ok_or(refused)
    }
}

/// Returns STUN and TURN servers for a peer-to-peer call, with credentials valid for two hours.
#[utoipa::path(get, path = "/api/ice-servers", tag = "join",
    responses((status = 200, body = Success<IceServers>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = []), ("token" = [])))]
pub(super) async fn ice_servers(State(state): State<AppState>, User(user): User) -> Json<Success<IceServers>> {
    let mut ice_servers = state.ice.servers.clone();
    let expires_at = state.ice.turn.as_ref().map(|turn| {
        let until = Timestamp::from_millis(Timestamp::now().as_millis() + TURN_TTL.as_millis() as i64);
        ice_servers.push(turn.server_for(&user, until));
        until
    });
    Json(Success::new(IceServers { ice_servers, expires_at }))
}
