//! The engine's events: each goes to whom it belongs.

use std::sync::Weak;

use prost::Message as _;
use proto::ffi_event::Message;

use crate::dispatch::{Chunk, Engine, Pending};
use crate::ffi::Handle;
use crate::proto;

impl Engine {
    /// Takes an event in on the engine's thread: media at once, all else in order on our own.
    pub(super) fn receive(&self, bytes: &[u8]) {
        let message = match proto::FfiEvent::decode(bytes) {
            Ok(event) => event.message,
            Err(error) => return tracing::error!(%error, "an event of the engine cannot be read"),
        };
        match message {
            Some(Message::VideoStreamEvent(event)) => self.receive_video(event),
            Some(Message::AudioStreamEvent(event)) => self.receive_audio(event),
            Some(Message::Logs(batch)) => crate::log::forward(batch),
            // The events thread lives as long as the process.
            Some(message) => drop(self.events.lock().send(message)),
            None => {}
        }
    }

    fn receive_video(&self, event: proto::VideoStreamEvent) {
        use proto::video_stream_event::Message;
        let id = event.stream_handle;
        match event.message {
            Some(Message::FrameReceived(frame)) => {
                let sink = self.videos.lock().sinks.get(&id).cloned();
                match sink {
                    Some(sink) => sink.frame(frame),
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
                    Some(sink) => sink.frame(frame),
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
            if let Some(Pending { then, lent }) = pending {
                then(message);
                drop(lent);
            }
            return;
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
        let room = self.rooms.lock().get(&event.room_handle).and_then(Weak::upgrade);
        match room {
            Some(room) => room.apply(message),
            None => crate::room::release(message),
        }
    }

    pub(crate) fn read(&self, id: u64, chunk: Chunk) {
        // Out of the map while it runs, so that a sink may use the engine. Its reader may be removed meanwhile, and then
        // it is dropped, which ends the stream for whoever reads it.
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

    /// A task of the engine panicked: whatever waits for it would wait for ever.
    fn on_panic(&self, message: String) {
        let message = crate::log::redact(&message);
        tracing::error!(message, "the media engine panicked");
        *self.panicked.lock() = Some(message.clone());
        let pending = std::mem::take(&mut *self.pending.lock());
        for Pending { then, lent } in pending.into_values() {
            drop(then);
            // Whatever is left of the engine may still read it.
            std::mem::forget(lent);
        }
        let rooms: Vec<_> = self.rooms.lock().values().filter_map(Weak::upgrade).collect();
        for room in rooms {
            room.on_engine_panic(&message);
        }
    }
}

/// The request that an event answers.
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
