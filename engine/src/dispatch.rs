//! The one engine of the process: requests out, and each event to whom it belongs.
//!
//! The engine calls back on threads of its own. There, a media frame goes straight into its stream's slot; all
//! else is handed to one thread of ours, which applies it in the order it came. So what a callback brings and
//! what the room's events say about it can never overtake each other.

mod incoming;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
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

/// A request that waits for its answer.
struct Pending {
    then: Completion,
    /// Memory that the engine reads until it answers.
    lent: Option<Box<[i16]>>,
}

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
    /// `None` while it runs.
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

/// Where callbacks find it, from before it is started.
static ENGINE: OnceLock<Engine> = OnceLock::new();
/// Where requests find it, once it is started.
static READY: OnceLock<&'static Engine> = OnceLock::new();

impl Engine {
    /// The engine, loaded and started at the first call.
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
        let apply = move || {
            for message in queue {
                let Some(engine) = ENGINE.get() else { continue };
                if catch_unwind(AssertUnwindSafe(|| engine.apply(message))).is_err() {
                    tracing::error!("handling an event of the engine panicked");
                }
            }
        };
        thread::Builder::new()
            .name("engine-events".into())
            .spawn(apply)
            .map_err(|error| EngineError::Load(format!("no thread for its events: {error}")))?;
        // Only now, so that nothing is kept of a start that failed; and callbacks come as soon as it is initialized.
        let engine = ENGINE.get_or_init(|| engine);
        engine.functions.initialize(on_event);
        Ok(READY.get_or_init(|| engine))
    }

    /// Ends the engine: nothing works after it.
    pub(crate) fn shut_down() {
        if let Some(engine) = ENGINE.get()
            && !engine.shut_down.swap(true, Ordering::AcqRel)
        {
            engine.functions.dispose();
            drop(std::mem::take(&mut *engine.pending.lock()));
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
        self.start_lending(name, None, build, then)
    }

    /// [`start`](Self::start), with memory that the engine reads until it answers.
    pub(crate) fn start_lending(
        &self,
        name: &'static str,
        lent: Option<Box<[i16]>>,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) + Send + 'static,
    ) -> Result<(), EngineError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        self.pending.lock().insert(id, Pending { then: Box::new(then), lent });
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

    /// Whether nothing waits for the engine, and nothing is told of its events.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        let streams = self.videos.lock().sinks.len() + self.audios.lock().sinks.len();
        let rooms = self.rooms.lock().len();
        let waiting = self.pending.lock().len() + self.readers.lock().len();
        streams + rooms + waiting == 0
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
