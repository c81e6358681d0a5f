//! This client in a room: what it publishes, says and sends.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;

use crate::data::{ByteStreamInfo, CHAT_TOPIC, DataPacket, StreamByteOptions, StreamTextOptions, TextStreamInfo};
use crate::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::error::RoomError;
use crate::event::ChatMessage;
use crate::ffi::address;
use crate::options::TrackPublishOptions;
use crate::participant::{ParticipantCore, participant_getters};
use crate::proto;
use crate::publication::LocalTrackPublication;
use crate::track::LocalTrack;
use crate::types::TrackSource;

/// The longest that a file may take on its way out.
const SEND_FILE_TIMEOUT: Duration = Duration::from_secs(120);

/// This client in the room. Clones are the same participant, and its getters say what is known now.
#[derive(Clone)]
pub struct LocalParticipant {
    pub(crate) core: Arc<ParticipantCore<LocalTrackPublication>>,
}

/// Waits for an answer that says nothing but whether it failed.
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

/// Waits for an answer that says what was sent.
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
    pub(crate) fn new(owned: proto::OwnedParticipant) -> Self {
        Self { core: Arc::new(ParticipantCore::new(owned)) }
    }

    fn core(&self) -> &ParticipantCore<LocalTrackPublication> {
        &self.core
    }

    participant_getters!();

    /// What it publishes at the moment, by sid.
    pub fn track_publications(&self) -> BTreeMap<String, LocalTrackPublication> {
        self.core.publications.read().clone()
    }

    /// The publication with this sid.
    pub fn get_track_publication(&self, sid: &str) -> Option<LocalTrackPublication> {
        self.core.publications.read().get(sid).cloned()
    }

    /// The first publication that comes from this source.
    pub fn get_track_publication_by_source(&self, source: TrackSource) -> Option<LocalTrackPublication> {
        self.core.publications.read().values().find(|publication| publication.source() == source).cloned()
    }

    /// Publishes a track.
    ///
    /// Mute a published track, or feed it other frames, rather than unpublish and publish it again: the latter leaks
    /// memory on some platforms.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it. The server refuses without a word, which takes ten
    /// seconds to notice, so this asks what it granted first.
    pub async fn publish_track(
        &self,
        track: LocalTrack,
        options: TrackPublishOptions,
    ) -> Result<LocalTrackPublication, RoomError> {
        self.check_grant(options.source)?;
        let source = options.source;
        // The grants may have changed meanwhile.
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

    /// [`publish_track`](Self::publish_track) without asking first.
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
        // The publication is known to the room also when nobody waits for it any more.
        let (core, published) = (self.core.clone(), track.clone());
        let then = move |message| {
            use proto::publish_track_callback::Message;
            match take!(message, Event::PublishTrack)?.message {
                Some(Message::Publication(owned)) => {
                    let publication = LocalTrackPublication::new(owned, published);
                    core.publications.write().insert(publication.sid(), publication.clone());
                    Ok(publication)
                }
                Some(Message::Error(error)) => Err(RoomError::classify(&error)),
                None => Err(crate::error::EngineError::Protocol("PublishTrack").into()),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "PublishTrack", build, then).await
    }

    /// Ends a publication. The track can be published again.
    ///
    /// # Errors
    /// When there is no such publication or the server does not answer in time.
    pub async fn unpublish_track(&self, sid: &str) -> Result<(), RoomError> {
        plain_call!(self, UnpublishTrack, UnpublishTrackRequest { track_sid: sid.into(), stop_on_unpublish: true })
    }

    /// Replaces the metadata, which others see.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_metadata(&self, metadata: &str) -> Result<(), RoomError> {
        plain_call!(self, SetLocalMetadata, SetLocalMetadataRequest { metadata: metadata.into() })
    }

    /// Replaces the name, which others see.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_name(&self, name: &str) -> Result<(), RoomError> {
        plain_call!(self, SetLocalName, SetLocalNameRequest { name: name.into() })
    }

    /// Sets attributes, which others see; those that are not named stay, and an empty value removes one.
    ///
    /// # Errors
    /// [`RoomError::NotAllowed`] when the token does not grant it.
    pub async fn set_attributes(&self, attributes: HashMap<String, String>) -> Result<(), RoomError> {
        let entries = attributes.into_iter().map(|(key, value)| proto::AttributesEntry { key, value }).collect();
        plain_call!(self, SetLocalAttributes, SetLocalAttributesRequest { attributes: entries })
    }

    /// Sends a packet of data.
    ///
    /// # Errors
    /// When the engine cannot send it.
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
        // The engine copies the bytes before the request returns, and `payload` lives until then.
        Engine::get()?.call_within(REQUEST_TIMEOUT, "PublishData", build, then).await
    }

    /// Sends a chat message to all, as a text stream on [`CHAT_TOPIC`]; returns it as others get it.
    ///
    /// # Errors
    /// When the engine cannot send it.
    pub async fn send_chat_message(&self, text: &str) -> Result<ChatMessage, RoomError> {
        let options = StreamTextOptions { topic: CHAT_TOPIC.into(), ..Default::default() };
        let sent = self.send_text(text, options).await?;
        Ok(ChatMessage { id: sent.id, timestamp_ms: sent.timestamp_ms, text: text.into() })
    }

    /// Sends a text of any length.
    ///
    /// # Errors
    /// When the engine cannot send it.
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
    /// When the engine cannot send them.
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
    /// When it cannot be read or sent.
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
