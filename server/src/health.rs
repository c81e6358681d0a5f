//! Whether the SFU answers and the database can be written, asked once for all who want to know.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::sfu::Sfu;
use crate::store::Store;

/// How long an answer is given again. The route has no rate limit, because the proxy's probes mustn't be held up.
const FRESH: Duration = Duration::from_secs(1);

/// The newest answer. Whoever holds the lock checks for all who wait for it.
#[derive(Debug, Default)]
pub struct CachedHealth {
    newest: Mutex<Option<Checked>>,
    rooms: AtomicUsize,
}

/// Whether the server's parts answered.
#[derive(Clone, Copy, Debug)]
pub struct Checked {
    at: Instant,
    /// Whether the SFU answered.
    pub sfu: bool,
    /// Whether the database could be written.
    pub database: bool,
}

impl CachedHealth {
    /// The newest answer, or a new one if that is older than a second.
    pub async fn get(&self, sfu: &Sfu, store: &Store) -> Checked {
        let mut cached = self.newest.lock().await;
        if let Some(checked) = cached.filter(|checked| checked.at.elapsed() < FRESH) {
            return checked;
        }
        let (sfu, database) = tokio::join!(sfu.answers(), store.can_write());
        *cached.insert(Checked { at: Instant::now(), sfu, database })
    }

    /// Notes how many consultations' rooms are open at the SFU.
    pub fn set_rooms(&self, number: usize) {
        self.rooms.store(number, Ordering::Relaxed);
    }

    /// How many were, when the SFU was last asked.
    pub fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }
}
