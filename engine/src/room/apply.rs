//! Applies a room's updates: changes the state of room, participants and publications, then emits the event.

use crate::backend::{RoomListener, Update};
use crate::data::CHAT_TOPIC;
use crate::event::{RoomEvent, Token};
use crate::limits;
use crate::participant::{Participant, RemoteParticipant};
use crate::publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication};
use crate::room::session::RoomInner;
use crate::track::RemoteTrack;
use crate::types::ConnectionState;

impl RoomListener for RoomInner {
    /// Changes the state and emits the event. Drops updates of participants or publications that have just gone.
    fn apply(&self, update: Update) {
        match self.update(update) {
            Some(event) => self.emit(event),
            None => tracing::trace!("update without a room event"),
        }
    }

    fn panicked(&self, message: &str) {
        self.emit(RoomEvent::EngineFailed { message: message.into() });
    }
}

impl RoomInner {
    fn update(&self, update: Update) -> Option<RoomEvent> {
        match update {
            Update::ParticipantConnected { participant, info } => {
                let participant = RemoteParticipant::new(participant, info);
                self.remotes.write().insert(participant.identity(), participant.clone());
                Some(RoomEvent::ParticipantConnected(participant))
            }
            Update::ParticipantDisconnected { identity, reason } => {
                let participant = self.remotes.write().remove(&identity)?;
                participant.core.state.write().disconnect_reason = reason;
                participant.end();
                Some(RoomEvent::ParticipantDisconnected(participant))
            }
            Update::ParticipantActive { identity } => Some(RoomEvent::ParticipantActive(self.remote(&identity)?)),
            Update::ParticipantsUpdated(all) => {
                for info in all {
                    if let Some(participant) = self.participant(&info.identity) {
                        participant.update(|known| known.update(info));
                    }
                }
                None
            }
            Update::LocalTrackPublished { .. }
            | Update::LocalTrackUnpublished { .. }
            | Update::LocalTrackSubscribed { .. }
            | Update::LocalTrackRepublished { .. } => self.local_event(update),
            Update::TrackPublished { .. }
            | Update::TrackUnpublished { .. }
            | Update::TrackSubscribed { .. }
            | Update::TrackUnsubscribed { .. }
            | Update::TrackSubscriptionFailed { .. }
            | Update::TrackMuted { .. } => self.publication_event(update),
            Update::ActiveSpeakersChanged { identities } => Some(self.speakers(&identities)),
            Update::DataReceived { identity, kind, topic, payload } => self.on_data(&identity, kind, topic, &payload),
            Update::ChatPacket { identity, message, deleted } => {
                self.on_chat_packet(identity, message, deleted);
                None
            }
            Update::TextStreamOpened { identity, reader, info } if info.topic == CHAT_TOPIC => {
                self.on_chat_stream(reader, info, identity);
                None
            }
            Update::TextStreamOpened { identity, reader, info } => self.on_text_stream(identity, reader, info),
            Update::ByteStreamOpened { identity, reader, info } => self.on_byte_stream(identity, reader, info),
            Update::TokenRefreshed { token } => Some(RoomEvent::TokenRefreshed { token: Token::new(token) }),
            Update::RoomMetadataChanged { .. }
            | Update::RoomSidChanged { .. }
            | Update::RoomUpdated(_)
            | Update::ConnectionStateChanged(_)
            | Update::Reconnecting
            | Update::Reconnected
            | Update::Disconnected { .. }
            | Update::Ended => self.room_event(update),
            Update::ParticipantMetadataChanged { .. }
            | Update::ParticipantNameChanged { .. }
            | Update::ParticipantAttributesChanged { .. }
            | Update::ParticipantPermissionChanged { .. }
            | Update::ParticipantEncryptionStatusChanged { .. }
            | Update::ConnectionQualityChanged { .. }
            | Update::E2eeStateChanged { .. } => self.participant_event(update),
        }
    }

    /// Applies an update of the room itself.
    fn room_event(&self, update: Update) -> Option<RoomEvent> {
        match update {
            Update::RoomMetadataChanged { metadata } => {
                let old_metadata = std::mem::replace(&mut self.info.write().metadata, metadata.clone());
                Some(RoomEvent::RoomMetadataChanged { old_metadata, metadata })
            }
            Update::RoomSidChanged { sid } => {
                self.info.write().sid = Some(sid);
                None
            }
            Update::RoomUpdated(info) => {
                let mut known = self.info.write();
                known.update(info);
                Some(RoomEvent::RoomUpdated { room: known.clone() })
            }
            // `Disconnected` carries the reason.
            Update::ConnectionStateChanged(ConnectionState::Disconnected) => None,
            Update::ConnectionStateChanged(state) => {
                self.set_state(state)?;
                Some(RoomEvent::ConnectionStateChanged(state))
            }
            Update::Reconnecting => Some(RoomEvent::Reconnecting),
            Update::Reconnected => Some(RoomEvent::Reconnected),
            Update::Disconnected { reason } => {
                self.on_disconnected(reason);
                None
            }
            Update::Ended => {
                self.object.end_readers();
                None
            }
            _ => None,
        }
    }

    /// `None` when the room has been left already.
    fn set_state(&self, state: ConnectionState) -> Option<()> {
        let mut info = self.info.write();
        (info.state != ConnectionState::Disconnected).then(|| info.state = state)
    }

    /// Applies an update of a local track.
    fn local_event(&self, update: Update) -> Option<RoomEvent> {
        let participant = self.local.clone();
        match update {
            Update::LocalTrackPublished { sid } => {
                let publication = participant.get_track_publication(&sid)?;
                let track = publication.track()?;
                Some(RoomEvent::LocalTrackPublished { publication, track, participant })
            }
            Update::LocalTrackUnpublished { sid } => {
                let publication = participant.core.publications.write().remove(&sid)?;
                Some(RoomEvent::LocalTrackUnpublished { publication, participant })
            }
            Update::LocalTrackSubscribed { sid } => {
                let track = participant.get_track_publication(&sid)?.track()?;
                Some(RoomEvent::LocalTrackSubscribed { track })
            }
            Update::LocalTrackRepublished { previous_sid, info } => {
                let mut publications = participant.core.publications.write();
                let publication: LocalTrackPublication = publications.remove(&previous_sid)?;
                *publication.core.info.write() = info;
                publications.insert(publication.sid(), publication.clone());
                drop(publications);
                participant.encrypt(&publication);
                let track = publication.track()?;
                Some(RoomEvent::LocalTrackRepublished { previous_sid, publication, track, participant })
            }
            _ => None,
        }
    }

    /// Applies an update of a publication or a remote track.
    fn publication_event(&self, update: Update) -> Option<RoomEvent> {
        match update {
            Update::TrackPublished { identity, publication, info } => {
                let publication = RemoteTrackPublication::new(publication, info, self.e2ee.clone());
                let participant = self.remote(&identity)?;
                if !participant.add_publication(publication.clone()) {
                    return None;
                }
                Some(RoomEvent::TrackPublished { publication, participant })
            }
            Update::TrackUnpublished { identity, sid } => {
                let participant = self.remote(&identity)?;
                let publication = participant.core.publications.write().remove(&sid)?;
                publication.cancel_resubscription();
                publication.end_track();
                Some(RoomEvent::TrackUnpublished { publication, participant })
            }
            Update::TrackSubscribed { identity, sid, kind, track } => {
                let participant = self.remote(&identity)?;
                let publication = participant.get_track_publication(&sid)?;
                let info = publication.core.info.clone();
                let track = RemoteTrack::new(track, sid, kind, info, publication.e2ee.clone());
                *publication.core.track.write() = Some(track.clone());
                publication.pause_until_key_frame();
                Some(RoomEvent::TrackSubscribed { track, publication, participant })
            }
            Update::TrackUnsubscribed { identity, sid } => {
                let participant = self.remote(&identity)?;
                let publication = participant.get_track_publication(&sid)?;
                let track = publication.end_track()?;
                Some(RoomEvent::TrackUnsubscribed { track, publication, participant })
            }
            Update::TrackSubscriptionFailed { identity, sid, error } => {
                Some(RoomEvent::TrackSubscriptionFailed { participant: self.remote(&identity)?, track_sid: sid, error })
            }
            Update::TrackMuted { identity, sid, muted } => {
                let (participant, publication) = self.set_muted(&identity, &sid, muted)?;
                Some(match muted {
                    true => RoomEvent::TrackMuted { participant, publication },
                    false => RoomEvent::TrackUnmuted { participant, publication },
                })
            }
            _ => None,
        }
    }

    fn set_muted(&self, identity: &str, sid: &str, muted: bool) -> Option<(Participant, TrackPublication)> {
        let participant = self.participant(identity)?;
        let publication = participant.get_track_publication(sid)?;
        publication.set_muted_info(muted);
        Some((participant, publication))
    }

    fn speakers(&self, identities: &[String]) -> RoomEvent {
        let speaks = |identity: &String| identities.contains(identity);
        let mut local = self.local.core.state.write();
        local.is_speaking = speaks(&local.identity);
        drop(local);
        for (identity, participant) in self.remotes.read().iter() {
            participant.core.state.write().is_speaking = speaks(identity);
        }
        let speakers = identities.iter().filter_map(|identity| self.participant(identity)).collect();
        RoomEvent::ActiveSpeakersChanged { speakers }
    }

    /// Applies an update of one participant's properties.
    fn participant_event(&self, update: Update) -> Option<RoomEvent> {
        match update {
            Update::ParticipantMetadataChanged { identity, metadata } => {
                let participant = self.participant(&identity)?;
                let metadata = limits::allowed_metadata(metadata);
                let old_metadata = participant.update(|known| std::mem::replace(&mut known.metadata, metadata.clone()));
                Some(RoomEvent::ParticipantMetadataChanged { participant, old_metadata, metadata })
            }
            Update::ParticipantNameChanged { identity, name } => {
                let participant = self.participant(&identity)?;
                let name = limits::displayable_name(&name);
                let old_name = participant.update(|known| std::mem::replace(&mut known.name, name.clone()));
                Some(RoomEvent::ParticipantNameChanged { participant, old_name, name })
            }
            Update::ParticipantAttributesChanged { identity, attributes, changed } => {
                let participant = self.participant(&identity)?;
                participant.update(|known| known.attributes = limits::allowed_attributes(attributes));
                let changed_attributes = limits::allowed_attributes(changed);
                Some(RoomEvent::ParticipantAttributesChanged { participant, changed_attributes })
            }
            Update::ParticipantPermissionChanged { identity, permission } => {
                let participant = self.participant(&identity)?;
                participant.update(|known| known.permission.clone_from(&permission));
                Some(RoomEvent::ParticipantPermissionChanged { participant, permission })
            }
            Update::ParticipantEncryptionStatusChanged { identity, is_encrypted } => {
                let participant = self.participant(&identity)?;
                participant.update(|known| known.is_encrypted = is_encrypted);
                Some(RoomEvent::ParticipantEncryptionStatusChanged { participant, is_encrypted })
            }
            Update::ConnectionQualityChanged { identity, quality } => {
                let participant = self.participant(&identity)?;
                participant.update(|known| known.connection_quality = quality);
                Some(RoomEvent::ConnectionQualityChanged { participant, quality })
            }
            Update::E2eeStateChanged { identity, state } => {
                Some(RoomEvent::E2eeStateChanged { participant: self.participant(&identity)?, state })
            }
            _ => None,
        }
    }
}
