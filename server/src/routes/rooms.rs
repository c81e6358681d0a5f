use autamedica_api::{
    ActiveRoom, ErrorCode, Failure, ParticipantMetadata, ParticipantStats, RoomMetadata, RoomStats, Success, Timestamp,
    TrackStats, consultation_of, room_name,
};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use livekit_protocol::{ParticipantInfo, Room, TrackInfo, encryption};

use crate::caller::{Caller, Permission};
use crate::error::{Error, Result};
use crate::extract::PathRoom;
use crate::state::AppState;
use crate::store::{StoredConsultation, StoredSample, summarize};
use crate::token::RECORDER_PREFIX;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/rooms/active", get(active)).route("/api/rooms/{roomName}/stats", get(stats))
}

/// Returns the open rooms of consultations. Rooms of other applications at the same SFU are omitted.
#[utoipa::path(get, path = "/api/rooms/active", tag = "rooms",
    responses((status = 200, body = Success<Vec<ActiveRoom>>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = [])))]
pub(super) async fn active(State(state): State<AppState>, caller: Caller) -> Result<Json<Success<Vec<ActiveRoom>>>> {
    caller.require(&state, Permission::Read).await?;
    let mut rooms = Vec::new();
    for room in state.sfu.open_rooms(Vec::new()).await? {
        let Some(consultation_id) = consultation_of(&room.name) else { continue };
        if let Some(stored) = state.store.consultation(&consultation_id).await? {
            rooms.push(active_room(room, stored));
        }
    }
    rooms.sort_by(|a, b| (a.created_at, &a.name).cmp(&(b.created_at, &b.name)));
    Ok(Json(Success::new(rooms)))
}

/// Returns a room's participants, their tracks, and the quality that clients measured during the last ten minutes.
#[utoipa::path(get, path = "/api/rooms/{roomName}/stats", tag = "rooms", params(("roomName" = String, Path)),
    responses((status = 200, body = Success<RoomStats>), (status = "4XX", body = Failure), (status = "5XX", body = Failure)),
    security((), ("key" = []), ("token" = [])))]
pub(super) async fn stats(
    State(state): State<AppState>,
    PathRoom(id): PathRoom,
    caller: Caller,
) -> Result<Json<Success<RoomStats>>> {
    caller.require(&state, Permission::ReadConsultation(&id)).await?;
    if state.store.consultation(&id).await?.is_none() {
        return Err(Error::refused(ErrorCode::RoomNotFound, "there is no such room"));
    }
    let name = room_name(&id);
    let room = state.sfu.open_rooms(vec![name.clone()]).await?.pop();
    let participants = match &room {
        Some(_) => state.sfu.participants(&name).await?,
        None => Vec::new(),
    };
    let participants = participants.into_iter().filter(|info| !info.identity.starts_with(RECORDER_PREFIX));
    let feedback = state.store.feedback(&id).await?;
    let samples = state.store.recent_samples(&id).await?;
    let participants: Vec<_> = participants.map(|info| participant_stats(info, &samples)).collect();
    let tracks: usize = participants.iter().map(|participant| participant.tracks.len()).sum();
    Ok(Json(Success::new(RoomStats {
        room_name: name,
        active: room.is_some(),
        room_sid: room.map(|room| room.sid),
        consultation_id: id,
        total_participants: count(participants.len()),
        num_participants: count(participants.len()),
        num_tracks: count(tracks),
        participants,
        quality: summarize(samples.iter().map(|sample| &sample.latest)),
        feedback,
    })))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn active_room(room: Room, stored: StoredConsultation) -> ActiveRoom {
    // Older SFUs only report seconds.
    let millis =
        if room.creation_time_ms > 0 { room.creation_time_ms } else { room.creation_time.saturating_mul(1000) };
    ActiveRoom {
        name: room.name,
        sid: room.sid,
        consultation_id: stored.id.clone(),
        num_participants: room.num_participants,
        num_publishers: room.num_publishers,
        creation_time: room.creation_time,
        created_at: Timestamp::from_millis(millis),
        metadata: RoomMetadata {
            consultation_id: stored.id,
            patient_id: stored.patient_id,
            doctor_id: stored.doctor_id,
            created_at: stored.created_at,
            kind: RoomMetadata::KIND.to_owned(),
        },
    }
}

fn participant_stats(info: ParticipantInfo, samples: &[StoredSample]) -> ParticipantStats {
    let own = samples.iter().filter(|sample| sample.identity == info.identity).map(|sample| &sample.latest);
    let quality = summarize(own);
    let metadata = serde_json::from_str::<ParticipantMetadata>(&info.metadata).ok();
    let millis = if info.joined_at_ms > 0 { info.joined_at_ms } else { info.joined_at.saturating_mul(1000) };
    ParticipantStats {
        state: info.state().as_str_name().to_lowercase(),
        identity: info.identity,
        name: info.name,
        sid: info.sid,
        role: metadata.as_ref().map(|metadata| metadata.role),
        metadata,
        joined_at: Timestamp::from_millis(millis),
        tracks: info.tracks.into_iter().map(track_stats).collect(),
        quality,
    }
}

fn track_stats(info: TrackInfo) -> TrackStats {
    TrackStats {
        source: info.source().as_str_name().to_lowercase(),
        kind: info.r#type().as_str_name().to_lowercase(),
        encrypted: info.encryption() != encryption::Type::None,
        sid: info.sid,
        muted: info.muted,
        width: info.width,
        height: info.height,
        mime_type: info.mime_type,
    }
}
