//! Dispatches the engine's events to their rooms, streams and pending requests.

use std::sync::atomic::Ordering;

use prost::Message as _;
use proto::ffi_event::Message;

use crate::delivery::Chunk;
use crate::prebuilt::dispatch::{Engine, Pending};
use crate::prebuilt::handle::{self, Handle};
use crate::prebuilt::{frames, log, proto};

/// Limit on bytes of stream chunks queued for the events thread. A stream that exceeds it is aborted.
const QUEUED_CHUNK_BYTES: usize = 64 << 20;

impl Engine {
    /// Receives an event on the engine's thread: delivers media at once and queues all else for the events thread.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let message = match proto::FfiEvent::decode(bytes) {
            Ok(event) => event.message,
            Err(error) => return tracing::error!(%error, "engine event not decoded"),
        };
        match message {
            Some(Message::VideoStreamEvent(event)) => self.receive_video(event),
            Some(Message::AudioStreamEvent(event)) => self.receive_audio(event),
            // The engine also delivers data streams to their readers, in assembled form.
            Some(Message::RoomEvent(proto::RoomEvent { message: Some(event), .. })) if is_raw_stream(&event) => {}
            Some(Message::Logs(batch)) => log::forward(batch),
            Some(message) => self.queue(message),
            None => {}
        }
    }

    /// Hands an event to the events thread, which lives as long as the process.
    fn queue(&self, message: Message) {
        if let Some((reader, bytes)) = stream_chunk(&message) {
            let queued = self.chunk_bytes.fetch_add(bytes, Ordering::Relaxed);
            if queued.saturating_add(bytes) > QUEUED_CHUNK_BYTES {
                self.chunk_bytes.fetch_sub(bytes, Ordering::Relaxed);
                tracing::warn!(limit = QUEUED_CHUNK_BYTES, "data stream aborted, because the events queue is full");
                let description = "the events queue is full".to_owned();
                return self.end_reader(reader, Some(proto::StreamError { description }));
            }
        }
        drop(self.events.lock().send(message));
    }

    fn receive_video(&self, event: proto::VideoStreamEvent) {
        use proto::video_stream_event::Message;
        let id = event.stream_handle;
        match event.message {
            Some(Message::FrameReceived(frame)) => {
                let sink = self.videos.lock().sinks.get(&id).cloned();
                match sink {
                    Some(sink) => frames::deliver_video(frame, &*sink),
                    None => drop(Handle::new(frame.buffer.handle)),
                }
            }
            Some(Message::Eos(_)) => {
                let sink = self.videos.lock().end(id);
                if let Some(sink) = sink {
                    sink.ended();
                }
            }
            None => {}
        }
    }

    fn receive_audio(&self, event: proto::AudioStreamEvent) {
        use proto::audio_stream_event::Message;
        let id = event.stream_handle;
        match event.message {
            Some(Message::FrameReceived(frame)) => {
                let sink = self.audios.lock().sinks.get(&id).cloned();
                match sink {
                    Some(sink) => frames::deliver_audio(frame, &*sink),
                    None => drop(Handle::new(frame.frame.handle)),
                }
            }
            Some(Message::Eos(_)) => {
                let sink = self.audios.lock().end(id);
                if let Some(sink) = sink {
                    sink.ended();
                }
            }
            None => {}
        }
    }

    /// Applies an event on the events thread.
    pub(super) fn apply(&self, message: Message) {
        if let Some(id) = async_id(&message) {
            let pending = self.pending.lock().remove(&id);
            if let Some(Pending { then, buffer }) = pending {
                then(message);
                drop(buffer);
            }
            return;
        }
        if let Some((_, bytes)) = stream_chunk(&message) {
            self.chunk_bytes.fetch_sub(bytes, Ordering::Relaxed);
        }
        match message {
            Message::RoomEvent(event) => self.apply_room_event(event),
            Message::TextStreamReaderEvent(event) => {
                use proto::text_stream_reader_event::Detail;
                match event.detail {
                    Some(Detail::ChunkReceived(chunk)) => self.read(event.reader_handle, Chunk::Text(chunk.content)),
                    Some(Detail::Eos(eos)) => self.end_reader(event.reader_handle, eos.error),
                    None => {}
                }
            }
            Message::ByteStreamReaderEvent(event) => {
                use proto::byte_stream_reader_event::Detail;
                match event.detail {
                    Some(Detail::ChunkReceived(chunk)) => self.read(event.reader_handle, Chunk::Bytes(chunk.content)),
                    Some(Detail::Eos(eos)) => self.end_reader(event.reader_handle, eos.error),
                    None => {}
                }
            }
            Message::Panic(panic) => self.on_panic(panic.message),
            _ => {}
        }
    }

    fn apply_room_event(&self, event: proto::RoomEvent) {
        let Some(message) = event.message else { return };
        let room = self.rooms.lock().get(&event.room_handle).cloned();
        match room {
            Some(room) => room.apply(message),
            None => handle::release(message),
        }
    }

    pub(in crate::prebuilt) fn read(&self, id: u64, chunk: Chunk) {
        // The sink is taken out of the map while it runs, so that it may use the engine. If its reader is removed
        // meanwhile, the sink is dropped, which ends the stream.
        let sink = self.readers.lock().get_mut(&id).and_then(|reader| reader.sink.take());
        let Some(mut sink) = sink else { return };
        let more = sink(chunk);
        let mut readers = self.readers.lock();
        match readers.get_mut(&id) {
            Some(reader) if more => reader.sink = Some(sink),
            _ => drop(readers.remove(&id)),
        }
    }

    fn end_reader(&self, id: u64, error: Option<proto::StreamError>) {
        self.read(id, Chunk::End(error.map(|error| error.description)));
        self.remove_reader(id);
    }

    /// Fails all pending requests after a panic in the engine, because their answers may never come.
    fn on_panic(&self, message: String) {
        let message = log::redact(&message);
        tracing::error!(message, "the media engine panicked");
        *self.panicked.lock() = Some(message.clone());
        let pending = std::mem::take(&mut *self.pending.lock());
        for Pending { then, buffer } in pending.into_values() {
            drop(then);
            // The engine's other threads may still read the buffer.
            std::mem::forget(buffer);
        }
        let rooms: Vec<_> = self.rooms.lock().values().cloned().collect();
        for room in rooms {
            room.panicked(&message);
        }
    }
}

/// Returns the reader and the length of a stream chunk; `None` for other events.
fn stream_chunk(message: &Message) -> Option<(u64, usize)> {
    use proto::{byte_stream_reader_event as bytes, text_stream_reader_event as text};
    match message {
        Message::TextStreamReaderEvent(event) => match &event.detail {
            Some(text::Detail::ChunkReceived(chunk)) => Some((event.reader_handle, chunk.content.len())),
            _ => None,
        },
        Message::ByteStreamReaderEvent(event) => match &event.detail {
            Some(bytes::Detail::ChunkReceived(chunk)) => Some((event.reader_handle, chunk.content.len())),
            _ => None,
        },
        _ => None,
    }
}

/// Returns `true` for the unassembled parts of data streams.
fn is_raw_stream(event: &proto::room_event::Message) -> bool {
    use proto::room_event::Message;
    matches!(
        event,
        Message::StreamHeaderReceived(_) | Message::StreamChunkReceived(_) | Message::StreamTrailerReceived(_)
    )
}

/// Returns the id of the request that an event answers.
fn async_id(message: &Message) -> Option<u64> {
    macro_rules! answers {
        ($($variant:ident),* $(,)?) => {
            match message {
                $(Message::$variant(callback) => Some(callback.async_id),)*
                _ => None,
            }
        };
    }
    answers!(
        Connect,
        Disconnect,
        Dispose,
        PublishTrack,
        UnpublishTrack,
        PublishData,
        CaptureAudioFrame,
        SetLocalMetadata,
        SetLocalName,
        SetLocalAttributes,
        GetStats,
        GetSessionStats,
        SimulateScenario,
        SendFile,
        SendText,
        SendBytes,
        ByteStreamOpen,
        ByteStreamWriterWrite,
        ByteStreamWriterClose,
    )
}
