//! Data packets, and text and byte streams.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use proto::ffi_request::Message as Request;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::dispatch::{Chunk, ChunkSink, Engine};
use crate::e2ee::EncryptionType;
use crate::error::{DataStreamError, EngineError};
use crate::ffi::Handle;
use crate::limits::StreamReservation;
use crate::proto;

/// Topic of chat messages in all of LiveKit's clients.
pub const CHAT_TOPIC: &str = "lk.chat";

/// Data packet of up to about 15 kB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataPacket {
    /// Content.
    pub payload: Vec<u8>,
    /// Topic.
    pub topic: Option<String>,
    /// Uses the reliable data channel, which retransmits lost packets.
    pub reliable: bool,
    /// Identities of the receivers; empty for all.
    pub destination_identities: Vec<String>,
}

/// Options for sending a text stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamTextOptions {
    /// Topic.
    pub topic: String,
    /// Attributes for the receivers.
    pub attributes: HashMap<String, String>,
    /// Identities of the receivers; empty for all.
    pub destination_identities: Vec<String>,
    /// Id of the stream; `None` for a new one.
    pub id: Option<String>,
}

impl StreamTextOptions {
    pub(crate) fn into_proto(self) -> proto::StreamTextOptions {
        proto::StreamTextOptions {
            topic: self.topic,
            attributes: self.attributes,
            destination_identities: self.destination_identities,
            id: self.id,
            ..Default::default()
        }
    }
}

/// Options for sending a byte stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamByteOptions {
    /// Topic.
    pub topic: String,
    /// Attributes for the receivers.
    pub attributes: HashMap<String, String>,
    /// Identities of the receivers; empty for all.
    pub destination_identities: Vec<String>,
    /// Id of the stream; `None` for a new one.
    pub id: Option<String>,
    /// Name, such as a file name.
    pub name: Option<String>,
    /// MIME type, such as `image/jpeg`.
    pub mime_type: Option<String>,
    /// Length in bytes, where the engine cannot determine it.
    pub total_length: Option<u64>,
}

impl StreamByteOptions {
    pub(crate) fn into_proto(self) -> proto::StreamByteOptions {
        proto::StreamByteOptions {
            topic: self.topic,
            attributes: self.attributes,
            destination_identities: self.destination_identities,
            id: self.id,
            name: self.name,
            mime_type: self.mime_type,
            total_length: self.total_length,
            ..Default::default()
        }
    }
}

/// Header of a text stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextStreamInfo {
    /// Id, unique among the streams of its sender.
    pub id: String,
    /// Time of sending in milliseconds since 1970, by the sender's clock.
    pub timestamp_ms: i64,
    /// Topic.
    pub topic: String,
    /// MIME type.
    pub mime_type: String,
    /// Length in bytes, if the sender declared it.
    pub total_length: Option<u64>,
    /// Attributes set by the sender.
    pub attributes: HashMap<String, String>,
    /// End-to-end encryption of the stream.
    pub encryption_type: EncryptionType,
}

impl From<proto::TextStreamInfo> for TextStreamInfo {
    fn from(info: proto::TextStreamInfo) -> Self {
        Self {
            encryption_type: info.encryption_type().into(),
            id: info.stream_id,
            timestamp_ms: info.timestamp,
            topic: info.topic,
            mime_type: info.mime_type,
            total_length: info.total_length,
            attributes: info.attributes,
        }
    }
}

/// Header of a byte stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteStreamInfo {
    /// Id, unique among the streams of its sender.
    pub id: String,
    /// Time of sending in milliseconds since 1970, by the sender's clock.
    pub timestamp_ms: i64,
    /// Topic.
    pub topic: String,
    /// Name given by the sender. Not to be used as a path.
    pub name: String,
    /// MIME type, such as `image/jpeg`.
    pub mime_type: String,
    /// Length in bytes, if the sender declared it.
    pub total_length: Option<u64>,
    /// Attributes set by the sender.
    pub attributes: HashMap<String, String>,
    /// End-to-end encryption of the stream.
    pub encryption_type: EncryptionType,
}

impl From<proto::ByteStreamInfo> for ByteStreamInfo {
    fn from(info: proto::ByteStreamInfo) -> Self {
        Self {
            encryption_type: info.encryption_type().into(),
            id: info.stream_id,
            timestamp_ms: info.timestamp,
            topic: info.topic,
            name: info.name,
            mime_type: info.mime_type,
            total_length: info.total_length,
            attributes: info.attributes,
        }
    }
}

/// Kind of a data stream.
#[derive(Clone, Copy)]
pub(crate) enum StreamKind {
    Text,
    Bytes,
}

/// Starts delivering the stream's chunks to `sink`.
pub(crate) fn read(handle: Handle, kind: StreamKind, room: u64, sink: ChunkSink) -> Result<(), EngineError> {
    let engine = Engine::get()?;
    // This request transfers ownership of the reader to the engine.
    let id = handle.into_id();
    engine.add_reader(id, room, sink);
    let (name, request) = match kind {
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

/// Queue of a stream's chunks.
struct Chunks {
    kind: StreamKind,
    room: u64,
    /// Handle of the reader; `None` once the first chunk was requested.
    unread: Option<Handle>,
    arriving: Option<mpsc::UnboundedReceiver<Chunk>>,
    /// Bounds the bytes queued in `arriving`.
    reservation: Arc<StreamReservation>,
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<Chunk>, DataStreamError> {
        if let Some(handle) = self.unread.take() {
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
            read(handle, self.kind, self.room, Box::new(sink))?;
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
    pub(crate) fn new(owned: proto::OwnedTextStreamReader, room: u64, reservation: StreamReservation) -> Self {
        let unread = Some(Handle::new(owned.handle));
        let chunks =
            Chunks { kind: StreamKind::Text, room, unread, arriving: None, reservation: Arc::new(reservation) };
        Self { info: owned.info.into(), chunks }
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
    pub(crate) fn new(owned: proto::OwnedByteStreamReader, room: u64, reservation: StreamReservation) -> Self {
        let unread = Some(Handle::new(owned.handle));
        let chunks =
            Chunks { kind: StreamKind::Bytes, room, unread, arriving: None, reservation: Arc::new(reservation) };
        Self { info: owned.info.into(), chunks }
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
