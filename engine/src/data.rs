//! Data packets, chat messages, and headers and options of data streams.

use std::collections::HashMap;

use crate::types::EncryptionType;

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

/// A chat message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatMessage {
    /// Id, unique among the messages of its sender.
    pub id: String,
    /// Time of sending in milliseconds since 1970, by the sender's clock.
    pub timestamp: i64,
    /// Text of the message.
    pub message: String,
}
