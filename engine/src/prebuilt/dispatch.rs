//! The engine of the process: sends requests, and dispatches events to their rooms, streams and pending requests.
//!
//! The engine calls back on its own threads. Media frames are delivered to their stream's sink there; all other events go
//! to one events thread, which applies them in order. Thus the answer to a request and the room's events about its outcome
//! keep their order.

mod incoming;

use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use proto::ffi_event::Message;
use tokio::sync::oneshot;

use crate::delivery::{AudioSink, ChunkSink, VideoSink};
use crate::error::{EngineError, RoomError};
use crate::prebuilt::ffi::Functions;
use crate::prebuilt::proto;

/// Timeout of requests that have no timeout of their own.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// Unwraps one variant of a response or event; any other is an [`EngineError::Protocol`].
macro_rules! take {
    ($message:expr, $kind:ident :: $variant:ident) => {
        match $message {
            $kind::$variant(content) => Ok(content),
            _ => Err($crate::error::EngineError::Protocol(stringify!($variant))),
        }
    };
}
pub(super) use take;

type Completion = Box<dyn FnOnce(Message) + Send>;

/// A request that waits for its answer.
struct Pending {
    then: Completion,
    /// Memory that the engine reads until it answers.
    buffer: Option<Box<[i16]>>,
}

/// Receiver of a room's events, called on the events thread.
pub(super) trait RoomSink: Send + Sync {
    fn apply(&self, message: proto::room_event::Message);
    /// Reports a panic of the engine.
    fn panicked(&self, message: &str);
}

struct Reader {
    room: u64,
    /// `None` while the sink is being called.
    sink: Option<ChunkSink>,
}

pub(super) struct Engine {
    functions: &'static Functions,
    next_id: AtomicU64,
    events: Mutex<mpsc::Sender<Message>>,
    pending: Mutex<HashMap<u64, Pending>>,
    rooms: Mutex<HashMap<u64, Arc<dyn RoomSink>>>,
    videos: Mutex<Streams<dyn VideoSink>>,
    audios: Mutex<Streams<dyn AudioSink>>,
    readers: Mutex<HashMap<u64, Reader>>,
    /// Bytes of stream chunks queued for the events thread.
    chunk_bytes: AtomicUsize,
    panicked: Mutex<Option<String>>,
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
    pub(super) fn get() -> Result<&'static Self, EngineError> {
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
        if engine.functions.is_disposed() { Err(EngineError::ShutDown) } else { Ok(engine) }
    }

    fn start_engine() -> Result<&'static Self, EngineError> {
        let functions = Functions::load()?;
        let (events, queue) = mpsc::channel();
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
        let engine = ENGINE.get_or_init(|| Self {
            functions: functions.install(),
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
        });
        engine.functions.initialize(on_event);
        Ok(READY.get_or_init(|| engine))
    }

    /// Stops the engine; later requests fail.
    pub(super) fn shut_down() {
        if let Some(engine) = ENGINE.get()
            && engine.functions.dispose()
        {
            drop(std::mem::take(&mut *engine.pending.lock()));
        }
    }

    /// Sends a request and returns its immediate response.
    pub(super) fn request(
        &self,
        name: &'static str,
        message: proto::ffi_request::Message,
    ) -> Result<proto::ffi_response::Message, EngineError> {
        self.functions.request(name, message)
    }

    /// Sends a request whose answer comes as an event. `then` runs on the events thread, in order with the room's events,
    /// and also after the caller gave up, so that handles in the answer are always released.
    pub(super) fn start(
        &self,
        name: &'static str,
        build: impl FnOnce(u64) -> proto::ffi_request::Message,
        then: impl FnOnce(Message) + Send + 'static,
    ) -> Result<(), EngineError> {
        self.start_with_buffer(name, None, build, then)
    }

    /// [`start`](Self::start), with memory that the engine reads until it answers.
    pub(super) fn start_with_buffer(
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
    pub(super) async fn call<T: Send + 'static>(
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
    pub(super) async fn call_within<T: Send + 'static>(
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

    pub(super) fn add_room(&self, room: u64, sink: Arc<dyn RoomSink>) {
        self.rooms.lock().insert(room, sink);
    }

    /// Removes a room, and aborts the streams that are being read from it.
    pub(super) fn remove_room(&self, room: u64) {
        self.rooms.lock().remove(&room);
        self.end_readers(room);
    }

    /// Aborts the streams that are being read from a room.
    pub(super) fn end_readers(&self, room: u64) {
        self.readers.lock().retain(|_, reader| reader.room != room);
    }

    pub(super) fn add_reader(&self, id: u64, room: u64, sink: ChunkSink) {
        self.readers.lock().insert(id, Reader { room, sink: Some(sink) });
    }

    pub(super) fn remove_reader(&self, id: u64) {
        self.readers.lock().remove(&id);
    }

    pub(super) fn add_video(&self, id: u64, sink: Arc<dyn VideoSink>) {
        let mut videos = self.videos.lock();
        if videos.ended.contains(&id) {
            drop(videos);
            return sink.ended();
        }
        videos.sinks.insert(id, sink);
    }

    pub(super) fn remove_video(&self, id: u64) {
        self.videos.lock().sinks.remove(&id);
    }

    pub(super) fn add_audio(&self, id: u64, sink: Arc<dyn AudioSink>) {
        let mut audios = self.audios.lock();
        if audios.ended.contains(&id) {
            drop(audios);
            return sink.ended();
        }
        audios.sinks.insert(id, sink);
    }

    pub(super) fn remove_audio(&self, id: u64) {
        self.audios.lock().sinks.remove(&id);
    }

    /// Returns `true` if no request is pending and no room, stream or reader is registered.
    #[cfg(test)]
    pub(super) fn is_idle(&self) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Chunk;

    /// A reader of a room that is left while its sink runs must not wait for ever.
    #[test]
    fn a_reader_that_is_removed_while_its_sink_runs_is_dropped() -> Result<(), EngineError> {
        let (id, room) = (u64::MAX, u64::MAX - 1);
        let (kept, counted) = (Arc::new(()), Arc::new(AtomicUsize::new(0)));
        let (held, count) = (kept.clone(), counted.clone());
        let sink = move |_| {
            let _held = &held;
            count.fetch_add(1, Ordering::SeqCst);
            Engine::get().expect("the engine runs").end_readers(room);
            true
        };
        let engine = Engine::get()?;
        engine.add_reader(id, room, Box::new(sink));
        engine.read(id, Chunk::Text("one".into()));
        assert_eq!((counted.load(Ordering::SeqCst), Arc::strong_count(&kept)), (1, 1));
        engine.read(id, Chunk::Text("two".into()));
        assert_eq!(counted.load(Ordering::SeqCst), 1);
        Ok(())
    }
}
