use std::sync::Arc;
use std::time::Instant;

use crate::sfu::Sfu;
use crate::store::Store;

/// What every handler can reach. Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The SFU.
    pub sfu: Arc<Sfu>,
    /// The database.
    pub store: Store,
    /// When the server started.
    pub started: Instant,
}
