//! Applies the engine's room events: updates the state of room, participants and publications, then emits the event.

use proto::room_event::Message;

use crate::data::{ByteStreamReader, CHAT_TOPIC, TextStreamReader};
use crate::dispatch::Engine;
use crate::event::{Once, RoomEvent, Token};
use crate::ffi::Handle;
use crate::limits;
use crate::participant::{Participant, RemoteParticipant};
use crate::proto;
use crate::publication::{LocalTrackPublication, RemoteTrackPublication, TrackPublication};
use crate::room::{RoomInner, chat};
use crate::track::RemoteTrack;
use crate::types::ConnectionState;

/// Releases the handle of an event that is not applied.
pub(crate) fn release(message: Message) {
    let handle = match message {
        Message::ParticipantConnected(event) => event.info.handle,
        Message::TrackPublished(event) => event.publication.handle,
        Message::TrackSubscribed(event) => event.track.handle,
        Message::ByteStreamOpened(event) => event.reader.handle,
        Message::TextStreamOpened(event) => event.reader.handle,
        Message::DataTrackPublished(event) => event.track.handle,
        Message::DataPacketReceived(event) => match event.value {
            Some(proto::data_packet_received::Value::User(user)) => user.data.handle,
            _ => return,
        },
        _ => return,
    };
    drop(Handle::new(handle));
}

impl RoomInner {
    /// Updates the state and emits the event. Drops events about participants or publications that have just gone.
    pub(crate) fn apply(&self, message: Message) {
        match self.update(message) {
            Some(event) => self.emit(event),
            None => tracing::trace!("engine event without a room event"),
        }
    }

    fn update(&self, message: Message) -> Option<RoomEvent> {
        match message {
            Message::ParticipantConnected(event) => {
                let participant = RemoteParticipant::new(event.info);
                self.remotes.write().insert(participant.identity(), participant.clone());
                Some(RoomEvent::ParticipantConnected(participant))
            }
            Message::ParticipantDisconnected(event) => {
                let reason = event.disconnect_reason().into();
                let participant = self.remotes.write().remove(&event.participant_identity)?;
                participant.end();
                Some(RoomEvent::ParticipantDisconnected { participant, reason })
            }
            Message::ParticipantActive(event) => {
                Some(RoomEvent::ParticipantActive(self.remote(&event.participant_identity)?))
            }
            Message::ParticipantsUpdated(event) => {
                for info in event.participants {
                    if let Some(participant) = self.participant(&info.identity) {
                        participant.update(|known| known.update(info));
                    }
                }
                None
            }
            Message::LocalTrackPublished(_) | Message::LocalTrackUnpublished(_) => self.local_event(message),
            Message::LocalTrackSubscribed(_) | Message::LocalTrackRepublished(_) => self.local_event(message),
            Message::TrackPublished(_) | Message::TrackUnpublished(_) => self.publication_event(message),
            Message::TrackSubscribed(_) | Message::TrackUnsubscribed(_) => self.publication_event(message),
            Message::TrackSubscriptionFailed(event) => Some(RoomEvent::TrackSubscriptionFailed {
                participant: self.remote(&event.participant_identity)?,
                track_sid: event.track_sid,
                error: event.error,
            }),
            Message::TrackMuted(event) => {
                let (participant, publication) = self.muted(&event.participant_identity, &event.track_sid, true)?;
                Some(RoomEvent::TrackMuted { participant, publication })
            }
            Message::TrackUnmuted(event) => {
                let (participant, publication) = self.muted(&event.participant_identity, &event.track_sid, false)?;
                Some(RoomEvent::TrackUnmuted { participant, publication })
            }
            Message::ActiveSpeakersChanged(event) => Some(self.speakers(&event.participant_identities)),
            Message::ParticipantMetadataChanged(_)
            | Message::ParticipantNameChanged(_)
            | Message::ParticipantAttributesChanged(_)
            | Message::ParticipantPermissionChanged(_)
            | Message::ParticipantEncryptionStatusChanged(_)
            | Message::ConnectionQualityChanged(_)
            | Message::E2eeStateChanged(_) => self.participant_event(message),
            Message::DataPacketReceived(event) => self.data(event),
            Message::ChatMessage(event) => {
                self.on_chat_packet(event);
                None
            }
            Message::TextStreamOpened(event) if event.reader.info.topic == CHAT_TOPIC => {
                self.on_chat_stream(event.reader, event.participant_identity);
                None
            }
            Message::TextStreamOpened(_) | Message::ByteStreamOpened(_) => self.stream_event(message),
            Message::TokenRefreshed(event) => Some(RoomEvent::TokenRefreshed { token: Token::new(event.token) }),
            other => self.room_event(other),
        }
    }

    /// Opens a data stream, unless its sender or the room has too many.
    fn stream_event(&self, message: Message) -> Option<RoomEvent> {
        let sender = match &message {
            Message::TextStreamOpened(event) => &event.participant_identity,
            Message::ByteStreamOpened(event) => &event.participant_identity,
            _ => return None,
        };
        let Some(reservation) = self.quota.open_stream(sender) else {
            tracing::debug!(sender, "data stream not opened, because too many are open");
            release(message);
            return None;
        };
        match message {
            Message::TextStreamOpened(event) => Some(RoomEvent::TextStreamOpened {
                reader: Once::new(TextStreamReader::new(event.reader, self.handle.id(), reservation)),
                participant_identity: event.participant_identity,
            }),
            Message::ByteStreamOpened(event) => Some(RoomEvent::ByteStreamOpened {
                reader: Once::new(ByteStreamReader::new(event.reader, self.handle.id(), reservation)),
                participant_identity: event.participant_identity,
            }),
            _ => None,
        }
    }

    /// Applies an event about the room itself.
    fn room_event(&self, message: Message) -> Option<RoomEvent> {
        match message {
            Message::RoomMetadataChanged(event) => {
                let old_metadata = std::mem::replace(&mut self.info.write().metadata, event.metadata.clone());
                Some(RoomEvent::RoomMetadataChanged { old_metadata, metadata: event.metadata })
            }
            Message::RoomSidChanged(event) => {
                self.info.write().sid = event.sid;
                None
            }
            Message::RoomUpdated(info) | Message::Moved(info) => {
                let mut known = self.info.write();
                known.update(info);
                let (is_recording, num_participants) = (known.is_recording, known.num_participants);
                Some(RoomEvent::RoomUpdated { is_recording, num_participants })
            }
            Message::ConnectionStateChanged(event) => {
                let state = ConnectionState::from(event.state());
                // The message `Disconnected` carries the reason.
                if state == ConnectionState::Disconnected {
                    return None;
                }
                self.set_state(state)?;
                Some(RoomEvent::ConnectionStateChanged(state))
            }
            Message::Reconnecting(_) => Some(RoomEvent::Reconnecting),
            Message::Reconnected(_) => Some(RoomEvent::Reconnected),
            Message::Disconnected(event) => {
                self.on_disconnected(event.reason().into());
                None
            }
            Message::Eos(_) => {
                if let Ok(engine) = Engine::get() {
                    engine.end_readers(self.handle.id());
                }
                None
            }
            other => {
                // Unused events, such as those of data tracks, may own a handle.
                release(other);
                None
            }
        }
    }

    /// `None` when the room has been left already.
    fn set_state(&self, state: ConnectionState) -> Option<()> {
        let mut info = self.info.write();
        (info.connection_state != ConnectionState::Disconnected).then(|| info.connection_state = state)
    }

    /// Applies an event about a local track.
    fn local_event(&self, message: Message) -> Option<RoomEvent> {
        let participant = self.local.clone();
        match message {
            Message::LocalTrackPublished(event) => {
                let publication = participant.get_track_publication(&event.track_sid)?;
                let track = publication.track()?;
                Some(RoomEvent::LocalTrackPublished { publication, track, participant })
            }
            Message::LocalTrackUnpublished(event) => {
                let publication = participant.core.publications.write().remove(&event.publication_sid)?;
                Some(RoomEvent::LocalTrackUnpublished { publication, participant })
            }
            Message::LocalTrackSubscribed(event) => Some(RoomEvent::LocalTrackSubscribed {
                publication: participant.get_track_publication(&event.track_sid)?,
            }),
            Message::LocalTrackRepublished(event) => {
                let mut publications = participant.core.publications.write();
                let publication: LocalTrackPublication = publications.remove(&event.previous_sid)?;
                *publication.core.info.write() = event.info.into();
                publications.insert(publication.sid(), publication.clone());
                drop(publications);
                participant.encrypt(&publication);
                Some(RoomEvent::LocalTrackRepublished { publication, previous_sid: event.previous_sid })
            }
            _ => None,
        }
    }

    /// Applies an event about a remote track.
    fn publication_event(&self, message: Message) -> Option<RoomEvent> {
        match message {
            Message::TrackPublished(event) => {
                let publication = RemoteTrackPublication::new(event.publication, self.e2ee.clone());
                let participant = self.remote(&event.participant_identity)?;
                if !participant.add_publication(publication.clone()) {
                    return None;
                }
                Some(RoomEvent::TrackPublished { publication, participant })
            }
            Message::TrackUnpublished(event) => {
                let participant = self.remote(&event.participant_identity)?;
                let publication = participant.core.publications.write().remove(&event.publication_sid)?;
                publication.cancel_resubscription();
                publication.end_track();
                Some(RoomEvent::TrackUnpublished { publication, participant })
            }
            Message::TrackSubscribed(event) => {
                let sid = event.track.info.sid.clone();
                let found = self.remote(&event.participant_identity).and_then(|participant| {
                    let publication = participant.get_track_publication(&sid)?;
                    Some((participant, publication))
                });
                let Some((participant, publication)) = found else {
                    drop(Handle::new(event.track.handle));
                    return None;
                };
                let track = RemoteTrack::new(event.track, &publication.core, publication.e2ee.clone());
                *publication.core.track.write() = Some(track.clone());
                publication.pause_until_key_frame();
                Some(RoomEvent::TrackSubscribed { track, publication, participant })
            }
            Message::TrackUnsubscribed(event) => {
                let participant = self.remote(&event.participant_identity)?;
                let publication = participant.get_track_publication(&event.track_sid)?;
                let track = publication.end_track()?;
                Some(RoomEvent::TrackUnsubscribed { track, publication, participant })
            }
            _ => None,
        }
    }

    fn muted(&self, identity: &str, sid: &str, muted: bool) -> Option<(Participant, TrackPublication)> {
        let participant = self.participant(identity)?;
        let publication = participant.get_track_publication(sid)?;
        publication.set_muted_info(muted);
        Some((participant, publication))
    }

    fn speakers(&self, identities: &[String]) -> RoomEvent {
        let speaks = |identity: &String| identities.contains(identity);
        let mut info = self.local.core.info.write();
        info.is_speaking = speaks(&info.identity);
        drop(info);
        for (identity, participant) in self.remotes.read().iter() {
            participant.core.info.write().is_speaking = speaks(identity);
        }
        let speakers = identities.iter().filter_map(|identity| self.participant(identity)).collect();
        RoomEvent::ActiveSpeakersChanged { speakers }
    }

    /// Applies an event about one participant.
    fn participant_event(&self, message: Message) -> Option<RoomEvent> {
        match message {
            Message::ParticipantMetadataChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                let metadata = limits::allowed_metadata(event.metadata);
                let old_metadata = participant.update(|known| std::mem::replace(&mut known.metadata, metadata.clone()));
                Some(RoomEvent::ParticipantMetadataChanged { participant, old_metadata, metadata })
            }
            Message::ParticipantNameChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                let name = limits::displayable_name(&event.name);
                let old_name = participant.update(|known| std::mem::replace(&mut known.name, name.clone()));
                Some(RoomEvent::ParticipantNameChanged { participant, old_name, name })
            }
            Message::ParticipantAttributesChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                let pairs = |entries: Vec<proto::AttributesEntry>| {
                    limits::allowed_attributes(entries.into_iter().map(|entry| (entry.key, entry.value)))
                };
                participant.update(|known| known.attributes = pairs(event.attributes));
                let changed_attributes = pairs(event.changed_attributes);
                Some(RoomEvent::ParticipantAttributesChanged { participant, changed_attributes })
            }
            Message::ParticipantPermissionChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                let permission = event.permission.map(Into::into);
                participant.update(|known| known.permission.clone_from(&permission));
                Some(RoomEvent::ParticipantPermissionChanged { participant, permission })
            }
            Message::ParticipantEncryptionStatusChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                let is_encrypted = event.is_encrypted;
                participant.update(|known| known.is_encrypted = is_encrypted);
                Some(RoomEvent::ParticipantEncryptionStatusChanged { participant, is_encrypted })
            }
            Message::ConnectionQualityChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                let quality = event.quality().into();
                participant.update(|known| known.connection_quality = quality);
                Some(RoomEvent::ConnectionQualityChanged { participant, quality })
            }
            Message::E2eeStateChanged(event) => {
                let participant = self.participant(&event.participant_identity)?;
                Some(RoomEvent::E2eeStateChanged { participant, state: event.state().into() })
            }
            _ => None,
        }
    }

    fn data(&self, event: proto::DataPacketReceived) -> Option<RoomEvent> {
        let reliable = event.kind() == proto::DataPacketKind::KindReliable;
        let Some(proto::data_packet_received::Value::User(user)) = event.value else { return None };
        let _owner = Handle::new(user.data.handle);
        if !self.quota.allows_message(&event.participant_identity) {
            return None;
        }
        let proto::BufferInfo { data_ptr, data_len } = user.data.data;
        let data = data_ptr as usize as *const u8;
        let payload = match data_len {
            0 => Vec::new(),
            _ if data.is_null() => return None,
            // SAFETY: the engine keeps `len` bytes there until the handle above is dropped.
            len => unsafe { std::slice::from_raw_parts(data, len as usize) }.to_vec(),
        };
        if user.topic.as_deref() == Some(chat::LEGACY_TOPIC) {
            self.on_chat_json(event.participant_identity, &payload);
            return None;
        }
        let participant = self.remote(&event.participant_identity);
        Some(RoomEvent::DataReceived { payload, topic: user.topic, reliable, participant })
    }
}
