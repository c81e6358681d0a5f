//! Bytes that are sent piece by piece.

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

/// Sends bytes piece by piece. Dropping it without [`close`](Self::close) breaks the stream off, and its readers are told.
pub struct ByteStreamWriter {
    handle: Arc<Handle>,
    info: ByteStreamInfo,
    closed: bool,
}

impl LocalParticipant {
    /// Begins to send bytes.
    ///
    /// # Errors
    /// When the engine cannot.
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
    /// As the readers see it.
    pub fn info(&self) -> &ByteStreamInfo {
        &self.info
    }

    /// Sends the next piece, and waits until there is room for more.
    ///
    /// # Errors
    /// When the engine cannot send it.
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

    /// Ends the stream well.
    ///
    /// # Errors
    /// When the engine cannot tell the readers.
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
        // The answer's handler keeps the handle until then.
        let handle = self.handle.clone();
        let build = |async_id| self.close_request(async_id, Some("broken off by its sender".into()));
        if let Err(error) = engine.start("ByteStreamClose", build, move |_| drop(handle)) {
            tracing::debug!(%error, "a dropped stream could not be ended");
        }
    }
}

impl fmt::Debug for ByteStreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteStreamWriter({} {})", self.info.topic, self.info.id)
    }
}
