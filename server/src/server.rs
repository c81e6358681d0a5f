use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::config::{Config, SfuConfig};
use crate::routes;
use crate::sfu::{ManagedSfu, Sfu, SfuStartError};
use crate::state::AppState;
use crate::store::{OpenError, Store};

/// How long requests in flight may take to finish when the server ends.
const DRAIN: Duration = Duration::from_secs(5);

/// The backend. See [`Server::start`].
#[derive(Debug)]
pub struct Server;

/// Why the backend can't start, in words for an operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else serves there.
    #[error("{0} is in use already: another server runs there, or choose another port with `--port`")]
    PortTaken(SocketAddr),
    /// The address can't be served on.
    #[error("can't serve on {address}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The SFU can't be started.
    #[error(transparent)]
    Sfu(#[from] SfuStartError),
}

/// A backend that serves. Dropped, it ends at once; [`shutdown`](Self::shutdown) lets requests in flight finish.
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    end: watch::Sender<bool>,
    serving: JoinHandle<()>,
    store: Store,
    sfu: Arc<Sfu>,
    managed: Option<ManagedSfu>,
}

impl Server {
    /// Starts the SFU (when it is ours to start), opens the database and serves. It returns when everything answers.
    ///
    /// It runs within the caller's tokio runtime and touches nothing global, except that it names *ring* as rustls's
    /// cryptography when nobody has named any.
    ///
    /// # Errors
    /// When the address is taken, or the database or SFU can't be had.
    pub async fn start(config: Config) -> Result<RunningServer, StartError> {
        // An error means that the application has chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let address = SocketAddr::new(config.host, config.port);
        // First of all, because it is what most often fails.
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => StartError::PortTaken(address),
            _ => StartError::Bind { address, source },
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Bind { address, source })?;
        let store = Store::open(&config.database).await?;
        let (managed, sfu) = match config.sfu {
            SfuConfig::Managed { program } => {
                let (managed, sfu) = ManagedSfu::start(program, None).await?;
                (Some(managed), sfu)
            }
            SfuConfig::External { url, api_key, api_secret } => (None, Sfu::new(url, api_key, api_secret, false)),
        };
        let sfu = Arc::new(sfu);
        let state = AppState { sfu: sfu.clone(), store: store.clone(), started: Instant::now() };
        let (end, mut ended) = watch::channel(false);
        let service = routes::router(state).into_make_service_with_connect_info::<SocketAddr>();
        let serving = tokio::spawn(async move {
            // A closed channel means that the RunningServer is gone.
            let signal = async move { drop(ended.wait_for(|end| *end).await) };
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(signal).await {
                tracing::error!(%error, "serving failed");
            }
        });
        tracing::info!(%address, "the backend serves");
        Ok(RunningServer { address, end, serving, store, sfu, managed })
    }
}

impl RunningServer {
    /// Where it serves, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where callers on this machine reach it, such as `http://127.0.0.1:8888`.
    pub fn url(&self) -> String {
        let ip = match self.address.ip() {
            ip if !ip.is_unspecified() => ip,
            std::net::IpAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::IpAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        };
        format!("http://{}", SocketAddr::new(ip, self.address.port()))
    }

    /// Where clients reach the SFU, `ws://…` or `wss://…`.
    pub fn livekit_url(&self) -> &str {
        self.sfu.signaling_url()
    }

    /// Takes no more requests, finishes those in flight (for five seconds at most), and ends the SFU when it is ours.
    pub async fn shutdown(mut self) {
        self.end.send_replace(true);
        if tokio::time::timeout(DRAIN, &mut self.serving).await.is_err() {
            tracing::warn!("some requests didn't finish in time");
            self.serving.abort();
        }
        self.store.close().await;
        if let Some(managed) = self.managed.take() {
            managed.stop().await;
        }
        tracing::info!("the backend ended");
    }
}
