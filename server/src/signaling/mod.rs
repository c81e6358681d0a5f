//! Signaling of peer-to-peer calls over Socket.io, by the protocol of the deployment that this server replaces
//! (docs/migration.md). Media goes from peer to peer; only descriptions and candidates pass here.
//!
//! A socket proves whose it is once, when it connects. Whether they may be in a consultation is asked for every message: they
//! may have been removed meanwhile.

mod admission;
mod admitted;
mod connection;
mod message;
mod peers;
mod presence;
mod sessions;
mod sockets;
mod supabase;

use std::pin::Pin;
use std::sync::Arc;
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
pub use admission::check_room;
use admitted::Admitted;
use connection::Connection;
use message::{Event, Message};
pub use peers::{Peers, leave_for_sfu};
use peers::say;
pub use presence::{PEER_ROOM, note as note_presence};
use sessions::{Session, Sessions};
pub use sockets::Sockets;
pub use supabase::SupabaseVerifier;

/// How often a socket is asked whether it is still there.
const PING_EVERY: Duration = Duration::from_secs(25);
/// How long it may take to say so.
const PING_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a connection may stay without saying whose it is.
const ANONYMOUS: Duration = Duration::from_secs(10);
/// The largest message in bytes: a description of many tracks and codecs has some twenty thousand.
const LARGEST_MESSAGE: usize = 64 * 1024;
/// How many messages of a socket wait for those before them. A socket that sends more is closed.
const WAITING: usize = 128;
/// How long a client may take to send what it announced.
const SEND_WITHIN: Duration = Duration::from_secs(15);
/// The most values in a message: each takes more memory than its text.
const MOST_VALUES: usize = 2000;
/// How often it is looked whether everybody in a room may still be there, when nothing tells.
const CHECK_EVERY: Duration = Duration::from_secs(5);

/// The routes of Socket.io. The server's end closes all sockets.
pub fn router(state: &AppState, mut ended: watch::Receiver<bool>) -> Router {
    let (service, io) = SocketIo::builder()
        .ping_interval(PING_EVERY)
        .ping_timeout(PING_TIMEOUT)
        .connect_timeout(ANONYMOUS)
        .max_payload(LARGEST_MESSAGE as u64)
        .ws_max_message_size(LARGEST_MESSAGE)
        .ws_max_frame_size(LARGEST_MESSAGE)
        .max_buffer_size(WAITING)
        // The protocol has no binary events, and what is still to come of one would be kept.
        .with_parser(ParserConfig::common().max_incoming_binaries(0).max_incoming_binary_buf_size(0))
        .build_svc();
    io.ns("/", Entrance { state: state.clone() });
    let (sessions, proxies) = (Arc::<Sessions>::default(), state.proxies.clone());
    let state = state.clone();
    tokio::spawn(async move {
        // A closed channel means that the server is gone.
        let mut end = std::pin::pin!(async { drop(ended.wait_for(|end| *end).await) });
        loop {
            tokio::select! {
                () = tokio::time::sleep(CHECK_EVERY) => {}
                () = end.as_mut() => break,
            }
            tokio::select! {
                () = admission::check_everybody(&state) => {}
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

/// Counts a new connection for as long as it lives, and gives what is sent by polling a time limit.
async fn guard(sessions: Arc<Sessions>, proxies: Proxies, mut request: Request, next: Next) -> Response {
    let query = url::form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes());
    if !query.into_iter().any(|(name, _)| name == "sid") {
        let origin = proxies.origin(request.headers(), request.extensions());
        let Some(session) = sessions.open(origin) else {
            return Error::refused(ErrorCode::RateLimited, "too many connections").into_response();
        };
        // The library keeps it with the connection.
        request.extensions_mut().insert(Arc::new(session));
    }
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let answer = timeout(SEND_WITHIN, next.run(request)).await;
    answer.unwrap_or_else(|_| Error::refused(ErrorCode::Timeout, "the request took too long").into_response())
}

/// Lets sockets in. Unlike an async function, it has set everything up when the library reads a socket's next message.
#[derive(Clone)]
struct Entrance {
    state: AppState,
}

type Admission<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn std::fmt::Display + Send>>> + Send + 'a>>;

impl ConnectHandler<LocalAdapter, Entrance> for Entrance {
    fn call_middleware<'a>(&'a self, socket: Arc<Socket>, auth: &'a Option<Value>) -> Admission<'a> {
        let TryData(handshake) = match TryData::<Handshake>::from_connect_parts(&socket, auth) {
            Ok(data) => data,
            Err(never) => match never {},
        };
        Box::pin(async move {
            // Without such data, what the address says counts.
            let handshake = handshake.unwrap_or_default();
            match admission::admit(&self.state, socket.req_parts(), handshake).await {
                Ok(admitted) => {
                    socket.extensions.insert(Arc::new(admitted));
                    Ok(())
                }
                Err(refusal) => Err(Box::new(refusal) as Box<_>),
            }
        })
    }

    fn call(&self, socket: Arc<Socket>, _: Option<Value>) {
        let Some(admitted) = socket.extensions.remove::<Arc<Admitted>>() else { return };
        let (queue, messages) = mpsc::channel(WAITING);
        let gone = Arc::new(Notify::new());
        for event in Event::ALL {
            let session = admitted.session.clone();
            socket.on(event.name(), Queue { event, queue: queue.clone(), session, gone: gone.clone() });
        }
        let tell = gone.clone();
        socket.on_disconnect(async move || tell.notify_one());
        let connection = Connection::new(self.state.clone(), socket.into(), admitted);
        tokio::spawn(connection.run(messages, gone));
    }
}

/// Puts an event's messages into their socket's queue, in the order in which they come: the library runs async functions beside
/// each other.
struct Queue {
    event: Event,
    queue: mpsc::Sender<Message>,
    session: Arc<Session>,
    /// Ends the socket.
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
        let data = data.ok().filter(|data| message::values(data) <= MOST_VALUES).unwrap_or_default();
        if let Err(mpsc::error::TrySendError::Full(_)) = self.queue.try_send(Message { event: self.event, data }) {
            self.end(&socket, "you send faster than you are read");
        }
    }
}

impl Queue {
    /// Puts the socket out, also where it reads nothing: the library can't close it then.
    fn end(&self, socket: &Arc<Socket>, why: &str) {
        tracing::debug!(why, "a socket is put out");
        say(&socket.clone().into(), "error", &serde_json::json!({"message": why}));
        // It may have left by itself.
        let _ = socket.clone().disconnect();
        self.gone.notify_one();
    }
}
