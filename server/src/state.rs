use std::sync::Arc;
use std::time::Instant;

use autamedica_api::{Language, Transport};
use url::Url;

use crate::config::IceConfig;
use crate::health::CachedHealth;
use crate::limits::Refusals;
use crate::local_key::LocalKey;
use crate::metadata_locks::MetadataLocks;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::recording::Recordings;
use crate::sfu::Sfu;
use crate::signaling::{Peers, Sockets, SupabaseVerifier};
use crate::store::Store;

/// What every handler can reach. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The SFU.
    pub sfu: Arc<Sfu>,
    /// The database.
    pub store: Store,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where people reach this server: the beginning of links.
    pub public_url: Url,
    /// Whether new consultations are end-to-end encrypted when nobody says.
    pub e2ee_default: bool,
    /// The language of new consultations when nobody says.
    pub language_default: Language,
    /// The path of new consultations' media when nobody says.
    pub transport_default: Transport,
    /// Whom to believe about callers' addresses.
    pub proxies: Proxies,
    /// The key that callers on this machine must send, when they must.
    pub local_key: Option<Arc<LocalKey>>,
    /// What keeps refusals from filling the audit log.
    pub refusals: Arc<Refusals>,
    /// What records, when this server does.
    pub recordings: Option<Arc<Recordings>>,
    /// Locks for changes of rooms' metadata.
    pub metadata_locks: Arc<MetadataLocks>,
    /// The open sockets of signaling.
    pub sockets: Arc<Sockets>,
    /// Who is there for a call from peer to peer.
    pub peers: Arc<Peers>,
    /// Verifies the tokens of the clinic's own accounts, where there are any.
    pub supabase: Option<Arc<SupabaseVerifier>>,
    /// The STUN and TURN servers that clients are told.
    pub ice: Arc<IceConfig>,
    /// The newest answer of the health check.
    pub health: Arc<CachedHealth>,
    /// When the server started.
    pub started: Instant,
}
