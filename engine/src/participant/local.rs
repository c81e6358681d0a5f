//! The local participant: publishes tracks, sends messages and files.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::backend;
use crate::data::{
    ByteStreamInfo, CHAT_TOPIC, ChatMessage, DataPacket, StreamByteOptions, StreamTextOptions, TextStreamInfo,
};
use crate::e2ee::E2eeState;
use crate::error::RoomError;
use crate::info::ParticipantInfo;
use crate::options::TrackPublishOptions;
use crate::participant::shared::{ParticipantCore, participant_getters};
use crate::publication::LocalTrackPublication;
use crate::track::LocalTrack;
use crate::types::TrackSource;
use crate::writer::ByteStreamWriter;

/// The local participant. Clones share one state; getters return its current value.
#[derive(Clone)]
pub struct LocalParticipant {
    pub(crate) core: Arc<ParticipantCore<LocalTrackPublication>>,
    room: backend::Room,
    e2ee: Arc<E2eeState>,
    /// Locked while a track is published. The engine adds the track's transceiver before it sets the preferred codec; an
    /// offer for another track in between would negotiate VP8.
    publishing: Arc<tokio::sync::Mutex<()>>,
}

impl LocalParticipant {
    pub(crate) fn new(
        object: backend::Participant,
        info: ParticipantInfo,
        room: backend::Room,
        e2ee: Arc<E2eeState>,
    ) -> Self {
        Self { core: Arc::new(ParticipantCore::new(object, info)), room, e2ee, publishing: Arc::default() }
    }

    /// Selects the sending key for a publication.
    pub(crate) fn encrypt(&self, publication: &LocalTrackPublication) {
        if let Err(error) = self.e2ee.select_key(&self.room, &self.identity(), &publication.sid()) {
            tracing::error!(%error, "key not selected for publication");
        }
    }

    fn core(&self) -> &ParticipantCore<LocalTrackPublication> {
        &self.core
    }

    participant_getters!();

    /// Current publications by sid.
    pub fn track_publications(&self) -> HashMap<String, LocalTrackPublication> {
        self.core.publications.read().iter().map(|(sid, publication)| (sid.clone(), publication.clone())).collect()
    }

    /// Returns the publication with this sid.
    pub fn get_track_publication(&self, sid: &str) -> Option<LocalTrackPublication> {
        self.core.publications.read().get(sid).cloned()
    }

    /// Returns the first publication with this source.
    pub fn get_track_publication_by_source(&self, source: TrackSource) -> Option<LocalTrackPublication> {
        self.core.publications.read().values().find(|publication| publication.source() == source).cloned()
    }

    /// Publishes a track.
    ///
    /// To pause a track or change its content, mute it or capture other frames: unpublishing and publishing again leaks memory
    /// on some platforms.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant the source; [`RoomError::Timeout`] without an answer in time;
    /// else [`RoomError`] from the engine.
    pub async fn publish_track(
        &self,
        track: LocalTrack,
        options: TrackPublishOptions,
    ) -> Result<LocalTrackPublication, RoomError> {
        // The SFU doesn't answer a request without a grant; without this check it would time out after ten seconds.
        self.check_grant(options.source)?;
        let source = options.source;
        // Checked again, because the grants may have changed meanwhile.
        self.publish(track, options).await.map_err(|error| self.check_grant(source).err().unwrap_or(error))
    }

    fn check_grant(&self, source: TrackSource) -> Result<(), RoomError> {
        match self.permission() {
            Some(permission) if !permission.may_publish(source) => {
                Err(RoomError::NotAllowed(format!("the token does not grant publishing {source:?}")))
            }
            _ => Ok(()),
        }
    }

    /// [`publish_track`](Self::publish_track) without the check of grants.
    pub(crate) async fn publish(
        &self,
        track: LocalTrack,
        options: TrackPublishOptions,
    ) -> Result<LocalTrackPublication, RoomError> {
        // Registered by the backend, so that the publication is known also if the caller has given up.
        let (this, published) = (self.clone(), track.clone());
        let register = move |object, info| {
            let publication = LocalTrackPublication::new(object, info, published);
            this.core.publications.write().insert(publication.sid(), publication.clone());
            this.encrypt(&publication);
            publication
        };
        let _guard = self.publishing.lock().await;
        self.core.object.publish_track(track.object(), &options, register).await
    }

    /// Ends a publication and returns it. The track can be published again.
    ///
    /// # Errors
    /// [`RoomError::Other`] when there is no such publication, [`RoomError::Timeout`] when the engine does not answer in time.
    pub async fn unpublish_track(&self, sid: &str) -> Result<LocalTrackPublication, RoomError> {
        let unknown = || RoomError::Other(format!("there is no publication {sid}"));
        let publication = self.get_track_publication(sid).ok_or_else(unknown)?;
        // Unpublishing makes an offer, too.
        let _guard = self.publishing.lock().await;
        self.core.object.unpublish_track(sid).await?;
        Ok(publication)
    }

    /// Replaces the metadata, which is public in the room.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_metadata(&self, metadata: String) -> Result<(), RoomError> {
        self.core.object.set_metadata(metadata).await
    }

    /// Replaces the name, which is public in the room.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_name(&self, name: String) -> Result<(), RoomError> {
        self.core.object.set_name(name).await
    }

    /// Sets attributes, which are public in the room. Others stay unchanged; an empty value removes an attribute.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_attributes(&self, attributes: HashMap<String, String>) -> Result<(), RoomError> {
        self.core.object.set_attributes(attributes).await
    }

    /// Sends a data packet.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send it, [`RoomError::Timeout`] without an answer in time.
    pub async fn publish_data(&self, packet: DataPacket) -> Result<(), RoomError> {
        self.core.object.publish_data(packet).await
    }

    /// Sends a chat message to all participants, as a text stream on [`CHAT_TOPIC`], and returns it.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send it, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_chat_message(&self, text: &str) -> Result<ChatMessage, RoomError> {
        self.send_chat_message_to(text, None, Vec::new()).await
    }

    /// Sends a chat message with this id (`None` for a new one) to these identities (empty for all).
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send it, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_chat_message_to(
        &self,
        text: &str,
        id: Option<String>,
        destination_identities: Vec<String>,
    ) -> Result<ChatMessage, RoomError> {
        let options = StreamTextOptions { topic: CHAT_TOPIC.into(), id, destination_identities, ..Default::default() };
        let sent = self.send_text(text, options).await?;
        Ok(ChatMessage { id: sent.id, timestamp: sent.timestamp_ms, message: text.into() })
    }

    /// Sends a text of any length.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send it, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_text(&self, text: &str, options: StreamTextOptions) -> Result<TextStreamInfo, RoomError> {
        self.core.object.send_text(text.to_owned(), options).await
    }

    /// Sends bytes of any length.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send them, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_bytes(&self, bytes: Vec<u8>, options: StreamByteOptions) -> Result<ByteStreamInfo, RoomError> {
        self.core.object.send_bytes(bytes, options).await
    }

    /// Sends a file.
    ///
    /// # Errors
    /// [`RoomError`] when the file cannot be read or sent, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_file(&self, path: &Path, options: StreamByteOptions) -> Result<ByteStreamInfo, RoomError> {
        let path = path.to_str().ok_or_else(|| RoomError::Other("the file's path is not UTF-8".into()))?;
        self.core.object.send_file(path.to_owned(), options).await
    }

    /// Opens a byte stream.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot open the stream, [`RoomError::Timeout`] without an answer in time.
    pub async fn stream_bytes(&self, options: StreamByteOptions) -> Result<ByteStreamWriter, RoomError> {
        let (object, info) = self.core.object.stream_bytes(options).await?;
        Ok(ByteStreamWriter::new(object, info))
    }
}

impl PartialEq for LocalParticipant {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.core, &other.core)
    }
}

impl fmt::Debug for LocalParticipant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LocalParticipant({})", self.identity())
    }
}
