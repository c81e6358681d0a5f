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
use crate::{follow, outgoing};

/// How long recorders may take to finish when the server ends; they finish without it, too.
const RECORDERS_END: Duration = Duration::from_secs(7);
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
    /// The key of this user can't be written.
    #[error("can't write the key for this user's programs into {}", folder.display())]
    LocalKey {
        /// The folder.
        folder: std::path::PathBuf,
        /// The disk's answer.
        source: std::io::Error,
    },
    /// The settings don't go together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Behind a proxy everybody reaches the API, so it must know who calls.
    #[error("behind a proxy the API needs keys: make one with `autamedica-server key create NAME --scope integrator`")]
    NoKeys,
    /// There is no master key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database can't be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Recordings have no place.
    #[error(transparent)]
    Recording(#[from] RecordingError),
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
    /// What runs beside the requests; it ends with this value.
    tasks: JoinSet<()>,
    /// What looks after recorders; it ends after they have.
    recording: Option<JoinHandle<()>>,
    store: Store,
    local_key: Option<Arc<LocalKey>>,
    sfu: Arc<Sfu>,
    managed: Option<ManagedSfu>,
    /// Keeps other servers away from a database file.
    _lock: Option<DatabaseLock>,
}

impl Server {
    /// Starts the SFU (when it is ours to start), opens the database and serves. It returns when everything answers.
    ///
    /// It runs within the caller's tokio runtime and touches nothing global, except that it names *ring* as rustls's
    /// cryptography when nobody has named any.
    ///
    /// # Errors
    /// When the address is taken, or the database or SFU can't be had.
    pub async fn start(mut config: Config) -> Result<RunningServer, StartError> {
        // An error means that the application has chosen already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        config.check()?;
        let address = SocketAddr::new(config.host, config.port);
        // First of all, because it is what most often fails.
        let listener = TcpListener::bind(address).await.map_err(|source| match source.kind() {
            std::io::ErrorKind::AddrInUse => StartError::PortTaken(address),
            _ => StartError::Bind { address, source },
        })?;
        let address = listener.local_addr().map_err(|source| StartError::Bind { address, source })?;
        config.existing.log();
        let origins = config.allowed_origins();
        let lock = DatabaseLock::take(&config.database, address).map_err(OpenError::from)?;
        // Before anybody is served: whoever connects from now on and reads the file finds the key that holds.
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
        tasks.spawn(follow::reconcile(state.clone(), ended.clone()));
        tasks.spawn(tidy(state.clone(), ended.clone()));
        tasks.spawn(recording::watch_egresses(state.clone(), ended.clone()));
        if let Some(recordings) = &recordings {
            tasks.spawn(recording::reconcile(state.clone(), recordings.clone(), ended.clone()));
        }
        let recording = recordings.map(|recordings| tokio::spawn(supervise(state.clone(), recordings, ended.clone())));
        if let Some(outgoing) = config.outgoing {
            tasks.spawn(outgoing::deliver(store.clone(), outgoing, ended.clone()));
        }
        let limits = Limits { all: config.rate_limit, codes: config.code_limit, checks: config.check_limit, origins };
        let connections = Connections::new(config.connection_limits, state.proxies.clone());
        let serving = tokio::spawn(connections.serve(listener, routes::router(state, limits, &ended), ended));
        tracing::info!(%address, "the backend serves");
        Ok(RunningServer { address, end, serving, tasks, recording, store, local_key, sfu, managed, _lock: lock })
    }
}

impl RunningServer {
    /// Where it serves, with the real port.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Where callers on this machine reach it, such as `http://127.0.0.1:8888`.
    pub fn url(&self) -> String {
        local_url(self.address)
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
        self.tasks.shutdown().await;
        if let Some(mut recording) = self.recording.take()
            && tokio::time::timeout(RECORDERS_END, &mut recording).await.is_err()
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
        tracing::info!("the backend ended");
    }
}

/// Opens the configured database with the master key that goes with it.
///
/// # Errors
/// When either can't be had.
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
    Ok(if config.outgoing.is_some() { store.for_integrator() } else { store })
}

/// Deletes what is too old, and publishes the audit log's head, once an hour.
async fn tidy(state: AppState, mut ended: watch::Receiver<bool>) {
    loop {
        if let Err(error) = state.store.tidy().await {
            tracing::warn!(%error, "old entries can't be deleted");
        }
        if let Err(error) = state.store.publish_audit_head().await {
            tracing::warn!(%error, "the audit log's head isn't published");
        }
        if let Some(recordings) = &state.recordings {
            recording::expire(&state, recordings).await;
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60 * 60)) => {}
            // A closed channel means that the server is gone.
            _ = ended.wait_for(|end| *end) => return,
        }
    }
}

/// How this machine reaches itself at `address`.
fn local_url(address: SocketAddr) -> String {
    let ip = match address.ip() {
        ip if !ip.is_unspecified() => ip,
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    format!("http://{}", SocketAddr::new(ip, address.port()))
}
