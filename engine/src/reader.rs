//! Readers of received text and byte streams.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::backend;
use crate::data::{ByteStreamInfo, TextStreamInfo};
use crate::delivery::Chunk;
use crate::error::DataStreamError;
use crate::limits::StreamReservation;

/// Queue of a stream's chunks.
struct Chunks {
    /// `None` once the first chunk was requested.
    unread: Option<backend::Reader>,
    arriving: Option<mpsc::UnboundedReceiver<Chunk>>,
    /// Bounds the bytes queued in `arriving`.
    reservation: Arc<StreamReservation>,
}

impl Chunks {
    fn new(object: backend::Reader, reservation: StreamReservation) -> Self {
        Self { unread: Some(object), arriving: None, reservation: Arc::new(reservation) }
    }

    async fn next(&mut self) -> Result<Option<Chunk>, DataStreamError> {
        if let Some(reader) = self.unread.take() {
            let (sender, receiver) = mpsc::unbounded_channel();
            self.arriving = Some(receiver);
            let reservation = self.reservation.clone();
            let sink = move |chunk: Chunk| {
                if reservation.reserve(chunk.len()) {
                    return sender.send(chunk).is_ok();
                }
                tracing::warn!("data stream aborted, because too many bytes are unread");
                let reason = "too many bytes are unread";
                // Fails if the reader was dropped.
                let _ = sender.send(Chunk::End(Some(reason.into())));
                false
            };
            reader.read(Box::new(sink))?;
        }
        let Some(arriving) = &mut self.arriving else { return Ok(None) };
        let chunk = arriving.recv().await;
        match chunk {
            Some(Chunk::End(None)) => {
                self.arriving = None;
                Ok(None)
            }
            Some(Chunk::End(Some(error))) => {
                self.arriving = None;
                Err(DataStreamError::Aborted(error))
            }
            Some(chunk) => {
                self.reservation.release(chunk.len());
                Ok(Some(chunk))
            }
            None => {
                self.arriving = None;
                Err(DataStreamError::Disconnected)
            }
        }
    }
}

/// Reader of a received text stream. Dropping it discards the rest.
pub struct TextStreamReader {
    info: TextStreamInfo,
    chunks: Chunks,
}

impl TextStreamReader {
    pub(crate) fn new(object: backend::Reader, info: TextStreamInfo, reservation: StreamReservation) -> Self {
        Self { info, chunks: Chunks::new(object, reservation) }
    }

    /// Header of the stream.
    pub fn info(&self) -> &TextStreamInfo {
        &self.info
    }

    /// Waits for the next chunk. Returns `None` at the end.
    ///
    /// # Errors
    /// [`DataStreamError::Aborted`], [`DataStreamError::Disconnected`] or [`DataStreamError::Engine`].
    pub async fn next(&mut self) -> Result<Option<String>, DataStreamError> {
        loop {
            match self.chunks.next().await? {
                Some(Chunk::Text(text)) => return Ok(Some(text)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads the whole text, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`DataStreamError::TooLong`]; else as [`next`](Self::next).
    pub async fn read_all(mut self, limit: usize) -> Result<String, DataStreamError> {
        let mut all = String::new();
        while let Some(text) = self.next().await? {
            if all.len().saturating_add(text.len()) > limit {
                return Err(DataStreamError::TooLong { limit });
            }
            all.push_str(&text);
        }
        Ok(all)
    }
}

/// Reader of a received byte stream. Dropping it discards the rest.
pub struct ByteStreamReader {
    info: ByteStreamInfo,
    chunks: Chunks,
}

impl ByteStreamReader {
    pub(crate) fn new(object: backend::Reader, info: ByteStreamInfo, reservation: StreamReservation) -> Self {
        Self { info, chunks: Chunks::new(object, reservation) }
    }

    /// Header of the stream.
    pub fn info(&self) -> &ByteStreamInfo {
        &self.info
    }

    /// Waits for the next chunk. Returns `None` at the end.
    ///
    /// # Errors
    /// [`DataStreamError::Aborted`], [`DataStreamError::Disconnected`] or [`DataStreamError::Engine`].
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DataStreamError> {
        loop {
            match self.chunks.next().await? {
                Some(Chunk::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Reads all bytes, at most `limit`.
    ///
    /// # Errors
    /// [`DataStreamError::TooLong`]; else as [`next`](Self::next).
    pub async fn read_all(mut self, limit: usize) -> Result<Vec<u8>, DataStreamError> {
        let mut all = Vec::new();
        while let Some(bytes) = self.next().await? {
            if all.len() + bytes.len() > limit {
                return Err(DataStreamError::TooLong { limit });
            }
            all.extend_from_slice(&bytes);
        }
        Ok(all)
    }

    /// Writes all bytes, at most `limit`, to a new file and returns their number. An incomplete file is removed.
    ///
    /// # Errors
    /// [`DataStreamError::File`] when the file exists or cannot be written, [`DataStreamError::TooLong`]; else as
    /// [`next`](Self::next).
    pub async fn write_to_file(mut self, path: &Path, limit: usize) -> Result<u64, DataStreamError> {
        let failed = |error: std::io::Error| DataStreamError::File(error.to_string());
        let mut file = tokio::fs::File::create_new(path).await.map_err(failed)?;
        let outcome = async {
            let mut len = 0;
            while let Some(bytes) = self.next().await? {
                len += bytes.len();
                if len > limit {
                    return Err(DataStreamError::TooLong { limit });
                }
                file.write_all(&bytes).await.map_err(failed)?;
            }
            file.sync_all().await.map_err(failed)?;
            Ok(len as u64)
        }
        .await;
        if outcome.is_err()
            && let Err(error) = tokio::fs::remove_file(path).await
        {
            tracing::warn!(%error, "incomplete file not removed");
        }
        outcome
    }
}

impl fmt::Debug for TextStreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TextStreamReader({} {})", self.info.topic, self.info.id)
    }
}

impl fmt::Debug for ByteStreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByteStreamReader({} {})", self.info.topic, self.info.id)
    }
}
