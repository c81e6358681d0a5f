//! Chat, data packets and data streams of a room.
//!
//! Chat arrives as text streams on `lk.chat`, and in the two legacy formats of LiveKit's clients.

use std::sync::Arc;

use crate::backend;
use crate::chat::{LEGACY_TOPIC, MAX_BYTES, MAX_ID_BYTES, parse_json};
use crate::data::{ByteStreamInfo, ChatMessage, TextStreamInfo};
use crate::delivery::Chunk;
use crate::event::{RoomEvent, TakeCell};
use crate::limits::StreamReservation;
use crate::reader::{ByteStreamReader, TextStreamReader};
use crate::room::session::RoomInner;
use crate::types::{DataPacketKind, EncryptionType};

impl RoomInner {
    /// Emits a message unless it is a duplicate.
    fn on_chat(&self, participant_identity: String, message: ChatMessage) {
        if message.id.len() > MAX_ID_BYTES {
            return tracing::warn!(participant_identity, "chat message dropped, because its id is too long");
        }
        if self.chat.lock().insert(&participant_identity, &message.id) {
            self.emit(RoomEvent::ChatMessage { participant_identity, message });
        }
    }

    /// Collects a message that arrives as a text stream.
    pub(super) fn on_chat_stream(&self, reader: backend::Reader, info: TextStreamInfo, identity: String) {
        let room = self.weak();
        if self.e2ee.is_enabled() && info.encryption_type == EncryptionType::None {
            return tracing::warn!(identity, "chat message dropped, because it is not encrypted");
        }
        let Some(reservation) = self.quota.open_stream(&identity) else {
            return tracing::debug!(identity, "chat message dropped, because its sender sends too many");
        };
        let mut text = String::new();
        let sink = move |chunk: Chunk| match chunk {
            Chunk::Text(piece) if reservation.reserve(piece.len()) && text.len() + piece.len() <= MAX_BYTES => {
                text.push_str(&piece);
                true
            }
            Chunk::End(None) => {
                if let Some(room) = room.upgrade() {
                    let (id, timestamp) = (info.id.clone(), info.timestamp_ms);
                    let message = ChatMessage { id, timestamp, message: std::mem::take(&mut text) };
                    room.on_chat(identity.clone(), message);
                }
                false
            }
            Chunk::End(Some(error)) => {
                tracing::warn!(error, "chat message aborted");
                false
            }
            Chunk::Text(_) | Chunk::Bytes(_) => {
                tracing::warn!(limit = MAX_BYTES, "chat message dropped, because it is too long");
                false
            }
        };
        if let Err(error) = reader.read(Box::new(sink)) {
            tracing::warn!(%error, "chat message not read");
        }
    }

    /// Handles a message in the legacy format of LiveKit's SDKs.
    pub(super) fn on_chat_packet(&self, identity: String, message: ChatMessage, deleted: bool) {
        let allowed = self.accepts_legacy_chat() && !deleted && message.message.len() <= MAX_BYTES;
        if allowed && self.quota.allows_message(&identity) {
            self.on_chat(identity, message);
        }
    }

    /// Handles a message in the legacy format of LiveKit's web components: JSON in a data packet.
    fn on_chat_json(&self, identity: String, payload: &[u8]) {
        if let Some(message) = parse_json(payload).filter(|_| self.accepts_legacy_chat()) {
            self.on_chat(identity, message);
        }
    }

    /// Returns `false` in an encrypted room. The engine doesn't report which packets were encrypted, so that the SFU could
    /// forge messages in a legacy format.
    fn accepts_legacy_chat(&self) -> bool {
        !self.e2ee.is_enabled()
    }

    /// Opens a text stream, unless its sender or the room has too many.
    pub(super) fn on_text_stream(
        &self,
        participant_identity: String,
        reader: backend::Reader,
        info: TextStreamInfo,
    ) -> Option<RoomEvent> {
        let reservation = self.open_stream(&participant_identity)?;
        let topic = info.topic.clone();
        let reader = TakeCell::new(TextStreamReader::new(reader, info, reservation));
        Some(RoomEvent::TextStreamOpened { reader, topic, participant_identity })
    }

    /// Opens a byte stream, unless its sender or the room has too many.
    pub(super) fn on_byte_stream(
        &self,
        participant_identity: String,
        reader: backend::Reader,
        info: ByteStreamInfo,
    ) -> Option<RoomEvent> {
        let reservation = self.open_stream(&participant_identity)?;
        let topic = info.topic.clone();
        let reader = TakeCell::new(ByteStreamReader::new(reader, info, reservation));
        Some(RoomEvent::ByteStreamOpened { reader, topic, participant_identity })
    }

    fn open_stream(&self, sender: &str) -> Option<StreamReservation> {
        let reservation = self.quota.open_stream(sender);
        if reservation.is_none() {
            tracing::debug!(sender, "data stream not opened, because too many are open");
        }
        reservation
    }

    /// Handles a data packet, which is a chat message if it has the topic of legacy chat.
    pub(super) fn on_data(
        &self,
        identity: &str,
        kind: DataPacketKind,
        topic: Option<String>,
        payload: &backend::DataPayload,
    ) -> Option<RoomEvent> {
        if !self.quota.allows_message(identity) {
            return None;
        }
        let payload = payload.to_vec();
        if topic.as_deref() == Some(LEGACY_TOPIC) {
            self.on_chat_json(identity.to_owned(), &payload);
            return None;
        }
        let participant = self.remote(identity);
        Some(RoomEvent::DataReceived { payload: Arc::new(payload), topic, kind, participant })
    }
}
