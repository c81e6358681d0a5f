//! Socket.io v4 client for one server: WebSocket only, the default namespace, reconnecting.

mod packet;
#[cfg(test)]
mod tests;

use std::time::Duration;

use autamedica_text::Secret;
use futures_util::{SinkExt as _, StreamExt as _};
use packet::Packet;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};
use url::Url;

use crate::error::StartError;
use crate::random;
use crate::reason::Reason;

/// Time for connecting, with both handshakes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Time for sending what is queued when the client is dropped.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// First and longest wait before reconnecting.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
const MAX_MESSAGE: usize = 256 * 1024;
const MAX_QUEUED: usize = 256;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Change of the connection, or an event.
#[derive(Debug)]
pub(crate) enum Incoming {
    Connected,
    Lost,
    Event(String, Value),
    /// The server refused the token for good. The client waits for another one.
    Refused(String),
}

/// Proof of who the user is.
#[derive(Clone, Debug)]
pub(crate) struct Credentials {
    pub(crate) user_id: String,
    /// Token, which may change. Each connection uses the newest.
    pub(crate) token: watch::Receiver<Secret>,
}

#[derive(Debug, Error)]
enum ConnectError {
    #[error("refused for good: {0}")]
    Refused(String),
    #[error("refused at present: {0}")]
    NotNow(String),
    #[error("{0}")]
    Socket(#[from] SocketError),
    #[error("timed out")]
    Timeout,
    #[error("unexpected packet")]
    Protocol,
}

/// Handle of a client. Dropping it sends what is queued and closes the connection.
#[derive(Debug)]
pub(crate) struct Client {
    events: mpsc::Sender<String>,
}

impl Client {
    /// Starts connecting to `url`.
    pub(crate) fn start(url: Url, credentials: Credentials) -> (Self, mpsc::Receiver<Incoming>) {
        let (events, queue) = mpsc::channel(MAX_QUEUED);
        let (sender, incoming) = mpsc::channel(MAX_QUEUED);
        tokio::spawn(run(url, credentials, queue, sender));
        (Self { events }, incoming)
    }

    /// A client without connection. Returns what it would send.
    #[cfg(test)]
    pub(crate) fn for_tests(capacity: usize) -> (Self, mpsc::Receiver<String>) {
        let (events, queue) = mpsc::channel(capacity);
        (Self { events }, queue)
    }

    /// Queues an event. Returns `false` if the queue is full. Queued events are dropped when the connection is lost.
    pub(crate) fn emit(&self, name: &str, data: &Value) -> bool {
        let is_queued = self.events.try_send(packet::event(name, data)).is_ok();
        if !is_queued {
            tracing::warn!(name, "signaling queue full; event not queued");
        }
        is_queued
    }
}

/// Address of a client's WebSocket. The token is not in it, because proxies log addresses.
pub(crate) fn address(server: &str) -> Result<Url, StartError> {
    let mut url = Url::parse(server).map_err(|_| StartError::Url)?;
    let scheme = match url.scheme() {
        "http" | "ws" => "ws",
        "https" | "wss" => "wss",
        _ => return Err(StartError::Url),
    };
    if url.host_str().is_none_or(str::is_empty) {
        return Err(StartError::Url);
    }
    url.set_scheme(scheme).map_err(|()| StartError::Url)?;
    let path = format!("{}/socket.io/", url.path().trim_end_matches('/'));
    url.set_path(&path);
    url.set_fragment(None);
    url.query_pairs_mut().clear().extend_pairs([("EIO", "4"), ("transport", "websocket")]);
    Ok(url)
}

async fn run(
    url: Url,
    mut credentials: Credentials,
    mut queue: mpsc::Receiver<String>,
    incoming: mpsc::Sender<Incoming>,
) {
    let mut backoff = BACKOFF.0;
    loop {
        let auth = json!({ "userId": credentials.user_id, "token": credentials.token.borrow_and_update().expose() });
        let connected = tokio::select! {
            connected = connect(&url, &auth) => connected,
            () = closed(&mut queue) => return,
        };
        match connected {
            Ok((socket, silence)) => {
                backoff = BACKOFF.0;
                // Events of before the loss are no longer true.
                while queue.try_recv().is_ok() {}
                if incoming.send(Incoming::Connected).await.is_err() {
                    return;
                }
                match pump(socket, silence, &mut queue, &incoming).await {
                    End::Lost => drop(incoming.send(Incoming::Lost).await),
                    End::Dropped => return,
                }
            }
            // A token that was replaced meanwhile deserves another attempt.
            Err(ConnectError::Refused(message)) if !credentials.token.has_changed().unwrap_or(false) => {
                if incoming.send(Incoming::Refused(message)).await.is_err() {
                    return;
                }
                tokio::select! {
                    changed = credentials.token.changed() => if changed.is_err() { return },
                    () = closed(&mut queue) => return,
                }
                continue;
            }
            Err(error) => tracing::debug!(%error, "signaling server not reached"),
        }
        tokio::select! {
            () = sleep(backoff.mul_f64(jitter())) => {}
            () = closed(&mut queue) => return,
        }
        backoff = (backoff * 2).min(BACKOFF.1);
    }
}

/// Waits until the handle is dropped.
async fn closed(queue: &mut mpsc::Receiver<String>) {
    while queue.recv().await.is_some() {}
}

/// Factor between 0.5 and 1, so that the clients of a restarted server don't return at once.
fn jitter() -> f64 {
    let random = random::hex::<1>().ok().and_then(|text| u8::from_str_radix(&text, 16).ok()).unwrap_or(128);
    0.5 + f64::from(random) / 512.0
}

/// Connects and joins the namespace. Returns the socket and the longest time between two packets.
async fn connect(url: &Url, auth: &Value) -> Result<(Socket, Duration), ConnectError> {
    timeout(CONNECT_TIMEOUT, handshake(url, auth)).await.map_err(|_| ConnectError::Timeout)?
}

async fn handshake(url: &Url, auth: &Value) -> Result<(Socket, Duration), ConnectError> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let connecting = connect_async_with_config(url.as_str(), Some(config), true);
    let (mut socket, _) = connecting.await.map_err(|error| match error {
        SocketError::Http(answer) if matches!(answer.status().as_u16(), 401 | 403) => {
            ConnectError::Refused(answer.status().to_string())
        }
        other => other.into(),
    })?;
    socket.send(Message::text(packet::connect(auth))).await?;
    let mut silence = CONNECT_TIMEOUT;
    loop {
        let message = socket.next().await.ok_or(ConnectError::Protocol)??;
        let Message::Text(text) = message else { continue };
        match Packet::decode(&text) {
            Some(Packet::Open { silence: announced }) => silence = announced,
            // Some servers ping before they answer.
            Some(Packet::Ping) => socket.send(Message::text(packet::PONG)).await?,
            Some(Packet::Connected) => return Ok((socket, silence)),
            Some(Packet::Refused(text)) => return Err(refused(&text)),
            Some(Packet::Close) => return Err(ConnectError::Protocol),
            _ => {}
        }
    }
}

/// Error of a refusal. Only some refusals are for good.
fn refused(text: &str) -> ConnectError {
    let reason = Reason::of_text(text);
    if reason.is_final() { ConnectError::Refused(reason.message) } else { ConnectError::NotNow(reason.message) }
}

enum End {
    Lost,
    Dropped,
}

async fn pump(
    mut socket: Socket,
    silence: Duration,
    queue: &mut mpsc::Receiver<String>,
    incoming: &mpsc::Sender<Incoming>,
) -> End {
    let mut deadline = Instant::now() + silence;
    loop {
        tokio::select! {
            text = queue.recv() => {
                let Some(text) = text else { break };
                if socket.send(Message::text(text)).await.is_err() { return End::Lost }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { return End::Lost };
                deadline = Instant::now() + silence;
                let Message::Text(text) = message else { continue };
                match Packet::decode(&text) {
                    Some(Packet::Ping) => {
                        if socket.send(Message::text(packet::PONG)).await.is_err() { return End::Lost }
                    }
                    Some(Packet::Event { name, data }) => {
                        if incoming.send(Incoming::Event(name, data)).await.is_err() { break }
                    }
                    Some(Packet::Close) => return End::Lost,
                    Some(_) => {}
                    None => tracing::debug!("malformed packet of the signaling server dropped"),
                }
            }
            () = sleep_until(deadline) => return End::Lost,
        }
    }
    let close = async {
        // A connection that breaks while it is closed is closed.
        let _ = socket.send(Message::text(packet::DISCONNECT)).await;
        let _ = socket.close(None).await;
    };
    let _ = timeout(CLOSE_TIMEOUT, close).await;
    End::Dropped
}
