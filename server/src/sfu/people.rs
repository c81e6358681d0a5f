//! What the SFU does to people in rooms when the server says so.

use autamedica_api::{MediaSource, Role, Timestamp};
use livekit_api::services::room::{RemoveParticipantOptions, UpdateParticipantOptions};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError, ServiceResult};
use livekit_protocol::{ParticipantPermission, TrackSource};

use super::Sfu;

impl Sfu {
    /// Gives somebody in a room what their role may do, or with `None` nothing but to wait. `false` when they aren't there.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn permit(&self, room: &str, identity: &str, role: Option<Role>) -> ServiceResult<bool> {
        let options =
            UpdateParticipantOptions { permission: Some(permission(role)), ..UpdateParticipantOptions::default() };
        found(self.rooms.update_participant(room, identity, options).await)
    }

    /// Sends somebody out of a room, and makes LiveKit Cloud refuse the tokens they have. `false` when they aren't there.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn remove(&self, room: &str, identity: &str) -> ServiceResult<bool> {
        let options = RemoveParticipantOptions { revoke_token_ts: Timestamp::now().as_millis() };
        found(self.rooms.remove_participant_with_options(room, identity, options).await)
    }

    /// Tells everybody in a room, also who comes later. `false` when it isn't open.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn announce(&self, room: &str, metadata: &str) -> ServiceResult<bool> {
        found(self.rooms.update_room_metadata(room, metadata).await)
    }

    /// Mutes what somebody publishes. `false` when they don't publish it.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn mute(&self, room: &str, identity: &str, source: MediaSource) -> ServiceResult<bool> {
        let source = match source {
            MediaSource::Camera => TrackSource::Camera,
            MediaSource::Microphone => TrackSource::Microphone,
            MediaSource::ScreenShare => TrackSource::ScreenShare,
            MediaSource::ScreenShareAudio => TrackSource::ScreenShareAudio,
        };
        let participant = match self.rooms.get_participant(room, identity).await {
            Ok(participant) => participant,
            Err(error) if is_not_found(&error) => return Ok(false),
            Err(error) => return Err(error),
        };
        let Some(track) = participant.tracks.iter().find(|track| track.source() == source) else { return Ok(false) };
        found(self.rooms.mute_published_track(room, identity, &track.sid, true).await)
    }

    /// Closes a room: everybody is out of it. `false` when it isn't open.
    ///
    /// # Errors
    /// When the SFU doesn't answer or refuses.
    pub async fn close_room(&self, room: &str) -> ServiceResult<bool> {
        found(self.rooms.delete_room(room).await)
    }
}

/// What a role may do in a room, as the SFU wants to hear it.
fn permission(role: Option<Role>) -> ParticipantPermission {
    let may = role.is_some();
    let sources: &[TrackSource] = match role {
        None => &[],
        Some(Role::Patient) => &[TrackSource::Camera, TrackSource::Microphone],
        Some(Role::Doctor) => {
            &[TrackSource::Camera, TrackSource::Microphone, TrackSource::ScreenShare, TrackSource::ScreenShareAudio]
        }
    };
    ParticipantPermission {
        can_subscribe: may,
        can_publish: may,
        can_publish_data: may,
        can_publish_sources: sources.iter().map(|source| i32::from(*source)).collect(),
        ..ParticipantPermission::default()
    }
}

fn found<T>(result: ServiceResult<T>) -> ServiceResult<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_not_found(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(answer)) if answer.code == ServerErrorCode::NOT_FOUND)
}
