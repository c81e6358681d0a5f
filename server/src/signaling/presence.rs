//! Presence in the rooms of peer-to-peer consultations, stored like that of participants at the SFU.

use autamedica_api::{Id, Timestamp, Transport};

use super::admitted::{Proof, participant_sid};
use super::peers::Peer;
use crate::state::AppState;
use crate::store::{RoomSession, StoredConsultation};

/// Room sid of every peer-to-peer consultation.
pub const PEER_ROOM_SID: &str = "p2p";
/// Time in milliseconds after which a consultation with an empty room counts as ended: as long as the SFU keeps an
/// unused room.
const EMPTY_TIMEOUT: i64 = 30 * 60_000;

/// Stores who joined or left a peer-to-peer consultation's room. `recorded` are its sessions in the database. No effect
/// for consultations at the SFU.
///
/// # Errors
/// [`sqlx::Error`] if a query fails.
pub async fn record(state: &AppState, stored: &StoredConsultation, recorded: &[RoomSession]) -> sqlx::Result<()> {
    if stored.transport != Transport::P2p {
        return Ok(());
    }
    let now = Timestamp::now();
    let peers = state.peers.in_room(&stored.id).into_iter().chain(state.peers.waiting(&stored.id));
    let current: Vec<RoomSession> = peers.map(|peer| room_session(&peer)).collect();
    let contains = |sessions: &[RoomSession], sid: &str| sessions.iter().any(|session| session.participant_sid == sid);
    for new in current.iter().filter(|session| !contains(recorded, &session.participant_sid)) {
        state.store.record_present(&stored.id, new, now).await?;
    }
    for ended in recorded.iter().filter(|session| !contains(&current, &session.participant_sid)) {
        state.store.record_left(&stored.id, ended, now).await?;
    }
    if current.is_empty()
        && let Some(left) = state.store.last_left(&stored.id).await?
        && now.as_millis() - left.as_millis() > EMPTY_TIMEOUT
    {
        state.store.record_room_closed(&stored.id, PEER_ROOM_SID, now).await?;
    }
    Ok(())
}

/// Stores the presence after a peer joined. Errors are only logged, because the reconciler repeats this within seconds.
pub(super) async fn record_joined(state: &AppState, stored: &StoredConsultation) {
    let record = async { record(state, stored, &state.store.present(&stored.id).await?).await };
    log_error(record.await);
}

/// Stores the presence now. Reads the consultation, because it may be at the SFU by now. Errors are only logged, because
/// the reconciler repeats this within seconds.
pub async fn record_now(state: &AppState, room: &Id) {
    let record = async {
        let Some(stored) = state.store.consultation(room).await? else { return Ok(()) };
        record(state, &stored, &state.store.present(room).await?).await
    };
    log_error(record.await);
}

fn log_error(recorded: sqlx::Result<()>) {
    if let Err(error) = recorded {
        tracing::warn!(%error, "storing the presence in a room failed");
    }
}

/// Returns `true` if a user is in a room or its waiting room.
pub fn is_present(state: &AppState, room: &Id, user: &Id) -> bool {
    let mut peers = state.peers.in_room(room).into_iter().chain(state.peers.waiting(room));
    peers.any(|peer| peer.admitted.user == *user)
}

/// Tells the peers in a room and its waiting room to continue at the SFU, and removes them.
pub fn move_to_sfu(state: &AppState, room: &Id) {
    for peer in state.peers.in_room(room).into_iter().chain(state.peers.waiting(room)) {
        peer.send_moved();
        state.peers.leave(room, peer.socket.id);
    }
}

fn room_session(peer: &Peer) -> RoomSession {
    RoomSession {
        participant_sid: participant_sid(peer.socket.id),
        room_sid: PEER_ROOM_SID.to_owned(),
        identity: peer.admitted.user.to_string(),
        joined_at: peer.joined_at,
        generation: match peer.admitted.proof {
            Proof::Token { generation, .. } => generation,
            Proof::Account | Proof::Local => 0,
        },
    }
}
