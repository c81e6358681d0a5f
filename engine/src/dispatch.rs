//! The engine of the process: sends requests, and dispatches events to their rooms, streams and pending requests.
//!
//! The engine calls back on its own threads. Media frames are delivered to their stream's sink there; all other events go
//! to one events thread, which applies them in order. Thus the answer to a request and the room's events about its outcome
//! keep their order.

mod incoming;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proto::ffi_event::Message;
use tokio::sync::oneshot;

use crate::error::{EngineError, RoomError};
use crate::ffi::Functions;
use crate::proto;
use crate::room::RoomInner;

/// Timeout of requests that have no timeout of their own.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Unwraps one variant of a response or event; any other is an [`EngineError::Protocol`].
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

/// A request that waits for its answer.
struct Pending {
    then: Completion,
    /// Memory that the engine reads until it answers.
    buffer: Option<Box<[i16]>>,
}

/// Listener for the end of a track. May be called more than once.
pub(crate) trait EndListener: Send + Sync {
    fn ended(&self);
}

/// Receiver of a video stream's frames, called on the engine's thread.
pub(crate) trait VideoSink: EndListener {
    fn frame(&self, frame: proto::VideoFrameReceived);
}

/// Receiver of an audio stream's frames, called on the engine's thread.
pub(crate) trait AudioSink: EndListener {
    fn frame(&self, frame: proto::AudioFrameReceived);
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

struct Reader {
    room: u64,
    /// `None` while the sink is being called.
    sink: Option<ChunkSink>,
}

pub(crate) struct Engine {
    functions: Functions,
    next_id: AtomicU64,
    events: Mutex<mpsc::Sender<Message>>,
    pending: Mutex<HashMap<u64, Pending>>,
    rooms: Mutex<HashMap<u64, Weak<RoomInner>>>,
    videos: Mutex<Streams<dyn VideoSink>>,
    audios: Mutex<Streams<dyn AudioSink>>,
    readers: Mutex<HashMap<u64, Reader>>,
    /// Bytes of stream chunks queued for the events thread.
    chunk_bytes: AtomicUsize,
    panicked: Mutex<Option<String>>,
    shut_down: AtomicBool,
}

/// Sinks of open streams, and ids of streams that ended before their sink was registered.
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
    /// Removes and returns the sink. Without one the id is remembered, because the sink may be registered later.
    fn end(&mut self, id: u64) -> Option<Arc<S>> {
        let sink = self.sinks.remove(&id);
        if sink.is_none() {
            self.ended.truncate(31);
            self.ended.push_front(id);
        }
        sink
    }
}

/// The engine for callbacks, set before it is initialized.
static ENGINE: OnceLock<Engine> = OnceLock::new();
/// The engine for requests, set after it is initialized.
static READY: OnceLock<&'static Engine> = OnceLock::new();

impl Engine {
    /// Returns the engine; the first call loads and starts it.
    pub(crate) fn get() -> Result<&'static Self, EngineError> {
        static STARTING: Mutex<()> = Mutex::new(());
        let engine = match READY.get() {
            Some(engine) => *engine,
            None => {
                let _one_at_a_time = STARTING.lock();
                match READY.get() {
                    Some(engine) => *engine,
                    None => Self::start_engine()?,
                }
            }
        };
        if engine.shut_down.load(Ordering::Acquire) { Err(EngineError::ShutDown) } else { Ok(engine) }
    }

    /// Returns the library's functions while the engine runs.
    pub(crate) fn running() -> Option<&'static Functions> {
        ENGINE.get().filter(|engine| !engine.shut_down.load(Ordering::Acquire)).map(|engine| &engine.functions)
    }

    fn start_engine() -> Result<&'static Self, EngineError> {
        let (events, queue) = mpsc::channel();
        let engine = Self {
            functions: Functions::load()?,
            // Above the ids that the engine assigns, so that they can be told apart in a log.
            next_id: AtomicU64::new(1 << 32),
            events: Mutex::new(events),
            pending: Mutex::default(),
            rooms: Mutex::default(),
            videos: Mutex::default(),
            audios: Mutex::default(),
            readers: Mutex::default(),
            chunk_bytes: AtomicUsize::new(0),
            panicked: Mutex::default(),
            shut_down: AtomicBool::new(false),
        };
        let apply = move || {
            for message in queue {
                let Some(engine) = ENGINE.get() else { continue };
                if catch_unwind(AssertUnwindSafe(|| engine.apply(message))).is_err() {
                    tracing::error!("panic while applying an engine event");
                }
            }
        };
        thread::Builder::new()
            .name("engine-events".into())
            .spawn(apply)
            .map_err(|error| EngineError::Load(format!("events thread not spawned: {error}")))?;
        // After the last failure, so that a later call can try again, and before the first callback.
        let engine = ENGINE.get_or_init(|| engine);
        engine.functions.initialize(on_event);
        Ok(READY.get_or_init(|| engine))
    }

    /// Stops the engine; later requests fail.
    pub(crate) fn shut_down() {
        if let Some(engine) = ENGINE.get()
            && !engine.shut_down.swap(true, Ordering::AcqRel)
        {
            engine.functions.dispose();
            drop(std::mem::take(&mut *engine.pending.lock()));
        }
    }

    /// Sends a request and returns its immediate response.
    pub(crate) fn request(
        &self,
        name: &'static str,
        message: proto::ffi_request::Message,
    ) -> Result<proto::ffi_response::Message, EngineError> {
        self.functions.request(name, message)
    }

    /// Sends a request whose answer comes as an event. `then` runs on the events thread, in order with the room's events,
    /// and also after the caller gave up, so that handles in the answer are always released.
    pub(crate) fn start(
        &self,
        name: &'static str,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) + Send + 'static,
    ) -> Result<(), EngineError> {
        self.start_with_buffer(name, None, build, then)
    }

    /// [`start`](Self::start), with memory that the engine reads until it answers.
    pub(crate) fn start_with_buffer(
        &self,
        name: &'static str,
        buffer: Option<Box<[i16]>>,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) + Send + 'static,
    ) -> Result<(), EngineError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().insert(id, Pending { then: Box::new(then), buffer });
        self.request(name, build(id)).map(drop).inspect_err(|_| drop(self.pending.lock().remove(&id)))
    }

    /// Sends a request like [`start`](Self::start), and waits for the result of `then`.
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
                // The engine's own timeout, whose message does not contain the duration.
                RoomError::Timeout(_) => RoomError::Timeout(asked.elapsed()),
                error => error,
            }),
            Err(_) => Err(RoomError::Timeout(limit)),
        }
    }

    /// Returns the reason for which a request was dropped without an answer.
    fn failure(&self) -> EngineError {
        match self.panicked.lock().clone() {
            Some(message) => EngineError::Panicked(message),
            None => EngineError::ShutDown,
        }
    }

    pub(crate) fn add_room(&self, room: u64, inner: Weak<RoomInner>) {
        self.rooms.lock().insert(room, inner);
    }

    /// Removes a room, and aborts the streams that are being read from it.
    pub(crate) fn remove_room(&self, room: u64) {
        self.rooms.lock().remove(&room);
        self.end_readers(room);
    }

    /// Aborts the streams that are being read from a room.
    pub(crate) fn end_readers(&self, room: u64) {
        self.readers.lock().retain(|_, reader| reader.room != room);
    }

    pub(crate) fn add_reader(&self, id: u64, room: u64, sink: ChunkSink) {
        self.readers.lock().insert(id, Reader { room, sink: Some(sink) });
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

    /// Returns `true` if no request is pending and no room, stream or reader is registered.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let streams = self.videos.lock().sinks.len() + self.audios.lock().sinks.len();
        let rooms = self.rooms.lock().len();
        let waiting = self.pending.lock().len() + self.readers.lock().len();
        streams + rooms + waiting == 0
    }
}

/// Event callback. Copies the bytes before it returns, and never unwinds into C.
unsafe extern "C" fn on_event(data: *const u8, len: usize) {
    let received = catch_unwind(|| {
        let Some(engine) = ENGINE.get().filter(|_| !data.is_null()) else { return };
        // SAFETY: the engine passes a live buffer of this length for the time of the call.
        engine.receive(unsafe { std::slice::from_raw_parts(data, len) });
    });
    if received.is_err() {
        tracing::error!("panic while receiving an engine event");
    }
}
