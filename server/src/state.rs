use std::sync::Arc;
use std::time::Instant;

use url::Url;

use crate::metrics::Metrics;
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
    /// Whether a proxy in front tells callers' addresses.
    pub behind_proxy: bool,
    /// When the server started.
    pub started: Instant,
}
