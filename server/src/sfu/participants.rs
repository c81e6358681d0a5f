//! SFU operations on participants and rooms.

use std::collections::HashMap;

use autamedica_api::{MediaSource, Timestamp};
use livekit_api::services::room::{RemoveParticipantOptions, UpdateParticipantOptions};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError, ServiceResult};
use livekit_protocol::{ParticipantInfo, ParticipantPermission, TrackSource};

use super::Sfu;
use crate::token::{GENERATION_ATTRIBUTE, Grant};

impl Sfu {
    /// Changes a participant's permissions. Returns `false` if they aren't in the room.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn permit(&self, room: &str, identity: &str, grant: Grant) -> ServiceResult<bool> {
        let options =
            UpdateParticipantOptions { permission: Some(permission(grant)), ..UpdateParticipantOptions::default() };
        is_found(self.rooms.update_participant(room, identity, options).await)
    }

    /// Returns a participant; `None` if they aren't in the room.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn participant(&self, room: &str, identity: &str) -> ServiceResult<Option<ParticipantInfo>> {
        match self.rooms.get_participant(room, identity).await {
            Ok(participant) => Ok(Some(participant)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Sets a participant's generation; the SFU sends them a token with it. Returns `false` if they aren't in the room.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn set_generation(&self, room: &str, identity: &str, generation: u32) -> ServiceResult<bool> {
        let options = UpdateParticipantOptions {
            attributes: HashMap::from([(GENERATION_ATTRIBUTE.to_owned(), generation.to_string())]),
            ..UpdateParticipantOptions::default()
        };
        is_found(self.rooms.update_participant(room, identity, options).await)
    }

    /// Removes a participant, and makes LiveKit Cloud reject their tokens. Returns `false` if they aren't in the room.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn remove(&self, room: &str, identity: &str) -> ServiceResult<bool> {
        let options = RemoveParticipantOptions { revoke_token_ts: Timestamp::now().as_millis() };
        is_found(self.rooms.remove_participant_with_options(room, identity, options).await)
    }

    /// Sets a room's metadata, which also reaches participants who join later. Returns `false` if the room isn't open.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn announce(&self, room: &str, metadata: &str) -> ServiceResult<bool> {
        is_found(self.rooms.update_room_metadata(room, metadata).await)
    }

    /// Mutes a participant's track. Returns `false` if they don't publish it.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn mute(&self, room: &str, identity: &str, source: MediaSource) -> ServiceResult<bool> {
        let source = match source {
            MediaSource::Camera => TrackSource::Camera,
            MediaSource::Microphone => TrackSource::Microphone,
            MediaSource::ScreenShare => TrackSource::ScreenShare,
            MediaSource::ScreenShareAudio => TrackSource::ScreenShareAudio,
        };
        let Some(participant) = self.participant(room, identity).await? else { return Ok(false) };
        let Some(track) = participant.tracks.iter().find(|track| track.source() == source) else { return Ok(false) };
        is_found(self.rooms.mute_published_track(room, identity, &track.sid, true).await)
    }

    /// Closes a room and disconnects its participants. Returns `false` if it isn't open.
    ///
    /// # Errors
    /// [`ServiceError`] if the SFU doesn't answer or refuses.
    pub async fn close_room(&self, room: &str) -> ServiceResult<bool> {
        is_found(self.rooms.delete_room(room).await)
    }
}

/// Converts permissions into the SFU's format.
fn permission(grant: Grant) -> ParticipantPermission {
    let sources = grant.sources().iter().filter_map(|name| TrackSource::from_str_name(&name.to_uppercase()));
    ParticipantPermission {
        can_subscribe: grant.subscribes(),
        can_publish: grant.publishes(),
        can_publish_data: grant.publishes(),
        can_publish_sources: sources.map(i32::from).collect(),
        ..ParticipantPermission::default()
    }
}

fn is_found<T>(result: ServiceResult<T>) -> ServiceResult<bool> {
    match result {
        Ok(_) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn is_not_found(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Twirp(ServerError::Twirp(answer)) if answer.code == ServerErrorCode::NOT_FOUND)
}
