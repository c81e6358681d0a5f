//! The one engine of the process: requests out, and each event to whom it belongs.
//!
//! The engine calls back on threads of its own. There, a media frame goes straight into its stream's slot; all
//! else is handed to one thread of ours, which applies it in the order it came. So what a callback brings and
//! what the room's events say about it can never overtake each other.

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use prost::Message as _;
use proto::ffi_event::Message;
use tokio::sync::oneshot;

use crate::error::{EngineError, RoomError};
use crate::ffi::{Functions, Handle};
use crate::proto;
use crate::room::RoomInner;

/// The longest that any request is waited for that has no limit of its own.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Takes the content of one kind of message out of a response or event, or says what came out of turn.
macro_rules! take {
    ($message:expr, $kind:ident :: $variant:ident) => {
        match $message {
            $kind::$variant(content) => Ok(content),
            _ => Err($crate::error::EngineError::Protocol(stringify!($variant))),
        }
    };
}
pub(crate) use take;

type Completion = Box<dyn FnOnce(Message) + Send>;

/// What ends with a track. May be told more than once.
pub(crate) trait Ends: Send + Sync {
    fn ended(&self);
}

/// Who gets the frames of a stream, on the engine's thread.
pub(crate) trait VideoSink: Ends {
    fn frame(&self, frame: proto::VideoFrameReceived);
}

/// Who gets the frames of a stream, on the engine's thread.
pub(crate) trait AudioSink: Ends {
    fn frame(&self, frame: proto::AudioFrameReceived);
}

/// What comes of a text or byte stream.
pub(crate) enum Chunk {
    Text(String),
    Bytes(Vec<u8>),
    /// It ended, with an error unless it ended well.
    End(Option<String>),
}

/// Who gets the chunks of a text or byte stream; `false` wants no more.
pub(crate) type ChunkSink = Box<dyn FnMut(Chunk) -> bool + Send>;

struct Reader {
    room: u64,
    sink: ChunkSink,
}

pub(crate) struct Engine {
    functions: Functions,
    next_id: AtomicU64,
    events: Mutex<mpsc::Sender<Message>>,
    pending: Mutex<HashMap<u64, Completion>>,
    rooms: Mutex<HashMap<u64, Weak<RoomInner>>>,
    videos: Mutex<Streams<dyn VideoSink>>,
    audios: Mutex<Streams<dyn AudioSink>>,
    readers: Mutex<HashMap<u64, Reader>>,
    panicked: Mutex<Option<String>>,
    shut_down: AtomicBool,
}

/// The sinks of open streams, and the streams that ended before their sink was known.
struct Streams<S: ?Sized> {
    sinks: HashMap<u64, Arc<S>>,
    ended: VecDeque<u64>,
}

impl<S: ?Sized> Default for Streams<S> {
    fn default() -> Self {
        Self { sinks: HashMap::new(), ended: VecDeque::new() }
    }
}

impl<S: ?Sized> Streams<S> {
    /// Remembers an end that nobody was there for: the stream may be about to be registered.
    fn end(&mut self, id: u64) -> Option<Arc<S>> {
        let sink = self.sinks.remove(&id);
        if sink.is_none() {
            self.ended.truncate(31);
            self.ended.push_front(id);
        }
        sink
    }
}

static ENGINE: OnceLock<Engine> = OnceLock::new();

impl Engine {
    /// The engine, loaded and started at the first call.
    pub(crate) fn get() -> Result<&'static Self, EngineError> {
        static STARTING: Mutex<()> = Mutex::new(());
        let engine = match ENGINE.get() {
            Some(engine) => engine,
            None => {
                let _one_at_a_time = STARTING.lock();
                match ENGINE.get() {
                    Some(engine) => engine,
                    None => Self::start_engine()?,
                }
            }
        };
        if engine.shut_down.load(Ordering::Acquire) { Err(EngineError::ShutDown) } else { Ok(engine) }
    }

    /// The library's functions, if it runs.
    pub(crate) fn running() -> Option<&'static Functions> {
        ENGINE.get().filter(|engine| !engine.shut_down.load(Ordering::Acquire)).map(|engine| &engine.functions)
    }

    fn start_engine() -> Result<&'static Self, EngineError> {
        let (events, queue) = mpsc::channel();
        let engine = Self {
            functions: Functions::load()?,
            // Far from the numbers that the engine gives out itself, so that a log tells them apart.
            next_id: AtomicU64::new(1 << 32),
            events: Mutex::new(events),
            pending: Mutex::default(),
            rooms: Mutex::default(),
            videos: Mutex::default(),
            audios: Mutex::default(),
            readers: Mutex::default(),
            panicked: Mutex::default(),
            shut_down: AtomicBool::new(false),
        };
        let engine = ENGINE.get_or_init(|| engine);
        let apply = move || {
            for message in queue {
                if catch_unwind(AssertUnwindSafe(|| engine.apply(message))).is_err() {
                    tracing::error!("handling an event of the engine panicked");
                }
            }
        };
        thread::Builder::new()
            .name("engine-events".into())
            .spawn(apply)
            .map_err(|error| EngineError::Load(format!("no thread for its events: {error}")))?;
        engine.functions.initialize(on_event);
        Ok(engine)
    }

    /// Ends the engine: nothing works after it.
    pub(crate) fn shut_down() {
        if let Some(engine) = ENGINE.get()
            && !engine.shut_down.swap(true, Ordering::AcqRel)
        {
            engine.functions.dispose();
            engine.pending.lock().clear();
        }
    }

    /// One request and its immediate answer.
    pub(crate) fn request(
        &self,
        name: &'static str,
        message: proto::ffi_request::Message,
    ) -> Result<proto::ffi_response::Message, EngineError> {
        self.functions.request(name, message)
    }

    /// Sends a request whose answer comes later; `then` runs on the events thread, in order with the room's events,
    /// and also when nobody waits any more, so that what the answer owns is never lost.
    pub(crate) fn start(
        &self,
        name: &'static str,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) + Send + 'static,
    ) -> Result<(), EngineError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().insert(id, Box::new(then));
        self.request(name, build(id)).map(drop).inspect_err(|_| drop(self.pending.lock().remove(&id)))
    }

    /// [`start`](Self::start), and waits for what `then` makes of the answer.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        self.start(name, build, move |message| drop(answer.send(then(message))))?;
        answered.await.map_err(|_| self.failure())
    }

    /// [`call`](Self::call) for no longer than `limit`.
    pub(crate) async fn call_within<T: Send + 'static>(
        &self,
        limit: Duration,
        name: &'static str,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) -> Result<T, RoomError> + Send + 'static,
    ) -> Result<T, RoomError> {
        let asked = Instant::now();
        match tokio::time::timeout(limit, self.call(name, build, then)).await {
            Ok(answer) => answer?.map_err(|error| match error {
                // The engine's own limit, of which it says only that it passed.
                RoomError::Timeout(_) => RoomError::Timeout(asked.elapsed()),
                error => error,
            }),
            Err(_) => Err(RoomError::Timeout(limit)),
        }
    }

    /// Why a request was dropped without an answer.
    fn failure(&self) -> EngineError {
        match self.panicked.lock().clone() {
            Some(message) => EngineError::Panicked(message),
            None => EngineError::ShutDown,
        }
    }

    pub(crate) fn add_room(&self, room: u64, inner: Weak<RoomInner>) {
        self.rooms.lock().insert(room, inner);
    }

    /// Forgets a room, and breaks off the streams that were being read from it.
    pub(crate) fn remove_room(&self, room: u64) {
        self.rooms.lock().remove(&room);
        self.end_readers(room);
    }

    /// Breaks off the streams that were being read from a room.
    pub(crate) fn end_readers(&self, room: u64) {
        self.readers.lock().retain(|_, reader| reader.room != room);
    }

    pub(crate) fn add_reader(&self, id: u64, room: u64, sink: ChunkSink) {
        self.readers.lock().insert(id, Reader { room, sink });
    }

    pub(crate) fn remove_reader(&self, id: u64) {
        self.readers.lock().remove(&id);
    }

    pub(crate) fn add_video(&self, id: u64, sink: Arc<dyn VideoSink>) {
        let mut videos = self.videos.lock();
        if videos.ended.contains(&id) {
            drop(videos);
            return sink.ended();
        }
        videos.sinks.insert(id, sink);
    }

    pub(crate) fn remove_video(&self, id: u64) {
        self.videos.lock().sinks.remove(&id);
    }

    pub(crate) fn add_audio(&self, id: u64, sink: Arc<dyn AudioSink>) {
        let mut audios = self.audios.lock();
        if audios.ended.contains(&id) {
            drop(audios);
            return sink.ended();
        }
        audios.sinks.insert(id, sink);
    }

    pub(crate) fn remove_audio(&self, id: u64) {
        self.audios.lock().sinks.remove(&id);
    }

    /// Takes an event in on the engine's thread: media at once, all else in order on our own.
    fn receive(&self, bytes: &[u8]) {
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
    fn apply(&self, message: Message) {
        if let Some(id) = async_id(&message) {
            let completion = self.pending.lock().remove(&id);
            if let Some(completion) = completion {
                completion(message);
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

    fn read(&self, id: u64, chunk: Chunk) {
        // Out of the map while it runs, so that a sink may use the engine.
        let reader = self.readers.lock().remove(&id);
        if let Some(mut reader) = reader
            && (reader.sink)(chunk)
        {
            self.readers.lock().insert(id, reader);
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
        self.pending.lock().clear();
        let rooms: Vec<_> = self.rooms.lock().values().filter_map(Weak::upgrade).collect();
        for room in rooms {
            room.on_engine_panic(&message);
        }
    }
}

/// What the engine calls. The bytes are copied before it returns, and a panic never crosses into C.
unsafe extern "C" fn on_event(data: *const u8, len: usize) {
    let received = catch_unwind(|| {
        let Some(engine) = ENGINE.get().filter(|_| !data.is_null()) else { return };
        // SAFETY: the engine passes a live buffer of this length for the time of the call.
        engine.receive(unsafe { std::slice::from_raw_parts(data, len) });
    });
    if received.is_err() {
        tracing::error!("an event of the engine made its handler panic");
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
    )
}
