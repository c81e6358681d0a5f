//! Participants, and the requests of the local one.

use std::collections::HashMap;
use std::time::Duration;

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;

use crate::data::{ByteStreamInfo, DataPacket, StreamByteOptions, StreamTextOptions, TextStreamInfo};
use crate::error::{EngineError, RoomError};
use crate::info::PublicationInfo;
use crate::options::TrackPublishOptions;
use crate::prebuilt::data_stream::Writer;
use crate::prebuilt::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::prebuilt::failure::classify;
use crate::prebuilt::ffi::address;
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;
use crate::prebuilt::publication::Publication;
use crate::prebuilt::track::Track;

/// Timeout for sending bytes or a file.
const SEND_FILE_TIMEOUT: Duration = Duration::from_secs(120);

/// A local or remote participant. All requests are for the local one.
pub(crate) struct Participant(Handle);

/// Sends a request whose answer is only an error or success.
macro_rules! plain_call {
    ($self:ident, $variant:ident, $request:ident { $($field:ident : $value:expr),* $(,)? }) => {{
        let local_participant_handle = $self.0.id();
        let build = |async_id| {
            Request::$variant(proto::$request {
                local_participant_handle,
                $($field: $value,)*
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::$variant)?.error {
            Some(error) => Err(classify(&error)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, stringify!($variant), build, then).await
    }};
}

/// Sends a stream and returns its header.
macro_rules! stream_call {
    ($self:ident, $limit:expr, $variant:ident, $callback:ident, $request:ident { $($field:ident : $value:expr),* $(,)? }) => {{
        let local_participant_handle = $self.0.id();
        let build = |async_id| {
            Request::$variant(proto::$request {
                local_participant_handle,
                $($field: $value,)*
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::$variant)?.result {
            Some(proto::$callback::Result::Info(info)) => Ok(info.into()),
            Some(proto::$callback::Result::Error(error)) => Err(classify(&error.description)),
            None => Err(EngineError::Protocol(stringify!($variant)).into()),
        };
        Engine::get()?.call_within($limit, stringify!($variant), build, then).await
    }};
}

impl Participant {
    pub(super) fn new(owned: proto::FfiOwnedHandle) -> Self {
        Self(Handle::new(owned))
    }

    /// Publishes a track. `register` runs on the events thread, before the room's events about the publication and also if
    /// the caller has given up.
    pub(crate) async fn publish_track<T: Send + 'static>(
        &self,
        track: &Track,
        options: &TrackPublishOptions,
        register: impl FnOnce(Publication, PublicationInfo) -> T + Send + 'static,
    ) -> Result<T, RoomError> {
        let build = |async_id| {
            Request::PublishTrack(proto::PublishTrackRequest {
                local_participant_handle: self.0.id(),
                track_handle: track.id(),
                options: options.into(),
                request_async_id: Some(async_id),
            })
        };
        let then = move |message| {
            use proto::publish_track_callback::Message;
            match take!(message, Event::PublishTrack)?.message {
                Some(Message::Publication(owned)) => Ok(register(Publication::new(owned.handle), owned.info.into())),
                Some(Message::Error(error)) => Err(classify(&error)),
                None => Err(EngineError::Protocol("PublishTrack").into()),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "PublishTrack", build, then).await
    }

    pub(crate) async fn unpublish_track(&self, sid: &str) -> Result<(), RoomError> {
        plain_call!(self, UnpublishTrack, UnpublishTrackRequest { track_sid: sid.into(), stop_on_unpublish: true })
    }

    pub(crate) async fn set_metadata(&self, metadata: String) -> Result<(), RoomError> {
        plain_call!(self, SetLocalMetadata, SetLocalMetadataRequest { metadata: metadata })
    }

    pub(crate) async fn set_name(&self, name: String) -> Result<(), RoomError> {
        plain_call!(self, SetLocalName, SetLocalNameRequest { name: name })
    }

    pub(crate) async fn set_attributes(&self, attributes: HashMap<String, String>) -> Result<(), RoomError> {
        let entries = attributes.into_iter().map(|(key, value)| proto::AttributesEntry { key, value }).collect();
        plain_call!(self, SetLocalAttributes, SetLocalAttributesRequest { attributes: entries })
    }

    pub(crate) async fn publish_data(&self, packet: DataPacket) -> Result<(), RoomError> {
        let DataPacket { payload, topic, reliable, destination_identities } = packet;
        let build = |async_id| {
            Request::PublishData(proto::PublishDataRequest {
                local_participant_handle: self.0.id(),
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
            Some(error) => Err(classify(&error)),
            None => Ok(()),
        };
        // `payload` outlives the request, in which the engine copies it.
        Engine::get()?.call_within(REQUEST_TIMEOUT, "PublishData", build, then).await
    }

    pub(crate) async fn send_text(
        &self,
        text: String,
        options: StreamTextOptions,
    ) -> Result<TextStreamInfo, RoomError> {
        stream_call!(
            self,
            REQUEST_TIMEOUT,
            SendText,
            stream_send_text_callback,
            StreamSendTextRequest { options: options.into(), text: text }
        )
    }

    pub(crate) async fn send_bytes(
        &self,
        bytes: Vec<u8>,
        options: StreamByteOptions,
    ) -> Result<ByteStreamInfo, RoomError> {
        stream_call!(
            self,
            SEND_FILE_TIMEOUT,
            SendBytes,
            stream_send_bytes_callback,
            StreamSendBytesRequest { options: options.into(), bytes: bytes }
        )
    }

    pub(crate) async fn send_file(
        &self,
        path: String,
        options: StreamByteOptions,
    ) -> Result<ByteStreamInfo, RoomError> {
        stream_call!(
            self,
            SEND_FILE_TIMEOUT,
            SendFile,
            stream_send_file_callback,
            StreamSendFileRequest { options: options.into(), file_path: path }
        )
    }

    pub(crate) async fn stream_bytes(&self, options: StreamByteOptions) -> Result<(Writer, ByteStreamInfo), RoomError> {
        let local_participant_handle = self.0.id();
        let build = |async_id| {
            Request::ByteStreamOpen(proto::ByteStreamOpenRequest {
                local_participant_handle,
                options: options.into(),
                request_async_id: Some(async_id),
            })
        };
        let then = |message| {
            use proto::byte_stream_open_callback::Result as Outcome;
            match take!(message, Event::ByteStreamOpen)?.result {
                Some(Outcome::Writer(owned)) => Ok((Writer::new(owned.handle), owned.info.into())),
                Some(Outcome::Error(error)) => Err(classify(&error.description)),
                None => Err(EngineError::Protocol("ByteStreamOpen").into()),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "ByteStreamOpen", build, then).await
    }
}
