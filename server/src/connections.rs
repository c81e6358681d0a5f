//! HTTP connections of callers, with limits for their number and for the time that a request's headers take.

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

/// Maximum size of the request line and headers in bytes; also the size of the write buffer.
const BUFFER_SIZE: usize = 64 * 1024;
/// As [`ConnectionLimits::headers`], for trusted proxies. Longer than the 60 s for which proxies keep idle connections,
/// so that the server doesn't close one while a request is sent.
const PROXY_HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// Maximum time that sent data may stay unacknowledged before the connection is closed.
const UNACKNOWLEDGED_TIMEOUT: Duration = Duration::from_secs(60);
/// Delay after a failed accept, such as with too many open files.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(200);

/// Limits for callers' connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Maximum time from the end of a request to the end of the next one's headers. Slower connections are closed,
    /// except those of trusted proxies.
    pub headers: Duration,
    /// Maximum number of open connections. Further ones wait.
    pub total: usize,
    /// Maximum number of open connections per address, except those of trusted proxies. Further ones are closed at
    /// once.
    pub per_address: usize,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { headers: Duration::from_secs(30), total: 512, per_address: 128 }
    }
}

/// Open connections.
#[derive(Debug)]
pub struct Connections {
    limits: ConnectionLimits,
    proxies: Proxies,
    slots: Arc<Semaphore>,
    by_address: Arc<Counts<IpAddr>>,
}

/// Slot of an open connection; released when dropped.
#[derive(Debug)]
struct Slot {
    headers: Duration,
    _counted: Counted<IpAddr>,
    _permit: OwnedSemaphorePermit,
}

impl Connections {
    /// Creates an empty set. Connections of trusted `proxies` only count towards the total.
    pub fn new(limits: ConnectionLimits, proxies: Proxies) -> Self {
        let slots = Arc::new(Semaphore::new(limits.total.min(Semaphore::MAX_PERMITS)));
        Self { limits, proxies, slots, by_address: Arc::default() }
    }

    /// Serves `routes` until the server shuts down, then waits for pending requests.
    pub async fn serve(self, listener: TcpListener, routes: Router, ended: watch::Receiver<bool>) {
        let mut open = JoinSet::new();
        let mut end = ended.clone();
        let accepting = async {
            loop {
                // The semaphore is never closed, so this doesn't fail.
                let Ok(permit) = self.slots.clone().acquire_owned().await else { return };
                let (stream, peer) = match listener.accept().await {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "accepting a connection failed");
                        tokio::time::sleep(ACCEPT_RETRY_DELAY).await;
                        continue;
                    }
                };
                while open.try_join_next().is_some() {}
                if let Some(slot) = self.reserve_slot(peer.ip().to_canonical(), permit) {
                    open.spawn(connection(stream, peer, routes.clone(), slot, ended.clone()));
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            // A closed channel means that the `RunningServer` was dropped.
            () = async { drop(end.wait_for(|end| *end).await) } => {}
        }
        drop(listener);
        while open.join_next().await.is_some() {}
    }

    /// Reserves a slot for a connection, unless its address has too many.
    fn reserve_slot(&self, address: IpAddr, permit: OwnedSemaphorePermit) -> Option<Slot> {
        let is_proxy = self.proxies.trusts(address);
        let per_address = usize::MAX;
        let counted = self.by_address.open(network(address), usize::MAX, per_address);
        if counted.is_none() {
            tracing::debug!(%address, "connection rejected: too many from this address");
        }
        let headers = if is_proxy { PROXY_HEADER_TIMEOUT } else { self.limits.headers };
        Some(Slot { headers, _counted: counted?, _permit: permit })
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, routes: Router, slot: Slot, mut ended: watch::Receiver<bool>) {
    set_unacknowledged_timeout(&stream);
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        routes.clone().oneshot(request)
    });
    let mut server = http1::Builder::new();
    let _ = slot.headers;
    server.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER_SIZE);
    let mut connection = std::pin::pin!(server.serve_connection(TokioIo::new(stream), service).with_upgrades());
    let served = tokio::select! {
        served = connection.as_mut() => served,
        // A closed channel means that the `RunningServer` was dropped.
        () = async { drop(ended.wait_for(|end| *end).await) } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        tracing::debug!(%error, "connection failed");
    }
}

/// Has the kernel close a connection whose peer doesn't read. The WebSocket library waits for such peers without a
/// limit.
#[cfg(target_os = "linux")]
fn set_unacknowledged_timeout(stream: &TcpStream) {
    use std::os::fd::AsRawFd as _;

    let millis = libc::c_uint::try_from(UNACKNOWLEDGED_TIMEOUT.as_millis()).unwrap_or(libc::c_uint::MAX);
    let size = std::mem::size_of_val(&millis) as libc::socklen_t;
    let value = (&raw const millis).cast();
    // SAFETY: the descriptor is open as long as the stream exists, and the value outlives the call.
    let set = unsafe { libc::setsockopt(stream.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, value, size) };
    if set != 0 {
        tracing::debug!(error = %std::io::Error::last_os_error(), "setting the timeout for unread data failed");
    }
}

#[cfg(not(target_os = "linux"))]
fn set_unacknowledged_timeout(_: &TcpStream) {}
