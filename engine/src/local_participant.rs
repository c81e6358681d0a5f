//! The local participant: publishes tracks, sends messages and files.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;

use crate::data::{ByteStreamInfo, CHAT_TOPIC, DataPacket, StreamByteOptions, StreamTextOptions, TextStreamInfo};
use crate::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::e2ee::E2eeState;
use crate::error::RoomError;
use crate::event::ChatMessage;
use crate::ffi::{Handle, address};
use crate::options::TrackPublishOptions;
use crate::participant::{ParticipantCore, participant_getters};
use crate::proto;
use crate::publication::LocalTrackPublication;
use crate::track::LocalTrack;
use crate::types::TrackSource;

/// Timeout for sending bytes or a file.
const SEND_FILE_TIMEOUT: Duration = Duration::from_secs(120);

/// The local participant. Clones share one state; getters return its current value.
#[derive(Clone)]
pub struct LocalParticipant {
    pub(crate) core: Arc<ParticipantCore<LocalTrackPublication>>,
    room: Arc<Handle>,
    e2ee: Arc<E2eeState>,
    /// Locked while a track is published. The engine adds the track's transceiver before it sets the preferred codec; an
    /// offer for another track in between would negotiate VP8.
    publishing: Arc<tokio::sync::Mutex<()>>,
}

/// Sends a request whose answer is only an error or success.
macro_rules! plain_call {
    ($self:ident, $variant:ident, $request:ident { $($field:ident : $value:expr),* $(,)? }) => {{
        let local_participant_handle = $self.core.handle.id();
        let build = |async_id| {
            Request::$variant(proto::$request {
                local_participant_handle,
                $($field: $value,)*
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::$variant)?.error {
            Some(error) => Err(RoomError::classify(&error)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, stringify!($variant), build, then).await
    }};
}

/// Sends a stream and returns its header.
macro_rules! stream_call {
    ($self:ident, $limit:expr, $variant:ident, $callback:ident, $request:ident { $($field:ident : $value:expr),* $(,)? }) => {{
        let local_participant_handle = $self.core.handle.id();
        let build = |async_id| {
            Request::$variant(proto::$request {
                local_participant_handle,
                $($field: $value,)*
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::$variant)?.result {
            Some(proto::$callback::Result::Info(info)) => Ok(info.into()),
            Some(proto::$callback::Result::Error(error)) => Err(RoomError::classify(&error.description)),
            None => Err(crate::error::EngineError::Protocol(stringify!($variant)).into()),
        };
        Engine::get()?.call_within($limit, stringify!($variant), build, then).await
    }};
}

impl LocalParticipant {
    pub(crate) fn new(owned: proto::OwnedParticipant, room: Arc<Handle>, e2ee: Arc<E2eeState>) -> Self {
        Self { core: Arc::new(ParticipantCore::new(owned)), room, e2ee, publishing: Arc::default() }
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
    pub fn track_publications(&self) -> BTreeMap<String, LocalTrackPublication> {
        self.core.publications.read().clone()
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
        let build = |async_id| {
            Request::PublishTrack(proto::PublishTrackRequest {
                local_participant_handle: self.core.handle.id(),
                track_handle: track.handle().id(),
                options: options.to_proto(),
                request_async_id: Some(async_id),
            })
        };
        // Registered in the completion, so that the publication is known also if the caller has given up.
        let (this, published) = (self.clone(), track.clone());
        let then = move |message| {
            use proto::publish_track_callback::Message;
            match take!(message, Event::PublishTrack)?.message {
                Some(Message::Publication(owned)) => {
                    let publication = LocalTrackPublication::new(owned, published);
                    this.core.publications.write().insert(publication.sid(), publication.clone());
                    this.encrypt(&publication);
                    Ok(publication)
                }
                Some(Message::Error(error)) => Err(RoomError::classify(&error)),
                None => Err(crate::error::EngineError::Protocol("PublishTrack").into()),
            }
        };
        let _guard = self.publishing.lock().await;
        Engine::get()?.call_within(REQUEST_TIMEOUT, "PublishTrack", build, then).await
    }

    /// Ends a publication. The track can be published again.
    ///
    /// # Errors
    /// [`RoomError`] when there is no such publication, [`RoomError::Timeout`] when the engine does not answer in time.
    pub async fn unpublish_track(&self, sid: &str) -> Result<(), RoomError> {
        // Unpublishing makes an offer, too.
        let _guard = self.publishing.lock().await;
        plain_call!(self, UnpublishTrack, UnpublishTrackRequest { track_sid: sid.into(), stop_on_unpublish: true })
    }

    /// Replaces the metadata, which is public in the room.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_metadata(&self, metadata: &str) -> Result<(), RoomError> {
        plain_call!(self, SetLocalMetadata, SetLocalMetadataRequest { metadata: metadata.into() })
    }

    /// Replaces the name, which is public in the room.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_name(&self, name: &str) -> Result<(), RoomError> {
        plain_call!(self, SetLocalName, SetLocalNameRequest { name: name.into() })
    }

    /// Sets attributes, which are public in the room. Others stay unchanged; an empty value removes an attribute.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_attributes(&self, attributes: HashMap<String, String>) -> Result<(), RoomError> {
        let entries = attributes.into_iter().map(|(key, value)| proto::AttributesEntry { key, value }).collect();
        plain_call!(self, SetLocalAttributes, SetLocalAttributesRequest { attributes: entries })
    }

    /// Sends a data packet.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send it, [`RoomError::Timeout`] without an answer in time.
    pub async fn publish_data(&self, packet: DataPacket) -> Result<(), RoomError> {
        let DataPacket { payload, topic, reliable, destination_identities } = packet;
        let build = |async_id| {
            Request::PublishData(proto::PublishDataRequest {
                local_participant_handle: self.core.handle.id(),
                data_ptr: address(payload.as_ptr()),
                data_len: payload.len() as u64,
                reliable,
                topic,
                destination_identities,
                request_async_id: Some(async_id),
                ..Default::default()
            })
        };
        let then = |message| match take!(message, Event::PublishData)?.error {
            Some(error) => Err(RoomError::classify(&error)),
            None => Ok(()),
        };
        // `payload` outlives the request, in which the engine copies it.
        Engine::get()?.call_within(REQUEST_TIMEOUT, "PublishData", build, then).await
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
        Ok(ChatMessage { id: sent.id, timestamp_ms: sent.timestamp_ms, text: text.into() })
    }

    /// Sends a text of any length.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send it, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_text(&self, text: &str, options: StreamTextOptions) -> Result<TextStreamInfo, RoomError> {
        let options = options.into_proto();
        stream_call!(
            self,
            REQUEST_TIMEOUT,
            SendText,
            stream_send_text_callback,
            StreamSendTextRequest { options: options, text: text.into() }
        )
    }

    /// Sends bytes of any length.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send them, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_bytes(&self, bytes: Vec<u8>, options: StreamByteOptions) -> Result<ByteStreamInfo, RoomError> {
        let options = options.into_proto();
        stream_call!(
            self,
            SEND_FILE_TIMEOUT,
            SendBytes,
            stream_send_bytes_callback,
            StreamSendBytesRequest { options: options, bytes: bytes }
        )
    }

    /// Sends a file.
    ///
    /// # Errors
    /// [`RoomError`] when the file cannot be read or sent, [`RoomError::Timeout`] without an answer in time.
    pub async fn send_file(&self, path: &Path, options: StreamByteOptions) -> Result<ByteStreamInfo, RoomError> {
        let options = options.into_proto();
        let file_path = path.to_str().ok_or_else(|| RoomError::Other("the file's path is not UTF-8".into()))?;
        stream_call!(
            self,
            SEND_FILE_TIMEOUT,
            SendFile,
            stream_send_file_callback,
            StreamSendFileRequest { options: options, file_path: file_path.into() }
        )
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
