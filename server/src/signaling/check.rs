//! Comparison of rooms with the database.

use std::time::Duration;

use autamedica_api::Id;
use livekit_api::access_token::AccessTokenError;
use serde_json::json;

use super::admission::{Access, Refusal, authorize};
use super::peers::{Full, Peer};
use crate::state::AppState;
use crate::token::{Grant, Holder, TTL};

/// Remaining validity of a token at which the peer gets another one.
const REFRESH_BEFORE: Duration = TTL.checked_div(2).expect("it isn't divided by zero");

/// Compares a consultation's room with the database: removes peers who may not be in it any more, lets an admitted patient
/// in, and announces new tokens and keys to the others.
pub async fn check_room(state: &AppState, room: &Id) {
    if let Some(peer) = state.peers.waiting(room) {
        match authorize(state, &peer.admitted, room, peer.socket.id).await {
            Ok(access) if access.is_admitted => let_in(state, room, &peer, &access).await,
            Ok(access) => announce(state, room, &peer, &access),
            Err(Refusal::Failed) => {}
            Err(refusal) => remove(state, room, &peer, &refusal),
        }
    }
    let mut staying = Vec::new();
    for peer in state.peers.in_room(room) {
        match authorize(state, &peer.admitted, room, peer.socket.id).await.and_then(Access::require_admitted) {
            Ok(access) => staying.push((peer, access)),
            Err(Refusal::Failed) => {}
            Err(refusal) => remove(state, room, &peer, &refusal),
        }
    }
    // Afterwards, so that a key is new when those who know the old one are removed.
    for (peer, access) in staying {
        announce(state, room, &peer, &access);
    }
}

/// Lets a waiting patient into the room.
async fn let_in(state: &AppState, room: &Id, peer: &Peer, access: &Access) {
    let event = peer.admitted.event(Some(peer.role), "signaling.join").consultation(room);
    if let Err(error) = state.store.audit(event).await {
        tracing::warn!(%error, "auditing that a peer joined failed; retrying");
        return;
    }
    match state.peers.admit(room, peer.socket.id) {
        Ok(true) => announce(state, room, peer, access),
        // They have left meanwhile.
        Ok(false) => {}
        Err(Full) => tracing::warn!(consultation = %room, "an admitted patient finds the room full"),
    }
}

fn remove(state: &AppState, room: &Id, peer: &Peer, refusal: &Refusal) {
    peer.send("error", &refusal.event());
    if let Some(removed) = state.peers.leave(room, peer.socket.id) {
        removed.send_removed(&json!(refusal.code()));
    }
}

/// Runs [`check_room`] for every room.
pub async fn check_all_rooms(state: &AppState) {
    for room in state.peers.rooms() {
        check_room(state, &room).await;
    }
}

/// Sends our app a new token if its own is revoked or expires soon, and the index of a new end-to-end key, as an SFU does.
pub fn announce(state: &AppState, room: &Id, peer: &Peer, access: &Access) {
    if !peer.is_native() {
        return;
    }
    let refresh = || match sign(state, room, peer, access) {
        Ok(token) => {
            peer.send("token-refreshed", &json!({"roomId": peer.room_id, "token": token}));
            true
        }
        Err(error) => {
            tracing::error!(%error, "token not signed");
            false
        }
    };
    peer.announced.refresh_token((access.generation, access.is_admitted), (TTL, REFRESH_BEFORE), refresh);
    if access.is_admitted && peer.announced.is_new_key(access.stored.key_index) {
        peer.send("key-changed", &json!({"roomId": peer.room_id, "e2eeKeyIndex": access.stored.key_index}));
    }
}

fn sign(state: &AppState, room: &Id, peer: &Peer, access: &Access) -> Result<String, AccessTokenError> {
    state.sfu.token(&Holder {
        user: &peer.admitted.user,
        label: None,
        role: access.role,
        consultation: room,
        grant: Grant::admitted_if(access.is_admitted, access.role),
        generation: access.generation,
    })
}
