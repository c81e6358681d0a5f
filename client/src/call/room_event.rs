//! What the room tells, and what the call makes of it.

use std::time::Instant;

use autamedica_engine::{DisconnectReason, EncryptionState as FrameState, Participant, RoomEvent};

use super::task::{RETRY_AFTER, Task};
use super::{CallPhase, EncryptionState, EndReason, Secret};

impl Task {
    pub(super) fn on_room_event(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::ParticipantConnected(participant) | RoomEvent::ParticipantActive(participant) => {
                self.tell_history(&participant);
                self.remotes.joined(participant);
            }
            RoomEvent::ParticipantDisconnected { participant, .. } => {
                self.remotes.left(&participant.identity());
                self.unreadable.remove(&participant.identity());
                self.show_encryption();
            }
            RoomEvent::TrackSubscribed { track, publication, participant } => {
                let identity = participant.identity();
                if self.state().comparison_code.is_some() && !publication.is_encrypted() {
                    // Whoever could put it here without the key is not who we talk to.
                    tracing::warn!("a track in the clear isn't taken in an encrypted call");
                    self.unreadable.insert(identity);
                } else if let Err(error) = self.remotes.subscribed(participant, &publication, &track) {
                    tracing::warn!(%error, "a track can't be opened");
                    if publication.is_encrypted() {
                        self.unreadable.insert(identity);
                    }
                }
                self.tiles.arrived();
                self.show_encryption();
                if self.remotes.anyone_heard_or_seen()
                    && let Some(text) = self.say.take()
                {
                    self.send_chat(text);
                }
            }
            RoomEvent::TrackUnsubscribed { publication, participant, .. }
            | RoomEvent::TrackUnpublished { publication, participant } => {
                self.remotes.unsubscribed(&participant.identity(), &publication.sid());
            }
            RoomEvent::ActiveSpeakersChanged { speakers } => self.remotes.speakers(&speakers),
            RoomEvent::ConnectionQualityChanged { participant: Participant::Local(_), quality } => {
                self.state().quality = quality;
            }
            // What is said while we wait isn't meant for us.
            RoomEvent::ChatMessage { participant_identity, message } if self.waiting_since.is_none() => {
                self.on_chat(participant_identity, message);
            }
            RoomEvent::ParticipantPermissionChanged { participant: Participant::Local(_), .. } => {
                self.show_admission();
            }
            RoomEvent::ParticipantPermissionChanged { participant: Participant::Remote(participant), .. } => {
                self.tell_history(&participant);
            }
            RoomEvent::TextStreamOpened { reader, participant_identity } => {
                if let Some(reader) = reader.take().filter(|_| self.waiting_since.is_none()) {
                    self.on_text(&participant_identity, reader);
                }
            }
            RoomEvent::ByteStreamOpened { reader, participant_identity } => {
                if let Some(reader) = reader.take().filter(|_| self.waiting_since.is_none()) {
                    self.on_bytes(participant_identity, reader);
                }
            }
            RoomEvent::TrackMuted { participant: Participant::Local(_), publication } => {
                self.on_own_muted(publication.source());
            }
            RoomEvent::RoomUpdated { is_recording, .. } => self.on_recorder(is_recording),
            RoomEvent::RoomMetadataChanged { metadata, .. } => self.on_announcement(&metadata),
            RoomEvent::E2eeStateChanged { participant, state } => self.on_frames(participant.identity(), state),
            RoomEvent::Reconnecting => self.lost(),
            // What came while the connection was down could not be published then.
            RoomEvent::Reconnected => {
                self.show_admission();
                self.tiles.forget();
            }
            RoomEvent::Disconnected { reason } => self.on_disconnected(reason),
            RoomEvent::TokenRefreshed { token } => {
                if let Some(admission) = &mut self.admission {
                    admission.token = Secret::new(token.expose());
                }
            }
            RoomEvent::EngineFailed { message } => {
                tracing::error!(message, "the engine failed");
                self.end(EndReason::ConnectionLost);
            }
            _ => {}
        }
        self.show_people();
    }

    /// The room is gone for good; unless somebody meant it, we try to enter it again.
    pub(super) fn on_disconnected(&mut self, reason: DisconnectReason) {
        tracing::info!(?reason, "disconnected");
        self.session = None;
        self.local.room_left();
        match reason {
            DisconnectReason::ClientInitiated => self.end(EndReason::HungUp),
            DisconnectReason::DuplicateIdentity => self.end(EndReason::JoinedElsewhere),
            DisconnectReason::ParticipantRemoved if self.waiting_since.is_some() => self.end(EndReason::Refused),
            DisconnectReason::ParticipantRemoved => self.end(EndReason::Removed),
            DisconnectReason::RoomDeleted | DisconnectReason::RoomClosed => self.end(EndReason::RoomClosed),
            _ => {
                self.lost();
                self.enter(RETRY_AFTER);
            }
        }
    }

    fn lost(&mut self) {
        if !matches!(self.state().phase, CallPhase::Reconnecting { .. }) {
            self.state().phase = CallPhase::Reconnecting { since: Instant::now() };
        }
    }

    fn on_frames(&mut self, of: String, frames: FrameState) {
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
        let has_key = self.state().comparison_code.is_some();
        let all_read = self.unreadable.is_empty();
        self.state().encryption = match (has_key, all_read) {
            (true, true) => EncryptionState::On,
            (false, true) => EncryptionState::Off,
            (_, false) => EncryptionState::KeyMismatch,
        };
    }
}
