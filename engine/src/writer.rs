//! Writer of an outgoing byte stream.

use std::fmt;

use crate::backend;
use crate::data::ByteStreamInfo;
use crate::error::RoomError;

/// Writer of an outgoing byte stream. Dropping it without [`close`](Self::close) aborts the stream for its readers.
pub struct ByteStreamWriter {
    object: backend::Writer,
    info: ByteStreamInfo,
    closed: bool,
}

impl ByteStreamWriter {
    pub(crate) fn new(object: backend::Writer, info: ByteStreamInfo) -> Self {
        Self { object, info, closed: false }
    }

    /// Header of the stream, as sent to the readers.
    pub fn info(&self) -> &ByteStreamInfo {
        &self.info
    }

    /// Sends bytes and waits until the engine accepts more.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send them, [`RoomError::Timeout`] without an answer in time.
    pub async fn write(&self, bytes: Vec<u8>) -> Result<(), RoomError> {
        self.object.write(bytes).await
    }

    /// Completes the stream.
    ///
    /// # Errors
    /// [`RoomError`] when the engine cannot send the end, [`RoomError::Timeout`] without an answer in time.
    pub async fn close(mut self) -> Result<(), RoomError> {
        self.closed = true;
        self.object.close().await
    }
}

impl Drop for ByteStreamWriter {
    fn drop(&mut self) {
        if !self.closed
            && let Err(error) = self.object.abort()
        {
            tracing::debug!(%error, "dropped stream not closed");
        }
    }
}

impl fmt::Debug for ByteStreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteStreamWriter({} {})", self.info.topic, self.info.id)
    }
}
