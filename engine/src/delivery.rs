//! Receivers of media and data streams, which a backend calls.

use crate::frame::{AudioFrame, VideoFrame};

/// Listener for the end of a track. May be called more than once.
pub(crate) trait EndListener: Send + Sync {
    fn ended(&self);
}

/// Receiver of a video stream's frames, called on a thread of the engine.
pub(crate) trait VideoSink: EndListener {
    /// Receives a frame; `None` for one whose planes are too small for its size.
    fn frame(&self, frame: Option<VideoFrame>);
}

/// Receiver of an audio stream's frames, called on a thread of the engine.
pub(crate) trait AudioSink: EndListener {
    fn frame(&self, frame: AudioFrame<'_>);
}

/// Piece of a text or byte stream, or its end.
pub(crate) enum Chunk {
    Text(String),
    Bytes(Vec<u8>),
    /// End of the stream, with the error if it was aborted.
    End(Option<String>),
}

impl Chunk {
    /// Length in bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::End(_) => 0,
        }
    }
}

/// Receiver of a text or byte stream's chunks; returns `false` to stop receiving.
pub(crate) type ChunkSink = Box<dyn FnMut(Chunk) -> bool + Send>;
