//! What the SFU tells is happening: noted, and set right where it mustn't be.
//!
//! News comes from LiveKit's webhooks, at once, and from the reconciler, which asks the SFU every few seconds: where no
//! webhook is set up, and after anything was missed. Both may tell the same thing, in any order.

use std::time::Duration;

use autamedica_api::{Id, Role, Timestamp, consultation_of, room_name};
use livekit_protocol::{ParticipantInfo, Room, WebhookEvent, participant_info};
use tokio::sync::watch;

use crate::error::Result;
use crate::state::AppState;
use crate::store::{Stay, StoredConsultation};

/// How often the SFU is asked.
const EVERY: Duration = Duration::from_secs(5);
/// How long a room may be gone before the consultation counts as ended: an SFU that restarts loses its rooms, and people
/// come back within seconds.
const GONE_FOR: i64 = 30_000;

/// Takes in one of LiveKit's events. Told again, it changes nothing.
///
/// # Errors
/// When the database or the SFU fails; LiveKit tells it again then.
pub async fn event(state: &AppState, event: &WebhookEvent) -> Result<()> {
    let Some(room) = &event.room else { return Ok(()) };
    let Some(id) = consultation_of(&room.name) else { return Ok(()) };
    let Some(stored) = state.store.consultation(&id).await? else { return Ok(()) };
    let at = Timestamp::from_millis(event.created_at.saturating_mul(1000));
    match (event.event.as_str(), &event.participant) {
        ("participant_joined", Some(participant)) => came(state, &stored, room, participant).await,
        ("participant_left" | "participant_connection_aborted", Some(participant)) => {
            state.store.left(&id, &stay(&room.sid, participant), at).await?;
            Ok(())
        }
        ("room_started", _) if stored.is_over() => {
            state.sfu.close_room(&room.name).await?;
            Ok(())
        }
        ("room_started", _) => Ok(state.store.opened_room(&id, &room.sid).await?),
        ("room_finished", _) => Ok(state.store.room_closed(&id, &room.sid, at).await?),
        _ => Ok(()),
    }
}

/// Somebody is in a room: note it, or send them out when they mustn't be there.
async fn came(state: &AppState, stored: &StoredConsultation, room: &Room, participant: &ParticipantInfo) -> Result<()> {
    if stored.is_over() {
        state.sfu.close_room(&room.name).await?;
        return Ok(());
    }
    if state.store.is_removed(&stored.id, &participant.identity).await? {
        tracing::info!(consultation = %stored.id, "somebody who was removed came back and is sent out");
        state.sfu.remove(&room.name, &participant.identity).await?;
        return Ok(());
    }
    // A token from before they were admitted lets them in with too little, and one from before a removal with too much.
    if participant.identity == stored.patient_id.as_str()
        && let Some(permission) = &participant.permission
        && permission.can_subscribe != stored.is_admitted()
    {
        let role = stored.is_admitted().then_some(Role::Patient);
        state.sfu.permit(&room.name, &participant.identity, role).await?;
    }
    state.store.joined(&stored.id, &stay(&room.sid, participant)).await?;
    Ok(())
}

fn stay(room_sid: &str, participant: &ParticipantInfo) -> Stay {
    Stay {
        participant_sid: participant.sid.clone(),
        room_sid: room_sid.to_owned(),
        identity: participant.identity.clone(),
        joined_at: Timestamp::from_millis(participant.joined_at.saturating_mul(1000)),
    }
}

/// Asks the SFU again and again until the server ends.
pub async fn reconcile(state: AppState, mut ended: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            // A closed channel means that the server is gone.
            _ = ended.wait_for(|end| *end) => return,
        }
        if let Err(error) = compare(&state).await {
            tracing::debug!(%error, "the SFU or the database doesn't answer; asking again soon");
        }
    }
}

/// Compares what is noted with what the SFU says.
async fn compare(state: &AppState) -> Result<()> {
    let rooms = state.sfu.open_rooms(Vec::new()).await?;
    for room in &rooms {
        let Some(id) = consultation_of(&room.name) else { continue };
        let Some(stored) = state.store.consultation(&id).await? else { continue };
        if stored.is_over() {
            state.sfu.close_room(&room.name).await?;
            continue;
        }
        if stored.room_sid.as_deref() != Some(&room.sid) {
            state.store.opened_room(&id, &room.sid).await?;
        }
        let noted = state.store.present(&id).await?;
        let mut there = Vec::new();
        if room.num_participants > 0 || !noted.is_empty() {
            there = state.sfu.participants(&room.name).await?;
            there.retain(|participant| participant.state() != participant_info::State::Disconnected);
        }
        for participant in &there {
            came(state, &stored, room, participant).await?;
        }
        for gone in noted.iter().filter(|stay| there.iter().all(|info| info.sid != stay.participant_sid)) {
            state.store.left(&id, gone, Timestamp::now()).await?;
        }
    }
    for stored in state.store.open_consultations().await? {
        if rooms.iter().all(|room| room.name != room_name(&stored.id)) {
            room_is_gone(state, &stored.id, stored.room_sid.as_deref()).await?;
        }
    }
    Ok(())
}

async fn room_is_gone(state: &AppState, id: &Id, room_sid: Option<&str>) -> Result<()> {
    let now = Timestamp::now();
    for stay in state.store.present(id).await? {
        state.store.left(id, &stay, now).await?;
    }
    let last_left = state.store.last_left(id).await?;
    if let (Some(room_sid), Some(left)) = (room_sid, last_left)
        && now.as_millis() - left.as_millis() > GONE_FOR
    {
        state.store.room_closed(id, room_sid, now).await?;
    }
    Ok(())
}
