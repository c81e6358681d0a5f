//! Callers' connections: how many are open, and how long a request's headers may take.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::counts::{Counted, Counts};
use crate::limits::network;
use crate::proxies::Proxies;

/// The largest request line and headers, in bytes. What is sent waits in a buffer of this size, too.
const BUFFER: usize = 64 * 1024;
/// As [`ConnectionLimits::headers`], for a trusted proxy. Proxies keep idle connections for 60 s, and a request could be on its
/// way when the server closes first.
const PROXY_HEADERS: Duration = Duration::from_secs(75);
/// How long the other side may leave what is sent to it unread before the connection ends.
const UNREAD: Duration = Duration::from_secs(60);
/// Pause after a failure to accept, such as too many open files.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Limits of callers' connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Time from one request of a connection to the end of the next one's headers, unless a trusted proxy sends them. Slower
    /// connections are closed.
    pub headers: Duration,
    /// Number of open connections. More wait until one is closed.
    pub total: usize,
    /// Number of open connections of one address, except those of a trusted proxy. More are closed at once.
    pub each: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { headers: Duration::from_secs(30), total: 512, each: 128 }
    }
}

/// The open connections.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    proxies: Proxies,
    places: Arc<Semaphore>,
    by_address: Arc<Counts<IpAddr>>,
}

/// A connection's place among the open ones, free again when dropped.
#[derive(Debug)]
struct Place {
    headers: Duration,
    _counted: Counted<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// None yet. Connections of trusted `proxies` count for the total only.
    pub fn new(limits: ConnectionLimits, proxies: Proxies) -> Self {
        let places = Arc::new(Semaphore::new(limits.total.min(Semaphore::MAX_PERMITS)));
        Self { limits, proxies, places, by_address: Arc::default() }
    }

    /// Serves `routes` until the server ends, and then what is under way.
    pub async fn serve(self, listener: TcpListener, routes: Router, ended: watch::Receiver<bool>) {
        let mut open = JoinSet::new();
        let mut end = ended.clone();
        let accepting = async {
            loop {
                // It never fails, because nobody closes the semaphore.
                let Ok(permit) = self.places.clone().acquire_owned().await else { return };
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection can't be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                };
                while open.try_join_next().is_some() {}
                if let Some(place) = self.place(peer.ip().to_canonical(), permit) {
                    open.spawn(connection(stream, peer, routes.clone(), place, ended.clone()));
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            // A closed channel means that the RunningServer is gone.
            () = async { drop(end.wait_for(|end| *end).await) } => {}
        }
        drop(listener);
        while open.join_next().await.is_some() {}
    }

    /// A place for a connection of this address, unless it has too many.
    fn place(&self, address: IpAddr, permit: OwnedSemaphorePermit) -> Option<Place> {
        let is_proxy = self.proxies.trusts(address);
        let each = if is_proxy { usize::MAX } else { self.limits.each };
        let counted = self.by_address.open(network(address), usize::MAX, each);
        if counted.is_none() {
            tracing::debug!(%address, "an address has too many connections");
        }
        let headers = if is_proxy { PROXY_HEADERS } else { self.limits.headers };
        Some(Place { headers, _counted: counted?, _permit: permit })
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    routes: Router,
    place: Place,
    mut ended: watch::Receiver<bool>,
) {
    end_when_unread(&stream);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.clone().oneshot(request)
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(place.headers).max_buf_size(BUFFER);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = tokio::select! {
        served = connection.as_mut() => served,
        // A closed channel means that the RunningServer is gone.
        () = async { drop(ended.wait_for(|end| *end).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "a connection ended early");
    }
}

/// Has the system end a connection that nobody reads from. The WebSockets' library waits for such a reader without a limit.
#[cfg(target_os = "linux")]
fn end_when_unread(stream: &TcpStream) {
    use std::os::fd::AsRawFd as _;

    let millis = libc::c_uint::try_from(UNREAD.as_millis()).unwrap_or(libc::c_uint::MAX);
    let size = std::mem::size_of_val(&millis) as libc::socklen_t;
    let value = (&raw const millis).cast();
    // SAFETY: the descriptor is open as long as the stream is, and the value as long as the call.
    let set = unsafe { libc::setsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, value, size) };
    if set != 0 {
        tracing::debug!(error = %std::io::Error::last_os_error(), "a connection has no time limit for reading");
    }
}

#[cfg(not(target_os = "linux"))]
fn end_when_unread(_: &TcpStream) {}
