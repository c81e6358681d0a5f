//! What the SFU tells is happening: noted, and set right where it mustn't be.
//!
//! News comes from LiveKit's webhooks, at once, and from the reconciler, which asks the SFU every few seconds: where no
//! webhook is set up, and after anything was missed. Both may tell the same thing, in any order.

use std::collections::HashMap;
use std::time::Duration;

use autamedica_api::{Id, Role, Timestamp, Transport, consultation_of, room_name};
use livekit_protocol::{ParticipantInfo, Room, WebhookEvent, participant_info};
use tokio::sync::watch;

use crate::error::Result;
use crate::recording::{self, announce_key};
use crate::sfu::is_check_room;
use crate::signaling;
use crate::state::AppState;
use crate::store::{Stay, StoredConsultation};
use crate::token::{self, May, RECORDER};

/// How often the SFU is asked.
const EVERY: Duration = Duration::from_secs(5);
/// How long a room may be gone before the consultation counts as ended: an SFU that restarts loses its rooms, and people
/// come back within seconds.
const GONE_FOR: i64 = 30_000;
/// How long the rooms of consultations that are over are kept closed: longer than any token is good.
const OVER_FOR: i64 = 3 * 60 * 60_000;
/// How long a network check's room may stay: its tokens let somebody in for two minutes, and a check takes seconds.
const CHECK_LASTS: i64 = 5 * 60_000;

/// Takes in one of LiveKit's events. Told again, it changes nothing.
///
/// # Errors
/// When the database or the SFU fails; LiveKit tells it again then.
pub async fn event(state: &AppState, event: &WebhookEvent) -> Result<()> {
    if let Some(egress) = &event.egress_info {
        recording::take_in_egress(state, egress).await?;
        if let Some(recordings) = &state.recordings {
            recordings.changed();
        }
        return Ok(());
    }
    let Some(room) = &event.room else { return Ok(()) };
    let Some(id) = consultation_of(&room.name) else { return Ok(()) };
    let Some(stored) = state.store.consultation(&id).await? else { return Ok(()) };
    if event.participant.as_ref().is_some_and(is_recorder) {
        return Ok(());
    }
    let at = Timestamp::from_millis(event.created_at.saturating_mul(1000));
    match (event.event.as_str(), &event.participant) {
        ("participant_joined", Some(participant)) => {
            if is_welcome(state, &stored, room, participant).await? {
                if stored.is_left() && is_open(state, room).await? {
                    state.store.opened_room(&id, &room.sid).await?;
                }
                state.store.joined(&id, &stay(&room.sid, participant)).await?;
            }
            Ok(())
        }
        ("participant_left" | "participant_connection_aborted", Some(participant)) => {
            state.store.left(&id, &stay(&room.sid, participant), at).await?;
            Ok(())
        }
        ("room_started", _) if stored.is_over() => {
            state.sfu.close_room(&room.name).await?;
            Ok(())
        }
        // Its doctor's coming begins it again, not a room.
        ("room_started", _) if stored.is_left() => Ok(()),
        ("room_started", _) => {
            // The event may come late, after the room's end: only the SFU knows whether it is open.
            if is_open(state, room).await? {
                state.store.opened_room(&id, &room.sid).await?;
            }
            Ok(())
        }
        ("room_finished", _) => Ok(state.store.room_closed(&id, &room.sid, at).await?),
        _ => Ok(()),
    }
}

/// Whether a room is open now, and not another one of its name.
async fn is_open(state: &AppState, room: &Room) -> Result<bool> {
    Ok(state.sfu.open_rooms(vec![room.name.clone()]).await?.iter().any(|open| open.sid == room.sid))
}

/// Whether it is a recorder, ours or LiveKit's egress: nobody who came, and nobody who must consent.
fn is_recorder(participant: &ParticipantInfo) -> bool {
    participant.identity.starts_with(RECORDER) || participant.kind() == participant_info::Kind::Egress
}

/// Whether this is somebody's second connection: the SFU lets each token in once more, as `identity#anything`, to publish. No
/// client of ours asks for it, and whoever was removed would stay in the room by it.
pub fn is_second_connection(identity: &str) -> bool {
    identity.contains('#')
}

/// Whether somebody may be in a room; who mustn't is sent out, and who may gets what their role may do.
async fn is_welcome(
    state: &AppState,
    stored: &StoredConsultation,
    room: &Room,
    participant: &ParticipantInfo,
) -> Result<bool> {
    if stored.is_over() {
        state.sfu.close_room(&room.name).await?;
        return Ok(false);
    }
    if !stored.is_open_to(&participant.identity) && !is_open_now(state, stored, &participant.identity).await? {
        tracing::info!(consultation = %stored.id, "a participant of a consultation that has ended is sent out");
        send_out(state, room, participant).await?;
        return Ok(false);
    }
    if is_second_connection(&participant.identity) {
        tracing::warn!(consultation = %stored.id, "somebody's second connection is sent out");
        state.sfu.remove(&room.name, &participant.identity).await?;
        return Ok(false);
    }
    if !has_good_token(state, stored, room, participant).await? {
        tracing::info!(consultation = %stored.id, "a holder of a revoked token is sent out");
        send_out(state, room, participant).await?;
        return Ok(false);
    }
    // A token from before they were admitted lets them in with too little, and one from before a removal with too much.
    if participant.identity == stored.patient_id.as_str()
        && let Some(permission) = &participant.permission
        && permission.can_subscribe != stored.is_admitted()
    {
        permit_patient(state, room, stored, permission.can_subscribe).await?;
    }
    permit_observer(state, room, stored, participant).await?;
    Ok(true)
}

/// Whether somebody may come into a consultation's room, as the database has it now.
async fn is_open_now(state: &AppState, stored: &StoredConsultation, identity: &str) -> Result<bool> {
    Ok(state.store.consultation(&stored.id).await?.is_some_and(|now| now.is_open_to(identity)))
}

/// Whether the token that somebody came in with is still good. Whoever was inside when the links were renewed may stay; they
/// get the new generation, and from the SFU a token with it.
async fn has_good_token(
    state: &AppState,
    stored: &StoredConsultation,
    room: &Room,
    participant: &ParticipantInfo,
) -> Result<bool> {
    let standing = state.store.standing(&stored.id, &participant.identity).await?;
    if standing.accepts(token::generation(&participant.attributes)) {
        return Ok(true);
    }
    let moved_on = state.store.stay_generation(&participant.sid).await?;
    if !moved_on.is_some_and(|generation| standing.accepts(generation)) {
        return Ok(false);
    }
    state.sfu.set_generation(&room.name, &participant.identity, standing.generation).await?;
    Ok(true)
}

/// Sends out this stay, and not the same person's next one: by then somebody else may be there under their identity.
async fn send_out(state: &AppState, room: &Room, participant: &ParticipantInfo) -> Result<()> {
    let now = state.sfu.participant(&room.name, &participant.identity).await?;
    if now.is_some_and(|now| now.sid == participant.sid) {
        state.sfu.remove(&room.name, &participant.identity).await?;
    }
    Ok(())
}

/// Whether somebody with a good token is in a consultation's room under this identity. Whoever is there with another is sent
/// out.
///
/// # Errors
/// When the database or the SFU fails.
pub async fn is_present(state: &AppState, stored: &StoredConsultation, identity: &str) -> Result<bool> {
    if stored.transport == Transport::P2p {
        return Ok(state.peers.in_room(&stored.id).iter().any(|peer| peer.admitted.user.as_str() == identity));
    }
    let name = room_name(&stored.id);
    let Some(room) = state.sfu.open_rooms(vec![name.clone()]).await?.pop() else { return Ok(false) };
    let Some(participant) = state.sfu.participant(&name, identity).await? else { return Ok(false) };
    if participant.state() == participant_info::State::Disconnected {
        return Ok(false);
    }
    is_welcome(state, stored, &room, &participant).await
}

/// Compares one consultation's room with what is noted, now: after a change that concerns the people in it. A failure is
/// logged, because the reconciler does the same within seconds.
pub async fn compare_now(state: &AppState, id: &Id) {
    let compare = async {
        let Some(room) = state.sfu.open_rooms(vec![room_name(id)]).await?.pop() else { return Ok(()) };
        let noted = state.store.present(id).await?;
        compare_room(state, &room, id, &noted).await
    };
    if let Err(error) = compare.await {
        tracing::warn!(%error, consultation = %id, "a room can't be compared with what is noted");
    }
}

/// Gives an observer what they may do, where their token is older than what the doctor decided.
async fn permit_observer(
    state: &AppState,
    room: &Room,
    stored: &StoredConsultation,
    participant: &ParticipantInfo,
) -> Result<()> {
    let identity = participant.identity.as_str();
    if identity == stored.patient_id.as_str() || identity == stored.doctor_id.as_str() {
        return Ok(());
    }
    let Some(observer) = state.store.observer(&stored.id, identity).await? else { return Ok(()) };
    if participant.permission.as_ref().is_some_and(|has| has.can_publish != observer.publishes) {
        state.sfu.permit(&room.name, identity, May::observe(observer.publishes)).await?;
    }
    Ok(())
}

/// Gives the patient what they may do, as it stands now, and looks again after: the doctor may admit them meanwhile.
async fn permit_patient(state: &AppState, room: &Room, stored: &StoredConsultation, mut has: bool) -> Result<()> {
    loop {
        let Some(now) = state.store.consultation(&stored.id).await?.filter(|now| !now.is_over()) else { return Ok(()) };
        if now.is_admitted() == has {
            return Ok(());
        }
        has = now.is_admitted();
        let may = May::once(has, Role::Patient);
        state.sfu.permit(&room.name, stored.patient_id.as_str(), may).await?;
    }
}

fn stay(room_sid: &str, participant: &ParticipantInfo) -> Stay {
    Stay {
        participant_sid: participant.sid.clone(),
        room_sid: room_sid.to_owned(),
        identity: participant.identity.clone(),
        joined_at: Timestamp::from_millis(participant.joined_at.saturating_mul(1000)),
        generation: token::generation(&participant.attributes),
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

/// Compares what is noted with what the SFU says. One room's failure holds up no other's.
async fn compare(state: &AppState) -> Result<()> {
    // What is noted comes first: whoever is noted before the SFU is asked and isn't there then has left.
    let open = state.store.open_consultations().await?;
    let mut noted: HashMap<Id, Vec<Stay>> = HashMap::new();
    for (id, stay) in state.store.all_present().await? {
        noted.entry(id).or_default().push(stay);
    }
    let (direct, open): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|stored| stored.transport == Transport::P2p);
    for stored in &direct {
        signaling::note_presence(state, stored, noted_in(&noted, &stored.id)).await?;
    }
    let rooms = state.sfu.open_rooms(Vec::new()).await?;
    state.health.set_rooms(rooms.iter().filter(|room| consultation_of(&room.name).is_some()).count());
    // Nobody's token is good for longer, so nobody opens an older one again.
    let since = Timestamp::from_millis(Timestamp::now().as_millis() - OVER_FOR);
    let over = state.store.over_since(since).await?;
    for room in &rooms {
        let done = match consultation_of(&room.name) {
            // Whoever is in it or about to be: the SFU counts them only once they are connected.
            Some(id) if over.contains(&id) => state.sfu.close_room(&room.name).await.map(drop).map_err(Into::into),
            Some(id) => compare_room(state, room, &id, noted_in(&noted, &id)).await,
            None => close_old_check(state, room).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, room = room.name, "a room can't be compared with what is noted");
        }
    }
    for stored in &open {
        let is_open = rooms.iter().any(|room| room.name == room_name(&stored.id));
        if is_open {
            continue;
        }
        if let Err(error) = room_is_gone(state, stored, noted_in(&noted, &stored.id)).await {
            tracing::warn!(%error, consultation = %stored.id, "a closed room can't be noted");
        }
    }
    Ok(())
}

fn noted_in<'a>(noted: &'a HashMap<Id, Vec<Stay>>, id: &Id) -> &'a [Stay] {
    noted.get(id).map(Vec::as_slice).unwrap_or_default()
}

async fn compare_room(state: &AppState, room: &Room, id: &Id, noted: &[Stay]) -> Result<()> {
    // An empty room ends by itself.
    if room.num_participants == 0 && noted.is_empty() {
        return Ok(());
    }
    let Some(stored) = state.store.consultation(id).await? else { return Ok(()) };
    if stored.is_over() {
        state.sfu.close_room(&room.name).await?;
        return Ok(());
    }
    let asked_at = Timestamp::now();
    let mut there = state.sfu.participants(&room.name).await?;
    there.retain(|participant| {
        participant.state() != participant_info::State::Disconnected && !is_recorder(participant)
    });
    // The doctor comes first: they begin again what has ended, also for the others.
    there.sort_by_key(|participant| participant.identity != stored.doctor_id.as_str());
    let has_doctor = there.first().is_some_and(|first| first.identity == stored.doctor_id.as_str());
    if stored.room_sid.as_deref() != Some(&room.sid) && (has_doctor || !stored.is_left()) {
        state.store.opened_room(id, &room.sid).await?;
    }
    for participant in &there {
        if is_welcome(state, &stored, room, participant).await? {
            state.store.seen(id, &stay(&room.sid, participant), asked_at).await?;
        }
    }
    for gone in noted.iter().filter(|stay| there.iter().all(|info| info.sid != stay.participant_sid)) {
        state.store.left(id, gone, Timestamp::now()).await?;
    }
    // Those who stay have the tokens by now that they fetch the key with.
    announce_key(state, &stored, room).await
}

async fn room_is_gone(state: &AppState, stored: &StoredConsultation, noted: &[Stay]) -> Result<()> {
    let now = Timestamp::now();
    for stay in noted {
        state.store.left(&stored.id, stay, now).await?;
    }
    let last_left = state.store.last_left(&stored.id).await?;
    if let (Some(room_sid), Some(left)) = (&stored.room_sid, last_left)
        && now.as_millis() - left.as_millis() > GONE_FOR
    {
        state.store.room_closed(&stored.id, room_sid, now).await?;
    }
    Ok(())
}

/// Whoever stays in a network check's room longer than a check takes is sent out with the room.
async fn close_old_check(state: &AppState, room: &Room) -> Result<()> {
    let age = Timestamp::now().as_millis() - room.creation_time.saturating_mul(1000);
    if is_check_room(&room.name) && age > CHECK_LASTS {
        state.sfu.close_room(&room.name).await?;
    }
    Ok(())
}
