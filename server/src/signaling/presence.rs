//! Who is in the rooms of consultations that go from peer to peer, noted as the SFU's participants are.

use autamedica_api::{Id, Timestamp, Transport};

use super::admitted::{Proof, participant_sid};
use super::peers::Peer;
use crate::state::AppState;
use crate::store::{Stay, StoredConsultation};

/// The sid of every room without an SFU.
pub const PEER_ROOM: &str = "p2p";
/// How long a room may be empty before its consultation counts as ended, in milliseconds: as long as the SFU keeps one.
const EMPTY_FOR: i64 = 30 * 60_000;

/// Notes who is in a consultation's room, if its media goes from peer to peer. `noted` is who is noted so far.
///
/// # Errors
/// When the database fails.
pub async fn note(state: &AppState, stored: &StoredConsultation, noted: &[Stay]) -> sqlx::Result<()> {
    if stored.transport != Transport::P2p {
        return Ok(());
    }
    let now = Timestamp::now();
    let there = state.peers.in_room(&stored.id).into_iter().chain(state.peers.waiting(&stored.id));
    let stays: Vec<Stay> = there.map(|peer| stay(&peer)).collect();
    let is_in = |stays: &[Stay], sid: &str| stays.iter().any(|stay| stay.participant_sid == sid);
    for stay in stays.iter().filter(|stay| !is_in(noted, &stay.participant_sid)) {
        state.store.record_present(&stored.id, stay, now).await?;
    }
    for gone in noted.iter().filter(|stay| !is_in(&stays, &stay.participant_sid)) {
        state.store.record_left(&stored.id, gone, now).await?;
    }
    if stays.is_empty()
        && let Some(left) = state.store.last_left(&stored.id).await?
        && now.as_millis() - left.as_millis() > EMPTY_FOR
    {
        state.store.record_room_closed(&stored.id, PEER_ROOM, now).await?;
    }
    Ok(())
}

/// Does [`note`] after somebody came or left. A failure is logged: the reconciler does the same within seconds.
pub async fn changed(state: &AppState, room: &Id) {
    let noting = async {
        let Some(stored) = state.store.consultation(room).await? else { return Ok(()) };
        note(state, &stored, &state.store.present(room).await?).await
    };
    if let Err::<(), sqlx::Error>(error) = noting.await {
        tracing::warn!(%error, "who is in a room isn't noted yet");
    }
}

/// Returns `true` if a user is in a room or its waiting room.
pub fn is_present(state: &AppState, room: &Id, user: &Id) -> bool {
    let mut there = state.peers.in_room(room).into_iter().chain(state.peers.waiting(room));
    there.any(|peer| peer.admitted.user == *user)
}

/// Sends the participants of a room over to the SFU.
pub fn leave_for_sfu(state: &AppState, room: &Id) {
    for peer in state.peers.in_room(room).into_iter().chain(state.peers.waiting(room)) {
        peer.say_moved();
        state.peers.leave(room, peer.socket.id);
    }
}

fn stay(peer: &Peer) -> Stay {
    Stay {
        participant_sid: participant_sid(peer.socket.id),
        room_sid: PEER_ROOM.to_owned(),
        identity: peer.admitted.user.to_string(),
        joined_at: peer.joined_at,
        generation: match peer.admitted.proof {
            Proof::Token { generation, .. } => generation,
            Proof::Account | Proof::Local => 0,
        },
    }
}
