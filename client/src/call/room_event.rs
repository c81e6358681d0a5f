//! What the room tells, and what the call makes of it.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use autamedica_engine::{DisconnectReason, EncryptionState as FrameState, Participant, RoomEvent};

use super::task::{RETRY_AFTER, Task};
use super::{CallPhase, ChatMessage, EncryptionState, EndReason, RecordingState, Secret};

impl Task {
    pub(super) fn on_room_event(&mut self, event: RoomEvent) {
        match event {
            RoomEvent::ParticipantConnected(participant) | RoomEvent::ParticipantActive(participant) => {
                self.remotes.joined(participant);
            }
            RoomEvent::ParticipantDisconnected { participant, .. } => self.remotes.left(&participant.identity()),
            RoomEvent::TrackSubscribed { track, publication, participant } => {
                if let Err(error) = self.remotes.subscribed(participant, &publication, &track) {
                    tracing::warn!(%error, "a track can't be opened");
                    if publication.is_encrypted() {
                        self.state().encryption = EncryptionState::KeyMismatch;
                    }
                }
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
            RoomEvent::ChatMessage { participant_identity, message } => {
                self.measurements.chat_received();
                let role = self.remotes.role(&participant_identity);
                let at = u64::try_from(message.timestamp_ms).unwrap_or(0);
                Arc::make_mut(&mut self.state().chat).push(ChatMessage {
                    from: participant_identity,
                    role,
                    own: false,
                    text: message.text,
                    at: SystemTime::UNIX_EPOCH + Duration::from_millis(at),
                    failed: false,
                });
            }
            RoomEvent::RoomUpdated { is_recording, .. } => self.show_recording(is_recording),
            RoomEvent::E2eeStateChanged { state, .. } => self.show_encryption(state),
            RoomEvent::Reconnecting => self.lost(),
            RoomEvent::Reconnected => self.state().phase = CallPhase::InCall,
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

    fn show_recording(&mut self, is_recording: bool) {
        let state = self.state();
        match (is_recording, &state.recording) {
            (true, RecordingState::On(_)) => {}
            (true, _) => state.recording = RecordingState::On(Instant::now()),
            (false, RecordingState::On(_)) => state.recording = RecordingState::Off,
            (false, _) => {}
        }
    }

    fn show_encryption(&mut self, frames: FrameState) {
        let state = match frames {
            FrameState::DecryptionFailed | FrameState::MissingKey | FrameState::EncryptionFailed => {
                EncryptionState::KeyMismatch
            }
            FrameState::Ok | FrameState::KeyRatcheted => EncryptionState::On,
            _ => return,
        };
        self.state().encryption = state;
    }
}
