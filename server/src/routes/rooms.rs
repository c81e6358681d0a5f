use autamedica_api::{
    ActiveRoom, ActiveRooms, ErrorCode, Id, ParticipantMetadata, ParticipantStats, QualitySummary, RoomStats, Success,
    Timestamp, TrackStats, consultation_of, room_name,
};
use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use livekit_protocol::{ParticipantInfo, Room, TrackInfo, encryption};

use crate::error::{Error, Result};
use crate::extract::PathRoom;
use crate::state::AppState;

pub fn router() -> Router<AppState> {
    Router::new().route("/api/rooms/active", get(active)).route("/api/rooms/{roomName}/stats", get(stats))
}

/// The consultations' rooms that are open at the SFU. Rooms of others that share the SFU aren't ours to show.
async fn active(State(state): State<AppState>) -> Result<Json<Success<ActiveRooms>>> {
    let mut rooms = Vec::new();
    for room in state.sfu.open_rooms(Vec::new()).await? {
        let Some(consultation_id) = consultation_of(&room.name) else { continue };
        if state.store.consultation(&consultation_id).await?.is_some() {
            rooms.push(active_room(room, consultation_id));
        }
    }
    rooms.sort_by(|a, b| (a.created_at, &a.room_name).cmp(&(b.created_at, &b.room_name)));
    Ok(Json(Success::new(ActiveRooms { count: rooms.len(), rooms })))
}

async fn stats(State(state): State<AppState>, PathRoom(id): PathRoom) -> Result<Json<Success<RoomStats>>> {
    if state.store.consultation(&id).await?.is_none() {
        return Err(Error::refused(ErrorCode::RoomNotFound, "there is no such room"));
    }
    let name = room_name(&id);
    let room = state.sfu.open_rooms(vec![name.clone()]).await?.pop();
    let participants = match &room {
        Some(_) => state.sfu.participants(&name).await?,
        None => Vec::new(),
    };
    let participants: Vec<_> = participants.into_iter().map(participant_stats).collect();
    let tracks: usize = participants.iter().map(|participant| participant.tracks.len()).sum();
    Ok(Json(Success::new(RoomStats {
        room_name: name,
        active: room.is_some(),
        room_sid: room.map(|room| room.sid),
        consultation_id: id,
        num_participants: count(participants.len()),
        num_tracks: count(tracks),
        participants,
        quality: QualitySummary::default(),
    })))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn active_room(room: Room, consultation_id: Id) -> ActiveRoom {
    // Older SFUs say the moment in seconds only.
    let millis =
        if room.creation_time_ms > 0 { room.creation_time_ms } else { room.creation_time.saturating_mul(1000) };
    ActiveRoom {
        room_name: room.name,
        room_sid: room.sid,
        consultation_id,
        num_participants: room.num_participants,
        num_publishers: room.num_publishers,
        created_at: Timestamp::from_millis(millis),
    }
}

fn participant_stats(info: ParticipantInfo) -> ParticipantStats {
    let role = serde_json::from_str::<ParticipantMetadata>(&info.metadata).ok().map(|metadata| metadata.role);
    let millis = if info.joined_at_ms > 0 { info.joined_at_ms } else { info.joined_at.saturating_mul(1000) };
    ParticipantStats {
        state: info.state().as_str_name().to_lowercase(),
        identity: info.identity,
        sid: info.sid,
        role,
        joined_at: Timestamp::from_millis(millis),
        tracks: info.tracks.into_iter().map(track_stats).collect(),
        quality: QualitySummary::default(),
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
