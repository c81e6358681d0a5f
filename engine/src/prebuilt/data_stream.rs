//! Readers and writers of data streams.

use std::sync::Arc;

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;

use crate::delivery::ChunkSink;
use crate::error::{EngineError, RoomError};
use crate::prebuilt::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::prebuilt::failure::classify;
use crate::prebuilt::handle::Handle;
use crate::prebuilt::proto;

/// Kind of a data stream.
#[derive(Clone, Copy)]
pub(super) enum StreamKind {
    Text,
    Bytes,
}

/// Reader of a received stream. Dropping it discards the stream.
pub(crate) struct Reader {
    handle: Handle,
    kind: StreamKind,
    room: u64,
}

impl Reader {
    pub(super) fn new(owned: proto::FfiOwnedHandle, kind: StreamKind, room: u64) -> Self {
        Self { handle: Handle::new(owned), kind, room }
    }

    /// Starts delivering the stream's chunks to `sink`, on the events thread. The sink is dropped at the end of the room.
    pub(crate) fn read(self, sink: ChunkSink) -> Result<(), EngineError> {
        let engine = Engine::get()?;
        // This request transfers ownership of the reader to the engine.
        let id = self.handle.into_id();
        engine.add_reader(id, self.room, sink);
        let (name, request) = match self.kind {
            StreamKind::Text => {
                let request = proto::TextStreamReaderReadIncrementalRequest { reader_handle: id };
                ("TextReadIncremental", Request::TextReadIncremental(request))
            }
            StreamKind::Bytes => {
                let request = proto::ByteStreamReaderReadIncrementalRequest { reader_handle: id };
                ("ByteReadIncremental", Request::ByteReadIncremental(request))
            }
        };
        engine.request(name, request).map(drop).inspect_err(|_| engine.remove_reader(id))
    }
}

/// Writer of an outgoing byte stream.
pub(crate) struct Writer(Arc<Handle>);

impl Writer {
    pub(super) fn new(owned: proto::FfiOwnedHandle) -> Self {
        Self(Arc::new(Handle::new(owned)))
    }

    /// Sends bytes and waits until the engine accepts more.
    pub(crate) async fn write(&self, bytes: Vec<u8>) -> Result<(), RoomError> {
        let writer_handle = self.0.id();
        let build = |async_id| {
            Request::ByteStreamWrite(proto::ByteStreamWriterWriteRequest {
                writer_handle,
                bytes,
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::ByteStreamWriterWrite)?.error {
            Some(error) => Err(classify(&error.description)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "ByteStreamWrite", build, then).await
    }

    /// Completes the stream.
    pub(crate) async fn close(&self) -> Result<(), RoomError> {
        let build = |async_id| self.close_request(async_id, None);
        let then = |message| match take!(message, Event::ByteStreamWriterClose)?.error {
            Some(error) => Err(classify(&error.description)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "ByteStreamClose", build, then).await
    }

    /// Aborts the stream without waiting.
    pub(crate) fn abort(&self) -> Result<(), EngineError> {
        // The completion keeps the handle alive until the engine has closed the stream.
        let handle = self.0.clone();
        let build = |async_id| self.close_request(async_id, Some("aborted by the sender".into()));
        Engine::get()?.start("ByteStreamClose", build, move |_| drop(handle))
    }

    fn close_request(&self, async_id: u64, reason: Option<String>) -> Request {
        Request::ByteStreamClose(proto::ByteStreamWriterCloseRequest {
            writer_handle: self.0.id(),
            reason,
            request_async_id: Some(async_id),
            ..Default::default()
        })
    }
}
