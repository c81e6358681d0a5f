use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::{Config, ConfigError, Database, SfuConfig};
use crate::connections::Connections;
use crate::files::private_folder;
use crate::limits::Refusals;
use crate::local_key::LocalKey;
use crate::proxies::Proxies;
use crate::recording::{self, RecordingError, Recordings, supervise};
use crate::routes::{self, Limits};
use crate::sfu::{ManagedSfu, Sfu, SfuStartError};
use crate::signaling::SupabaseVerifier;
use crate::state::AppState;
use crate::store::{DatabaseLock, OpenError, Store};
use crate::vault::{Vault, VaultError};
use crate::{presence_sync, webhooks};

/// Maximum time that a shutdown waits for recorders, which also finish without the server.
const RECORDERS_TIMEOUT: Duration = Duration::from_secs(7);
/// Maximum time that a shutdown waits for pending requests.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);

/// Backend; see [`Server::start`].
#[derive(Debug)]
pub struct Server;

/// Error of starting the backend, with a message for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another server uses the address.
    #[error("{0} is in use already: another server runs there, or choose another port with `--port`")]
    PortTaken(SocketAddr),
    /// Binding the address failed.
    #[error("can't serve on {address}")]
    Bind {
        /// Address to listen on.
        address: SocketAddr,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// Writing the local key failed.
    #[error("can't write the key for this user's programs into {}", folder.display())]
    LocalKey {
        /// Folder of the key.
        folder: std::path::PathBuf,
        /// Error of the operating system.
        source: std::io::Error,
    },
    /// The settings are invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A server behind a proxy requires API keys, because everybody can reach it.
    #[error("behind a proxy the API needs keys: make one with `autamedica-server key create NAME --scope integrator`")]
    NoKeys,
    /// The master key is missing or invalid.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The storage of recordings can't be used.
    #[error(transparent)]
    Recording(#[from] RecordingError),
    /// The SFU can't be started.
    #[error(transparent)]
    Sfu(#[from] SfuStartError),
}

/// A running backend. Dropping it ends it at once; [`shutdown`](Self::shutdown) waits for pending requests.
#[derive(Debug)]
pub struct RunningServer {
    address: SocketAddr,
    end: watch::Sender<bool>,
    serving: JoinHandle<()>,
    /// Background tasks; aborted on drop.
    tasks: JoinSet<()>,
    /// Supervisor of the recorders.
    recording: Option<JoinHandle<()>>,
    store: Store,
    local_key: Option<Arc<LocalKey>>,
    sfu: Arc<Sfu>,
    managed: Option<ManagedSfu>,
    /// Prevents other servers from using the database file.
    _lock: Option<DatabaseLock>,
}

impl Server {
    /// Starts the embedded SFU, opens the database and serves. Returns when everything is ready.
    ///
    /// It runs in the caller's tokio runtime. Its only global effect is to install *ring* as rustls's cryptography
    /// provider, unless there is one.
    ///
    /// # Errors
    /// [`StartError`] with the part that failed.
    pub async fn start(mut config: Config) -> Result<RunningServer, StartError> {
        // Fails if the application has installed a provider.
        let _ = rustls::crypto::ring::default_provider().install_default();
        config.check()?;
        let address = SocketAddr::new(config.host, config.port);
        // Binds first, because this is the most frequent failure.
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => StartError::PortTaken(address),
            _ => StartError::Bind { address, source },
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Bind { address, source })?;
        config.existing.log();
        let origins = config.allowed_origins();
        let lock = DatabaseLock::acquire(&config.database, address).map_err(OpenError::from)?;
        // Written before the first request, so that clients that connect find the current key.
        let local_key = match config.local_key_folder.take() {
            Some(folder) => Some(Arc::new(
                LocalKey::create(&folder, address.port()).map_err(|source| StartError::LocalKey { folder, source })?,
            )),
            None => None,
        };
        let store = open_store(&config).await?;
        if !store.has_keys().await.map_err(OpenError::from)? {
            if config.behind_proxy {
                return Err(StartError::NoKeys);
            }
            if local_key.is_none() {
                tracing::warn!(
                    "no API key was made yet: everybody on this machine may do everything, and nobody else gets in"
                );
            }
        }
        let here = local_url(address);
        let (managed, sfu) = match config.sfu {
            SfuConfig::Managed { program } => {
                let (managed, sfu) = ManagedSfu::start(program, Some(format!("{here}/webhooks/livekit"))).await?;
                (Some(managed), sfu)
            }
            SfuConfig::External { url, api_key, api_secret } => (None, Sfu::new(url, api_key, api_secret, false)),
        };
        let sfu = Arc::new(sfu.with_doctor_room_record(config.doctor_room_record));
        let recordings = Recordings::open(config.recording)?.map(Arc::new);
        let state = AppState {
            sfu: sfu.clone(),
            store: store.clone(),
            metrics: Arc::default(),
            public_url: config.public_url.unwrap_or_else(|| here.parse().expect("an address makes a URL")),
            e2ee_default: config.e2ee_default,
            language_default: config.language_default,
            transport_default: config.transport_default,
            proxies: if config.behind_proxy { Proxies::new(config.trusted_proxies) } else { Proxies::default() },
            local_key: local_key.clone(),
            refusals: Arc::new(Refusals::new(config.refusal_limit)),
            recordings: recordings.clone(),
            metadata_locks: Arc::default(),
            sockets: Arc::default(),
            peers: Arc::default(),
            supabase: config.supabase_jwt_secret.map(|secret| Arc::new(SupabaseVerifier::new(&secret))),
            ice: Arc::new(config.ice),
            health: Arc::default(),
            started: Instant::now(),
        };
        let (end, ended) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(presence_sync::reconcile(state.clone(), ended.clone()));
        tasks.spawn(run_housekeeping(state.clone(), ended.clone()));
        tasks.spawn(recording::watch_egresses(state.clone(), ended.clone()));
        if let Some(recordings) = &recordings {
            tasks.spawn(recording::reconcile(state.clone(), recordings.clone(), ended.clone()));
        }
        let recording = recordings.map(|recordings| tokio::spawn(supervise(state.clone(), recordings, ended.clone())));
        if let Some(webhook) = config.webhook {
            tasks.spawn(webhooks::deliver(store.clone(), webhook, ended.clone()));
        }
        let limits = Limits { all: config.rate_limit, codes: config.code_limit, checks: config.check_limit, origins };
        let connections = Connections::new(config.connection_limits, state.proxies.clone());
        let serving = tokio::spawn(connections.serve(listener, routes::router(state, limits, &ended), ended));
        tracing::info!(%address, "backend started");
        Ok(RunningServer { address, end, serving, tasks, recording, store, local_key, sfu, managed, _lock: lock })
    }
}

impl RunningServer {
    /// Returns the address it listens on, with the actual port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL for callers on this machine, such as `http://127.0.0.1:8888`.
    pub fn url(&self) -> String {
        local_url(self.address)
    }

    /// Returns the URL of the SFU for clients, `ws://…` or `wss://…`.
    pub fn livekit_url(&self) -> &str {
        self.sfu.signaling_url()
    }

    /// Stops accepting requests, waits up to five seconds for pending ones, and stops the embedded SFU.
    pub async fn shutdown(mut self) {
        self.end.send_replace(true);
        if tokio::time::timeout(DRAIN_TIMEOUT, &mut self.serving).await.is_err() {
            tracing::warn!("pending requests aborted at shutdown");
            self.serving.abort();
        }
        self.tasks.shutdown().await;
        if let Some(mut recording) = self.recording.take()
            && tokio::time::timeout(RECORDERS_TIMEOUT, &mut recording).await.is_err()
        {
            recording.abort();
        }
        self.store.close().await;
        if let Some(key) = self.local_key.take() {
            key.remove();
        }
        if let Some(managed) = self.managed.take() {
            managed.stop().await;
        }
        tracing::info!("backend stopped");
    }
}

/// Opens the configured database with its master key.
///
/// # Errors
/// [`StartError::Vault`], [`StartError::Config`] if PostgreSQL has no master key, or [`StartError::Store`].
pub async fn open_store(config: &Config) -> Result<Store, StartError> {
    let vault = match (&config.master_key, &config.database) {
        (Some(key), _) => Vault::from_hex(key)?,
        (None, Database::Memory) => Vault::ephemeral(),
        (None, Database::File(path)) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            private_folder(folder).map_err(VaultError::from)?;
            Vault::from_file(&folder.join("master.key"))?
        }
        (None, Database::Postgres(_)) => return Err(ConfigError::NoMasterKey.into()),
    };
    let store = Store::open(&config.database, Arc::new(vault)).await?;
    Ok(if config.webhook.is_some() { store.for_integrator() } else { store })
}

/// Deletes expired rows and recordings, and publishes the audit log's head, once an hour.
async fn run_housekeeping(state: AppState, mut ended: watch::Receiver<bool>) {
    loop {
        if let Err(error) = state.store.delete_expired().await {
            tracing::warn!(%error, "deleting expired rows failed");
        }
        if false && let Err(error) = state.store.publish_audit_head().await {
            tracing::warn!(%error, "publishing the audit log's head failed");
        }
        if let Some(recordings) = &state.recordings {
            recording::delete_expired(&state, recordings).await;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60 * 60)) => {}
            // A closed channel means that the server was dropped.
            _ = ended.wait_for(|end| *end) => return,
        }
    }
}

/// Returns the URL of this server for callers on this machine.
fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
