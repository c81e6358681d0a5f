//! Handling of room events.

use std::time::{Duration, Instant};

use autamedica_engine::{
    DisconnectReason, EncryptionState as FrameState, Participant, RemoteParticipant, RemoteTrack,
    RemoteTrackPublication, RoomEvent,
};

use super::event::Event;
use super::task::{RETRY_PAUSE, Task};
use super::{CallPhase, EncryptionState, EndReason, Secret};
use crate::backend::BackendError;

impl Task {
    pub(super) fn on_room_event(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::ParticipantConnected(participant) | RoomEvent::ParticipantActive(participant) => {
                self.offer_history(&participant);
                self.remotes.joined(participant);
            }
            RoomEvent::ParticipantDisconnected(participant) => {
                self.remotes.left(&participant.identity());
                self.status_sync.left(&participant.identity());
                self.unreadable.remove(&participant.identity());
                self.show_encryption();
            }
            RoomEvent::TrackSubscribed { track, publication, participant } => {
                self.take_track(participant, &publication, &track);
            }
            RoomEvent::TrackUnsubscribed { publication, participant, .. }
            | RoomEvent::TrackUnpublished { publication, participant } => {
                self.remotes.unsubscribed(&participant.identity(), &publication.sid());
            }
            RoomEvent::ActiveSpeakersChanged { speakers } => self.remotes.speakers(&speakers),
            RoomEvent::ConnectionQualityChanged { participant: Participant::Local(_), quality } => {
                self.state().quality = quality;
            }
            // Messages in the waiting room are not meant for us.
            RoomEvent::ChatMessage { participant_identity, message } if self.waiting_since.is_none() => {
                self.on_chat(participant_identity, message);
            }
            RoomEvent::ParticipantPermissionChanged { participant: Participant::Local(_), .. } => {
                self.show_admission();
            }
            // In an encrypted call, participants request the history when they have the key.
            RoomEvent::ParticipantPermissionChanged { participant: Participant::Remote(participant), .. }
                if !self.is_encrypted() =>
            {
                self.offer_history(&participant);
            }
            RoomEvent::TextStreamOpened { reader, participant_identity, .. } => {
                if let Some(reader) = reader.take().filter(|_| self.waiting_since.is_none()) {
                    self.on_text(&participant_identity, reader);
                }
            }
            RoomEvent::ByteStreamOpened { reader, participant_identity, .. } => {
                if let Some(reader) = reader.take().filter(|_| self.waiting_since.is_none()) {
                    self.on_bytes(participant_identity, reader);
                }
            }
            RoomEvent::TrackMuted { participant: Participant::Local(_), .. } => self.detect_remote_mutes(),
            RoomEvent::RoomUpdated { room } => self.on_recorder(room.active_recording),
            RoomEvent::RoomMetadataChanged { metadata, .. } => {
                self.on_announcement(&metadata);
                self.on_announced_key(&metadata);
            }
            RoomEvent::E2eeStateChanged { participant, state } => self.on_frames(participant.identity(), state),
            RoomEvent::Reconnecting => self.on_connection_lost(),
            // Publishing fails while the connection is down.
            RoomEvent::Reconnected => {
                self.show_admission();
                self.tiles.reset();
            }
            RoomEvent::Disconnected { reason } => self.on_disconnected(reason),
            RoomEvent::TokenRefreshed { token } => {
                if let Some(admission) = &mut self.admission {
                    admission.token = Secret::new(token.expose());
                }
            }
            RoomEvent::EngineFailed { message } => {
                tracing::error!(message, "engine failed");
                self.end(EndReason::ConnectionLost);
            }
            _ => {}
        }
        self.show_participants();
    }

    /// Handles a disconnected room: ends the call, or enters the room again if nobody intended the end.
    pub(super) fn on_disconnected(&mut self, reason: DisconnectReason) {
        tracing::info!(?reason, "disconnected");
        if self.direct.is_some() {
            return self.on_peer_disconnected(reason);
        }
        self.session = None;
        self.local.room_left();
        match reason {
            DisconnectReason::ClientInitiated => self.end(EndReason::HungUp),
            DisconnectReason::DuplicateIdentity => self.on_duplicate_identity(),
            DisconnectReason::ParticipantRemoved if self.waiting_since.is_some() => self.end(EndReason::Refused),
            DisconnectReason::ParticipantRemoved => self.end(EndReason::Removed),
            DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => self.end(EndReason::RoomClosed),
            _ => {
                self.on_connection_lost();
                self.enter(RETRY_PAUSE);
            }
        }
    }

    /// Handles another client with our identity: ourselves on another device, or a stranger with an invalid token, whom
    /// the backend removes.
    fn on_duplicate_identity(&mut self) {
        let Some((consultation, token)) = self.consultation_ref() else { return self.end(EndReason::JoinedElsewhere) };
        self.on_connection_lost();
        let backend = self.entrance.backend.clone();
        let if_panics = Event::PresenceChecked(Err(BackendError::TaskFailed));
        self.spawn_job(
            if_panics,
            async move { Event::PresenceChecked(backend.is_present(&consultation, &token).await) },
        );
    }

    pub(super) fn on_presence_checked(&mut self, result: Result<bool, BackendError>) {
        match result {
            Ok(false) => self.enter(Duration::ZERO),
            Ok(true) => self.end(EndReason::JoinedElsewhere),
            Err(error) => {
                tracing::warn!(%error, "presence not known");
                self.end(EndReason::JoinedElsewhere);
            }
        }
    }

    /// Shows or plays a track. Without a key, [`take_tracks`](Self::take_tracks) does so later.
    fn take_track(&mut self, from: RemoteParticipant, publication: &RemoteTrackPublication, track: &RemoteTrack) {
        if self.lacks_key() {
            return;
        }
        let identity = from.identity();
        if self.is_encrypted() && !publication.is_encrypted() {
            // A sender without the key is not a participant of this consultation.
            tracing::warn!("unencrypted track ignored in an encrypted call");
            self.unreadable.insert(identity);
        } else if let Err(error) = self.remotes.subscribed(from, publication, track) {
            tracing::warn!(%error, "track not opened");
            if publication.is_encrypted() {
                self.unreadable.insert(identity);
            }
        }
        self.tiles.video_added();
        self.show_encryption();
        if self.remotes.receives_media()
            && let Some(text) = self.initial_message.take()
        {
            self.send_chat(text);
        }
    }

    /// Shows and plays the tracks that arrived before the key.
    pub(super) fn take_tracks(&mut self) {
        let Some(session) = &self.session else { return };
        for participant in session.room.remote_participants().into_values() {
            for publication in participant.track_publications().into_values() {
                if let Some(track) = publication.track() {
                    self.take_track(participant.clone(), &publication, &track);
                }
            }
        }
    }

    pub(super) fn on_connection_lost(&mut self) {
        if !matches!(self.state().phase, CallPhase::Reconnecting { .. }) {
            self.state().phase = CallPhase::Reconnecting { since: Instant::now() };
        }
    }

    fn on_frames(&mut self, of: String, frames: FrameState) {
        // Without a key, failed decryption is expected.
        if self.lacks_key() {
            return;
        }
        match frames {
            FrameState::DecryptionFailed | FrameState::MissingKey | FrameState::EncryptionFailed => {
                self.unreadable.insert(of);
            }
            FrameState::Ok | FrameState::KeyRatcheted => {
                self.unreadable.remove(&of);
            }
            _ => {}
        }
        self.show_encryption();
    }

    fn show_encryption(&mut self) {
        let all_read = self.unreadable.is_empty();
        self.state().encryption = match (self.is_encrypted(), all_read) {
            (true, true) => EncryptionState::On,
            (false, true) => EncryptionState::Off,
            (_, false) => EncryptionState::KeyMismatch,
        };
    }
}
