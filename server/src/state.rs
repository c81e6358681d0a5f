use std::sync::Arc;
use std::time::Instant;

use url::Url;

use crate::limits::Refusals;
use crate::metrics::Metrics;
use crate::proxies::Proxies;
use crate::recording::Recordings;
use crate::sfu::Sfu;
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
    /// Whom to believe about callers' addresses.
    pub proxies: Proxies,
    /// What keeps refusals from filling the audit log.
    pub refusals: Arc<Refusals>,
    /// What records, when this server does.
    pub recordings: Option<Arc<Recordings>>,
    /// When the server started.
    pub started: Instant,
}
