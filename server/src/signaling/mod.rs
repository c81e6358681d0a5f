//! Signaling of peer-to-peer calls over Socket.IO, with the protocol of the deployment that this server replaces
//! (docs/migration.md). Media flows between the peers; only session descriptions and candidates pass through here.
//!
//! Sockets authenticate when they connect. Access to a consultation is checked for every message, because participants
//! can be removed at any time.

mod admission;
mod admitted;
mod announced;
mod check;
mod connection;
mod message;
mod peers;
mod presence;
mod sessions;
mod sockets;
mod supabase;

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use autamedica_api::ErrorCode;
use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use socketioxide::adapter::LocalAdapter;
use socketioxide::extract::TryData;
use socketioxide::handler::{ConnectHandler, FromConnectParts, FromMessageParts, MessageHandler, Value};
use socketioxide::socket::Socket;
use socketioxide::{ParserConfig, SocketIo};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::timeout;

use crate::error::Error;
use crate::proxies::Proxies;
use crate::state::AppState;
use admission::Handshake;
use admitted::Admitted;
pub use check::check_room;
use connection::Connection;
use message::{Event, Message};
pub use peers::Peers;
use peers::send;
pub use presence::{
    PEER_ROOM_SID, is_present, move_to_sfu, record as record_presence, record_now as record_presence_now,
};
use sessions::{Session, Sessions};
pub use sockets::Sockets;
pub use supabase::SupabaseVerifier;

/// Interval of pings.
const PING_INTERVAL: Duration = Duration::from_secs(25);
/// Timeout for the answer to a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(30);
/// Timeout for authentication of a connection.
const AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum size of a message in bytes. A session description with many tracks and codecs has about 20,000.
const MAX_MESSAGE_SIZE: usize = 64 * 1024;
/// Maximum number of queued messages per socket. A socket that exceeds it is disconnected.
const QUEUE_LENGTH: usize = 128;
/// Timeout for receiving the body of a request.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// Maximum number of JSON values in a message, because each takes more memory than its text.
const MAX_VALUES: usize = 2000;
/// Interval for checking that all peers may still be in their rooms.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Creates the routes of Socket.IO. All sockets are closed when the server shuts down.
pub fn router(state: &AppState, mut ended: watch::Receiver<bool>) -> Router {
    let (service, io) = SocketIo::builder()
        .ping_interval(PING_INTERVAL)
        .ping_timeout(PING_TIMEOUT)
        .connect_timeout(AUTHENTICATION_TIMEOUT)
        .max_payload(MAX_MESSAGE_SIZE as u64)
        .ws_max_message_size(MAX_MESSAGE_SIZE)
        .ws_max_frame_size(MAX_MESSAGE_SIZE)
        .max_buffer_size(QUEUE_LENGTH)
        // The protocol has no binary events, whose parts would be buffered.
        .with_parser(ParserConfig::common().max_incoming_binaries(0).max_incoming_binary_buf_size(0))
        .build_svc();
    io.ns("/", ConnectionHandler { state: state.clone() });
    let (sessions, proxies) = (Arc::<Sessions>::default(), state.proxies.clone());
    let state = state.clone();
    tokio::spawn(async move {
        // A closed channel means that the server was dropped.
        let mut end = std::pin::pin!(async { drop(ended.wait_for(|end| *end).await) });
        loop {
            tokio::select! {
                () = tokio::time::sleep(CHECK_INTERVAL) => {}
                () = end.as_mut() => break,
            }
            tokio::select! {
                () = check::check_all_rooms(&state) => {}
                () = end.as_mut() => break,
            }
        }
        io.close().await;
    });
    Router::new()
        .route_service("/socket.io", service.clone())
        .route_service("/socket.io/", service)
        .layer(middleware::from_fn(move |request, next| guard(sessions.clone(), proxies.clone(), request, next)))
}

/// Counts a new connection during its lifetime, and limits the time for receiving polling requests.
async fn guard(sessions: Arc<Sessions>, proxies: Proxies, mut request: Request, next: Next) -> Response {
    let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    if !query.into_iter().any(|(name, _)| name == "sid") {
        let address = proxies.caller_address(request.headers(), request.extensions());
        let Some(session) = sessions.open(address) else {
            return Error::refused(ErrorCode::RateLimited, "too many connections").into_response();
        };
        // socketioxide keeps the extension as long as the connection.
        request.extensions_mut().insert(Arc::new(session));
    }
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let answer = timeout(BODY_TIMEOUT, next.run(request)).await;
    answer.unwrap_or_else(|_| Error::refused(ErrorCode::Timeout, "the request took too long").into_response())
}

/// Handler of new sockets. It registers the handlers of messages before the client is connected, because socketioxide
/// drops messages that arrive earlier.
#[derive(Clone)]
struct ConnectionHandler {
    state: AppState,
}

/// A socket that is admitted, but not connected yet.
struct PendingSocket {
    admitted: Arc<Admitted>,
    messages: mpsc::Receiver<Message>,
    gone: Arc<Notify>,
}

type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn std::fmt::Display + Send>>> + Send + 'a>>;

impl ConnectHandler<LocalAdapter, ConnectionHandler> for ConnectionHandler {
    fn call_middleware<'a>(&'a self, socket: Arc<Socket>, auth: &'a Option<Value>) -> Admission<'a> {
        let TryData(handshake) = match TryData::<Handshake>::from_connect_parts(&socket, auth) {
            Ok(data) => data,
            Err(never) => match never {},
        };
        Box::pin(async move {
            // Without `auth`, the query is used.
            let handshake = handshake.unwrap_or_default();
            match admission::admit(&self.state, socket.req_parts(), handshake).await {
                Ok(admitted) => {
                    let admitted = Arc::new(admitted);
                    let (queue, messages) = mpsc::channel(QUEUE_LENGTH);
                    let gone = Arc::new(Notify::new());
                    for event in Event::ALL {
                        let session = admitted.session.clone();
                        socket.on(event.name(), Queue { event, queue: queue.clone(), session, gone: gone.clone() });
                    }
                    let disconnected = gone.clone();
                    socket.on_disconnect(async move || disconnected.notify_one());
                    socket.extensions.insert(Arc::new(Mutex::new(Some(PendingSocket { admitted, messages, gone }))));
                    Ok(())
                }
                Err(refusal) => Err(Box::new(refusal.connect_error()) as Box<_>),
            }
        })
    }

    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let Some(pending) = socket.extensions.remove::<Arc<Mutex<Option<PendingSocket>>>>() else { return };
        let pending = pending.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(PendingSocket { admitted, messages, gone }) = pending else { return };
        let connection = Connection::new(self.state.clone(), socket.into(), admitted);
        tokio::spawn(connection.run(messages, gone));
    }
}

/// Handler that queues a socket's messages in order, because socketioxide runs async handlers concurrently.
struct Queue {
    event: Event,
    queue: mpsc::Sender<Message>,
    session: Arc<Session>,
    /// Ends the socket's message loop.
    gone: Arc<Notify>,
}

impl MessageHandler<LocalAdapter, Queue> for Queue {
    fn call(&self, socket: Arc<Socket>, mut value: Value, ack: Option<i64>) {
        if !self.session.may_send() {
            return self.end(&socket, "too many messages");
        }
        let TryData(data) = match TryData::<serde_json::Value>::from_message_parts(&socket, &mut value, &ack) {
            Ok(data) => data,
            Err(never) => match never {},
        };
        let data = data.ok().filter(|data| message::count_values(data) <= MAX_VALUES).unwrap_or_default();
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Message { event: self.event, data }) {
            self.end(&socket, "messages arrive faster than they are processed");
        }
    }
}

impl Queue {
    /// Disconnects the socket. Also ends its message loop, because socketioxide can't close a socket that doesn't read.
    fn end(&self, socket: &Arc<Socket>, why: &str) {
        tracing::debug!(why, "disconnecting a socket");
        send(&socket.clone().into(), "error", &serde_json::json!({"message": why}));
        // Fails if the socket is disconnected already.
        let _ = socket.clone().disconnect();
        self.gone.notify_one();
    }
}
