//! Messages: packets of data, and streams of text or bytes of any length.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;

use proto::ffi_request::Message as Request;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::mpsc;

use crate::dispatch::{Chunk, ChunkSink, Engine};
use crate::e2ee::EncryptionType;
use crate::error::{DataStreamError, EngineError};
use crate::ffi::Handle;
use crate::proto;

/// The topic of chat messages, in LiveKit Meet and all of LiveKit's clients.
pub const CHAT_TOPIC: &str = "lk.chat";

/// A packet of data, up to some 15 kB.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DataPacket {
    /// The bytes.
    pub payload: Vec<u8>,
    /// What it is about.
    pub topic: Option<String>,
    /// Whether it is sent again when it gets lost.
    pub reliable: bool,
    /// Who gets it, by identity; empty for all.
    pub destination_identities: Vec<String>,
}

/// How a text is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamTextOptions {
    /// What it is about.
    pub topic: String,
    /// What else the receivers should know.
    pub attributes: HashMap<String, String>,
    /// Who gets it, by identity; empty for all.
    pub destination_identities: Vec<String>,
    /// The stream's id; `None` for a new one.
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

/// How bytes are sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamByteOptions {
    /// What they are about.
    pub topic: String,
    /// What else the receivers should know.
    pub attributes: HashMap<String, String>,
    /// Who gets them, by identity; empty for all.
    pub destination_identities: Vec<String>,
    /// The stream's id; `None` for a new one.
    pub id: Option<String>,
    /// A name, such as a file's.
    pub name: Option<String>,
    /// What kind of bytes they are, such as `image/jpeg`.
    pub mime_type: Option<String>,
    /// How many there will be, where that isn't known anyway.
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

/// What is known of a text stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TextStreamInfo {
    /// Unique among its sender's streams.
    pub id: String,
    /// When it was sent, in milliseconds since 1970, by the sender's clock.
    pub timestamp_ms: i64,
    /// What it is about.
    pub topic: String,
    /// What kind of text it is.
    pub mime_type: String,
    /// Its length in bytes, if the sender knew.
    pub total_length: Option<u64>,
    /// What else the sender says.
    pub attributes: HashMap<String, String>,
    /// How it came encrypted.
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

/// What is known of a byte stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ByteStreamInfo {
    /// Unique among its sender's streams.
    pub id: String,
    /// When it was sent, in milliseconds since 1970, by the sender's clock.
    pub timestamp_ms: i64,
    /// What it is about.
    pub topic: String,
    /// The name that the sender gives it. Not to be trusted as a path.
    pub name: String,
    /// What kind of bytes they are, such as `image/jpeg`.
    pub mime_type: String,
    /// Its length in bytes, if the sender knew.
    pub total_length: Option<u64>,
    /// What else the sender says.
    pub attributes: HashMap<String, String>,
    /// How it came encrypted.
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

/// Which of the two kinds of stream a reader reads.
#[derive(Clone, Copy)]
pub(crate) enum StreamKind {
    Text,
    Bytes,
}

/// Lets the engine send the stream's chunks to `sink`.
pub(crate) fn read(handle: Handle, kind: StreamKind, room: u64, sink: ChunkSink) -> Result<(), EngineError> {
    let engine = Engine::get()?;
    // The engine takes the reader back with this request.
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

/// A stream's chunks on their way to who reads them.
struct Chunks {
    kind: StreamKind,
    room: u64,
    /// Until the first chunk is asked for.
    unread: Option<Handle>,
    arriving: Option<mpsc::UnboundedReceiver<Chunk>>,
}

impl Chunks {
    async fn next(&mut self) -> Result<Option<Chunk>, DataStreamError> {
        if let Some(handle) = self.unread.take() {
            let (sender, receiver) = mpsc::unbounded_channel();
            self.arriving = Some(receiver);
            read(handle, self.kind, self.room, Box::new(move |chunk| sender.send(chunk).is_ok()))?;
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
            Some(chunk) => Ok(Some(chunk)),
            None => {
                self.arriving = None;
                Err(DataStreamError::Disconnected)
            }
        }
    }
}

/// Reads a text that somebody sends. Dropping it leaves the rest unread.
pub struct TextStreamReader {
    info: TextStreamInfo,
    chunks: Chunks,
}

impl TextStreamReader {
    pub(crate) fn new(owned: proto::OwnedTextStreamReader, room: u64) -> Self {
        let unread = Some(Handle::new(owned.handle));
        Self { info: owned.info.into(), chunks: Chunks { kind: StreamKind::Text, room, unread, arriving: None } }
    }

    /// What is known of it.
    pub fn info(&self) -> &TextStreamInfo {
        &self.info
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn next(&mut self) -> Result<Option<String>, DataStreamError> {
        loop {
            match self.chunks.next().await? {
                Some(Chunk::Text(text)) => return Ok(Some(text)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// The whole text, of at most `limit` bytes.
    ///
    /// # Errors
    /// When it breaks off or is longer.
    pub async fn read_all(mut self, limit: usize) -> Result<String, DataStreamError> {
        let mut all = String::new();
        while let Some(text) = self.next().await? {
            if all.len() + text.len() > limit {
                return Err(DataStreamError::TooLong { limit });
            }
            all.push_str(&text);
        }
        Ok(all)
    }
}

/// Reads bytes that somebody sends. Dropping it leaves the rest unread.
pub struct ByteStreamReader {
    info: ByteStreamInfo,
    chunks: Chunks,
}

impl ByteStreamReader {
    pub(crate) fn new(owned: proto::OwnedByteStreamReader, room: u64) -> Self {
        let unread = Some(Handle::new(owned.handle));
        Self { info: owned.info.into(), chunks: Chunks { kind: StreamKind::Bytes, room, unread, arriving: None } }
    }

    /// What is known of it.
    pub fn info(&self) -> &ByteStreamInfo {
        &self.info
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// When it breaks off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, DataStreamError> {
        loop {
            match self.chunks.next().await? {
                Some(Chunk::Bytes(bytes)) => return Ok(Some(bytes)),
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// All the bytes, at most `limit` of them.
    ///
    /// # Errors
    /// When it breaks off or is longer.
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

    /// Writes the bytes, at most `limit` of them, to a new file of the caller's choice, and returns how many there
    /// were. A file that is there already is an error; one that cannot be completed is removed.
    ///
    /// # Errors
    /// When it breaks off, is longer, or cannot be written.
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
            tracing::warn!(%error, "an incomplete file could not be removed");
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
