use std::sync::Arc;
use std::time::Instant;

use autamedica_api::{Language, Transport};
use url::Url;

use crate::config::IceConfig;
use crate::health::CachedHealth;
use crate::limits::RefusalLimit;
use crate::local_key::LocalKey;
use crate::metadata_locks::MetadataLocks;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::recording::Recordings;
use crate::sfu::Sfu;
use crate::signaling::{Peers, Sockets, SupabaseVerifier};
use crate::store::Store;

/// State shared by all handlers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// Client of the SFU.
    pub sfu: Arc<Sfu>,
    /// Database.
    pub store: Store,
    /// Prometheus metrics.
    pub metrics: Arc<Metrics>,
    /// Public URL of this server, used in links.
    pub public_url: Url,
    /// Default for the end-to-end encryption of new consultations.
    pub e2ee_default: bool,
    /// Default language of new consultations.
    pub language_default: Language,
    /// Default path of the media of new consultations.
    pub transport_default: Transport,
    /// Trusted proxies.
    pub proxies: Proxies,
    /// Key that callers on this machine must send, if there is one.
    pub local_key: Option<Arc<LocalKey>>,
    /// Limit of refusals in the audit log.
    pub refusals: Arc<RefusalLimit>,
    /// Recording settings, if this server records.
    pub recordings: Option<Arc<Recordings>>,
    /// Locks for changes of rooms' metadata.
    pub metadata_locks: Arc<MetadataLocks>,
    /// Counters of open signaling sockets.
    pub sockets: Arc<Sockets>,
    /// Peers of peer-to-peer calls.
    pub peers: Arc<Peers>,
    /// Verifier of the clinic's account tokens, if configured.
    pub supabase: Option<Arc<SupabaseVerifier>>,
    /// STUN and TURN servers for clients.
    pub ice: Arc<IceConfig>,
    /// Cached result of the health check.
    pub health: Arc<CachedHealth>,
    /// Time of the start.
    pub started: Instant,
}
