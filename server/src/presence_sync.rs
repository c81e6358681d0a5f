//! Follows the rooms at the SFU: stores who is present, and enforces the consultations' rules.
//!
//! Changes arrive as LiveKit's webhooks, and through the reconciler, which polls the SFU. The reconciler covers missed
//! webhooks and setups without any. Both may report the same change, in any order.

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
use crate::store::{RoomSession, StoredConsultation};
use crate::token::{self, Grant, RECORDER_PREFIX};

/// Interval of the reconciler.
const RECONCILE_INTERVAL: Duration = Duration::from_secs(5);
/// Time without a room after which the consultation counts as ended. A restarted SFU has lost its rooms, and clients
/// rejoin within seconds.
const MISSING_ROOM_TIMEOUT: i64 = 30_000;
/// Time during which rooms of finished consultations are closed again. Longer than any token's validity.
const CLOSE_AGAIN_PERIOD: i64 = 3 * 60 * 60_000;
/// Maximum lifetime of a network check's room. Its tokens are valid for two minutes, and a check takes seconds.
const MAX_CHECK_AGE: i64 = 5 * 60_000;

/// Processes a webhook event of LiveKit. Idempotent.
///
/// # Errors
/// [`Error::Database`](crate::error::Error::Database) or [`Error::Sfu`](crate::error::Error::Sfu). LiveKit then sends
/// the event again.
pub async fn process_webhook(state: &AppState, event: &WebhookEvent) -> Result<()> {
    if let Some(egress) = &event.egress_info {
        recording::process_egress(state, egress).await?;
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
            if enforce_admission(state, &stored, room, participant).await? {
                if stored.is_vacated() && is_open(state, room).await? {
                    state.store.record_room_opened(&id, &room.sid).await?;
                }
                state.store.record_joined(&id, &room_session(&room.sid, participant)).await?;
            }
            Ok(())
        }
        ("participant_left" | "participant_connection_aborted", Some(participant)) => {
            state.store.record_left(&id, &room_session(&room.sid, participant), at).await?;
            Ok(())
        }
        ("room_started", _) if stored.is_finished() => {
            state.sfu.close_room(&room.name).await?;
            Ok(())
        }
        // An ended consultation is reopened by its doctor joining, not by a room.
        ("room_started", _) if stored.is_vacated() => Ok(()),
        ("room_started", _) => {
            // The event can arrive after the room's end, so the current state is queried.
            if is_open(state, room).await? {
                state.store.record_room_opened(&id, &room.sid).await?;
            }
            Ok(())
        }
        ("room_finished", _) => Ok(state.store.record_room_closed(&id, &room.sid, at).await?),
        _ => Ok(()),
    }
}

/// Returns `true` if this very room, not another one of the same name, is open.
async fn is_open(state: &AppState, room: &Room) -> Result<bool> {
    Ok(state.sfu.open_rooms(vec![room.name.clone()]).await?.iter().any(|open| open.sid == room.sid))
}

/// Returns `true` for a recorder: ours or LiveKit's egress. Recorders don't count as participants and don't need to
/// consent.
fn is_recorder(participant: &ParticipantInfo) -> bool {
    participant.identity.starts_with(RECORDER_PREFIX) || participant.kind() == participant_info::Kind::Egress
}

/// Returns `true` for a participant's second connection: the SFU accepts each token once more, as `identity#anything`,
/// to publish. Our clients don't use it, and a removed participant could stay in the room through it.
pub fn is_second_connection(identity: &str) -> bool {
    identity.contains('#')
}

/// Checks a participant of a room. Removes those who may not be in it, and corrects the permissions of the others.
async fn enforce_admission(
    state: &AppState,
    stored: &StoredConsultation,
    room: &Room,
    participant: &ParticipantInfo,
) -> Result<bool> {
    if stored.is_finished() {
        state.sfu.close_room(&room.name).await?;
        return Ok(false);
    }
    if !stored.is_open_to(&participant.identity) && !is_still_open(state, stored, &participant.identity).await? {
        tracing::info!(consultation = %stored.id, "removing a participant: the consultation has ended");
        remove_session(state, room, participant).await?;
        return Ok(false);
    }
    if is_second_connection(&participant.identity) {
        tracing::warn!(consultation = %stored.id, "removing a participant's second connection");
        state.sfu.remove(&room.name, &participant.identity).await?;
        return Ok(false);
    }
    if !has_valid_token(state, stored, room, participant).await? {
        tracing::info!(consultation = %stored.id, "removing a participant with a revoked token");
        remove_session(state, room, participant).await?;
        return Ok(false);
    }
    // Grants of a token issued before an admission or removal are outdated.
    if participant.identity == stored.patient_id.as_str()
        && let Some(permission) = &participant.permission
        && permission.can_subscribe != stored.is_admitted()
    {
        permit_patient(state, room, stored, permission.can_subscribe).await?;
    }
    permit_observer(state, room, stored, participant).await?;
    Ok(true)
}

/// Returns `true` if, according to the database, the consultation is open to this identity now.
async fn is_still_open(state: &AppState, stored: &StoredConsultation, identity: &str) -> Result<bool> {
    Ok(state.store.consultation(&stored.id).await?.is_some_and(|now| now.is_open_to(identity)))
}

/// Returns `true` if the participant's token is valid. Participants who were in the room when the links were renewed
/// may stay; they get the new generation, with which the SFU refreshes their token.
async fn has_valid_token(
    state: &AppState,
    stored: &StoredConsultation,
    room: &Room,
    participant: &ParticipantInfo,
) -> Result<bool> {
    let standing = state.store.standing(&stored.id, &participant.identity).await?;
    if standing.accepts(token::generation(&participant.attributes)) {
        return Ok(true);
    }
    let session_generation = state.store.session_generation(&participant.sid).await?;
    if !session_generation.is_some_and(|generation| standing.accepts(generation)) {
        return Ok(false);
    }
    state.sfu.set_generation(&room.name, &participant.identity, standing.generation).await?;
    Ok(true)
}

/// Removes this session of a participant, but not a later one of the same identity, which may belong to somebody else.
async fn remove_session(state: &AppState, room: &Room, participant: &ParticipantInfo) -> Result<()> {
    let now = state.sfu.participant(&room.name, &participant.identity).await?;
    if now.is_some_and(|now| now.sid == participant.sid) {
        state.sfu.remove(&room.name, &participant.identity).await?;
    }
    Ok(())
}

/// Returns `true` if a participant with this identity and a valid token is in the room. Removes one with an invalid
/// token.
///
/// # Errors
/// [`Error::Database`](crate::error::Error::Database) or [`Error::Sfu`](crate::error::Error::Sfu).
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
    enforce_admission(state, stored, &room, &participant).await
}

/// Reconciles one consultation's room at once, after a change that concerns its participants. Errors are only logged,
/// because the reconciler repeats this within seconds.
pub async fn reconcile_now(state: &AppState, id: &Id) {
    let reconcile = async {
        let Some(room) = state.sfu.open_rooms(vec![room_name(id)]).await?.pop() else { return Ok(()) };
        let recorded = state.store.present(id).await?;
        reconcile_room(state, &room, id, &recorded).await
    };
    if let Err(error) = reconcile.await {
        tracing::warn!(%error, consultation = %id, "reconciling a room failed");
    }
}

/// Updates an observer's permissions if their token is older than the doctor's decision.
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
        state.sfu.permit(&room.name, identity, Grant::observer(observer.publishes)).await?;
    }
    Ok(())
}

/// Updates the patient's permissions until they match the database, because the doctor may admit the patient meanwhile.
async fn permit_patient(state: &AppState, room: &Room, stored: &StoredConsultation, mut admitted: bool) -> Result<()> {
    loop {
        let Some(now) = state.store.consultation(&stored.id).await?.filter(|now| !now.is_finished()) else {
            return Ok(());
        };
        if now.is_admitted() == admitted {
            return Ok(());
        }
        admitted = now.is_admitted();
        let grant = Grant::admitted_if(admitted, Role::Patient);
        state.sfu.permit(&room.name, stored.patient_id.as_str(), grant).await?;
    }
}

fn room_session(room_sid: &str, participant: &ParticipantInfo) -> RoomSession {
    RoomSession {
        participant_sid: participant.sid.clone(),
        room_sid: room_sid.to_owned(),
        identity: participant.identity.clone(),
        joined_at: Timestamp::from_millis(participant.joined_at.saturating_mul(1000)),
        generation: token::generation(&participant.attributes),
    }
}

/// Reconciles all rooms periodically until the server shuts down.
pub async fn reconcile(state: AppState, mut ended: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RECONCILE_INTERVAL) => {}
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => return,
        }
        if let Err(error) = reconcile_all(&state).await {
            tracing::debug!(%error, "reconciling failed; retrying");
        }
    }
}

/// Reconciles the database with the state of the SFU. A failure of one room doesn't affect the others.
async fn reconcile_all(state: &AppState) -> Result<()> {
    // The database is read first: a stored participant who isn't at the SFU afterwards has left.
    let open = state.store.open_consultations().await?;
    let mut recorded: HashMap<Id, Vec<RoomSession>> = HashMap::new();
    for (id, session) in state.store.all_present().await? {
        recorded.entry(id).or_default().push(session);
    }
    let (peer_to_peer, open): (Vec<_>, Vec<_>) =
        open.into_iter().partition(|stored| stored.transport == Transport::P2p);
    for stored in &peer_to_peer {
        signaling::record_presence(state, stored, sessions_in(&recorded, &stored.id)).await?;
    }
    let rooms = state.sfu.open_rooms(Vec::new()).await?;
    state.health.set_rooms(rooms.iter().filter(|room| consultation_of(&room.name).is_some()).count());
    // No token is valid for longer, so older rooms aren't reopened.
    let since = Timestamp::from_millis(Timestamp::now().as_millis() - CLOSE_AGAIN_PERIOD);
    let finished = state.store.finished_since(since).await?;
    for room in &rooms {
        let done = match consultation_of(&room.name) {
            // Closed even if empty, because the SFU doesn't count participants who are still connecting.
            Some(id) if finished.contains(&id) => state.sfu.close_room(&room.name).await.map(drop).map_err(Into::into),
            Some(id) => reconcile_room(state, room, &id, sessions_in(&recorded, &id)).await,
            None => close_expired_check(state, room).await,
        };
        if let Err(error) = done {
            tracing::warn!(%error, room = room.name, "reconciling a room failed");
        }
    }
    for stored in &open {
        let is_open = rooms.iter().any(|room| room.name == room_name(&stored.id));
        if is_open {
            continue;
        }
        if let Err(error) = end_missing_room(state, stored, sessions_in(&recorded, &stored.id)).await {
            tracing::warn!(%error, consultation = %stored.id, "storing the end of a room failed");
        }
    }
    Ok(())
}

fn sessions_in<'a>(recorded: &'a HashMap<Id, Vec<RoomSession>>, id: &Id) -> &'a [RoomSession] {
    recorded.get(id).map(Vec::as_slice).unwrap_or_default()
}

async fn reconcile_room(state: &AppState, room: &Room, id: &Id, recorded: &[RoomSession]) -> Result<()> {
    // The SFU closes empty rooms.
    if room.num_participants == 0 && recorded.is_empty() {
        return Ok(());
    }
    let Some(stored) = state.store.consultation(id).await? else { return Ok(()) };
    if stored.is_finished() {
        state.sfu.close_room(&room.name).await?;
        return Ok(());
    }
    let queried_at = Timestamp::now();
    let mut present = state.sfu.participants(&room.name).await?;
    present.retain(|participant| {
        participant.state() != participant_info::State::Disconnected && !is_recorder(participant)
    });
    // The doctor comes first, because their presence reopens an ended consultation for the others.
    present.sort_by_key(|participant| participant.identity != stored.doctor_id.as_str());
    let has_doctor = present.first().is_some_and(|first| first.identity == stored.doctor_id.as_str());
    if stored.room_sid.as_deref() != Some(&room.sid) && (has_doctor || !stored.is_vacated()) {
        state.store.record_room_opened(id, &room.sid).await?;
    }
    for participant in &present {
        if enforce_admission(state, &stored, room, participant).await? {
            state.store.record_present(id, &room_session(&room.sid, participant), queried_at).await?;
        }
    }
    for absent in recorded.iter().filter(|session| present.iter().all(|info| info.sid != session.participant_sid)) {
        state.store.record_left(id, absent, Timestamp::now()).await?;
    }
    // The remaining participants have valid tokens by now, with which they can fetch the key.
    announce_key(state, &stored, room).await
}

async fn end_missing_room(state: &AppState, stored: &StoredConsultation, recorded: &[RoomSession]) -> Result<()> {
    let now = Timestamp::now();
    for session in recorded {
        state.store.record_left(&stored.id, session, now).await?;
    }
    let last_left = state.store.last_left(&stored.id).await?;
    if let (Some(room_sid), Some(left)) = (&stored.room_sid, last_left)
        && now.as_millis() - left.as_millis() > MISSING_ROOM_TIMEOUT
    {
        state.store.record_room_closed(&stored.id, room_sid, now).await?;
    }
    Ok(())
}

/// Closes a network check's room that is older than a check takes.
async fn close_expired_check(state: &AppState, room: &Room) -> Result<()> {
    let age = Timestamp::now().as_millis() - room.creation_time.saturating_mul(1000);
    if is_check_room(&room.name) && age > MAX_CHECK_AGE {
        state.sfu.close_room(&room.name).await?;
    }
    Ok(())
}
