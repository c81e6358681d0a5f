//! Writer of an outgoing byte stream.

use std::fmt;
use std::sync::Arc;

use proto::ffi_event::Message as Event;
use proto::ffi_request::Message as Request;

use crate::data::{ByteStreamInfo, StreamByteOptions};
use crate::dispatch::{Engine, REQUEST_TIMEOUT, take};
use crate::error::{EngineError, RoomError};
use crate::ffi::Handle;
use crate::local_participant::LocalParticipant;
use crate::proto;

/// Writer of an outgoing byte stream. Dropping it without [`close`](Self::close) aborts the stream for its readers.
pub struct ByteStreamWriter {
    handle: Arc<Handle>,
    info: ByteStreamInfo,
    closed: bool,
}

impl LocalParticipant {
    /// Opens a byte stream.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot open the stream, [`RoomError::Timeout`] without an answer in time.
    pub async fn stream_bytes(&self, options: StreamByteOptions) -> Result<ByteStreamWriter, RoomError> {
        let local_participant_handle = self.core.handle.id();
        let options = options.into_proto();
        let build = |async_id| {
            Request::ByteStreamOpen(proto::ByteStreamOpenRequest {
                local_participant_handle,
                options,
                request_async_id: Some(async_id),
            })
        };
        let then = |message| {
            use proto::byte_stream_open_callback::Result as Outcome;
            match take!(message, Event::ByteStreamOpen)?.result {
                Some(Outcome::Writer(owned)) => {
                    let handle = Arc::new(Handle::new(owned.handle));
                    Ok(ByteStreamWriter { handle, info: owned.info.into(), closed: false })
                }
                Some(Outcome::Error(error)) => Err(RoomError::classify(&error.description)),
                None => Err(EngineError::Protocol("ByteStreamOpen").into()),
            }
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "ByteStreamOpen", build, then).await
    }
}

impl ByteStreamWriter {
    /// Header of the stream, as sent to the readers.
    pub fn info(&self) -> &ByteStreamInfo {
        &self.info
    }

    /// Sends bytes and waits until the engine accepts more.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send them, [`RoomError::Timeout`] without an answer in time.
    pub async fn write(&self, bytes: Vec<u8>) -> Result<(), RoomError> {
        let writer_handle = self.handle.id();
        let build = |async_id| {
            Request::ByteStreamWrite(proto::ByteStreamWriterWriteRequest {
                writer_handle,
                bytes,
                request_async_id: Some(async_id),
            })
        };
        let then = |message| match take!(message, Event::ByteStreamWriterWrite)?.error {
            Some(error) => Err(RoomError::classify(&error.description)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "ByteStreamWrite", build, then).await
    }

    /// Completes the stream.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send the end, [`RoomError::Timeout`] without an answer in time.
    pub async fn close(mut self) -> Result<(), RoomError> {
        self.closed = true;
        let build = |async_id| self.close_request(async_id, None);
        let then = |message| match take!(message, Event::ByteStreamWriterClose)?.error {
            Some(error) => Err(RoomError::classify(&error.description)),
            None => Ok(()),
        };
        Engine::get()?.call_within(REQUEST_TIMEOUT, "ByteStreamClose", build, then).await
    }

    fn close_request(&self, async_id: u64, reason: Option<String>) -> Request {
        Request::ByteStreamClose(proto::ByteStreamWriterCloseRequest {
            writer_handle: self.handle.id(),
            reason,
            request_async_id: Some(async_id),
            ..Default::default()
        })
    }
}

impl Drop for ByteStreamWriter {
    fn drop(&mut self) {
        let Some(engine) = Engine::get().ok().filter(|_| !self.closed) else { return };
        // The completion keeps the handle alive until the engine has closed the stream.
        let handle = self.handle.clone();
        let build = |async_id| self.close_request(async_id, Some("aborted by the sender".into()));
        if let Err(error) = engine.start("ByteStreamClose", build, move |_| drop(handle)) {
            tracing::debug!(%error, "dropped stream not closed");
        }
    }
}

impl fmt::Debug for ByteStreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteStreamWriter({} {})", self.info.topic, self.info.id)
    }
}
