//! Listener on loopback that speaks LiveKit's signaling protocol to the engine.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::{SinkExt as _, StreamExt as _};
use livekit_protocol as lk;
use lk::signal_request::Message as EngineRequest;
use lk::signal_response::Message as Response;
use prost::Message as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio_tungstenite::accept_hdr_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response as Accept};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::access::{Access, Admission};
use crate::join_request;

/// Maximum number of simultaneous connections, including those that are not admitted yet.
const MAX_CONNECTIONS: usize = 8;
/// Time for the WebSocket handshake.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);
/// Interval of pongs that the engine didn't ask for: it sends no pings while it resumes, but still expects pongs.
const PONG_INTERVAL: Duration = Duration::from_secs(5);
const MAX_MESSAGE: usize = 1024 * 1024;
/// Largest request of [`VALIDATIONS`].
const MAX_VALIDATION: u64 = 16 * 1024;
/// Requests by which the engine asks whether its token is valid, after it was refused.
const VALIDATIONS: [&[u8]; 2] = [b"GET /rtc/validate", b"GET /rtc/v1/validate"];
const MAX_QUEUED: usize = 256;

/// Message from a connection of the engine.
#[derive(Debug)]
pub(crate) enum EngineInput {
    Connected(Link, Start),
    Request(u64, Box<EngineRequest>),
    Disconnected(u64),
}

/// A connection of the engine. Dropping it closes the connection after the queued messages.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) id: u64,
    responses: mpsc::Sender<Response>,
}

impl Link {
    /// A link without connection. Returns what the engine would get.
    #[cfg(test)]
    pub(crate) fn for_tests(id: u64, capacity: usize) -> (Self, mpsc::Receiver<Response>) {
        let (responses, queue) = mpsc::channel(capacity);
        (Self { id, responses }, queue)
    }

    /// Queues a message.
    ///
    /// # Errors
    /// The message, if the engine is gone or too slow.
    pub(crate) fn send(&self, response: Response) -> Result<(), Box<Response>> {
        self.responses.try_send(response).map_err(|error| Box::new(error.into_inner()))
    }
}

/// How the engine connects.
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// Presence that the token is for.
    pub(crate) presence: u64,
    /// Resumes its session.
    pub(crate) reconnect: bool,
    /// First offer, in single mode.
    pub(crate) offer: Option<String>,
}

/// Milliseconds since 1970.
pub(crate) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or_default()
}

/// Accepts connections until cancelled.
pub(crate) async fn serve(listener: TcpListener, access: Arc<Access>, inputs: mpsc::Sender<EngineInput>) {
    let (ids, permits) = (Arc::new(AtomicU64::new(1)), Arc::new(Semaphore::new(MAX_CONNECTIONS)));
    let mut connections = JoinSet::new();
    loop {
        let Ok(permit) = permits.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (access, inputs, id) = (access.clone(), inputs.clone(), ids.fetch_add(1, Ordering::Relaxed));
                connections.spawn(async move {
                    serve_one(stream, id, &access, &inputs).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "loopback connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve_one(stream: TcpStream, id: u64, access: &Access, inputs: &mpsc::Sender<EngineInput>) {
    if is_validation(&stream).await {
        // An engine that doesn't wait for the answer needs none.
        let _ = tokio::time::timeout(HANDSHAKE_TIMEOUT, validate(stream, access)).await;
        return;
    }
    let mut start = Start::default();
    #[expect(clippy::result_large_err, reason = "the type is tungstenite's")]
    let check = |request: &Upgrade, response: Accept| match admit(request, access) {
        Ok(found) => {
            start = found;
            Ok(response)
        }
        Err(status) => {
            let mut refusal = ErrorResponse::new(None);
            *refusal.status_mut() = status;
            Err(refusal)
        }
    };
    let config = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
    let handshake = accept_hdr_async_with_config(stream, check, Some(config));
    let Ok(Ok(mut socket)) = tokio::time::timeout(HANDSHAKE_TIMEOUT, handshake).await else {
        tracing::debug!(id, "loopback connection refused");
        return;
    };
    let (responses, mut queue) = mpsc::channel(MAX_QUEUED);
    if inputs.send(EngineInput::Connected(Link { id, responses }, start)).await.is_err() {
        return;
    }
    let mut pongs = tokio::time::interval_at(tokio::time::Instant::now() + PONG_INTERVAL, PONG_INTERVAL);
    loop {
        tokio::select! {
            response = queue.recv() => {
                let Some(response) = response else { break };
                if socket.send(encode(response)).await.is_err() { break }
            }
            _ = pongs.tick() => {
                let pong = lk::Pong { last_ping_timestamp: now(), timestamp: now() };
                if socket.send(encode(Response::PongResp(pong))).await.is_err() { break }
            }
            message = socket.next() => {
                let Some(Ok(message)) = message else { break };
                let Message::Binary(bytes) = message else { continue };
                let Ok(lk::SignalRequest { message: Some(request) }) = lk::SignalRequest::decode(&*bytes) else { continue };
                if inputs.send(EngineInput::Request(id, Box::new(request))).await.is_err() { break }
            }
        }
    }
    // The engine may be gone already.
    let _ = socket.close(None).await;
    let _ = inputs.send(EngineInput::Disconnected(id)).await;
}

async fn is_validation(stream: &TcpStream) -> bool {
    let mut first = [0; 32];
    let peeked = tokio::time::timeout(HANDSHAKE_TIMEOUT, stream.peek(&mut first)).await;
    let Ok(Ok(length)) = peeked else { return false };
    VALIDATIONS.iter().any(|validation| first[..length].starts_with(validation))
}

/// Answers whether a token is valid. An engine whose token isn't gives up at once instead of after many attempts.
async fn validate(mut stream: TcpStream, access: &Access) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut limited = (&mut stream).take(MAX_VALIDATION);
    while !request.ends_with(b"\r\n\r\n") && limited.read_buf(&mut request).await? > 0 {}
    let text = String::from_utf8_lossy(&request);
    let mut headers = text.lines().filter_map(|line| line.split_once(": "));
    let authorization = headers.find(|(name, _)| name.eq_ignore_ascii_case("authorization"));
    let token = authorization.and_then(|(_, value)| value.strip_prefix("Bearer ")).unwrap_or_default();
    let status = match access.check(token) {
        Admission::Admitted { .. } => "200 OK",
        Admission::Refused => "401 Unauthorized",
    };
    stream.write_all(format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").as_bytes()).await
}

fn encode(response: Response) -> Message {
    Message::Binary(lk::SignalResponse { message: Some(response) }.encode_to_vec().into())
}

/// Checks token and path. The engine falls back to two PeerConnections when `/rtc/v1` doesn't exist.
fn admit(request: &Upgrade, access: &Access) -> Result<Start, StatusCode> {
    let header = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let Admission::Admitted { presence, dual } = access.check(token) else { return Err(StatusCode::UNAUTHORIZED) };
    let query = request.uri().query().unwrap_or_default();
    let parameter = |name: &str| {
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value)
    };
    match request.uri().path() {
        "/rtc" => {
            Ok(Start { presence, reconnect: parameter("reconnect").is_some_and(|value| value == "1"), offer: None })
        }
        "/rtc/v1" if !dual => {
            let text = parameter("join_request").ok_or(StatusCode::BAD_REQUEST)?;
            let request = join_request::decode(&text).ok_or(StatusCode::BAD_REQUEST)?;
            Ok(Start { presence, reconnect: request.reconnect, offer: request.publisher_offer.map(|offer| offer.sdp) })
        }
        _ => Err(StatusCode::NOT_FOUND),
    }
}
