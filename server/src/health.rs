//! Health of SFU and database, checked once for concurrent requests.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::sfu::Sfu;
use crate::store::Store;

/// Lifetime of a cached result. The route has no rate limit, because it must not delay a proxy's probes.
const CACHE_DURATION: Duration = Duration::ZERO;

/// Latest result. The holder of the lock checks for everybody who waits for it.
#[derive(Debug, Default)]
pub struct CachedHealth {
    latest: Mutex<Option<HealthCheck>>,
    rooms: AtomicUsize,
}

/// Result of a health check.
#[derive(Clone, Copy, Debug)]
pub struct HealthCheck {
    at: Instant,
    /// `true` if the SFU answered.
    pub sfu: bool,
    /// `true` if the database could be written.
    pub database: bool,
}

impl CachedHealth {
    /// Returns the latest result, or checks again if it is older than a second.
    pub async fn get(&self, sfu: &Sfu, store: &Store) -> HealthCheck {
        let mut cached = self.latest.lock().await;
        if let Some(checked) = cached.filter(|checked| checked.at.elapsed() < CACHE_DURATION) {
            return checked;
        }
        let (sfu, database) = tokio::join!(sfu.is_reachable(), store.can_write());
        *cached.insert(HealthCheck { at: Instant::now(), sfu, database })
    }

    /// Sets the number of open rooms of consultations at the SFU.
    pub fn set_rooms(&self, number: usize) {
        self.rooms.store(number, Ordering::Relaxed);
    }

    /// Returns the number of open rooms of consultations at the last reconciliation.
    pub fn rooms(&self) -> usize {
        self.rooms.load(Ordering::Relaxed)
    }
}
